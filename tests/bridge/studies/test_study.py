import base64
import csv
import json
import re
import shlex
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import h5py
import numpy as np
import pytest

from bridge import StudySettings, compare, inherent_structures, study
from bridge.cli import run
from bridge.comparison import CONTROL, LANDSCAPE, RUNS, row_dict
from bridge.studies import SCALES, Scale
from bridge.studies._study import folder_name
from bridge.studies.report._panels import number_text
from bridge.studies.report._tables import COLUMNS
from dynamics import SGD, load_trajectories
from landscape import CrossEntropyLoss, Database, Dataset, datasets
from landscape.networks import MLP
from landscape.support import to_json

PNG = b"\x89PNG\r\n\x1a\n"
VOID = {"meta", "img", "br", "link", "input"}
SETTINGS = StudySettings(
    scale=Scale(searches=20, later_searches=6, replicas=3, steps=60, control_replicas=2, mapped_replicas=2),
    architectures=((2,), (1, 1)),
    optimizer=SGD(batch_size=20, learning_rate=0.1),
)
STAGES = ("explore", "train (sgd)", "train (full)", "map snapshots", "random starts")
INTERRUPTIONS = (  # stage, and how much of it is done: the last one is the exploration with the minima of SGD
    ("explore", 1), ("train (sgd)", 0), ("train (sgd)", 1), ("train (full)", 0), ("train (full)", 1),
    ("map snapshots", 0), ("map snapshots", 1), ("explore", 21),
)  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return datasets.ljat(60, 0, test_rows=0)


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    """A study, and the reports of its progress."""
    reports = []
    output = tmp_path_factory.mktemp("study") / "new" / "folder"
    return study(data, output, SETTINGS, progress=lambda *report: reports.append(report)), reports


def contents(output):
    """All numbers of a study: texts, tables of the databases, arrays of the runs."""
    found = {name: (output / name).read_bytes() for name in ("comparison.csv", "comparison.json", "report.html")}
    for hidden in SETTINGS.architectures:
        folder = output / folder_name(hidden)
        with closing(sqlite3.connect(folder / LANDSCAPE)) as database:
            names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                found[folder.name, name] = sorted(database.execute(f"SELECT * FROM {name}").fetchall())
        for file in (RUNS, CONTROL):
            with h5py.File(folder / file) as runs:
                found.update({(folder.name, file, name): runs[name][...].tobytes() for name in runs})
    return found


# ---------------------------------------------------------------- what a study makes


def test_comparison(undisturbed, data):
    done, _ = undisturbed
    assert [row.hidden for row in done.comparison.rows] == ["2", "1,1"]
    assert [row.study for row in done.comparison.rows] == ["h2", "h1-1"]
    for row in done.comparison.rows:
        assert (row.rows, row.replicas, row.steps, row.dataset) == (60, 3, 60, data.metadata["name"])
        assert row.minima > 0
        assert np.isfinite([row.mu_control, row.lowest_loss, row.estimated_minima.value]).all()
    assert {row.hidden: repr(row) for row in compare(done.output).rows} == {
        row.hidden: repr(row) for row in done.comparison.rows
    }


def test_files(undisturbed):
    done, _ = undisturbed
    figures = ["disconnectivity.png", "aging.png", "comparison.png"]
    assert [path.name for path in done.figures] == figures
    assert sorted(path.name for path in done.output.iterdir()) == sorted(
        [*figures, "comparison.csv", "comparison.json", "report.html", "h2", "h1-1"]
    )
    for path in done.figures:
        assert path.read_bytes().startswith(PNG)
    for folder in ("h2", "h1-1"):
        assert sorted(path.name for path in (done.output / folder).iterdir()) == [CONTROL, LANDSCAPE, RUNS]


def test_numbers_in_files(undisturbed, data):
    done, _ = undisturbed
    text = (done.output / "comparison.json").read_text()
    values = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert values["dataset_sha256"] == data.sha256
    for found, row in zip(values["architectures"], done.comparison.rows, strict=True):
        expected = json.loads(to_json(row_dict(row)))
        assert found == expected
    with (done.output / "comparison.csv").open(newline="") as file:
        assert [row["hidden"] for row in csv.DictReader(file)] == ["2", "1,1"]


def page_data(path):
    """What the scripts of a report draw."""
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="page-data">(.*?)</script>', text, re.S)[1])


