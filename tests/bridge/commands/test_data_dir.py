"""Every command that reads data finds the files of MNIST where they lie now."""

import pytest
from support.cli import agescape
from support.mnist import write_mnist


def done(*arguments):
    """Run a command; it warns that these are not the original files."""
    result = agescape(*arguments)
    assert result.code == 0, result.err


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """A database and runs on MNIST files that have moved since, and their new folder."""
    folder = tmp_path_factory.mktemp("moved")
    (old := folder / "old").mkdir()
    mnist = ("--dataset", "mnist", "--rows", 20, "--data-dir", write_mnist(old), "--hidden", 2)
    done("explore", *mnist, "--regularization", 0.001, "--searches", 12, "--jobs", 1, "--output", folder / "m.db")
    done(
        "train", *mnist, "--regularization", 0.001, "--replicas", 2, "--steps", 300, "--batch-size", 5, "--jobs", 1,
        "--waiting-times", "100,200", "--output", folder / "m.h5",
    )  # fmt: skip
    old.rename(folder / "new")
    return folder / "m.db", folder / "m.h5", folder / "new"


COMMANDS = {
    "graph": ("graph", "{db}", "--color", "test-accuracy", "--output", "{out}.svg"),
    "geometry": ("geometry", "{db}", "--output", "{out}.svg"),
    "verify": ("verify", "{db}", "--jobs", 1),
    "overlay": ("overlay", "{db}", "{h5}", "--jobs", 1, "--output", "{out}.svg"),
    "observe": ("observe", "{h5}", "--what", "curves"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_moved_files_are_found(command, moved, tmp_path):
    db, h5, new = moved
    arguments = [str(part).format(db=db, h5=h5, out=tmp_path / "figure") for part in COMMANDS[command]]
    refused = agescape(*arguments)
    assert refused.code == 2
    assert "--data-dir" in refused.err
    done(*arguments, "--data-dir", new)
