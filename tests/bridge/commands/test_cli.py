import csv
import itertools
import os
import pickle
import re
import shutil
import signal
import sqlite3
import subprocess
import sysconfig
from contextlib import closing
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import stats
from support.cli import SMALL, agescape, arrays, assert_complaint, good, strict_json, tables
from support.processes import DEEP, LONG, attempts, start, stop_when

import bridge.commands.explore
from bridge.commands import _progress
from bridge.commands._graph_summary import summarize_graph
from bridge.commands._parsing import parse_duration, parse_hidden
from bridge.commands._registry import COMMANDS
from bridge.plots import describe_funnels
from landscape import Database, datasets, loss_of
from landscape.database import PROPERTIES, minimum_property
from landscape.graph import LandscapeGraph, components, funnelling
from landscape.search._planning import BATCH

# what DESIGN.md, section 6, promises of each command
DATASET_KEYS = {"dataset", "dataset_seed", "rows"}
COMPARE_KEYS = {"hidden", "parameters", "minima", "estimated_minima", "mu", "mu_low", "mu_high"} | DATASET_KEYS
KEYS = {
    "data": {"rows", "class_counts", "constant_entropy", "sha256"} | DATASET_KEYS,
    "explore": {"minima", "transition_states", "lowest_loss", "components", "estimated_minima"} | DATASET_KEYS,
    "graph": {"minima", "levels", "funnelled", "frustration"} | DATASET_KEYS,
    "path": {"minima", "transition_states", "highest_loss", "climb", "length"} | DATASET_KEYS,
    "geometry": {"minima", "rank_correlation", "table"} | DATASET_KEYS,
    "train": {"replicas", "steps", "replica_steps_per_second", "final_loss", "final_accuracy"} | DATASET_KEYS,
    "age": {"waiting_times", "t_star", "mu", "mu_low", "mu_high", "crossover"} | DATASET_KEYS,
    "overlay": {"mapped", "new_minima", "distinct_minima_visited", "jumps"} | DATASET_KEYS,
    "compare": {"rows"},
    "study": {"architectures", "report"} | DATASET_KEYS,
}
RUNS = ("--replicas", "4", "--steps", "200", "--batch-size", "20")


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Every kind of file, and the JSON of the command that made it. Not to be written to."""
    folder = tmp_path_factory.mktemp("files")
    names = {"csv": "data.csv", "db": "f.db", "h5": "f.h5", "control": "full.h5", "study": "s"}
    paths = {name: folder / file for name, file in names.items()}
    said = {
        "data": good("data", "ljat", "--rows", 100, "--test-rows", 20, "--output", paths["csv"], "--json"),
        "explore": good("explore", *SMALL, "--searches", 48, "--output", paths["db"], "--jobs", 1, "--json"),
        "train": good("train", *SMALL, *RUNS, "--output", paths["h5"], "--jobs", 1, "--json"),
        "control": good("train", *SMALL, *RUNS, "--noise", "full", "--output", paths["control"], "--json"),
    }
    (paths["study"] / "h3").mkdir(parents=True)
    for name, file in {"db": "landscape.db", "h5": "sgd.h5", "control": "descent.h5"}.items():
        shutil.copy(paths[name], paths["study"] / "h3" / file)
    (folder / "empty").mkdir()
    return paths | {"folder": folder, "said": said}


@pytest.fixture
def db(files, tmp_path):
    """A copy of the database that a test may write to."""
    return Path(shutil.copy(files["db"], tmp_path / "copy.db"))


# ---------------------------------------------------------------- every command once


def test_data(files):
    result = strict_json(files["said"]["data"].out)
    assert result.keys() >= KEYS["data"]
    data = datasets.table(files["csv"], rows=100, in_order=True)
    expected = datasets.ljat(100, 0, test_rows=20)
    np.testing.assert_array_equal(data.inputs, expected.inputs)
    assert result["sha256"] == expected.sha256
    assert result["class_counts"] == expected.class_counts.tolist()
    assert result["constant_entropy"] == expected.constant_entropy
    assert (result["dataset"], result["dataset_seed"], result["rows"]) == ("ljat", 0, 100)


def test_data_as_npz(tmp_path):
    result = strict_json(good("data", "ljat", "--rows", 30, "--seed", 4, "--output", tmp_path / "d.npz", "--json").out)
    assert (result["dataset_seed"], result["rows"]) == (4, 30)
    assert datasets.table(tmp_path / "d.npz").sha256 == result["sha256"]


def test_explore(files):
    result = strict_json(files["said"]["explore"].out)
    assert result.keys() >= KEYS["explore"]
    assert result["estimated_minima"].keys() == {"value", "low", "high"}
    assert result["searches"] == 48
    found = tables(files["db"])
    assert result["minima"] == len(found["tbl_minima"])
    assert result["transition_states"] == len(found["tbl_transition_states"])
    assert result["lowest_loss"] == min(row[1] for row in found["tbl_minima"])
    assert (result["dataset"], result["dataset_seed"], result["rows"]) == ("ljat", 0, 100)


def test_explore_goes_on(files, db, tmp_path):
    """In two parts, and once more: as in one go."""
    part = ("explore", *SMALL, "--output", tmp_path / "parts.db", "--jobs", 1, "--json", "--searches")
    first = strict_json(good(*part, 23).out)
    assert first["searches"] == 23
    whole, again = (strict_json(good(*part, 48).out) for _ in range(2))
    expected = strict_json(files["said"]["explore"].out)
    assert [found.pop("new_searches") for found in (first, whole, again, expected)] == [23, 25, 0, 48]
    assert whole | {"output": ""} == again | {"output": ""} == expected | {"output": ""}
    assert tables(tmp_path / "parts.db") == tables(files["db"])


@pytest.mark.parametrize(
    ("seconds", "lines"), [(-1.0, ["agescape: explore: 1 of 9; 1 minimum", "agescape: explore: 2"]), (1e9, [])]
)
def test_progress_without_a_terminal_is_a_line_now_and_then(capsys, monkeypatch, seconds, lines):
    monkeypatch.setattr(_progress, "SECONDS_BETWEEN_LINES", seconds)
    with _progress.progress_bar() as bar:
        bar("explore", 1, 9, "1 minimum")
        bar("explore", 2, None)
    captured = capsys.readouterr()
    assert captured.err.splitlines() == lines
    assert captured.out == ""


def test_explore_without_searches(tmp_path):
    result = strict_json(good("explore", *SMALL, "--searches", 0, "--output", tmp_path / "f.db", "--json").out)
    assert result.keys() >= KEYS["explore"]
    assert (result["minima"], result["lowest_loss"], result["estimated_minima"]) == (0, None, None)
    out = ("--output", tmp_path / "f.svg")
    for command in (("graph", tmp_path / "f.db"), ("path", tmp_path / "f.db", 1, 2), ("geometry", tmp_path / "f.db")):
        assert_complaint(agescape(*command, *out), "holds no minimum")
    good("explore", *SMALL, "--searches", 1, "--output", tmp_path / "f.db", "--jobs", 1)
    found = strict_json(good("graph", tmp_path / "f.db", *out, "--json").out)
    assert (found["minima"], found["funnelled"], found["frustration"]) == (1, None, None)
    for command in (("path", tmp_path / "f.db", 1, 2), ("geometry", tmp_path / "f.db")):
        assert_complaint(agescape(*command, *out), "only one minimum")


def test_explore_with_a_budget(tmp_path):
    command = ("explore", *SMALL, "--output", tmp_path / "f.db", "--jobs", 1, "--json", "--budget")
    first = strict_json(good(*command, "0.1s").out)
    assert first["searches"] >= 1
    assert strict_json(good(*command, "0.005m").out)["searches"] > first["searches"]


def test_explore_a_file_of_data(files, tmp_path):
    command = ("explore", "--hidden", 2, "--dataset", files["csv"], "--rows", 80, "--searches", 2, "--jobs", 1)
    result = strict_json(good(*command, "--output", tmp_path / "new" / "f.db", "--json").out)
    assert (result["dataset"], result["dataset_seed"], result["rows"]) == ("table", 0, 80)  # which rows were drawn


@pytest.mark.parametrize("suffix", ["svg", "pdf", "png"])
def test_graph(files, tmp_path, suffix):
    output = tmp_path / f"graph.{suffix}"
    result = strict_json(good("graph", files["db"], "--output", output, "--json").out)
    assert result.keys() >= KEYS["graph"]
    assert result["output"] == str(output)
    assert (result["dataset"], result["dataset_seed"], result["rows"]) == ("ljat", 0, 100)
    assert output.read_bytes()[:4] == {"svg": b"<?xm", "pdf": b"%PDF", "png": b"\x89PNG"}[suffix]
    assert [path.name for path in tmp_path.iterdir()] == [output.name]


def test_graph_with_levels(files, tmp_path):
    command = ("graph", files["db"], "--levels", 7, "--whole", "--output", tmp_path / "g.svg", "--json")
    assert strict_json(good(*command).out)["levels"] == 7


def test_the_funnels_of_an_isolated_global_minimum_are_not_determined():
    """As after overlay found a lower minimum that nothing joins to the others yet."""
    graph = LandscapeGraph(np.array([0.0, 1.0, 1.1]), np.array([1.2]), np.array([[1, 2]]))
    assert describe_funnels(funnelling(graph)).startswith("funnels not determined")
    found = {"minima": 3, "transition_states": 1, "unchecked_ends": 0, "components": 2, "bounds": 0,
             "certified_only": False}  # fmt: skip
    found |= {
        "funnelled": None,
        "funnelled_connected": None,
        "frustration": None,
        "funnels": None,
        "connected_to_global": 0,
        "output": "g",
    }
    said = summarize_graph(found).verdict
    assert "funnels are not determined: the global minimum is connected to no other" in said
    found |= {"connected_to_global": 1, "funnelled": 0.5, "funnels": 1}
    assert summarize_graph(found).verdict.endswith("1 funnel in its component of 2 minima.")
    for drawn, text in ((True, "22"), (False, "22, left out")):
        facts = summarize_graph(found | {"bounds": 22, "certified_only": not drawn}).facts
        assert facts["upper bounds on barriers"] == text
    found |= {"frustration": np.inf}
    assert any("infinite: another minimum is as low" in text for text in summarize_graph(found).facts.values())


@pytest.mark.parametrize("command", ["overlay", "explain"])
def test_exchanged_arguments_are_named(tmp_path, command):
    database, runs = tmp_path / "a.db", tmp_path / "r.h5"
    database.write_bytes(b"SQLite format 3\0")
    runs.write_bytes(b"\x89HDF\r\n\x1a\n")
    exchanged = agescape(command, runs, database, "--output", tmp_path / "f.svg")
    assert_complaint(exchanged, f"{runs} holds runs and {database} is a database: exchange the two arguments")
    assert_complaint(agescape("age", database), f"{database} is not an HDF5 file, so not a file of trajectories")


def test_a_picture_is_no_table(tmp_path):
    (tmp_path / "f.png").write_bytes(b"\x89PNG\r\n")
    assert_complaint(agescape("info", tmp_path / "f.png"), "byte 0 is 0x89: if it is a table, save it in UTF-8")


def test_info_of_a_folder_and_of_interrupted_runs_says_what_other_commands_say(tmp_path):
    assert_complaint(agescape("info", tmp_path), "it is a folder")
    (tmp_path / "r.h5.parts").mkdir()
    for command in ("info", "age"):
        assert_complaint(agescape(command, tmp_path / "r.h5"), "r.h5.parts holds the runs of an interrupted training")
    assert_complaint(agescape("info", tmp_path / "none.db"), f"there is no file {tmp_path / 'none.db'}")


@pytest.mark.slow
def test_a_figure_that_was_drawn_is_not_advised(files, tmp_path):
    drawn = good("age", files["h5"], "--output", tmp_path / "a.svg").out
    assert "--output F.svg" not in drawn
    assert "--json prints every number" in drawn
    assert "--output F.svg draws the curves" in good("age", files["h5"]).out


def test_graph_says_how_funnelled(files, tmp_path):
    result = strict_json(good("graph", files["db"], "--output", tmp_path / "g.svg", "--json").out)
    with Database(files["db"]) as database:
        expected = funnelling(database.graph())
    assert result["funnelled"] == expected.share
    assert result["funnelled_connected"] == expected.connected_share
    assert result["frustration"] == expected.frustration
    assert result["funnels"] == len(expected.funnels)


@pytest.mark.parametrize("name", PROPERTIES)
def test_graph_in_color_with_labels(files, tmp_path, name):
    with Database(files["db"]) as database:
        low = database.minima[0].point.value
    limits = ("--max-minima", 5, "--emin", low - 1, "--emax", low + 1)
    command = ("graph", files["db"], "--color", name, "--label", name, *limits)
    good(*command, "--output", tmp_path / "g.svg")
    assert (tmp_path / "g.svg").stat().st_size > 1000


def test_properties_are_those_of_the_minima(files):
    with Database(files["db"]) as database:
        loss, minima = loss_of(database), database.minima
        for name, value in {
            "test-accuracy": lambda m: loss.accuracy(m.point.coordinates, test=True),
            "train-accuracy": lambda m: loss.accuracy(m.point.coordinates),
            "test-loss": lambda m: loss.data_loss(m.point.coordinates, test=True),
            "orbit": lambda m: m.orbit_size,
            "id": lambda m: m.id,
        }.items():
            assert minimum_property(database, name).values.tolist() == [value(m) for m in minima]


def connected_ids(path):
    """The lowest minimum and the highest one that a way leads to."""
    with Database(path) as database:
        reached = np.flatnonzero(components(database.graph()) == 0)
        return [database.minima[i].id for i in reached[[0, -1]]]


@pytest.mark.parametrize("temperature", [None, 1e-2])
def test_path(files, tmp_path, temperature):
    a, b = connected_ids(files["db"])
    hot = () if temperature is None else ("--temperature", temperature)
    result = strict_json(good("path", files["db"], a, b, *hot, "--output", tmp_path / "p.svg", "--json").out)
    assert result.keys() >= KEYS["path"]
    assert (result["minima"][0], result["minima"][-1]) == (a, b)
    assert (result["log_probability"] is None) == (temperature is None)
    with Database(files["db"]) as database:
        joined = {t.id: t for t in database.transition_states}
        for k, ends in zip(result["transition_states"], itertools.pairwise(result["minima"]), strict=True):
            assert sorted(joined[k].minimum_ids) == sorted(ends)
        assert result["highest_loss"] == max(joined[k].point.value for k in result["transition_states"])
    assert result["length"] > 0
    assert (tmp_path / "p.svg").exists()


def test_geometry(files, tmp_path):
    table = tmp_path / "new" / "g.csv"
    result = strict_json(
        good("geometry", files["db"], "--output", tmp_path / "g.svg", "--table", table, "--json").out
    )  # fmt: skip
    assert result.keys() >= KEYS["geometry"]
    with table.open() as file:
        rows = list(csv.DictReader(file))
    with Database(files["db"]) as database:
        assert [int(row["id"]) for row in rows] == [m.id for m in database.minima]
        assert [float(row["trace"]) for row in rows] == pytest.approx([m.point.trace for m in database.minima])
    assert result["minima"] == len(rows)
    ends = [result[f"rank_correlation{end}"] for end in ("_low", "", "_high")]
    assert result["minima"] < 4 or (np.diff(ends) >= 0).all()
    for row in rows:
        low, error, high = (float(row[f"generalization_error{end}"]) for end in ("_low", "", "_high"))
        assert low < error < high


@pytest.mark.slow
def test_geometry_takes_more_test_rows_where_they_can_be_made(files, tmp_path):
    out = ("--output", tmp_path / "g.svg", "--json")
    results = [strict_json(good("geometry", files["db"], *out, "--test-rows", n).out) for n in (2000, 18_000)]
    assert [result["test_rows"] for result in results] == [2000, 18_000]
    ends = ("_low", "_high")
    errors = [np.subtract(*(result[f"median_generalization_error{end}"] for end in ends)) for result in results]
    assert errors[0] / errors[1] == pytest.approx(3.0, abs=0.5)


def test_geometry_without_test_rows_says_so(tmp_path):
    data = datasets.ljat(rows=60, seed=0, test_rows=0)
    datasets.write_table(data, tmp_path / "t.csv")
    good("explore", "--dataset", tmp_path / "t.csv", "--hidden", "2", "--searches", 6, "--jobs", 1, "--output",
         tmp_path / "t.db")  # fmt: skip
    for options in ((), ("--table", tmp_path / "t-out.csv")):
        result = agescape("geometry", tmp_path / "t.db", "--output", tmp_path / "g.svg", *options)
        assert_complaint(result, "no test rows", "t.csv", "all 60 rows train", "fewer --rows")
    assert_complaint(agescape("geometry", tmp_path / "t.db", "--output", tmp_path / "g.svg", "--test-rows", 500),
                     "--test-rows needs a generated data set")  # fmt: skip
    assert not (tmp_path / "t-out.csv").exists()


def test_ways_that_do_not_exist(files, tmp_path):
    with Database(files["db"]) as database:
        labels = components(database.graph())
        apart = [database.minima[np.flatnonzero(labels == k)[0]].id for k in (0, labels.max())]
    out = ("--output", tmp_path / "p.svg")
    if apart[0] != apart[1]:
        assert_complaint(agescape("path", files["db"], *apart, *out), f"from minimum {apart[0]} to minimum {apart[1]}")
    assert_complaint(agescape("path", files["db"], apart[0], apart[0], *out), "two different minima")
    assert not (tmp_path / "p.svg").exists()


def test_train(files):
    for name in ("train", "control"):
        result = strict_json(files["said"][name].out)
        assert result.keys() >= KEYS["train"]
        assert (result["replicas"], result["steps"]) == (4, 200)
        assert (result["dataset"], result["dataset_seed"], result["rows"]) == ("ljat", 0, 100)
    with h5py.File(files["h5"]) as file:
        assert result.keys() >= KEYS["train"]
        said, last = strict_json(files["said"]["train"].out), file["loss"][:, -1]
        assert said["final_loss"] == last.mean()
        interval = stats.t.interval(0.95, 3, loc=last.mean(), scale=stats.sem(last))
        assert (said["final_loss_low"], said["final_loss_high"]) == pytest.approx(interval)


def test_speed_of_train(files):
    assert strict_json(files["said"]["train"].out)["replica_steps_per_second"] > 0


def test_train_goes_on(files, tmp_path):
    command = ("train", *SMALL, *RUNS, "--output", tmp_path / "f.h5", "--jobs", 1, "--json", "--replicas")
    assert strict_json(good(*command, 2).out)["replicas"] == 2
    assert strict_json(good(*command, 4).out)["replicas"] == 4
    assert arrays(tmp_path / "f.h5") == arrays(files["h5"])
    again = strict_json(good(*command, 4).out)
    assert again["replica_steps_per_second"] == 0
    assert again["final_loss"] == strict_json(files["said"]["train"].out)["final_loss"]


def test_age(files, tmp_path):
    command = ("age", files["h5"], "--control", files["control"], "--output", tmp_path / "a.svg", "--json")
    result = strict_json(good(*command).out)
    assert result.keys() >= KEYS["age"] | {"control_t_star", "control_mu"}
    assert len(result["waiting_times"]) == len(result["t_star"]) == len(result["t_star_interval"])
    assert result["mu_low"] <= result["mu"] <= result["mu_high"]
    assert (result["dataset"], result["dataset_seed"], result["rows"]) == ("ljat", 0, 100)
    assert (tmp_path / "a.svg").is_file()


def test_age_where_mu_is_not_defined(files):
    result = strict_json(good("age", files["h5"], "--threshold", 1e6, "--json").out)
    assert (result["mu"], result["mu_low"], result["mu_high"], set(result["t_star"])) == (None, None, None, {None})
    assert "not defined" in result["status"]


def test_picture_where_mu_is_not_defined(files, tmp_path):
    good("age", files["h5"], "--threshold", 1e6, "--output", tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text().lstrip().startswith("<?xml")


def test_overlay(files, db, tmp_path):
    command = ("overlay", db, files["h5"], "--output", tmp_path / "o.svg", "--jobs", 1, "--json")
    result = strict_json(good(*command).out)
    assert result.keys() >= KEYS["overlay"]
    assert result["mapped"] == result["snapshots"] == 4 * 7
    assert (result["dataset"], result["dataset_seed"], result["rows"]) == ("ljat", 0, 100)
    assert (tmp_path / "o.svg").is_file()
    assert strict_json(good(*command).out) == result  # again: from what the database remembers
    fewer = strict_json(good(*command, "--runs", 1).out)
    assert (fewer["replicas"], fewer["snapshots"]) == (1, 7)


def test_overlay_by_the_fast_quench(files, db, tmp_path):
    command = ("overlay", db, files["h5"], "--output", tmp_path / "o.png", "--method", "lbfgs", "--jobs", 1, "--json")
    assert strict_json(good(*command).out)["method"] == "lbfgs"


def test_compare(files, tmp_path):
    command = ("compare", files["study"], "--output", tmp_path / "c.svg", "--table", tmp_path / "c.csv", "--json")
    result = strict_json(good(*command).out)
    assert result.keys() >= KEYS["compare"]
    (row,) = result["rows"]
    assert row.keys() >= COMPARE_KEYS
    assert row["estimated_minima"].keys() == {"value", "low", "high"}
    assert (row["hidden"], row["parameters"], row["dataset"], row["dataset_seed"], row["rows"]) == (
        "3",
        25,
        "ljat",
        0,
        100,
    )
    explored, aged = files["said"]["explore"], good("age", files["h5"], "--json")
    assert row["minima"] == strict_json(explored.out)["minima"]
    assert row["mu"] == strict_json(aged.out)["mu"]
    assert (tmp_path / "c.svg").is_file()
    assert len((tmp_path / "c.csv").read_text().splitlines()) == 2


@pytest.mark.slow
def test_study(tmp_path):
    command = ("study", "--hidden", "2", "--rows", 100, "--searches", 20, "--replicas", 3, "--steps", 40)
    command += ("--batch-size", 20, "--jobs", 1, "--output", tmp_path / "s")
    result = strict_json(good(*command, "--json").out)
    assert result.keys() >= KEYS["study"]
    (row,) = result["architectures"]
    assert row["hidden"] == "2"
    assert row.keys() >= COMPARE_KEYS
    assert Path(result["report"]).is_file()
    assert (result["dataset"], result["dataset_seed"], result["rows"]) == ("ljat", 0, 100)
    lines = good(*command).out.splitlines()
    assert lines[0].startswith("1 architecture: ")
    table = next(k for k, line in enumerate(lines) if line.startswith("hidden"))
    assert lines[table + 1].split()[0] == "2"
    compared = strict_json(good("compare", tmp_path / "s", "--json").out)
    assert compared["rows"] == result["architectures"]


@pytest.mark.parametrize(("file", "kind"), [("db", "database"), ("h5", "trajectories"), ("csv", "data set")])
def test_info(files, file, kind):
    result = strict_json(good("info", files[file], "--json").out)
    assert kind in result["kind"]
    said = good("info", files[file]).out
    words = {
        "db": (result.get("minima"), "minima"),
        "h5": (4, "runs of 200 steps"),
        "csv": (120, "rows with 2 features"),
    }
    assert " ".join(map(str, words[file])) in said.splitlines()[0]
    assert file == "csv" or "ljat, 100 training rows, seed 0" in said


@pytest.mark.parametrize(("file", "expected"), [("db", ("ljat", 0, 100)), ("h5", ("ljat", 0, 100))])
def test_info_names_the_data(files, file, expected):
    result = strict_json(good("info", files[file], "--json").out)
    assert result.keys() >= DATASET_KEYS
    assert tuple(result[key] for key in ("dataset", "dataset_seed", "rows")) == expected


@pytest.mark.parametrize(
    "command", ["data", "explore", "graph", "path", "geometry", "train", "age", "overlay", "compare"]
)
def test_without_json(files, db, tmp_path, command):
    """A sentence first, then quantities with units, and what was written."""
    out = ("--output", tmp_path / ("f.csv" if command == "data" else "f.svg"))
    arguments = {
        "data": ("data", "ljat", "--rows", 10, "--test-rows", 0, *out),
        "explore": ("explore", *SMALL, "--searches", 48, "--output", db),
        "graph": ("graph", db, *out),
        "path": ("path", db, *connected_ids(db), *out),
        "geometry": ("geometry", db, *out),
        "train": ("train", *SMALL, *RUNS, "--output", shutil.copy(files["h5"], tmp_path / "f.h5")),
        "age": ("age", files["h5"]),
        "overlay": ("overlay", db, files["h5"], "--runs", 1, "--jobs", 1, *out),
        "compare": ("compare", files["study"]),
    }[command]
    text = good(*arguments).out
    assert text.splitlines()[0][0].isupper() or text[0].isdigit()
    assert not re.search(r"\bnan\b|\bNone\b", text)
    assert max(map(len, text.splitlines())) <= 120
    if command not in {"age", "compare"}:
        assert str(out[1] if command not in {"explore", "train"} else arguments[-1]) in text


@pytest.mark.parametrize("command", [(), ("data",), ("data", "ljat"), *((name,) for name in COMMANDS)], ids=" ".join)
def test_help(command):
    text = good(*command, "--help").out
    assert "Usage" in text
    assert good(*command, "-h").out == text
    if command and command != ("data",):
        assert all(option in text for option in ("--json", "--quiet", "--debug"))


# ---------------------------------------------------------------- bad input

EXPLORE = ("explore", "--hidden", "2", "--dataset", "{csv}", "--searches", "1", "--jobs", "1", "--output", "{new}.db")
TRAIN = ("train", "--hidden", "2", "--dataset", "{csv}", "--replicas", "1", "--steps", "20", "--batch-size", "20")
TRAIN += ("--jobs", "1", "--output", "{new}.h5")
DATA = ("data", "ljat", "--rows", "10", "--test-rows", "0", "--output", "{new}.csv")
GRAPH = ("graph", "{db}", "--output", "{new}.svg")
PATH = ("path", "{db}", "1", "2", "--output", "{new}.svg")
GEOMETRY = ("geometry", "{db}", "--output", "{new}.svg")
AGE = ("age", "{h5}")
OVERLAY = ("overlay", "{db}", "{h5}", "--jobs", "1", "--output", "{new}.svg")
COMPARE = ("compare", "{study}")
STUDY = ("study", "--hidden", "2", "--dataset", "{csv}", "--searches", "1", "--replicas", "2", "--steps", "20")
STUDY += ("--output", "{new}")

WRONG = [  # arguments (a later option replaces an earlier one), and what the complaint names
    (("bogus",), "bogus"),
    (("--bogus",), "--bogus"),
    (("data", "bogus"), "bogus"),
    *(((*command, "--bogus"), "--bogus") for command in (DATA, EXPLORE, GRAPH, TRAIN, AGE, OVERLAY, COMPARE, STUDY)),
    *(((*command, "more"), "more") for command in (DATA, EXPLORE, GRAPH, TRAIN, AGE, OVERLAY, COMPARE, STUDY)),
    (("info", "{db}", "--bogus"), "--bogus"),
    # something missing
    (("data", "ljat"), "--output"),
    (("explore", "--output", "{new}.db", "--searches", "1"), "--hidden"),
    (("explore", "--hidden", "2", "--searches", "1"), "--output"),
    (("train", "--output", "{new}.h5"), "--hidden"),
    (("train", "--hidden", "2"), "--output"),
    (("graph", "{db}"), "--output"),
    (("graph", "--output", "{new}.svg"), "PATH"),
    (("overlay", "{db}", "--output", "{new}.svg"), "TRAJECTORIES"),
    (("overlay", "{db}", "{h5}"), "--output"),
    (("age",), "TRAJECTORIES"),
    (("compare",), "DIRECTORY"),
    (("info",), "FILE"),
    ((*GRAPH[:-1],), "--output"),
    # types and ranges
    ((*DATA, "--rows", "x"), "--rows"),
    ((*DATA, "--rows", "0"), "--rows"),
    ((*DATA, "--rows", "1.5"), "--rows"),
    ((*DATA, "--test-rows", "-1"), "--test-rows"),
    ((*DATA, "--edge", "x"), "--edge"),
    ((*DATA, "--edge", "0"), "edge"),
    ((*DATA, "--edge", "nan"), "edge"),
    ((*DATA, "--seed", "-1"), "--seed"),
    *(((*EXPLORE, "--hidden", text), "--hidden") for text in ("", "0", "-3", "a", "3,", "3;3", "1.5", "3,0")),
    ((*EXPLORE, "--searches", "-1"), "--searches"),
    ((*EXPLORE, "--searches", "x"), "--searches"),
    ((*EXPLORE, "--budget", "1s"), "--budget"),
    *(((*EXPLORE[:5], *EXPLORE[7:], "--budget", text), "--budget") for text in ("", "x", "-1s", "1d", "1e3", "nan")),
    ((*EXPLORE, "--rows", "0"), "--rows"),
    ((*EXPLORE, "--rows", "121"), "rows"),
    ((*EXPLORE, "--dataset", "bogus"), "bogus"),
    ((*EXPLORE, "--dataset", "bogus.csv"), "bogus.csv"),
    ((*EXPLORE, "--dataset", "{folder}"), "{folder}"),
    ((*EXPLORE, "--dataset", "{db}"), "{db}"),
    ((*EXPLORE, "--dataset", "mnist", "--data-dir", "{folder}"), "{folder}"),
    ((*EXPLORE, "--dataset-seed", "-1"), "--dataset-seed"),
    *(((*EXPLORE, "--regularization", text), "regularization") for text in ("-1", "x", "nan", "inf")),
    ((*EXPLORE, "--seed", "x"), "--seed"),
    ((*EXPLORE, "--jobs", "0"), "jobs"),
    ((*EXPLORE, "--jobs", "1.5"), "--jobs"),
    ((*TRAIN, "--hidden", "0"), "--hidden"),
    ((*TRAIN, "--replicas", "0"), "--replicas"),
    ((*TRAIN, "--steps", "1"), "--steps"),
    ((*TRAIN, "--noise", "loud"), "loud"),
    ((*TRAIN, "--precision", "float16"), "float16"),
    *(((*TRAIN, "--learning-rate", text), "learning") for text in ("0", "-1", "nan", "inf", "x")),
    ((*TRAIN, "--batch-size", "0"), "--batch-size"),
    ((*TRAIN, "--batch-size", "121"), "--batch-size must be at most the number of training rows, 120; got 121"),
    ((*TRAIN, "--jobs", "0"), "jobs"),
    ((*TRAIN, "--seed", "-1"), "--seed"),
    *(((*AGE, "--threshold", text), "threshold") for text in ("0", "-1", "nan", "inf", "x")),
    ((*AGE, "--seed", "-1"), "--seed"),
    ((*GRAPH, "--levels", "0"), "--levels"),
    ((*GRAPH, "--levels", "x"), "--levels"),
    ((*GRAPH, "--color", "mood"), "mood"),
    ((*GRAPH, "--label", "mood"), "mood"),
    ((*GRAPH, "--max-minima", "0"), "--max-minima"),
    ((*GRAPH, "--emin", "x"), "--emin"),
    ((*GRAPH, "--emax", "-1"), "minimum"),
    ((*GRAPH, "--emin", "1e3"), "minimum"),
    ((*PATH, "--bogus"), "--bogus"),
    (("path", "{db}", "1", "99999", "--output", "{new}.svg"), "99999"),
    (("path", "{db}", "x", "2", "--output", "{new}.svg"), "no minimum with the id x"),
    (("path", "{db}", "1", "--output", "{new}.svg"), "missing argument"),
    ((*PATH[:-1], "{new}.txt"), "{new}.txt"),
    (("path", "{new}.db", "1", "2", "--output", "{new}.svg"), "{new}.db"),
    ((*GEOMETRY, "--bogus"), "--bogus"),
    ((*GEOMETRY[:-1], "{new}.txt"), "{new}.txt"),
    (("geometry", "{csv}", "--output", "{new}.svg"), "{csv}"),
    ((*OVERLAY, "--method", "bogus"), "bogus"),
    ((*OVERLAY, "--runs", "0"), "--runs"),
    ((*COMPARE, "--threshold", "0"), "threshold"),
    ((*STUDY, "--scale", "bogus"), "--scale"),
    ((*STUDY, "--hidden", "x"), "--hidden"),
    ((*STUDY, "--replicas", "1"), "--replicas"),
    ((*STUDY, "--steps", "1"), "--steps"),
    ((*STUDY, "--searches", "-1"), "--searches"),
    ((*STUDY, "--dataset", "bogus"), "bogus"),
    # files
    (("graph", "{new}.db", "--output", "{new}.svg"), "{new}.db"),
    (("graph", "{csv}", "--output", "{new}.svg"), "{csv}"),
    (("graph", "{h5}", "--output", "{new}.svg"), "{h5}"),
    (("graph", "{folder}", "--output", "{new}.svg"), "{folder}"),
    *(((*GRAPH[:-1], "{new}" + suffix), "{new}" + suffix) for suffix in (".txt", "", ".svgz")),
    (("age", "{new}.h5"), "{new}.h5"),
    (("age", "{db}"), "{db}"),
    (("age", "{folder}"), "{folder}"),
    ((*AGE, "--control", "{new}.h5"), "{new}.h5"),
    ((*AGE, "--output", "{new}.txt"), "{new}.txt"),
    (("overlay", "{new}.db", "{h5}", "--output", "{new}.svg"), "{new}.db"),
    (("overlay", "{db}", "{new}.h5", "--output", "{new}.svg"), "{new}.h5"),
    (("overlay", "{h5}", "{db}", "--output", "{new}.svg"), "{db}"),
    (("compare", "{new}"), "{new}"),
    (("compare", "{folder}/empty"), "empty"),
    (("compare", "{csv}"), "{csv}"),
    ((*COMPARE, "--output", "{new}.txt"), "{new}.txt"),
    (("info", "{new}"), "{new}"),
    (("info", "{folder}"), "{folder}"),
    (("info", "{garbage}"), "{garbage}"),
    ((*DATA[:-1], "{new}.txt"), ".txt"),
    ((*DATA[:-1], "{new}/d.csv"), "{new}"),
    ((*EXPLORE[:-1], "{csv}"), "{csv}"),
    ((*EXPLORE[:-1], "{folder}"), "{folder}"),
    ((*EXPLORE[:-1], "{csv}/f.db"), "{csv}"),
    ((*TRAIN[:-1], "{db}"), "{db}"),
    ((*TRAIN[:-1], "{folder}"), "{folder}"),
    ((*STUDY[:-1], "{csv}"), "{csv}"),
    # files of something else
    (("explore", *SMALL, "--hidden", "4", "--searches", "1", "--output", "{db}"), "layer_sizes"),
    (("explore", *SMALL, "--seed", "1", "--searches", "1", "--output", "{db}"), "seed"),
    (("explore", *SMALL, "--dataset-seed", "1", "--searches", "1", "--output", "{db}"), "--dataset-seed = 0, not 1"),
    (("explore", *SMALL, "--regularization", "1e-3", "--searches", "1", "--output", "{db}"), "regularization"),
    (
        ("explore", *SMALL, "--no-regularize-biases", "--searches", "1", "--output", "{db}"),
        "--regularize-biases = True, not False",
    ),
    (("train", *SMALL, *RUNS, "--hidden", "4", "--output", "{h5}"), "layer_sizes"),
    (("train", *SMALL, *RUNS, "--seed", "1", "--output", "{h5}"), "seed"),
    (("train", *SMALL, *RUNS, "--steps", "300", "--output", "{h5}"), "steps"),
    (("train", *SMALL, *RUNS, "--dataset-seed", "1", "--output", "{h5}"), "--dataset-seed = 0, not 1"),
    (("train", *SMALL, *RUNS, "--noise", "full", "--output", "{h5}"), "noise"),
    (("train", *SMALL, *RUNS, "--learning-rate", "0.1", "--output", "{h5}"), "--learning-rate = 0.05, not 0.1"),
]


@pytest.fixture
def places(files, tmp_path):
    garbage = tmp_path / "garbage.txt"
    garbage.write_bytes(bytes(range(256)) * 8)
    return {name: str(path) for name, path in files.items()} | {"new": str(tmp_path / "new"), "garbage": str(garbage)}


@pytest.mark.parametrize(
    ("arguments", "word"),
    WRONG,
    ids=lambda value: " ".join(value[:1] + value[-2:]) if isinstance(value, tuple) else value,
)
def test_bad_input_is_one_line(places, arguments, word):
    before = {name: Path(places[name]).read_bytes() for name in ("csv", "db", "h5")}
    arguments = [argument.format(**places) for argument in arguments]
    assert_complaint(agescape(*arguments), word.format(**places))
    assert_complaint(agescape(*arguments, *(["--json"] if arguments else [])))
    assert {name: Path(places[name]).read_bytes() for name in before} == before


def test_runs_of_another_loss(files, tmp_path):
    other = tmp_path / "other.h5"
    good("train", *SMALL, *RUNS, "--regularization", 1e-3, "--jobs", 1, "--output", other)
    result = agescape("overlay", files["db"], other, "--output", tmp_path / "o.svg")
    assert_complaint(result, "regularization", "0.001", "0.0001")
    assert not (tmp_path / "o.svg").exists()


def test_a_damaged_file(files, db, tmp_path):
    db.write_bytes(db.read_bytes()[:20_000])
    assert_complaint(agescape("graph", db, "--output", tmp_path / "g.svg"), str(db))
    h5 = tmp_path / "f.h5"
    h5.write_bytes(files["h5"].read_bytes()[:5_000])
    assert_complaint(agescape("age", h5), "truncated")


def test_a_run_that_diverges(files, tmp_path):
    command = ("train", *SMALL, *RUNS, "--learning-rate", 1e9, "--jobs", 1, "--output", tmp_path / "f.h5")
    assert_complaint(agescape(*command), "--learning-rate")


def test_an_edge_that_is_too_long(tmp_path):
    assert_complaint(
        agescape("data", "ljat", "--rows", 20, "--test-rows", 0, "--edge", 50, "--output", tmp_path / "d.csv"), "edge"
    )


def test_a_network_that_is_too_large(files, tmp_path):
    command = ("train", *SMALL, *RUNS, "--hidden", 10**12, "--jobs", 1, "--output", tmp_path / "f.h5")
    assert_complaint(agescape(*command))


def test_study_checks_its_settings_first(tmp_path):
    command = ("study", "--hidden", "2", "--rows", 60, "--searches", 2, "--replicas", 2, "--steps", 20, "--jobs", 1)
    assert_complaint(
        agescape(*command, "--output", tmp_path / "s"),
        "--batch-size must be at most the number of training rows, 60; got 100, the default",
    )
    assert not (tmp_path / "s").exists()


def test_overlay_checks_its_output_first(files, db, tmp_path):
    before = db.read_bytes()
    assert_complaint(agescape("overlay", db, files["h5"], "--output", tmp_path / "o.txt", "--jobs", 1), "o.txt")
    assert db.read_bytes() == before


# ---------------------------------------------------------------- files that would like to run something


class Payload:
    """Unpickling it makes a folder."""

    def __init__(self, folder, how=os.mkdir):
        self.folder, self.how = folder, how

    def __reduce__(self):
        return self.how, (str(self.folder),)


HOSTILE = {
    "call": lambda folder: pickle.dumps(Payload(folder)),
    "text protocol": lambda folder: pickle.dumps(Payload(folder), protocol=0),
    "in a list": lambda folder: pickle.dumps([np.zeros(25), Payload(folder)]),
    "eval": lambda folder: pickle.dumps(Payload(f"__import__('os').mkdir({str(folder)!r})", eval)),
    "in an object array": lambda folder: pickle.dumps(np.array([Payload(folder)] * 25, dtype=object)),
    "after an array": lambda folder: pickle.dumps(np.zeros(25))[:-1] + b"0" + pickle.dumps(Payload(folder))[2:],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_pickle_does_not_run(files, db, tmp_path, kind):
    target = tmp_path / "payload was here"
    blob = HOSTILE[kind](target)
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.execute("UPDATE tbl_minima SET coords = ? WHERE _id = (SELECT max(_id) FROM tbl_minima)", (blob,))
    study = tmp_path / "study"
    shutil.copytree(files["study"], study)
    shutil.copy(db, study / "h3" / "landscape.db")
    for arguments in (
        ("info", db),
        ("graph", db, "--output", tmp_path / "g.svg"),
        ("overlay", db, files["h5"], "--output", tmp_path / "o.svg"),
        ("explore", *SMALL, "--searches", 50, "--output", db),
        ("compare", study),
    ):
        assert_complaint(agescape(*arguments), "is refused")
        assert not target.exists()
    assert not list(tmp_path.glob("*.svg"))
    pickle.loads(pickle.dumps(Payload(target)))  # it would have
    assert target.exists()


@pytest.mark.parametrize(
    "what", ["TRIGGER t AFTER INSERT ON tbl_minima BEGIN DELETE FROM tbl_minima; END", "VIEW v AS SELECT 1"]
)
def test_a_database_that_acts_is_refused(db, tmp_path, what):
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.execute(f"CREATE {what}")
    assert_complaint(agescape("graph", db, "--output", tmp_path / "g.svg"), str(db), "trigger or view")


# ---------------------------------------------------------------- interruptions in this process


def test_ctrl_c_is_one_line(monkeypatch, tmp_path):
    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(bridge.commands.explore, "run_explore", interrupt)
    result = agescape("explore", *SMALL, "--searches", 1, "--output", tmp_path / "f.db", "--json")
    assert (result.code, result.out) == (130, "")
    assert result.err.startswith("agescape: ")
    assert result.err.count("\n") == 1


def test_ctrl_c_in_a_compiled_function(monkeypatch, tmp_path):
    def interrupt(*_args, **_options):  # what numba makes of it
        msg = "returned a result with an exception set"
        raise SystemError(msg) from KeyboardInterrupt()

    monkeypatch.setattr(bridge.commands.explore, "run_explore", interrupt)
    result = agescape("explore", *SMALL, "--searches", 1, "--output", tmp_path / "f.db")
    assert (result.code, result.out, result.err.count("\n")) == (130, "", 1)


# ---------------------------------------------------------------- processes


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The exploration that the tests below disturb: its tables and what it says."""
    path = tmp_path_factory.mktemp("undisturbed") / "f.db"
    said = strict_json(good("explore", *DEEP, "--output", path, "--jobs", 1, "--json").out)
    assert said.pop("new_searches") == 80
    return tables(path), said | {"output": ""}


