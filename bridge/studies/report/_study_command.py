"""The command that repeats a study, or Python code if no command can."""

import inspect
import shlex
from collections.abc import Callable
from typing import Any

from bridge.studies import SCALES, StudySettings, scaled
from dynamics.training import Optimizer, make_optimizer
from landscape.datasets import MAKERS, Dataset, maker_of, name_of_teacher
from landscape.support import NOT_SETTINGS

# metadata of a data set that need no option
SAID_BY_OPTIONS = (
    "name", "rows", "seed", "path", "data_dir", "download", "standardize", "in_order", "pca", "target", "regression",
    "teacher_layers", "teacher_activation",
)  # fmt: skip

LAMBDA = StudySettings().regularization  # the default of the option


def study_command(data: Dataset, settings: StudySettings) -> str:
    """A line that repeats the study, without output folder and number of workers, which do not matter."""
    dataset, options = _dataset_options(data), _settings_options(settings)
    if dataset is None or options is None:
        made = "data" if _maker(data) is None else f"datasets.reload({dict(data.metadata)!r})"
        return f"study({made}, 'results/study', {settings!r})"
    return shlex.join(["agescape", "study", *dataset, *options])


def _maker(data: Dataset) -> Callable[..., Dataset] | None:
    """The function that makes the data set; None for arrays from elsewhere."""
    return MAKERS.get(maker_of(str(data.metadata.get("name"))))


def _dataset_options(data: Dataset) -> list[str] | None:
    """Options that load the data; None if there are none."""
    name, maker = data.metadata.get("name"), _maker(data)
    if maker is None or (name == "table" and "in_order" not in data.metadata):  # an older version read it
        return None
    defaults = {key: _as_json(parameter.default) for key, parameter in inspect.signature(maker).parameters.items()}
    others = {key: value for key, value in data.metadata.items() if key not in SAID_BY_OPTIONS + NOT_SETTINGS}
    if any(value != defaults.get(key) for key, value in others.items()):
        return None
    if data.metadata.get("path" if name == "table" else "seed") is None:
        return None
    options = ["--dataset", _name_of(data), "--rows", str(data.rows)]
    if data.metadata.get("seed") is not None:
        options += ["--dataset-seed", str(data.metadata["seed"])]
    if data.metadata.get("data_dir") is not None:
        options += ["--data-dir", str(data.metadata["data_dir"])]
    for flag in ("standardize", "in_order", "regression"):
        options += [f"--{flag.replace('_', '-')}"] if data.metadata.get(flag) else []
    for option in ("pca", "target"):
        value = data.metadata.get(option)
        for one in value if isinstance(value, list) else [value] * (value is not None):
            options += [f"--{option}", str(one)]
    return options


def _name_of(data: Dataset) -> str:
    """What `--dataset` was."""
    if data.metadata["name"] == "teacher":
        return name_of_teacher(data.metadata["teacher_layers"], data.metadata["teacher_activation"])
    return str(data.metadata["path" if data.metadata["name"] == "table" else "name"])


def _as_json(value: Any) -> Any:
    """A default as the metadata hold it."""
    return list(value) if isinstance(value, tuple) else value


def _settings_options(settings: StudySettings) -> list[str] | None:
    """Options that give the settings; None if there are none."""
    optimizer, wanted = settings.optimizer, settings.scale
    given = {
        "searches": wanted.searches + wanted.later_searches, "replicas": wanted.replicas, "steps": wanted.steps,
    }  # fmt: skip
    for name, scale in SCALES.items():
        same = {"searches": scale.searches + scale.later_searches, "replicas": scale.replicas, "steps": scale.steps}
        changed = {option: value for option, value in given.items() if value != same[option]}
        plain = StudySettings(
            scale=scaled(name, **changed),
            architectures=settings.architectures,
            optimizer=optimizer,
            regularization=settings.regularization,
            regularize_biases=settings.regularize_biases,
            threshold=settings.threshold,
            seed=settings.seed,
            activation=settings.activation,
            loss=settings.loss,
            module=settings.module,
        )
        if plain == settings:
            hidden = [word for sizes in settings.architectures for word in ("--hidden", ",".join(map(str, sizes)))]
            if settings.module is not None:
                hidden = ["--module", settings.module.source.option]
            amounts = [word for option, value in changed.items() for word in (f"--{option}", str(value))]
            penalty = [] if settings.regularization == LAMBDA else ["--regularization", repr(settings.regularization)]
            penalty += [] if settings.regularize_biases else ["--no-regularize-biases"]
            penalty += [] if settings.activation == "tanh" else ["--activation", settings.activation]
            penalty += [] if settings.loss == "cross-entropy" else ["--loss", settings.loss]
            return [
                "--scale", name, *hidden, *amounts, *penalty, *_optimizer_options(optimizer),
                "--threshold", repr(settings.threshold), "--seed", str(settings.seed),
            ]  # fmt: skip
    return None


def _optimizer_options(optimizer: Optimizer) -> list[str]:
    """Options that make the optimizer; those that have their default are left out, but for batch and rate."""
    name = "nesterov" if optimizer.update == "nesterov" else optimizer.name
    has = {**optimizer.settings, **optimizer.noise.settings, "schedule": str(optimizer.schedule)}
    has |= {key: getattr(optimizer, key) for key in ("label_noise", "precision")}
    usual = ({} if name == "nesterov" else make_optimizer(name).settings) | {
        "noise": "sgd",
        "schedule": "constant",
        "label_noise": 0.0,
        "precision": "float32",
    }
    words = ["--batch-size", str(optimizer.batch_size), "--learning-rate", repr(optimizer.learning_rate)]
    words += [] if name == "sgd" else ["--optimizer", name]
    for key, value in has.items():
        if key != "optimizer" and value != usual.get(key):
            words += [f"--{key.replace('_', '-')}", value if isinstance(value, str) else repr(value)]
    return words + ["--shared-order"] * optimizer.shared_order
