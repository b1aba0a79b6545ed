"""The public surface: what the stubs name exists, no name means two things, and importing a package costs little."""

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("landscape", "dynamics", "bridge")
STUBS = sorted(stub for package in PACKAGES for stub in (ROOT / package).rglob("__init__.pyi"))
HEAVY = {
    "numba",
    "scipy.optimize",
    "scipy.sparse",
    "matplotlib",
    "torch",
    "networkx",
    "h5py",
    "plotly",
    "pandas",
    "pele",
}


def name_of(stub):
    return ".".join(stub.parent.relative_to(ROOT).parts)


def exported(stub):
    """Names that a stub exports, each with whether it is a module."""
    for node in ast.parse(stub.read_text()).body:
        assert isinstance(node, ast.ImportFrom), "a stub holds nothing but imports"
        for alias in node.names:
            assert alias.asname == alias.name, "X as X marks the public surface"
            yield alias.name, node.module is None


@pytest.mark.parametrize("stub", STUBS, ids=name_of)
def test_every_name_of_a_stub_is_there(stub):
    room = importlib.import_module(name_of(stub))
    names = [name for name, _ in exported(stub) if name != "pele_adapter"]  # pele is optional
    assert all(getattr(room, name) is not None for name in names)
    assert set(names) <= set(dir(room))


@pytest.mark.parametrize("stub", STUBS, ids=name_of)
def test_no_name_hides_a_module(stub):
    modules = {module.name for module in pkgutil.iter_modules([str(stub.parent)])}
    assert not {name for name, is_module in exported(stub) if not is_module} & modules


def test_no_name_lives_in_two_rooms():
    rooms = defaultdict(list)
    for stub in STUBS:
        if stub.parent.parent != ROOT:  # the packages export names of their rooms
            for name, _ in exported(stub):
                rooms[name].append(name_of(stub))
    assert {name: where for name, where in rooms.items() if len(where) > 1} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_imports_nothing_heavy(package):
    script = f"import json, sys, {package}; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert not HEAVY & set(json.loads(loaded))
    assert package in json.loads(loaded)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_exports_rooms_and_a_dozen_or_two_of_names(package):
    names = dict(exported(ROOT / package / "__init__.pyi"))
    rooms = {name for name, is_module in names.items() if is_module}
    folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.pyi")}
    assert folders <= rooms
    assert len(names) - len(rooms) <= 24
