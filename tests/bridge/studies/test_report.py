"""The report for a browser, as far as it can be read without one."""

import base64
import hashlib
import json
import re
import shlex
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, strategies as st

from bridge import StudySettings, Visits
from bridge.cli import run
from bridge.comparison import ComparisonRow
from bridge.pages._html import asset, script_json
from bridge.pages._tree import LARGEST, SMALLEST
from bridge.studies import SCALES, ArchitectureResults, MinimaTable, Scale, all_ages, scaled
from bridge.studies.report import _page as report
from bridge.studies.report._comparison import comparison_panel
from bridge.studies.report._graph import graph_panel
from bridge.studies.report._motion import FAINT, aging_panel, displacement_panel
from bridge.studies.report._panels import NO_VALUE, minimum_facts
from bridge.studies.report._study_command import study_command
from dynamics import SGD, Adam, AdamW, MeanSquareDisplacement, RMSprop, aging
from dynamics.noises import Epochs, Langevin, Persistent
from dynamics.training import Constant, Cosine
from landscape import Dataset, LandscapeGraph, datasets, disconnectivity_tree
from landscape.support import Estimate

WAITING, LAST, RUNS = (10, 100, 1000), 5000, 6
IDS = np.array([7, 3, 12, 5, 9])
LOSSES = np.array([0.51, 0.52, 0.525, 0.53, 0.54])
PALETTE = {"#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#222222", "#767676", "white"}
HOSTILE = "</script><script>window.pwned = 1</script><img src=x onerror=alert(1)>\"'&<!--"


def make_results(hidden="3,2", mu=0.8, test_accuracies=0.7, train_accuracies=0.8):
    """Five minima, two of them in a component of their own; runs of known places; t* = 3 tw^mu exactly."""
    graph = LandscapeGraph(LOSSES, np.array([0.55, 0.56, 0.57]), np.array([[0, 1], [1, 2], [3, 4]]))
    lags = np.geomspace(1, 4000, 40).astype(np.int64)
    t_star = 3.0 * np.array(WAITING, dtype=float) ** mu
    values = 1e-2 * lags[None, None] / t_star[None, :, None] * np.linspace(0.9, 1.1, RUNS)[:, None, None]
    msd = MeanSquareDisplacement(
        np.array(WAITING), np.unique(lags), values[:, :, np.unique(lags, return_index=True)[1]]
    )
    fit = aging(msd, 1e-2)
    visited = Visits(
        steps=np.array([*WAITING, LAST]),
        minimum_ids=np.array([7, 12, 9]),
        counts=np.array([[0, 1, 3, 6], [2, 3, 3, 0], [4, 2, 0, 0]]),
        distinct=np.ones(RUNS, dtype=np.int64),
        jumps=np.zeros(RUNS, dtype=np.int64),
        direct_jumps=0,
    )
    table = MinimaTable(
        IDS, LOSSES, train_accuracies + np.linspace(0.0, 0.04, 5), np.full(5, test_accuracies),
        np.array([1.5, 2.5, 3.5, 4.5, 123456.0]), (2, 4, 8, 2**70, 32), np.array([100, 0, 3, 2, 1]),
    )  # fmt: skip
    row = ComparisonRow(
        study="h" + hidden.replace(",", "-"), hidden=hidden, parameters=20, dataset="ljat", dataset_seed=0, rows=60,
        searches=20, minima=5, transition_states=3, components=2, estimated_minima=Estimate(6.0, 5.0, 9.0),
        minima_from_sgd=1, lowest_loss=0.51, replicas=RUNS, steps=LAST, threshold=1e-2,
        mu=fit.mu, mu_runs_mean=fit.mu_runs_mean.value, mu_control=np.nan,
    )  # fmt: skip
    return ArchitectureResults(row, visited, disconnectivity_tree(graph), table, msd, fit, {"agescape": "0.1.0"})


@pytest.fixture(scope="module")
def found():
    return make_results()


@pytest.fixture(scope="module")
def ages(found):
    return all_ages([found]).tolist()


# ---------------------------------------------------------------- the graph


