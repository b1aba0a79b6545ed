"""What all public functions have in common: few parameters, in one order, with one name and one default per meaning."""

import dataclasses
import importlib
import inspect
import pkgutil

import pytest

PACKAGES = ("landscape", "dynamics", "bridge")
MOST = 12  # parameters; what needs more takes a frozen settings object
MOST_POSITIONAL = 4
BY_KEYWORD = {"jobs", "progress", "rng", "resamples"}
# loops, tables and processes whose arguments all matter alike, and what numba calls by position
PLAIN = {
    "aging_walk", "brownian", "drifting_walk", "ornstein_uhlenbeck", "recorded_process", "trap_model",
    "wandering_walk", "lbfgs_step", "check_shapes", "mismatch", "misfits", "plot_path", "draw_all",
}  # fmt: skip
# whose first argument, or what they are called for, is that
ABOUT = {
    "check_jobs", "worker_pool", "seed_of", "glorot_uniform", "propose", "draw",
}  # fmt: skip


def rooms():
    for package in PACKAGES:
        top = importlib.import_module(package)
        yield top
        for module in pkgutil.iter_modules(top.__path__):
            if not module.name.startswith("_") and module.name != "pele_adapter":
                yield importlib.import_module(f"{package}.{module.name}")


def public_callables():
    """(name, signature) of public functions and methods, and of classes that are no plain dataclasses."""
    found = {}
    for room in rooms():
        for name in getattr(room, "__all__", ()):
            thing = getattr(room, name)
            if inspect.isfunction(thing):
                found[id(thing)] = name, inspect.signature(thing)
            elif inspect.isclass(thing) and thing.__module__.partition(".")[0] in PACKAGES:
                if not dataclasses.is_dataclass(thing) and inspect.isfunction(vars(thing).get("__init__")):
                    found[id(thing)] = name, inspect.signature(thing)
                for key, value in vars(thing).items():
                    if not key.startswith("_") and inspect.isfunction(value):
                        found[id(value)] = key, inspect.signature(value)
    return sorted(found.values(), key=lambda pair: pair[0])


CALLABLES = public_callables()


def positional(signature):
    return [p.name for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"]


def test_the_public_functions_are_found():
    names = {name for name, _ in CALLABLES}
    assert {"train", "train_module", "explore", "explain", "MLPLoss", "add_minimum"} <= names


def test_no_public_function_has_more_than_a_dozen_parameters():
    assert {name: n for name, signature in CALLABLES if (n := len(signature.parameters)) > MOST} == {}


def test_few_arguments_are_given_by_position():
    many = {name: names for name, signature in CALLABLES if len(names := positional(signature)) > MOST_POSITIONAL}
    assert {name: names for name, names in many.items() if name not in PLAIN} == {}


def test_a_loss_stands_first_or_second():
    late = {name: names for name, s in CALLABLES if "loss" in (names := positional(s)) and names.index("loss") > 1}
    assert late == {}


def test_options_are_given_by_keyword():
    """Except where a function is about just that."""
    given = {name: BY_KEYWORD & set(positional(signature)) for name, signature in CALLABLES}
    allowed = PLAIN | ABOUT
    assert {name: names for name, names in given.items() if names and name not in allowed} == {}


@pytest.mark.parametrize(("parameter", "default"), [("progress", None), ("jobs", 1), ("confidence", 0.95)])
def test_one_default_for_one_meaning(parameter, default):
    defaults = {name: signature.parameters[parameter].default for name, signature in CALLABLES
                if parameter in signature.parameters}  # fmt: skip
    empty = inspect.Parameter.empty
    assert {name: value for name, value in defaults.items() if value is not empty and value != default} == {}
