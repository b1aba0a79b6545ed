"""`agescape info` on files of other programs, `path` on their landscapes, `import-runs` of a Recorder's folder."""

import shutil
import zipfile

import numpy as np
import pytest
from support.checkpoints import network, write_safetensors
from support.cli import agescape, assert_complaint, strict_json
from support.public import PUBLIC, needs_public

from dynamics import Recorder, load_trajectories
from dynamics.recording import RecordingSchedule
from landscape import LandscapeGraph
from landscape.graph import minimax_barrier
from landscape.interchange import read_network

MIN = "-2.0 0.5 1 1 1 1\n-1.0 0.7 2 1 1 1\n-1.5 0.1 1 1 1 1\n-1.7 0.1 1 1 1 1\n"
TS = "-0.5 0.2 1 1 2 1 1 1\n-0.2 0.3 1 2 3 1 1 1\n"


def good(*arguments):
    done = agescape(*arguments)
    assert done.code == 0, done.err
    return done.out


@pytest.fixture
def folder(tmp_path):
    """Four minima in a chain of three and a single one."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "min.data").write_text(MIN)
    (tmp_path / "net" / "ts.data").write_text(TS)
    return tmp_path / "net"


def test_a_landscape(folder, tmp_path):
    found = strict_json(good("info", folder, "--json"))
    assert (found["kind"], found["format"]) == ("landscape", "PATHSAMPLE")
    assert (found["minima"], found["transition_states"], found["components"]) == (4, 2, 2)
    assert found["energies"] == [-2.0, -1.0]
    text = " ".join(good("info", folder / "min.data").split())
    assert "of 4 minima and 2 transition states in 2 connected components" in text
    assert "Draw it with agescape graph" in text
    trace = tmp_path / "trace.csv"
    trace.write_text("run,fit1,node1,fit2,node2\n1,0.5,a,0.25,b\n")
    assert strict_json(good("info", trace, "--json"))["format"] == "local optima network"


def test_a_table_of_displacements(tmp_path):
    (tmp_path / "d.csv").write_text("t,100,200\n1,0.1,0.2\n2,0.3,\n")
    found = strict_json(good("info", tmp_path / "d.csv", "--json"))
    assert (found["kind"], found["waiting_times"], found["pairs"]) == ("table of displacements", [100, 200], 3)
    assert "Measure its aging with agescape age" in good("info", tmp_path / "d.csv")


def test_checkpoints(tmp_path):
    tensors = network(np.random.default_rng(0))
    tensors["bn.running_mean"] = np.zeros(3, "f4")
    write_safetensors(tmp_path / "model.safetensors", tensors)
    np.savez(tmp_path / "model.npz", **tensors)
    for name in ("model.safetensors", "model.npz"):
        found = strict_json(good("info", tmp_path / name, "--json"))
        assert (found["kind"], found["n_parameters"], found["layers"]) == ("checkpoint", 225, ["conv1", "fc"])
        assert found["left_out"] == {"buffers": ["bn.running_mean"]}
    assert "agescape import-runs 'PATTERN'" in " ".join(good("info", tmp_path / "model.npz").split())
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as file:
        file.writestr("model.weights.h5", b"")
    assert_complaint(agescape("info", tmp_path / "m.keras"), "unpack its model.weights.h5")


def test_data_sets_are_still_data_sets(tmp_path):
    np.savez(tmp_path / "data.npz", inputs=np.eye(6), labels=np.arange(6) % 2)
    assert strict_json(good("info", tmp_path / "data.npz", "--json"))["kind"] == "data set"
    (tmp_path / "t.csv").write_text("x,y,label\n1,2,a\n3,4,b\n")
    assert strict_json(good("info", tmp_path / "t.csv", "--json"))["kind"] == "data set"
    assert_complaint(agescape("info", tmp_path), "it is a folder without min.data and ts.data")


@needs_public
@pytest.mark.parametrize(
    ("name", "minima"), [("lj38", 64), ("ktn-9state", 994), ("topsearch", 4), ("pele-python2/lj6_schema1.sqlite", 2)]
)
def test_public_landscapes(name, minima, tmp_path):
    source = PUBLIC / name
    copy = shutil.copytree(source, tmp_path / "net") if source.is_dir() else shutil.copy(source, tmp_path)
    assert strict_json(good("info", copy, "--json"))["minima"] == minima


# ---------------------------------------------------------------- pathways


def test_a_pathway_without_a_loss(folder, tmp_path):
    picture = ("--output", tmp_path / "p.svg")
    found = strict_json(good("path", folder, 1, 3, *picture, "--json"))
    graph = read_network(folder).graph
    assert isinstance(graph, LandscapeGraph)
    assert (found["minima"], found["transition_states"]) == ([1, 2, 3], [1, 2])
    assert found["highest_loss"] == minimax_barrier(graph, 0, 2) == -0.2
    assert found["climb"] == pytest.approx(1.5 + 0.8)
    assert found["length"] is None
    assert "highest energy" in good("path", folder, 1, 3, *picture)
    assert "energy" in (tmp_path / "p.svg").read_text()
    assert_complaint(agescape("path", folder, 1, 4, *picture), "has no pathway from minimum 1 to minimum 4")
    assert_complaint(agescape("path", folder, 1, 9, *picture), "has no minimum with the id 9")
    assert_complaint(agescape("path", folder, 1, 3, "--temperature", 1, *picture), "needs a database of agescape")


# ---------------------------------------------------------------- a Recorder's folder


def test_the_runs_of_a_recorder_are_joined(tmp_path):
    path, schedule = tmp_path / "F.h5", RecordingSchedule(8, waiting_times=[1, 2], lags=[1, 2, 4])
    rng = np.random.default_rng(0)
    for replica, last in ((0, 8), (1, 5)):
        recorder = Recorder(path, schedule, replica=replica, join=False)
        for step in range(last + 1):
            recorder.step(rng.normal(size=4), step=step)
        recorder.close()
    folder = tmp_path / "F.h5.recording"
    assert_complaint(agescape("age", path), "agescape import-runs", "joins them")
    assert_complaint(agescape("info", folder), "import-runs")
    other = ("--output", tmp_path / "G.h5")
    assert_complaint(agescape("import-runs", folder, *other), "--output must be", "F.h5, beside F.h5.recording")
    given = ("--output", path, "--step", "x")
    assert_complaint(agescape("import-runs", folder, *given), "is recorded with its own settings: give only --output")
    text = " ".join(good("import-runs", folder, "--output", path).split())
    assert "2 runs joined, 1 of them complete to step 8." in text
    assert "joining again adds what they record" in text
    assert load_trajectories(path).replicas == 2
    found = strict_json(good("import-runs", folder, "--output", path, "--json"))
    assert (found["replicas"], found["recorded_to"][0]) == (2, 8)