def test_the_graph_has_the_coordinates_of_the_tree(found, ages):
    lines, minima, _ = graph_panel(found, ages).figure.data
    tree = found.tree
    assert list(zip(minima.x, minima.y, strict=True)) == list(zip(tree.x[:5], tree.levels[:5], strict=True))
    drawn = list(zip(lines.x, lines.y, strict=True))
    for node, line in enumerate(tree.lines):
        assert drawn[4 * node : 4 * node + 4] == [*map(tuple, line), (None, None)]
    assert len(drawn) == 4 * tree.n_nodes


def test_hover_tells_the_numbers_of_a_minimum(found, ages):
    _, minima, _ = graph_panel(found, ages).figure.data
    assert minima.text[3] == (
        "minimum 5<br>loss (nats) 0.530000<br>accuracy 0.8300<br>test accuracy 0.7000<br>trace (nats) 4.5<br>"
        f"orbit {2**70:,}<br>hits 2"
    )
    assert [text.split("<br>")[0] for text in minima.text] == [f"minimum {number}" for number in IDS]
    assert minima.hovertemplate == f"%{{text}}<br>runs here at this age: %{{customdata}} of {RUNS}<extra></extra>"


def test_without_test_rows_there_is_no_test_accuracy():
    table = make_results(test_accuracies=np.nan).minima
    assert minimum_facts(table, 0, "nats")["test accuracy"] == NO_VALUE
    regression = minimum_facts(make_results(test_accuracies=np.nan, train_accuracies=np.nan).minima, 0, "")
    assert list(regression) == ["minimum", "loss", "trace", "orbit", "hits"]


@pytest.mark.parametrize(
    ("k", "expected"), [(0, {12: 2, 9: 4}), (1, {7: 1, 12: 3, 9: 2}), (2, {7: 3, 12: 3}), (3, {7: 6})]
)
def test_lit_minima(found, ages, k, expected):
    panel = graph_panel(found, ages)
    frame, tree = panel.figure.frames[k], found.tree
    everywhere, disks = frame.data
    sizes = disks.marker.size
    lit = {}
    for x, y, number, size in zip(disks.x, disks.y, disks.customdata, sizes, strict=True):
        leaf = tree.minima.tolist().index(IDS.tolist().index(number))
        runs = everywhere.customdata[leaf]
        assert (x, y) == (tree.x[leaf], tree.levels[leaf])
        share = (size**2 - SMALLEST**2) / (LARGEST**2 - SMALLEST**2)
        assert share == pytest.approx(runs / RUNS, abs=2e-3)  # sizes have two digits
        lit[number] = runs
    assert lit == expected
    assert list(sizes) == sorted(sizes, reverse=True)
    assert sum(everywhere.customdata) == RUNS
    assert (frame.name, frame.traces) == (str(ages[k]), (1, 2))


def test_ages_at_which_an_architecture_was_not_looked_at(found):
    assert found.runs_at(11).tolist() == [0] * 5
    assert graph_panel(found, [11]).figure.frames[0].data[1].x == ()
    assert report.age_text(found, 11) == f"hidden layers 3,2: 0 of {RUNS} mapped runs are in minima"


def test_no_run_in_any_minimum(found, ages):
    nowhere = Visits(
        found.visited.steps, np.empty(0, np.int64), np.empty((0, 4), np.int64), found.visited.distinct,
        found.visited.jumps, 0,
    )  # fmt: skip
    nothing = ArchitectureResults(found.row, nowhere, found.tree, found.minima, found.msd, found.fit, found.versions)
    assert [frame.data[1].x for frame in graph_panel(nothing, ages).figure.frames] == [()] * 4
    assert "mapped runs are in minima" in page_of(nothing)


# ---------------------------------------------------------------- motion


def test_curves_are_the_mean_displacements(found, ages):
    curves = displacement_panel(found, ages).figure.data
    assert len(curves) == len(WAITING) + 1
    for curve, values in zip(curves, found.msd.mean, strict=False):
        assert (list(curve.x), list(curve.y)) == (found.msd.lags.tolist(), values.tolist())
    assert set(curves[-1].y) == {1e-2}


