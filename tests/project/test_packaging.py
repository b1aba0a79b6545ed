import tomllib

from support.paths import ROOT


def settings():
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["tool"]["setuptools"]


def test_every_file_beside_the_code_is_installed():
    patterns = settings()["package-data"]
    listed = {
        path
        for package, globs in patterns.items()
        for glob in globs
        for folder in (settings()["packages"] if package == "*" else [package])
        for path in (ROOT / folder.replace(".", "/")).glob(glob)
    }
    there = {
        path
        for package in ("landscape", "dynamics", "bridge", "agescape")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc", ".nbi", ".nbc"}
    }
    assert there == listed


def test_every_package_is_installed():
    """An editable installation, as CI's, would not miss one that the list forgets."""
    listed = settings()["packages"]
    there = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for package in ("landscape", "dynamics", "bridge", "agescape")
        for init in (ROOT / package).rglob("__init__.py")
    }
    assert sorted(listed) == sorted(there)