def test_the_installed_script(files):
    script = Path(sysconfig.get_path("scripts")) / "agescape"
    if not script.exists():
        pytest.skip("agescape is not installed, only on the path")
    result = subprocess.run([script, "info", files["h5"], "--json"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert strict_json(result.stdout)["replicas"] == 4


@pytest.mark.slow
def test_workers_change_no_exploration(undisturbed, tmp_path):
    said = strict_json(good("explore", *DEEP, "--output", tmp_path / "f.db", "--jobs", 2, "--json").out)
    assert said.pop("new_searches") == 80
    assert said | {"output": ""} == undisturbed[1]
    assert tables(tmp_path / "f.db") == undisturbed[0]


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_exploration_goes_on(undisturbed, tmp_path, jobs):
    path = tmp_path / "f.db"
    command = ("explore", *DEEP, "--output", path, "--jobs", jobs, "--json")
    killed = stop_when(start(*command), lambda: attempts(path) >= 16, signal.SIGKILL)
    assert (killed.code, killed.out) == (-signal.SIGKILL, "")
    assert 0 < (done := attempts(path)) < 80
    again = strict_json(good("explore", *DEEP, "--output", path, "--jobs", 1, "--json").out)
    assert again.pop("new_searches") == 80 - done
    assert again | {"output": ""} == undisturbed[1]
    assert tables(path) == undisturbed[0]


@pytest.mark.slow
def test_ctrl_c_ends_soon_and_the_command_goes_on(undisturbed, tmp_path):
    path = tmp_path / "f.db"
    command = ("explore", *DEEP, "--output", path, "--jobs", 2, "--json")
    seen = []

    def happened():
        seen.append(attempts(path))
        return seen[-1] >= 16

    result = stop_when(start(*command), happened, signal.SIGINT)
    assert (result.code, result.out) == (130, "")
    assert "Traceback" not in result.err
    assert 16 <= seen[-1] <= attempts(path) <= min(seen[-1] + BATCH, 79)  # soon: within a batch of searches
    good("explore", *DEEP, "--output", path, "--jobs", 1)
    assert tables(path) == undisturbed[0]


def test_ctrl_c_while_this_process_searches(tmp_path):
    path = tmp_path / "f.db"
    process = start("explore", *DEEP, "--output", path, "--jobs", 1)
    result = stop_when(process, lambda: attempts(path) >= 16, signal.SIGINT)
    assert (result.code, result.out, result.err.count("\n")) == (130, "", 1)
    assert result.err.startswith("agescape: interrupted")


@pytest.fixture(scope="session")
def undisturbed_runs(tmp_path_factory):
    path = tmp_path_factory.mktemp("undisturbed") / "f.h5"
    good("train", *LONG, "--output", path, "--jobs", 1)
    return arrays(path)


@pytest.mark.slow
def test_a_killed_ensemble_goes_on(undisturbed_runs, tmp_path):
    path, parts = tmp_path / "f.h5", tmp_path / "f.h5.parts"
    process = start("train", *LONG, "--output", path, "--jobs", 1)
    killed = stop_when(process, lambda: len(list(parts.glob("*.npz"))) >= 1, signal.SIGKILL)
    assert (killed.code, killed.out) == (-signal.SIGKILL, "")
    assert not path.exists()
    done = len(list(parts.glob("*.npz")))
    assert 1 <= done < 8
    complaint = agescape("age", path)
    assert_complaint(complaint, "interrupted")
    good("train", *LONG, "--output", path, "--jobs", 1)
    assert arrays(path) == undisturbed_runs
    assert [p.name for p in tmp_path.iterdir()] == ["f.h5"]


@pytest.mark.slow
def test_workers_change_no_ensemble(undisturbed_runs, tmp_path):
    good("train", *LONG, "--output", tmp_path / "f.h5", "--jobs", 2)
    assert arrays(tmp_path / "f.h5") == undisturbed_runs


# ---------------------------------------------------------------- small parts


@pytest.mark.parametrize(("text", "hidden"), [("10", (10,)), ("5,5", (5, 5)), ("4, 4,4", (4, 4, 4))])
def test_parse_hidden(text, hidden):
    assert parse_hidden(text) == hidden


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("0.5h", 1800), ("0s", 0)])
def test_parse_duration(text, seconds):
    assert parse_duration(text) == seconds