def test_the_curve_of_the_age_stands_out(found, ages):
    panel = displacement_panel(found, ages)
    for k in range(len(WAITING)):
        frame = panel.figure.frames[k]
        assert frame.traces == (0, 1, 2)
        widths = [curve.line.width for curve in frame.data]
        assert [width == max(widths) for width in widths] == [j == k for j in range(3)]
        assert [curve.opacity for curve in frame.data] == [1.0 if j == k else FAINT for j in range(3)]
    assert len({curve.line.width for curve in panel.figure.frames[-1].data}) == 1  # the last step is no waiting time


def test_t_star_is_marked_at_the_age(found, ages):
    other = make_results("2", mu=0.9)
    panel = aging_panel([found, other], ages)
    figure = panel.figure
    for k, tw in enumerate(WAITING):
        one, two, line = figure.frames[k].data
        assert (one.x, two.x, line.x) == ((tw,), (tw,), (tw, tw))
        np.testing.assert_allclose([*one.y, *two.y], [3 * tw**0.8, 3 * tw**0.9], rtol=1e-2)
    assert [trace.x for trace in figure.frames[-1].data] == [(), (), (LAST, LAST)]
    marks = [figure.data[trace] for trace in figure.frames[0].traces]
    assert [mark.mode for mark in marks] == ["markers", "markers", "lines"]
    assert "-open" in marks[0].marker.symbol


def test_error_bars_end_at_the_interval(found, ages):
    points = aging_panel([found], ages).figure.data[0]
    ends = np.array(points.y) + np.array([points.error_y.array, -np.array(points.error_y.arrayminus)])
    np.testing.assert_allclose(ends, [found.fit.t_star.high, found.fit.t_star.low])


def test_thin_data_leave_gaps(ages):
    """Nowhere is the threshold reached: no t*, no mu, but a figure."""
    base = make_results()
    far = ArchitectureResults(
        base.row, base.visited, base.tree, base.minima, base.msd, aging(base.msd, 1e6), base.versions
    )
    panel = aging_panel([far], ages)
    assert set(panel.figure.data[0].y) == {None}
    assert [trace.x for trace in panel.figure.frames[0].data] == [(), (10, 10)]
    assert NO_VALUE in panel.figure.data[0].name


def test_comparison(found):
    filled, empty = comparison_panel([found.row]).figure.data
    assert (filled.x, filled.y, empty.x) == ((5.0,), (found.row.mu.value,), (6.0,))
    assert (empty.error_x.array, empty.error_x.arrayminus) == ((3.0,), (1.0,))
    assert filled.y[0] + filled.error_y.array[0] == pytest.approx(found.row.mu.high)
    assert empty.marker.symbol == filled.marker.symbol + "-open"


def test_colors_are_told_apart_by_the_color_blind(found, ages):
    """Okabe and Ito's palette and grays; architectures differ by symbol, too."""
    several = [make_results(hidden) for hidden in ("3,2", "2", "1")]
    panels = [graph_panel(found, ages), displacement_panel(found, ages), aging_panel(several, ages)]
    text = report.to_json([panel.figure.to_plotly_json()["data"] for panel in panels])
    colors = {color.upper() if color[0] == "#" else color for color in re.findall(r'"color": "([^"]+)"', text)}
    assert colors <= {color.upper() if color[0] == "#" else color for color in PALETTE}
    assert len({trace.marker.symbol for trace in panels[2].figure.data[:6:2]}) == 3


# ---------------------------------------------------------------- the page


class Tags(HTMLParser):
    """All tags with their attributes, and the contents of the scripts."""

    def __init__(self):
        super().__init__()
        self.tags, self.scripts, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "script" and self.scripts[-1] == "":
            self.scripts[-1] = data
        else:
            self.texts.append(data)


def page_of(*results, data=None, settings=None):
    return report.page(results, [], data or datasets.ljat(20, 0, test_rows=0), settings or StudySettings())


def read(text):
    tags = Tags()
    tags.feed(text)
    tags.close()
    return tags


@pytest.fixture(scope="module")
def tags(found):
    return read(page_of(found, make_results("2")))


