"""The page of a disconnectivity graph, as far as it can be read without a browser; its script in Node."""

import json
import re
import shutil
import subprocess
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from support.graphs import graphs

from bridge.pages import AgeCounts, graph_page, tree_panel
from landscape import LandscapeGraph, disconnectivity_tree
from landscape.database import Property
from landscape.graph import prune, shared_groups
from landscape.plots import groups_of

SCRIPT = files("bridge.pages") / "assets" / "graph.js"
node = pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js")
HOSTILE = "</script><script>window.pwned = 1</script>\"'&"


def panel_of(graph, **options):
    tree = disconnectivity_tree(graph)
    texts = [f"minimum {k}" for k in tree.minima.tolist()]
    ids = np.arange(1, graph.n_minima + 1)
    said = {"name": "graph", "title": "", "alt": "", "axis_label": "loss"}
    return tree, tree_panel(tree, ids=ids, texts=texts, **said, **options)


def in_node(panel, expression):
    """What an expression of P, the panel, T, its arrays, and the functions of graph.js is."""
    data = {**panel.figure.to_plotly_json(), "tree": panel.tree}
    program = (
        "const { treeOf, picture, wholeOf, windowAround, opened, sharedGroups, squeezeOf, coversOf, colorsBy } = "
        f"require({json.dumps(str(SCRIPT))}); const P = JSON.parse(require('fs').readFileSync(0)), T = treeOf(P);"
        "const state = (more) => ({ collapsed: new Set(), window: P.layout.xaxis.range, color: null, counts: null, "
        f"found: null, ...more }}); console.log(JSON.stringify({expression}))"
    )
    done = subprocess.run(["node", "-e", program], input=json.dumps(data), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def two_funnels(n=6):
    """Two funnels of n minima each, joined high up."""
    losses = np.concatenate([np.arange(n) * 0.1, 0.05 + np.arange(n) * 0.1])
    edges = [(0, k) for k in range(1, n)] + [(n, n + k) for k in range(1, n)] + [(0, n)]
    heights = [losses[list(edge)].max() + 0.02 for edge in edges[:-1]] + [3.0]
    return LandscapeGraph(losses, heights, edges)


def funnel(n):
    """Each minimum is joined to the lowest one at its own height, those after the first half in pairs."""
    losses = np.linspace(0.0, 1.0, n)
    edges = [(0, k) if k < n // 2 or k % 2 else (k - 1, k) for k in range(1, n)]
    return LandscapeGraph(losses, losses[[b for _, b in edges]] + 1e-4, edges)


@node
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(graphs())
def test_all_lines_and_minima_of_a_small_tree_are_drawn(graph):
    tree, panel = panel_of(graph)
    lines, minima = in_node(panel, "picture(P, T, state({})).traces.slice(0, 2).map(({x, y}) => ({x, y}))")
    drawn = np.array([lines["x"], lines["y"]], dtype=float).T.reshape(-1, 4, 2)[:, :3]
    expected = prune(tree, 1).lines  # superbasins that stay
    np.testing.assert_allclose(drawn, expected, atol=1e-12)
    assert [minima["x"], minima["y"]] == [tree.x[: tree.n_leaves].tolist(), tree.levels[: tree.n_leaves].tolist()]


@node
def test_a_collapsed_branch_is_as_wide_as_a_leaf_and_holds_its_runs():
    graph = two_funnels()
    counts = np.zeros((1, graph.n_minima), dtype=int)
    counts[0, [0, 7, 8]] = [1, 2, 3]
    tree, panel = panel_of(graph, at_ages=AgeCounts(np.array([5]), counts, 6))
    top = int(np.flatnonzero((tree.sizes == 6) & (tree.lowest != 0))[-1])
    data, whole, folded = in_node(
        panel,
        f"(() => {{ const collapsed = new Set([{top}]), counts = P.frames[0].data[0].customdata;"
        "const s = state({ collapsed, counts }); return [picture(P, T, s).traces, wholeOf(T, new Set()), "
        "wholeOf(T, collapsed)]; })()",
    )
    lines, minima, lit, joins = data[:4]
    assert len(minima["x"]) == 6
    assert whole == list(panel.figure.layout.xaxis.range)
    assert whole[1] - folded[1] == pytest.approx(1.02 * 5.0)  # six leaves are as wide as one
    triangle = joins["marker"]["symbol"].index("triangle-up")
    assert joins["customdata"][triangle] == {"node": top}
    assert joins["y"][triangle] == tree.levels[top]
    assert "superbasin of 6 minima" in joins["text"][triangle]
    assert dict(zip(lit["customdata"], lit["marker"]["size"], strict=True)).keys() == {1, 7}  # ids of the lowest
    assert lit["y"][lit["customdata"].index(7)] == tree.levels[top]
    assert max(lit["marker"]["size"]) == lit["marker"]["size"][lit["customdata"].index(7)]
    ends = [v for v in lines["x"] if v is not None]
    assert max(ends) <= folded[1]


@node
def test_no_lines_cross_when_branches_are_collapsed():
    """The map of places is increasing, and moves nothing within what stays."""
    tree, panel = panel_of(two_funnels(5))
    node = int(np.flatnonzero(tree.sizes == 3)[0])
    before, after = in_node(
        panel, f"(() => {{ const c = new Set([{node}]); return [T.at, T.at.map(squeezeOf(T, c, coversOf(T, c)))]; }})()"
    )
    order = np.argsort(before, kind="stable")
    steps = np.diff(np.array(after)[order])
    assert (steps >= -1e-12).all()
    assert (steps <= np.diff(np.array(before)[order]) + 1e-12).all()


@node
def test_a_large_tree_has_few_lines_until_one_zooms_in():
    n = 4000
    tree, panel = panel_of(funnel(n))
    whole, near, shade, least = in_node(
        panel,
        "(() => { const a = picture(P, T, state({})), w = windowAround(T, new Set(), 3000);"
        "const b = picture(P, T, state({ window: w, found: 3000 }));"
        "const count = (p) => p.traces[1].x.length; return [count(a), [count(b), b.traces[1].x, w], "
        "a.shapes.map((s) => s.path), a.seen.least]; })()",
    )
    assert whole <= 1000
    assert least > 1
    assert len(shade) == 1
    inside = (tree.x[:n] >= near[2][0]) & (tree.x[:n] <= near[2][1])
    assert set(tree.x[:n][inside].tolist()) <= set(near[1])
    columns = re.findall(r"M[^Z]*Z", shade[0])
    assert 1 < len(columns) <= 500


@node
def test_branches_are_colored_where_all_minima_share_a_group():
    graph = two_funnels()
    labels = ["a"] * 6 + ["b"] * 6
    tree, panel = panel_of(graph, columns=[("funnel", groups_of(labels))])
    shared, traces = in_node(panel, "[sharedGroups(T, T.columns[0].groups), picture(P, T, state({ color: 0 })).traces]")
    assert shared == shared_groups(tree, groups_of(labels).numbers).tolist()
    named = {trace.get("name"): trace for trace in traces}
    for k, name in enumerate(("a (6 minima)", "b (6 minima)")):
        heights = [y for y in named[name]["y"][::4]]
        assert sorted(heights) == sorted(tree.levels[np.array(shared) == k].tolist())


@node
def test_numbers_color_minima_and_unknown_ones_stay_white():
    values = np.array([1.0, 10.0, 100.0, np.nan, 0.0, 2.0, *np.full(6, 5.0)])
    tree, panel = panel_of(two_funnels(), columns=[Property("hits", values, "hits", True)])
    found = in_node(panel, "colorsBy(T.columns[0], T.columns[0].values.map((_, k) => k))")
    white = {int(tree.minima[k]) for k, color in enumerate(found["colors"]) if color == "white"}
    assert white == {3, 4}
    by_minimum = dict(zip(tree.minima.tolist(), found["colors"], strict=True))
    assert (by_minimum[0], by_minimum[2]) == ("rgb(68,1,84)", "rgb(253,231,37)")
    bar = found["bar"]["marker"]["colorbar"]
    assert bar["ticktext"] == ["1", "2", "5", "10", "20", "50", "100"]
    assert (found["bar"]["marker"]["cmin"], found["bar"]["marker"]["cmax"]) == (0, 2)


@node
def test_finding_a_minimum_opens_what_hides_it():
    tree, panel = panel_of(two_funnels())
    top = int(np.flatnonzero((tree.sizes == 6) & (tree.lowest != 0))[-1])
    other = int(np.flatnonzero((tree.sizes == 6) & (tree.lowest == 0))[-1])
    leaf = int(np.flatnonzero(tree.minima == 8)[0])
    assert in_node(panel, f"[...opened(T, new Set([{top}, {other}]), {leaf})]") == [other]


def test_the_page_says_what_it_shows_and_escapes_it():
    labels = [HOSTILE, HOSTILE, "b", "b", None, "", *["c"] * 6]
    tree = disconnectivity_tree(two_funnels())
    hits = Property("hits", np.arange(12.0), "hits", True)
    text = graph_page(tree, title=HOSTILE, columns=[hits, (HOSTILE, groups_of(labels))], color=1, marked=[3])
    assert HOSTILE not in text
    (data,) = re.findall(r'<script type="application/json" id="page-data">(.*?)</script>', text, re.S)
    panel = json.loads(data)["panels"][0]
    assert json.loads(data)["ages"] == []
    assert panel["tree"]["color"] == 1
    assert panel["tree"]["marked"] == [int(np.flatnonzero(tree.minima == 3)[0])]
    assert panel["tree"]["columns"][0]["values"] == tree.minima.tolist()
    lowest = panel["data"][1]["text"][0]
    assert lowest.startswith("minimum 1<br>training loss (nats) 0<br>hits 0<br>")
    assert 'id="age"' not in text
    assert "http-equiv" in text
    assert "src=" not in text.replace(data, "")[: text.index("<script>")]


def test_the_slider_is_there_where_ages_are_given():
    graph = two_funnels()
    counts = np.zeros((2, 12), dtype=int)
    counts[:, 1] = 4
    text = graph_page(disconnectivity_tree(graph), title="t", at_ages=AgeCounts(np.array([1, 1000]), counts, 5))
    assert '<input type="range" id="age" min="0" max="1"' in text
    (data,) = re.findall(r'<script type="application/json" id="page-data">(.*?)</script>', text, re.S)
    ages = json.loads(data)["ages"]
    assert ages == [
        {"text": "1 step", "details": ["4 of 5 runs in 1 minimum"]},
        {"text": "1,000 steps", "details": ["4 of 5 runs in 1 minimum"]},
    ]


def test_runs_in_minima_that_are_not_drawn_are_counted():
    graph = two_funnels()
    ages, tree = AgeCounts(np.array([1]), np.arange(12)[None] % 3, 11), disconnectivity_tree(graph, pick=[0, 1])
    left_out = sum(k % 3 for k in set(range(12)) - set(tree.minima.tolist()))
    assert ages.unseen(0, tree) == f", {left_out} of them in minima that are not drawn"
    assert ages.unseen(0, disconnectivity_tree(graph)) == ""