def test_the_report_lights_up_the_minima_that_the_runs_are_in(undisturbed, data):
    """Against the database and the map from snapshots to minima themselves."""
    done, _ = undisturbed
    shown = page_data(done.report)
    panels = {panel["id"]: panel for panel in shown["panels"]}
    for hidden in SETTINGS.architectures:
        folder = done.output / folder_name(hidden)
        panel = panels["graph-" + "-".join(map(str, hidden))]
        loss = CrossEntropyLoss(MLP((2, *hidden, 4)), data)
        runs = load_trajectories(folder / RUNS).at_most(2)
        with Database(folder / LANDSCAPE) as database:
            places = inherent_structures(runs, database)
            minima = {minimum.id: minimum for minimum in database.minima}
        assert len(panel["frames"]) == len(shown["ages"]) == places.steps.size
        leaves = [int(text.split("<br>")[0].split()[1]) for text in panel["data"][1]["text"]]
        for s, (runs_here, disks) in enumerate(frame["data"] for frame in panel["frames"]):
            ids = places.minimum_ids[:, s]
            assert sorted(disks["customdata"]) == sorted(set(ids.tolist()) - {0})
            assert runs_here["customdata"] == [(ids == number).sum() for number in leaves]
        for text in panel["data"][1]["text"]:
            number, value, accuracy, test, trace, orbit, hits = (
                part.rsplit(" ", 1)[1] for part in text.split("<br>")[:7]
            )
            minimum = minima[int(number)]
            assert (value, trace) == (f"{minimum.point.value:.6f}", f"{minimum.point.eigenvalues.sum():.5g}")
            assert float(accuracy) == pytest.approx(loss.accuracy(minimum.point.coordinates), abs=5e-5)
            assert test == "known"  # there are no test rows: "not known"
            assert (orbit, hits) == (f"{minimum.orbit_size:,}", f"{minimum.hits:,}")


@pytest.mark.slow
def test_every_command_of_the_report_runs(undisturbed, tmp_path, monkeypatch):
    done, _ = undisturbed
    shutil.copytree(done.output / "h2", tmp_path / "h2")
    monkeypatch.chdir(tmp_path)
    commands = re.findall(
        r"(?:^|>)(agescape (?!study)[^<\n]*h2/[^<\n]*)", unescape(done.report.read_text(encoding="utf-8")), re.M
    )
    assert len(commands) == 5
    for command in commands:
        monkeypatch.setattr("sys.argv", shlex.split(command))
        with pytest.raises(SystemExit) as end:
            run()
        assert end.value.code == 0, command
    assert {path.name for path in (tmp_path / "h2").glob("*.svg")} == {
        "graph.svg", "age.svg", "overlay.svg", "curvature.svg",
    }  # fmt: skip


class Page(HTMLParser):
    """Texts, cells and pictures of a page whose tags must match."""

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.images, self.rows, self.seen = [], [], [], [], []
        self.tables = []  # rows of each table: parts of `rows`

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.rows.append([])
            self.tables[-1].append(self.rows[-1])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] in {"td", "th"}:
            self.rows[-1][-1] += data


def read_page(path):
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    assert page.open == []
    return page


def test_report(undisturbed):
    done, _ = undisturbed
    assert done.report == done.output / "report.html"
    page = read_page(done.report)
    header, *rows = page.tables[0]
    assert header == list(COLUMNS)
    assert [row[0] for row in rows] == ["2", "1,1"]
    for cells, row in zip(rows, done.comparison.rows, strict=True):
        assert len(cells) == len(COLUMNS)
        assert cells[1:3] == [str(row.parameters), str(row.minima)]
        assert cells[6] == f"{row.lowest_loss:.4f}"
        assert cells[8].startswith(number_text(row.mu.value))
    assert len(page.images) == 3
    for image, figure in zip(page.images, done.figures, strict=True):
        assert len(image["alt"]) > 20
        kind, encoded = image["src"].split(",", 1)
        assert kind == "data:image/png;base64"
        assert base64.b64decode(encoded, validate=True) == figure.read_bytes()
    assert "title" in page.seen
    text = " ".join(page.texts)
    for value in ("60 rows", "20 + 6 searches", "3 runs of 60 steps", "2 full-batch runs", "snapshots of 2 runs"):
        assert value in text


def test_data_made_by_hand(data, tmp_path):
    by_hand = Dataset(data.inputs, data.labels, 4, data.test_inputs, data.test_labels, {"note": "<b> & </b>"})
    done = study(by_hand, tmp_path, replace(SETTINGS, architectures=((2,),)))
    assert "b" not in read_page(done.report).seen


def test_progress(undisturbed):
    _, reports = undisturbed
    stages = list(dict.fromkeys(stage for stage, _, _ in reports))
    assert stages == [f"{name}: {stage}" for name in ("2", "1,1") for stage in STAGES]
    for stage in stages:
        done = [(done, total) for name, done, total in reports if name == stage]
        assert done == sorted(done)
        assert done[-1][0] == done[-1][1]


def test_the_paper_scale_is_that_of_the_paper():
    assert (SCALES["paper"].replicas, SCALES["paper"].steps) == (100, 150_000)
    assert StudySettings().architectures == ((10,), (5, 5), (4, 4, 4))
    assert folder_name((5, 5)) == "h5-5"


# ---------------------------------------------------------------- again, and after interruptions