def test_the_page_loads_nothing(tags):
    names = [name for name, _ in tags.tags]
    assert not {"link", "iframe", "object", "embed", "base"} & set(names)
    sources = [attributes[key] for _, attributes in tags.tags for key in ("src", "href", "data") if key in attributes]
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert "url(" not in asset("page.css")
    assert "@import" not in asset("page.css")


@pytest.mark.parametrize("name", ["teacher:5,3,1", "teacher:4,2,2:gelu"])
def test_the_command_names_the_teacher(name):
    data = datasets.load(name, rows=9, regression=True)
    words = shlex.split(study_command(data, StudySettings(loss="squared-error")))
    assert words[:7] == ["agescape", "study", "--dataset", name, "--rows", "9", "--dataset-seed"]
    assert "--regression" in words


def test_the_page_names_the_optimizer(found):
    texts = "".join(read(page_of(found, settings=StudySettings(optimizer=Adam()))).texts)
    assert "Loss landscape and aging of Adam\n" in texts
    assert "SGD" not in texts


def test_the_policy_names_the_scripts_and_nothing_else(tags):
    (policy,) = (a["content"] for name, a in tags.tags if name == "meta" and "http-equiv" in a)
    kinds = [a.get("type") for name, a in tags.tags if name == "script"]
    assert kinds == ["application/json", None, None, None]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in tags.scripts[1:]]
    assert policy.startswith("default-src 'none'; ")
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    assert "connect-src" not in directives  # so that default-src holds
    assert "http" not in policy


def test_what_is_on_the_page_is_described(tags):
    ids = [a["id"] for _, a in tags.tags if "id" in a]
    assert len(ids) == len(set(ids))
    plots = [a for _, a in tags.tags if a.get("class") == "plot"]
    assert [a["id"] for a in plots] == ["graph-3-2", "msd-3-2", "graph-2", "msd-2", "aging", "comparison"]
    assert all(len(a["aria-label"]) > 40 and a["role"] == "group" for a in plots)
    for _, attributes in tags.tags:
        for key in ("aria-labelledby", "aria-describedby", "for", "list"):
            if key in attributes:
                assert attributes[key] in ids
    slider, *_ = (a for name, a in tags.tags if name == "input" and a["type"] == "range")
    assert (slider["type"], slider["min"], slider["max"]) == ("range", "0", "3")
    assert ("html", {"lang": "en"}) in tags.tags


