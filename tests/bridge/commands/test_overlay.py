"""The command overlay and its pictures."""

import importlib.util
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.text import Text
from support.cli import agescape, assert_complaint, good, strict_json, tables
from support.figures import flaws
from support.paths import EXAMPLES

from bridge import InherentStructures, dwells, jumps
from bridge.commands import _overlay_report
from bridge.plots import OVER_TIME_PANELS, plot_over_time, plot_overlay
from bridge.residence import history, occupation, occupation_at, overlaps, persistence, residual_dwells, run_path
from dynamics import SGD, load_trajectories, train
from dynamics.statistics import Status
from landscape import CrossEntropyLoss, Database, LandscapeGraph, datasets, explore
from landscape.networks import MLP
from landscape.plots import save_figure

EXAMPLE = EXAMPLES / "where_is_sgd.py"
MAIN = "from bridge.cli import main; main()"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A database and runs of one small loss; not to be written to."""
    folder = tmp_path_factory.mktemp("overlay")
    data = datasets.ljat(100, 0, test_rows=0)
    loss = CrossEntropyLoss(MLP((2, 3, 4)), data)
    explore(loss, folder / "f.db", searches=48)
    train(loss, SGD(batch_size=20), replicas=3, steps=3000, path=folder / "f.h5")
    return folder / "f.db", folder / "f.h5"


@pytest.fixture
def db(files, tmp_path):
    return shutil.copy(files[0], tmp_path / "copy.db")


@pytest.fixture
def opened(db):
    with Database(db) as database:
        yield database


@pytest.fixture
def seen(opened):
    """Two runs over minima of the database, lowest first 0, 1, 2, ...; at one step in none."""
    ids = np.array([m.id for m in opened.minima])[[[0, 0, 1, 2, 0], [3, 3, 3, 1, 1]]]
    ids[1, 1] = 0
    losses = np.array([[opened.minimum(i).point.value if i else np.nan for i in run] for run in ids.tolist()])
    return InherentStructures(np.array([0, 100, 200, 400, 800]), ids, losses, np.empty(0, np.int64), "flow")


@pytest.fixture
def pairs(opened, monkeypatch):
    """The minima of the database as two certified parts, which an upper bound joins, and single ones."""
    losses = np.linspace(1.0, 1.2, opened.n_minima)
    graph = LandscapeGraph(losses, [1.3, 1.3], [[0, 1], [2, 3]], bound_edges=[[1, 2]], bounds=[1.5])
    monkeypatch.setattr(type(opened), "graph", lambda self: graph)
    return graph


@pytest.mark.parametrize("size", ["screen", "page", "column"])
@pytest.mark.parametrize("certified_only", [False, True])
def test_visits_of_minima_that_are_not_connected_are_drawn(opened, seen, pairs, size, certified_only):
    stays = dwells(seen)
    figure = plot_overlay(opened, [occupation(stays, opened)], certified_only=certified_only, size=size)
    assert flaws(figure) == []
    ax = figure.axes[0]
    title = " ".join(ax.get_title().split())
    parts = opened.n_minima - 2
    joined = "" if certified_only else ", 1 of them joined by upper bounds only"
    assert f"2 transition states, {parts} components{joined}" in title
    assert any("upper bounds, not certified" in t.get_text() for t in figure.findobj(Text)) != certified_only
    (disks,) = (c for c in ax.collections if isinstance(c, PathCollection))
    visited = np.unique(opened.positions(np.unique(seen.minimum_ids[seen.minimum_ids > 0])))
    np.testing.assert_allclose(np.sort(disks.get_offsets()[:, 1]), pairs.losses[visited])


@pytest.mark.parametrize("known", [[], [(1, 2)], [(0, 0), (0, 1), (1, 4)]], ids=["none", "one", "few"])
def test_pictures_of_runs_of_which_little_is_known(opened, files, tmp_path, known):
    """A sentence stands where there is nothing to draw, and nothing is drawn as nan. (All unknown: it raised.)"""
    ids = np.zeros((2, 5), dtype=np.int64)
    for place in known:
        ids[place] = opened.minima[0].id
    losses = np.where(ids > 0, opened.minima[0].point.value, np.nan)
    seen = InherentStructures(np.array([0, 100, 200, 400, 800]), ids, losses, np.empty(0, np.int64), "flow")
    stays, hops = dwells(seen), jumps(seen, opened)
    graph = plot_overlay(opened, [occupation(stays, opened)], paths=[run_path(stays, hops, 0)])
    in_time = plot_over_time(load_trajectories(files[1]).first(2), seen, opened)
    for name, figure in (("graph", graph), ("time", in_time)):
        save_figure(figure, tmp_path / f"{name}.png", dpi=30)
        words = [text.get_text() for text in figure.findobj(Text)]
        assert not any("nan" in text.split() for text in words)
        expected = len(known) == 0
        assert any("No snapshot belongs to a known minimum" in text for text in words) == expected
    drawn = [line.get_xydata() for ax in in_time.axes for line in ax.lines]
    assert all(np.isfinite(points[:, 1]).any() for points in drawn if len(points) and known)


def overlay(db, files, tmp_path, *options, suffix="svg"):
    command = ("overlay", db, files[1], "--output", tmp_path / f"o.{suffix}", "--jobs", 1, *options)
    return strict_json(good(*command, "--json").out)


def test_json_tells_the_visits(db, files, tmp_path):
    result = overlay(db, files, tmp_path, "--snapshots", 12, "--method", "both")
    runs = load_trajectories(files[1])
    steps = result["snapshot_steps"]
    assert set(runs.waiting_times.tolist()) <= set(steps) <= set(runs.steps.tolist())
    assert 12 <= len(steps) <= 12 + runs.waiting_times.size
    assert result["snapshots"] == 3 * len(steps) == sum(result["statuses"].values())
    assert result["mapped"] == result["statuses"]["minimum"]
    for sequence in result["sequences"]:
        assert sum(sequence["dwell_times"]) == steps[-1] - steps[0]
    assert len(result["jump_list"]) == result["jumps"]
    assert sum(jump["transition_state"] is not None for jump in result["jump_list"]) == result["direct_jumps"]
    by_step = result["maps_disagree_by_step"]
    assert by_step["steps"] == steps
    assert result["maps_disagree"] == pytest.approx(sum(by_step["different"]) / sum(by_step["compared"]))
    assert result["jumps_per_run"] == pytest.approx(result["jumps"] / 3)
    for name in ("jumps_per_run", "median_dwell", "return_probability", "mean_overlap", "maps_disagree"):
        ends = result[f"{name}_low"], result[f"{name}_high"]
        assert ends == (None, None) or ends[0] <= result[name] <= ends[1]
    assert result["history"]["distinct_of_all"][-1] == result["distinct_minima_visited"]
    for level in result["superbasins"]:
        assert sum(level["shares"]) + level["above"] == pytest.approx(1)
    assert len(result["dwell_times"]["median_residual"]) == len(steps)


def test_all_snapshots(db, files, tmp_path):
    result = overlay(db, files, tmp_path, "--snapshots", "all", "--runs", 1, "--method", "lbfgs")
    assert result["snapshot_steps"] == load_trajectories(files[1]).steps.tolist()
    assert "maps_disagree" not in result


@pytest.mark.parametrize(
    ("options", "suffix", "start"),
    [
        (("--run", 1), "svg", b"<?xml"),
        (("--runs-side-by-side", "0,2"), "pdf", b"%PDF"),
        (("--at", 300), "png", b"\x89PNG"),
        (("--each-waiting-time",), "svg", b"<?xml"),
    ],
)
def test_pictures(db, files, tmp_path, options, suffix, start):
    overlay(db, files, tmp_path, *options, suffix=suffix)
    assert (tmp_path / f"o.{suffix}").read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--method", "slow"), ("flow, lbfgs, both", "'slow'")),
        (("--snapshots", "some"), ("--snapshots", "'some'")),
        (("--snapshots", "0"), ("--snapshots", "'0'")),
        (("--run", 3), ("0 ... 2", "got 3")),
        (("--run", 2, "--runs", 2), ("0 ... 1", "got 2")),
        (("--runs-side-by-side", "0,9"), ("0 ... 2", "got 9")),
        (("--runs-side-by-side", "a"), ("--runs-side-by-side", "'a'")),
        (("--at", 9999), ("waiting time", "got 9999")),
        (("--at", 300, "--run", 0), ("--run, --at", "only one")),
    ],
)
def test_bad_options(db, files, tmp_path, options, words):
    command = ("overlay", db, files[1], "--output", tmp_path / "o.svg", "--jobs", 1, *options)
    assert_complaint(agescape(*command), *words)
    assert not (tmp_path / "o.svg").exists()


# ---------------------------------------------------------------- in time


def test_the_second_picture_shows_the_visits_in_time(db, files, tmp_path):
    result = overlay(db, files, tmp_path, "--over-time", tmp_path / "t.pdf")
    assert result["over_time"] == str(tmp_path / "t.pdf")
    assert (tmp_path / "t.pdf").read_bytes().startswith(b"%PDF")


def test_a_second_picture_of_no_known_kind_is_refused_before_the_work(db, files, tmp_path):
    before = count(db)
    command = ("overlay", db, files[1], "--output", tmp_path / "o.svg", "--over-time", tmp_path / "t.txt")
    assert_complaint(agescape(*command), "t.txt", ".svg, .pdf, .png")
    assert count(db) == before
    assert not (tmp_path / "o.svg").exists()


def curve(ax, k):
    return ax.lines[k].get_xdata().tolist(), ax.lines[k].get_ydata().tolist()


def test_the_panels_draw_what_was_computed(files, opened, seen):
    runs = replace(load_trajectories(files[1]), waiting_times=np.array([100, 400]))
    past, together = history(seen), overlaps(seen)
    figure = plot_over_time(runs, seen, opened)
    losses, first, overlap, stays, left, basins = figure.axes
    assert curve(losses, 1) == (past.steps.tolist(), past.mean_loss.tolist())
    np.testing.assert_allclose(losses.lines[0].get_ydata()[-1], runs.loss[:, -1].mean())
    assert curve(first, 0) == (past.steps.tolist(), past.distinct_of_all.tolist())
    np.testing.assert_array_equal(curve(overlap, 1), [together.steps, together.together])
    assert curve(stays, 0) == ([100, 300, 700], persistence(seen, [100]).same[0, 2:].tolist())
    assert "25% of all departures" in stays.get_title()  # one run left three times and came back once, the other left
    times, probabilities = residual_dwells(dwells(seen), [400]).survival(0)
    x, y = curve(left, 1)
    assert x[1:-1] == times.tolist()
    assert y[1:-1] == probabilities.tolist()
    heights = sum(band.get_paths()[0].get_extents().height for band in basins.collections)
    assert heights >= 1.0
    assert {ax.get_xlabel() for ax in figure.axes} == {"time (steps)", "time $t$ since $t_w$ (steps)"}
    assert flaws(figure) == []


@pytest.mark.parametrize(("number", "shape"), [(0, (1, 1)), (1, (1, 4)), (1, (3, 1))])
def test_thin_data_make_a_picture_too(files, opened, shape, number):
    ids = np.full(shape, opened.minima[0].id if number else 0)
    losses = np.full(shape, opened.minima[0].point.value if number else np.nan)
    few = InherentStructures(np.arange(shape[1]) * 100, ids, losses, np.empty(0, np.int64), "lbfgs")
    figure = plot_over_time(load_trajectories(files[1]), few, opened, size="page")
    assert len(figure.axes) == len(OVER_TIME_PANELS)
    assert flaws(figure) == []


# ---------------------------------------------------------------- resuming


def count(path):
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM agescape_inherent_structures").fetchone()[0]


@pytest.mark.slow
def test_a_killed_process_goes_on_where_it_was(db, files, tmp_path):
    options = ("--snapshots", "80", "--jobs", "1", "--json")
    killed = shutil.copy(files[0], tmp_path / "killed.db")
    command = ["overlay", str(killed), str(files[1]), "--output", str(tmp_path / "k.svg"), *options]
    process = subprocess.Popen([sys.executable, "-c", MAIN, *command], stdout=subprocess.DEVNULL)
    while not count(killed) and process.poll() is None:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(timeout=300) == -signal.SIGKILL
    assert 0 < count(killed) < 3 * 80
    assert not (tmp_path / "k.svg").exists()

    again = json.loads(good(*command).out)
    undisturbed = overlay(db, files, tmp_path, "--snapshots", 80)
    assert {**again, "output": None} == {**undisturbed, "output": None}
    assert tables(killed) == tables(db)
    assert (tmp_path / "k.svg").is_file()


# ---------------------------------------------------------------- pictures


def disks(ax):
    """Places (n, 2) and areas (n,) of the disks of visits, not of the marks at the ends of a path."""
    found = [c for c in ax.collections if isinstance(c, PathCollection) and c.get_zorder() == 4]
    return np.concatenate([c.get_offsets() for c in found]), np.concatenate([c.get_sizes() for c in found])


def test_disks_grow_with_dwell_time(opened, seen):
    visited = occupation(dwells(seen), opened)
    figure = plot_overlay(opened, [visited])
    places, areas = disks(figure.axes[0])
    heights = {m.point.value: t for m, t in zip(opened.minima, visited.times, strict=True) if t}
    times = np.array([heights[y] for y in places[:, 1]])
    assert sorted(heights) == sorted(places[:, 1])
    slope = (areas - areas.min()) / (times - times.min()).clip(1e-12)
    np.testing.assert_allclose(slope[times > times.min()], slope[times.argmax()], rtol=1e-9)
    assert flaws(figure) == []


def color_bars(figure):
    return [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]


def test_disks_of_one_color_have_no_color_bar(opened, seen):
    """Runs that stay where they are have one mean age, the geometric mean of all steps, which no snapshot has."""
    moving = plot_overlay(opened, [occupation(dwells(seen), opened)])
    assert [bar.get_ylabel() for bar in color_bars(moving)] == ["geometric mean age (steps)"]
    ids = np.repeat(np.array([[m.id] for m in opened.minima[:3]]), 5, axis=1)
    losses = np.repeat(np.array([[m.point.value] for m in opened.minima[:3]]), 5, axis=1)
    resting = InherentStructures(seen.steps, ids, losses, seen.new_ids, "flow")
    visited = occupation(dwells(resting), opened)
    assert np.isfinite(visited.ages).sum() == 3
    figure = plot_overlay(opened, [visited])
    assert color_bars(figure) == []
    assert flaws(figure) == []
    one_age = plot_overlay(opened, [occupation_at(dwells(seen), opened, 100)])
    assert color_bars(one_age) == []


def test_panels_share_their_scales(opened, seen):
    stays = dwells(seen)
    each = [occupation_at(stays, opened, age) for age in (0, 100, 200, 400)]
    figure = plot_overlay(opened, each)
    panels = figure.axes[:4]
    assert [ax.get_title() for ax in panels] == [rf"$t_w$ = {age}" for age in (0, 100, 200, 400)]
    assert len({ax.get_ylim() for ax in panels}) == 1
    area = {}
    for ax, visited in zip(panels, each, strict=True):
        for (_, y), size in zip(*disks(ax), strict=True):
            minimum = next(k for k, m in enumerate(opened.minima) if m.point.value == y)
            area[visited.times[minimum]] = area.setdefault(visited.times[minimum], size)
            assert size == area[visited.times[minimum]]
    assert flaws(figure) == []


def test_a_path_goes_from_minimum_to_minimum(opened, seen):
    stays, hops = dwells(seen), jumps(seen, opened)
    own = run_path(stays, hops, 0)[1]
    figure = plot_overlay(opened, [occupation(stays, opened)], paths=[run_path(stays, hops, 0)])
    ax = figure.axes[0]
    lines = [c for c in ax.collections if isinstance(c, LineCollection) and c.get_zorder() == 3.5]
    drawn = {tuple(segment[[0, -1], 1]) for c in lines for segment in c.get_segments()}
    value = [m.point.value for m in opened.minima]
    assert drawn == {(value[0], value[1]), (value[1], value[2]), (value[2], value[0])}
    marks = [c.get_offsets()[0] for c in ax.collections if isinstance(c, PathCollection) and c.get_zorder() == 5]
    assert [mark[1] for mark in marks] == [value[0], value[0]]
    solid, dashed = ([c for c in lines if (c.get_linestyle()[0][1] is None) == known] for known in (True, False))
    assert sum(len(c.get_segments()) for c in solid) == own.direct
    assert sum(len(c.get_segments()) for c in dashed) == 3 - own.direct
    assert flaws(figure) == []


def test_no_visits(opened, seen):
    nothing = InherentStructures(
        seen.steps, np.zeros_like(seen.minimum_ids), np.full(seen.losses.shape, np.nan), seen.new_ids, "flow"
    )
    stays = dwells(nothing)
    figure = plot_overlay(opened, [occupation(stays, opened)], paths=[(stays, jumps(nothing, opened))])
    assert flaws(figure) == []
    assert len(figure.axes) == 1


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("where_is_sgd", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sizes = {"hidden": "3", "rows": 100, "searches": 8, "replicas": 2, "steps": 400, "jobs": 1}
    words = [word for name, value in sizes.items() for word in (f"--{name}", str(value))]
    monkeypatch.setattr(sys, "argv", ["where_is_sgd", str(tmp_path), *words])
    module.main()
    number, _, direct, *_ = capsys.readouterr().out.split()
    assert int(number) >= int(direct)
    assert (tmp_path / "run0.png").read_bytes().startswith(b"\x89PNG")


def test_departures_speak_of_runs_and_not_of_a_displacement():
    said = _overlay_report._status(Status.AMBIGUOUS)
    assert "runs return" in said
    assert "displacement" not in said


def test_a_barrier_above_a_minimum_has_no_negative_interval():
    values, runs = np.array([1e-5, 1e-5, 2e-5, 9e-5]), np.array([0, 1, 2, 2])
    hops = SimpleNamespace(transition_states=np.ones(4, int), barriers=values, runs=runs)
    found = SimpleNamespace(searched=0, transition_states=0, minima=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_overlay_report, "barriers_from", lambda *_, **__: values - 1.0)
        said = _overlay_report.describe_barriers(hops, None, found, runs=SimpleNamespace(replicas=3), database=None)
    assert said["median_barrier_low"] == 0.0 < said["median_barrier"]
    assert said["median_barrier_from_run_low"] < said["median_barrier_from_run"] < 0.0
