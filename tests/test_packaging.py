import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_package_is_installed():
    """An editable installation, as CI's, would not miss one that the list forgets."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        listed = tomllib.load(file)["tool"]["setuptools"]["packages"]
    there = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for package in ("landscape", "dynamics", "bridge")
        for init in (ROOT / package).rglob("__init__.py")
    }
    assert sorted(listed) == sorted(there)