def test_the_data_of_the_page(tags, found):
    data = json.loads(tags.scripts[0], parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert [panel["id"] for panel in data["panels"]] == [
        "graph-3-2",
        "graph-2",
        "msd-3-2",
        "msd-2",
        "aging",
        "comparison",
    ]
    assert [age["text"] for age in data["ages"]] == [
        "10 steps (waiting time)",
        "100 steps (waiting time)",
        "1,000 steps (waiting time)",
        "5,000 steps (no waiting time)",
    ]
    assert data["ages"][0]["details"][0].startswith(
        "hidden layers 3,2: 6 of 6 mapped runs are in 2 minima, losses 0.5250 to 0.5400 nats; t* = "
    )
    for panel in data["panels"][:-1]:
        assert [frame["name"] for frame in panel["frames"]] == ["10", "100", "1000", "5000"]
        for frame in panel["frames"]:
            assert len(frame["data"]) == len(frame["traces"])
    figures = [go.Figure({"data": panel["data"], "layout": panel["layout"]}) for panel in data["panels"]]
    assert [len(figure.data) for figure in figures] == [3, 3, 4, 4, 7, 4]  # Plotly knows every property


@given(st.dictionaries(st.text(), st.lists(st.text() | st.integers(), max_size=3), max_size=3))
def test_no_text_ends_the_script_element(value):
    text = script_json(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")


def test_a_hostile_name_stays_text(found):
    data = datasets.ljat(20, 0, test_rows=0)
    hostile = Dataset(
        data.inputs, data.labels, 4, data.test_inputs, data.test_labels, {"name": HOSTILE, "path": HOSTILE, HOSTILE: 1}
    )
    clean, tags = read(page_of(found)), read(page_of(found, data=hostile))
    assert [name for name, _ in tags.tags] == [name for name, _ in clean.tags]
    assert tags.scripts == clean.scripts
    assert "window.pwned" in "".join(tags.texts)


def test_a_hostile_path_stays_one_word_of_the_command(tmp_path, found):
    path = tmp_path / "a; rm -rf <b> $(x) '.csv"
    datasets.write_table(datasets.ljat(30, 0, test_rows=0), path)
    data = datasets.load(path, rows=20)
    assert "".join(read(page_of(found, data=data)).texts).count(study_command(data, StudySettings())) == 1
    assert "<b>" not in page_of(found, data=data)


def test_versions_that_differ_are_all_named(found):
    other = make_results("2")
    object.__setattr__(other, "versions", {"agescape": "0.0.9"})
    cells = "".join(read(page_of(found, other)).texts)
    assert re.search(r"agescape0\.0\.9, 0\.1\.0", cells)


def test_the_assets_are_there():
    assert {path.name for path in (files("bridge.studies.report") / "assets").iterdir()} == {"report.html"}


# ---------------------------------------------------------------- the command that makes a study again

SAID = [
    StudySettings(),
    StudySettings(scale=SCALES["paper"], seed=3, threshold=1e-3, architectures=((2,), (3, 3))),
    StudySettings(scale=scaled("quick", searches=30, replicas=5, steps=200), optimizer=SGD(0.1, batch_size=20)),
    StudySettings(scale=scaled("paper", replicas=7)),
    StudySettings(regularization=1e-3, regularize_biases=False),
    StudySettings(optimizer=SGD(momentum=0.5, noise=Langevin(1e-3), schedule=Cosine(50, 0.1), precision="float64")),
    StudySettings(optimizer=SGD(momentum=0.9, nesterov=True, shared_order=True)),
    StudySettings(optimizer=RMSprop(alpha=0.9, label_noise=0.1)),
    StudySettings(optimizer=AdamW(0.01, betas=(0.9, 0.99), epsilon=1e-6, weight_decay=0.1, noise=Persistent(5))),
]  # fmt: skip
UNSAID = [
    StudySettings(scale=Scale(20, 6, 3, 60, 2, 2)),
]


@pytest.mark.parametrize("settings", SAID, ids=range(len(SAID)))
@pytest.mark.parametrize("kind", ["ljat", "table"])
def test_the_command_gives_the_same_settings(settings, kind, tmp_path, monkeypatch):
    data = datasets.load("ljat", rows=30, seed=2)
    if kind == "table":
        datasets.write_table(data, tmp_path / "my data.csv")
        data = datasets.load(tmp_path / "my data.csv", rows=30)

    class StopError(ValueError):
        pass

    calls = []

    def instead(*arguments, **_options):
        calls.append(arguments)
        raise StopError

    monkeypatch.setattr("bridge.commands.study.run_study", instead)
    program, *words = shlex.split(study_command(data, settings))
    assert program == "agescape"
    monkeypatch.setattr("sys.argv", [program, *words])
    with pytest.raises(SystemExit):
        run()
    ((found, _, chosen),) = calls
    assert chosen == settings
    assert found.sha256 == data.sha256


@pytest.mark.parametrize("settings", UNSAID, ids=range(len(UNSAID)))
def test_what_no_command_says_is_python(settings):
    data = datasets.ljat(20, 0, test_rows=0)
    text = study_command(data, settings)
    names = {"study": lambda *arguments: arguments, "datasets": datasets, "StudySettings": StudySettings, "SGD": SGD}
    made, _, chosen = eval(text, names | {"Scale": Scale, "Constant": Constant, "Epochs": Epochs})
    assert chosen == settings
    assert made.sha256 == data.sha256


def test_data_that_no_command_makes():
    data = datasets.ljat(20, 0, edge=1.4, test_rows=0)
    assert "datasets.reload({'name': 'ljat'" in study_command(data, StudySettings())
    by_hand = Dataset(data.inputs, data.labels, 4, data.test_inputs, data.test_labels, {"note": "x"})
    assert study_command(by_hand, StudySettings()).startswith("study(data, ")
    assert study_command(datasets.ljat(20, 0), StudySettings()).startswith("agescape study --dataset ljat --rows 20")
