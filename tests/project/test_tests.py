"""The tests themselves: where they are, and what they import."""

import ast

import pytest
from support.paths import ROOT, TESTS

MODULES = sorted(TESTS.rglob("test_*.py"))


def imported(path):
    """Names of all modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_test_module_imports_another():
    assert len(MODULES) > 80
    names = {path.stem for path in MODULES} | {"conftest"}
    for path in TESTS.rglob("*.py"):
        assert not [name for name in imported(path) if names & set(name.split("."))], path


def test_names_of_test_modules_are_unique():
    """Folders of tests are no packages: pytest knows a module by its name alone."""
    assert len({path.stem for path in MODULES}) == len(MODULES)
    assert not [path for path in TESTS.rglob("__init__.py") if path.parent != TESTS / "support"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_folders_of_tests_are_those_of_the_code(path):
    *above, folder = path.parent.relative_to(TESTS).parts
    assert (above, folder) == ([], "project") or (ROOT.joinpath(*above) / folder / "__init__.py").is_file()
