"""The page of a disconnectivity graph in headless Chromium, without a network."""

import numpy as np
import pytest
from support.browser import Seen, center, chromium, hover_text, wait_until
from support.cli import agescape, assert_complaint

from bridge.mapping import stored_structures
from bridge.pages import AgeCounts, graph_page
from dynamics import load_trajectories
from landscape import Database, LandscapeGraph, disconnectivity_tree
from landscape.database import Property
from landscape.plots import groups_of

pytestmark = pytest.mark.slow
playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install 'agescape[browser]'")

N = 3000


def landscape():
    rng = np.random.default_rng(0)
    losses = np.sort(rng.gamma(3.0, 0.05, N))
    edges = np.array([(k, rng.integers(max(0, k // 3), k)) for k in range(1, N)])
    return LandscapeGraph(losses, losses[1:] + rng.exponential(0.05, N - 1), edges)


@pytest.fixture(scope="module")
def browser():
    with chromium(playwright) as opened:
        yield opened


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    counts = np.zeros((2, N), dtype=int)
    counts[0, [10, 2000]], counts[1, 0] = [1, 3], 4
    hits = Property("hits", np.arange(N, dtype=float), "hits", True)
    groups = ("half", groups_of(["low" if k < N // 2 else "high" for k in range(N)]))
    text = graph_page(
        disconnectivity_tree(landscape()), title="t", columns=[hits, groups],
        at_ages=AgeCounts(np.array([1, 100]), counts, 4),
    )  # fmt: skip
    file = tmp_path_factory.mktemp("page") / "g.html"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def page(browser, path):
    with Seen(browser, path) as page:
        page.wait_for_selector("#graph .main-svg")
        yield page


def trace(page, expression):
    return page.evaluate(f"(() => {{ const data = document.getElementById('graph').data; return {expression}; }})()")


def test_it_loads_without_a_complaint_and_without_a_network(browser, path):
    seen = Seen(browser, path)
    with seen as page:
        page.wait_for_selector("#graph .main-svg")
        assert page.locator("#interactive").is_visible()
        assert "Shaded: branches of fewer than" in page.locator("#graph-said").inner_text()
        assert trace(page, "data[1].x.length") <= 1001
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert seen.complaints == []
    assert seen.requests == [path.as_uri()]


def test_a_minimum_is_found_by_its_id(page):
    page.get_by_label("minimum").fill("2001")
    page.keyboard.press("Enter")
    wait_until(lambda: page.locator("#graph-said").inner_text().startswith("minimum 2001, training loss"))
    low, high = page.evaluate("document.getElementById('graph')._fullLayout.xaxis.range")
    assert high - low == pytest.approx(40)
    k = trace(page, "data[1].text.findIndex((t) => t.startsWith('minimum 2001<'))")
    assert k >= 0
    assert hover_text(page, "graph", 1, k)[0] == "minimum 2001"
    page.get_by_role("button", name="whole graph").click()
    wait_until(lambda: page.evaluate("document.getElementById('graph')._fullLayout.xaxis.range[1]") > 3000)
    for text, said in (("5000", "Minimum 5000 does not exist."), ("", "Type the id of a minimum.")):
        page.get_by_label("minimum").fill(text)
        page.keyboard.press("Enter")
        assert page.locator("#graph-said").inner_text() == said


def test_a_branch_collapses_and_expands(page):
    join = "data.find((t) => t.name === 'superbasin')"
    number = trace(page, f"data.indexOf({join})")
    before = trace(page, "data[1].x.length")
    sizes = "((k) => Number(t.text[k].match(/of ([0-9,]+)/)[1].replace(',', '')))"
    k = trace(page, f"((t) => t.customdata.map((_, k) => k).sort((a, b) => {sizes}(b) - {sizes}(a))[3])({join})")
    assert hover_text(page, "graph", number, k)[0].startswith("superbasin of ")  # Plotly clicks on what is hovered
    page.mouse.click(*center(page, "graph", number, k))
    wait_until(lambda: trace(page, f"{join}.marker.symbol.includes('triangle-up')"))
    assert trace(page, "data[1].x.length") < before
    page.get_by_role("button", name="expand all").click()
    wait_until(lambda: trace(page, "data[1].x.length") == before)


def test_colors_and_the_slider(page):
    colors = page.get_by_label("color by")
    colors.select_option(label="half")
    wait_until(lambda: trace(page, "data.some((t) => t.name === 'low (1500 minima)')"))
    colors.select_option(label="hits")
    wait_until(lambda: page.locator("#graph .colorbar, #graph .cbbg").count() > 0)
    assert trace(page, "new Set(data[1].marker.color).size") > 10
    colors.select_option(label="nothing")
    assert trace(page, "[...data[2].customdata]") == [2001, 11]
    page.locator("#age").fill("1")
    wait_until(lambda: trace(page, "[...data[2].customdata]") == [1])
    assert page.locator("#age-details").inner_text() == "4 of 4 runs in 1 minimum"


def test_runs_that_overlay_mapped_are_on_the_page_of_the_command(browser, tmp_path):
    """From exploring to the page, on the command line; what is lit at each age is what the database says."""
    small = ("--hidden", "3", "--rows", "100")
    db, runs, output = tmp_path / "f.db", tmp_path / "f.h5", tmp_path / "g.html"
    for command in (
        ("explore", *small, "--searches", "32", "--output", db),
        ("train", *small, "--replicas", "4", "--steps", "3000", "--output", runs),
    ):
        assert agescape(*command).code == 0
    page = ("graph", db, "--trajectories", runs, "--output", output)
    assert_complaint(agescape(*page), "map them with overlay first")
    assert agescape("overlay", db, runs, "--output", tmp_path / "o.svg", "--jobs", "1").code == 0
    assert agescape(*page).code == 0
    with Database(db) as database:
        found = stored_structures(load_trajectories(runs), database)
    seen = Seen(browser, output)
    with seen as opened:
        opened.wait_for_selector("#graph .main-svg")
        text = "JSON.parse(document.getElementById('page-data').textContent).panels[0].tree.ids"
        drawn = set(opened.evaluate(text))
        slider = opened.get_by_role("slider", name="Age of the runs")
        slider.focus()
        opened.keyboard.press("Home")
        for s, step in enumerate(found.steps.tolist()):
            ids = set(found.minimum_ids[:, s].tolist()) & drawn
            assert opened.locator("#age-text").inner_text() == f"{step:,} steps"
            wait_until(lambda ids=ids: set(trace(opened, "[...data[2].customdata]")) == ids)
            opened.keyboard.press("ArrowRight")
        assert opened.locator("#age-details").inner_text().startswith("4 of 4 runs in ")
    assert seen.complaints == []