def test_a_repeated_study_gives_the_same(undisturbed, data):
    done, _ = undisturbed
    before = contents(done.output)
    reports = []
    again = study(data, done.output, SETTINGS, progress=lambda *report: reports.append(report))
    assert repr(again.comparison) == repr(done.comparison)
    assert contents(done.output) == before
    assert all(finished == total for _, finished, total in reports)  # nothing was left to do


def interrupt_at(stage, least):
    """Progress that presses Ctrl-C once a stage has done so much."""

    def progress(name, done, _total):
        if name == stage and done >= least:
            raise KeyboardInterrupt

    return progress


@pytest.mark.slow
def test_an_interrupted_study_goes_on(undisturbed, data, tmp_path):
    """Interrupted in every stage of every architecture, one after the other."""
    for name in ("2", "1,1"):
        for stage, least in INTERRUPTIONS:
            if not any(seen == f"{name}: {stage}" and done >= least for seen, done, _ in undisturbed[1]):
                assert (name, least) == ("2", 21)  # its minima are all joined
                continue
            with pytest.raises(KeyboardInterrupt):
                study(data, tmp_path, SETTINGS, progress=interrupt_at(f"{name}: {stage}", least))
    assert not (tmp_path / "report.html").exists()
    study(data, tmp_path, SETTINGS)
    assert contents(tmp_path) == contents(undisturbed[0].output)


@pytest.mark.slow
def test_an_interruption_while_drawing(undisturbed, data, tmp_path, monkeypatch):
    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    settings = replace(SETTINGS, architectures=((2,),))
    with monkeypatch.context() as patched:
        patched.setattr("bridge.studies.report._page.write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            study(data, tmp_path, settings)
    done = study(data, tmp_path, settings)
    assert repr(done.comparison.rows[0]) == repr(undisturbed[0].comparison.rows[0])


@pytest.mark.slow  # the normal run has this of explore, train and the maps
def test_number_of_workers_does_not_matter(undisturbed, data, tmp_path):
    study(data, tmp_path, SETTINGS, jobs=2)
    assert contents(tmp_path) == contents(undisturbed[0].output)


# ---------------------------------------------------------------- other settings


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"regularization": 1e-3}, "regularization"),
        ({"seed": 1}, "seed"),
        ({"optimizer": SGD(batch_size=20, learning_rate=0.2)}, "learning_rate"),
        ({"scale": replace(SETTINGS.scale, steps=80)}, "steps"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_of_other_settings_are_refused(undisturbed, data, changes, name):
    before = contents(undisturbed[0].output)
    with pytest.raises(ValueError, match=name):
        study(data, undisturbed[0].output, replace(SETTINGS, **changes))
    assert contents(undisturbed[0].output) == before


def test_files_of_other_data_are_refused(undisturbed):
    with pytest.raises(ValueError, match="dataset_seed = 0, not 1"):
        study(datasets.ljat(60, 1, test_rows=0), undisturbed[0].output, SETTINGS)


ONE = replace(SETTINGS, architectures=((2,),), scale=replace(SETTINGS.scale, searches=18, later_searches=0, steps=20))


def test_a_study_without_searches(data, tmp_path):
    """All minima come from SGD, and there is nothing to estimate their number from."""
    done = study(
        data, tmp_path, replace(ONE, scale=replace(ONE.scale, searches=0, later_searches=0, steps=60, starts=0))
    )
    (row,) = done.comparison.rows
    assert row.minima == row.minima_from_sgd > 0
    assert np.isnan(row.estimated_minima.value)


def test_a_report_of_what_is_not_known(data, tmp_path):
    done = study(
        data, tmp_path, replace(ONE, scale=replace(ONE.scale, searches=0, later_searches=0, steps=60, starts=0))
    )
    assert not any("nan" in cell for row in read_page(done.report).rows for cell in row)


def test_a_study_whose_runs_never_move_so_far(data, tmp_path):
    done = study(data, tmp_path, replace(ONE, threshold=1e6))
    assert np.isnan(done.comparison.rows[0].mu.value)


@pytest.mark.slow
def test_a_study_around_another_study(data, tmp_path):
    study(data, tmp_path / "inner", ONE)
    assert len(study(data, tmp_path, ONE).comparison.rows) == 1


def test_an_architecture_given_twice(data, tmp_path):
    done = study(data, tmp_path, replace(ONE, architectures=((2,), (2,))))
    assert len(done.comparison.rows) == 1


@pytest.mark.slow
def test_a_smaller_study_in_the_same_folder(data, tmp_path):
    """What the report says it is made from is what it is made from."""
    study(data, tmp_path, replace(ONE, scale=replace(ONE.scale, replicas=4)))
    smaller = study(data, tmp_path, ONE)
    assert smaller.comparison.rows[0].replicas == 3


def test_the_report_counts_the_mapped_runs(data, tmp_path):
    done = study(data, tmp_path, replace(ONE, scale=replace(ONE.scale, mapped_replicas=50)))
    assert "snapshots of 3 runs" in done.report.read_text()
