"""What is released: a wheel and a source archive that install and run anywhere, and how to cite it."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile

import pytest
from support.paths import ROOT

PACKAGES = ("landscape", "dynamics", "bridge")
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"
CHOSEN = "landscape/graph/test_disconnectivity", "landscape/search/test_moves", "dynamics/kernels/test_kernels"
AWAY_FROM = ".*", "*.egg-info", "__pycache__", "build", "dist", "results"


def run(*command, cwd, **environment):
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def modules(names):
    """Those of the names that are modules of ours."""
    return {name for name in names if name.endswith(".py") and name.split("/")[0] in PACKAGES}


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The source archive, and the wheel that is built of it."""
    folder = tmp_path_factory.mktemp("release")
    source = shutil.copytree(ROOT, folder / "source", ignore=shutil.ignore_patterns(*AWAY_FROM))
    run(sys.executable, "-c", BUILD, "build_sdist", folder, cwd=source)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    run(sys.executable, "-c", BUILD, "build_wheel", folder, cwd=unpacked)
    (wheel,) = folder.glob("*.whl")
    return archive, wheel


@pytest.fixture(scope="module")
def installed(archives, tmp_path_factory):
    """An environment with the wheel alone, beside the dependencies of this one: a function that runs its Python."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", archives[1], cwd=folder)
    # as a path and not as a site directory: an editable installation of agescape there does not count
    libraries = sysconfig.get_path("purelib")

    def call(*arguments, program=python):
        return run(program, *arguments, cwd=folder, PYTHONPATH=libraries)

    return folder, call


@pytest.mark.slow
def test_archives_hold_every_module(archives):
    there = modules(p.relative_to(ROOT).as_posix() for name in PACKAGES for p in (ROOT / name).rglob("*.py"))
    with zipfile.ZipFile(archives[1]) as wheel:
        assert modules(wheel.namelist()) == there
        assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
    with tarfile.open(archives[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert modules(names) == there
    assert {"pyproject.toml", "README.md", "LICENSE"} <= names


@pytest.mark.slow
def test_the_wheel_runs_from_another_folder(installed):
    folder, call = installed
    assert str(folder) in call("-c", "import landscape, dynamics, bridge; print(landscape.__file__)")
    script = folder / "venv" / "bin" / "agescape"
    assert "disconnectivity" in call("graph", "--help", program=script)
    small = ("--hidden", "3", "--rows", "100")
    said = call("explore", *small, "--searches", "3", "--output", "f.db", "--jobs", "1", "--json", program=script)
    assert json.loads(said)["minima"] >= 1
    call("graph", "f.db", "--output", "f.svg", program=script)
    said = call("info", "f.db", "--json", program=script)
    assert json.loads(said)["versions"]["agescape"] == version()
    assert (folder / "f.svg").exists()


@pytest.mark.slow
def test_the_installed_package_passes_tests_from_another_folder(installed):
    folder, call = installed
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns(*AWAY_FROM))
    chosen = [f"tests/{name}.py" for name in CHOSEN]
    assert re.search(r"\d+ passed", call("-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen))


def version():
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]["version"]


def test_the_citation_is_that_of_this_version_and_of_the_papers():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", text, re.M)[1] == version()
    bibliography = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8")
    cited = re.findall(r"doi: (\S+)", text)
    assert len(cited) == 2
    assert all(f"doi = {{{doi}}}" in bibliography for doi in cited)
