"""A torch module on the command line, from the landscape to the explanation, and what is refused."""

import re
import shlex
import shutil
from html import unescape

import numpy as np
import pytest
from support.cli import agescape, assert_complaint, strict_json
from support.paths import ROOT

from dynamics.runs import load_trajectories, loss_of_runs
from dynamics.spectra import curvature
from landscape import TorchLoss, symmetry
from landscape.database import Database, loss_of
from landscape.losses import load_module
from landscape.stationary import certify

pytest.importorskip("torch")
NETS = str(ROOT / "tests" / "support" / "modules" / "nets.py")
DATA = ("--rows", "40", "--regularization", "0.0001")
NET = ("--module", f"{NETS}:Net(hidden=2)")
OTHER = ("--module", f"{NETS}:Net(hidden=3)")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A database and runs of one module. Not to be written to."""
    folder = tmp_path_factory.mktemp("module")
    explored = agescape(
        "explore", *NET, *DATA, "--searches", "5", "--jobs", "1", "--output", folder / "net.db", "--json"
    )
    assert explored.code == 0, explored.err
    run = ("--batch-size", "4", "--replicas", "2", "--steps", "300", "--waiting-times", "20,100")
    trained = agescape("train", *NET, *DATA, *run, "--output", folder / "net.h5", "--json")
    assert trained.code == 0, trained.err
    (folder / "explored.json").write_text(explored.out)
    return folder


def copied(files, tmp_path, *names):
    return [shutil.copy(files / name, tmp_path / name) for name in names]


def test_files_keep_name_hash_and_symmetries(files):
    source = load_module(NET[1]).source
    with Database(files / "net.db") as database:
        known = database.provenance.source
        assert (known.name, known.sha256, known.file) == (source.name, source.sha256, "nets.py")
        assert database.network == known.spec
        assert database.network.groups == ("hidden",)
        assert database.minima[0].orbit_size in (1, 2)
    runs = load_trajectories(files / "net.h5")
    assert runs.module == known
    assert runs.symmetries == known.spec
    found = strict_json((files / "explored.json").read_text())
    assert found["module"] == "nets.py:Net(hidden=2)"
    assert found["symmetries"] == {"hidden": 2}


def test_points_and_images_are_those_of_the_module(files):
    with Database(files / "net.db") as database:
        loss = loss_of(database, module=load_module(NET[1]))
        lowest = database.minima[0].point
        again = certify(loss, lowest.coordinates)
        assert again.value == pytest.approx(lowest.value, abs=1e-12)
        image = symmetry.random_image(database.network, lowest.coordinates, rng=1)
        assert loss.value(image) == pytest.approx(lowest.value, abs=1e-12)


@pytest.mark.parametrize(
    ("command", "file"),
    [
        (("verify",), "net.db"), (("geometry", "--output", "x.png"), "net.db"),
        (("graph", "--color", "train-accuracy", "--output", "x.png"), "net.db"), (("curvature",), "net.h5"),
        (("observe", "--what", "onset"), "net.h5"),
    ],
)  # fmt: skip
def test_nothing_is_imported_because_a_file_says_so(files, command, file):
    result = agescape(command[0], files / file, *command[1:])
    assert_complaint(result, "the torch module nets.py:Net(hidden=2), which is not imported from what a file says")
    assert_complaint(agescape(command[0], files / file, *command[1:], *OTHER), "it is Net(hidden=2), not Net(hidden=3)")


def test_a_changed_file_is_refused(files, tmp_path):
    changed = tmp_path / "nets.py"
    changed.write_text((ROOT / "tests" / "support" / "modules" / "nets.py").read_text() + "\n# changed\n")
    option = ("--module", f"{changed}:Net(hidden=2)")
    for command, file in (("verify", "net.db"), ("curvature", "net.h5")):
        assert_complaint(agescape(command, files / file, *option), "its source has the sha256", "nets.py has")
    database, runs = copied(files, tmp_path, "net.db", "net.h5")
    explore = agescape("explore", *option, *DATA, "--searches", "5", "--output", database)
    assert_complaint(explore, "module_sha256")
    train = agescape("train", *option, *DATA, "--batch-size", "4", "--replicas", "2", "--steps", "300",
                     "--waiting-times", "20,100", "--output", runs)  # fmt: skip
    assert_complaint(train, "module_sha256")


def test_verify_and_curvature_with_the_module(files):
    assert agescape("verify", files / "net.db", *NET, "--jobs", "1").code == 0
    spectra = agescape("curvature", files / "net.h5", *NET, "--steps", "0,100", "--jobs", "1", "--json")
    assert spectra.code == 0, spectra.err
    runs = load_trajectories(files / "net.h5")
    loss = loss_of_runs(runs, module=load_module(NET[1]))
    assert isinstance(loss, TorchLoss)
    found = curvature(runs, loss, steps=[0, 100])
    hessian = loss.hessian(np.asarray(runs.snapshots[0])[0].astype(np.float64))
    np.testing.assert_allclose(found.eigenvalues[0, 0], np.linalg.eigvalsh(hessian), atol=1e-10)
    np.testing.assert_allclose(strict_json(spectra.out)["trace"], found.traces.mean(axis=0), rtol=1e-10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either --hidden or --module"),
        (("--hidden", "3", *NET), "give either --hidden or --module, not both"),
        (("--hidden", "3", "--module-arguments", "hidden=2"), "--module-arguments needs --module"),
        ((*NET, "--activation", "gelu"), "--activation is that of --hidden"),
        ((*NET, "--loss", "logistic"), "logistic needs two classes; these data have 4: choose cross-entropy"),
        (("--module", f"{NETS}:Net(activation='ReLU')"), "its part activation (ReLU) has a kink"),
        (("--module", f"{NETS}:Functional"), "the gradient jumps along a straight line"),
        (("--module", f"{NETS}:Wrong"), "'hidden': it also acts along axis 0 of first.bias"),
        (("--module", "none.py:Net"), "there is no none.py"),
    ],
)
def test_wrong_modules_are_refused_before_any_search(tmp_path, arguments, message):
    result = agescape("explore", *arguments, *DATA, "--searches", "1", "--output", tmp_path / "x.db")
    assert_complaint(result, message)
    assert not (tmp_path / "x.db").exists()


def test_kinks_may_be_trained_and_images_are_said_to_count(tmp_path):
    kinked = ("--module", f"{NETS}:Net", "--module-arguments", "activation='ReLU'")
    run = ("--batch-size", "4", "--replicas", "1", "--steps", "50", "--output", tmp_path / "x.h5")
    assert agescape("train", *kinked, *DATA, *run).code == 0
    result = agescape("explore", "--module", f"{NETS}:Undeclared(hidden=1)", *DATA, "--searches", "1", "--jobs", "1",
                      "--output", tmp_path / "x.db")  # fmt: skip
    assert result.code == 0, result.err
    assert "declares no symmetries: images of a point by permuted units count as distinct" in result.err
    assert "none declared, images count as distinct" in result.out


def test_what_train_cannot_do_with_a_module(tmp_path):
    run = ("train", *NET, *DATA, "--batch-size", "4", "--steps", "50", "--output", tmp_path / "x.h5")
    for arguments, message in {
        ("--noise", "langevin", "--temperature", "1"): "noise must be one of sgd, replacement, full",
        ("--snapshots", "waiting"): "--snapshots must be all for a module",
        ("--start", "normal:0.1"): "--start must be glorot (the module's own initialization)",
    }.items():
        assert_complaint(agescape(*run, *arguments), message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*NET, *DATA, "--noise", "persistent", "--persistence", "9"), "noise must be one of sgd, replacement, full"),
        ((*NET, *DATA, "--label-noise", "0.1"), "--label-noise must not be set for a torch module"),
        (
            ("--hidden", "2", "--dataset", "teacher:4,2,1", "--rows", "20", "--regression", "--loss", "squared-error",
             "--label-noise", "0.1"),
            "--label-noise must be 0 for a regression, which has no classes (add noise to its targets)",
        ),
    ],
)  # fmt: skip
def test_a_study_refuses_before_any_search(tmp_path, arguments, message):
    output = tmp_path / "study"
    assert_complaint(agescape("study", *arguments, "--batch-size", "2", "--output", output), message)
    assert not list(tmp_path.rglob("*.db"))


@pytest.mark.slow
def test_the_other_commands_take_the_module(files, tmp_path):
    database, runs = copied(files, tmp_path, "net.db", "net.h5")
    picture, jobs = ("--output", tmp_path / "x.png"), ("--jobs", "1")
    for command in (
        ("overlay", database, runs, *picture, *jobs, "--search-jumps", "1"), ("geometry", database, *picture, *jobs),
        ("graph", database, *picture, "--color", "train-accuracy", *jobs), ("explain", database, runs, *picture, *jobs),
        ("observe", runs), ("verify", database, "--paths", *jobs), ("info", database),
        ("info", runs), ("age", runs),
    ):  # fmt: skip
        module = NET if command[0] not in ("info", "age") else ()
        result = agescape(*command, *module, "--json")
        assert result.code == 0, (command, result.err)


@pytest.mark.slow
def test_adam_of_a_module_is_explained_and_its_layers_are_observed(files, tmp_path):
    run = ("--batch-size", "4", "--replicas", "2", "--steps", "300", "--waiting-times", "20,100")
    adam = tmp_path / "adam.h5"
    assert agescape("train", *NET, *DATA, *run, "--optimizer", "adam", "--output", adam).code == 0
    explained = agescape("explain", files / "net.db", adam, *NET, "--jobs", "1", "--threshold", "1e-4", "--json")
    found = strict_json(explained.out)
    assert found["without_clock"] == "optimizer = 'adam'"
    assert set(found["relaxation"]) == {"descent"}
    observed = strict_json(agescape("observe", adam, *NET, "--what", "layers", "--json").out)
    assert observed["layers"]["names"] == ["first.kernel", "first.bias", "last.kernel", "last.bias"]
    assert observed["layers"]["sizes"] == [4, 2, 8, 4]


SQUARES, ADAM = ("--loss", "squared-error"), ("--optimizer", "adam", "--learning-rate", "0.01")


@pytest.mark.slow
@pytest.mark.parametrize("what", [NET, (*NET, *SQUARES), ("--hidden", "3", "--activation", "gelu", *ADAM)])
def test_a_study_to_the_end(tmp_path, monkeypatch, what):
    """Every command of its report runs, too: in the folder of the page, with the file of the module beside it."""
    scale = ("--searches", "24", "--replicas", "3", "--steps", "1000", "--batch-size", "4", "--jobs", "1")
    data = ("--rows", "40", "--regularization", "0.003")
    result = agescape("study", *what, *data, *scale, "--output", tmp_path / "study", "--json")
    assert result.code == 0, result.err
    (row,) = strict_json(result.out)["architectures"]
    is_module, unit = "--module" in what, "" if "--loss" in what else "nats"
    assert row["hidden"] == ("Net(hidden=2)" if is_module else "3")
    page = unescape((tmp_path / "study" / "report.html").read_text())
    assert ("module Net(hidden=2)" if is_module else "gelu units") in page
    assert ("idden layers Net" in page, "adam" in page, "(nats)" in page) == (False, not is_module, unit == "nats")
    assert ("in the folder of this page, with a copy of nets.py in it:" in page) == is_module
    folder = "module-Net-hidden-2" if is_module else "h3"
    shutil.copy(NETS, tmp_path / "study")
    monkeypatch.chdir(tmp_path / "study")
    # here, not in workers that earlier tests left: one that imports torch stops as leaking, which hung loky once
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    commands = re.findall(rf"(?:^|>)(agescape (?!study)[^<\n]*{folder}/[^<\n]*)", page, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        done = agescape(*shlex.split(command)[1:])
        assert done.code == 0, (command, done.err)
        assert unit or "nats" not in done.out
    for name in ("graph", "age", "overlay", "curvature"):
        assert ("nats" in (tmp_path / "study" / folder / f"{name}.svg").read_text()) <= bool(unit)
    again = agescape("study", *what, *data, *scale, "--output", tmp_path / "study", "--json")
    assert strict_json(again.out)["architectures"] == [row]  # nothing is done twice
