"""The report in headless Chromium, without a network. What it shows is compared with the files of the study."""

import re
from dataclasses import replace

import numpy as np
import pytest
from support.browser import Seen, chromium, hover_text, wait_until

from bridge import StudySettings, inherent_structures, study
from bridge.comparison import LANDSCAPE, RUNS
from bridge.studies import Scale
from bridge.studies._study import folder_name
from dynamics import SGD, aging, load_trajectories, mean_square_displacement
from landscape import CrossEntropyLoss, Database, Dataset, datasets
from landscape.networks import MLP

pytestmark = pytest.mark.slow
playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install 'agescape[browser]'")

SETTINGS = StudySettings(
    scale=Scale(searches=40, later_searches=10, replicas=6, steps=11_000, control_replicas=2, mapped_replicas=5),
    architectures=((3,), (2, 2)),
    optimizer=SGD(batch_size=40, learning_rate=0.1),
)
LIT, CURVE = ".scatterlayer .trace:nth-of-type(3) path.point", ".scatterlayer .trace path.js-line"
HOSTILE = "</script><script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>\"&"


@pytest.fixture(scope="module")
def data():
    return datasets.ljat(120, 0, test_rows=200)


@pytest.fixture(scope="module")
def done(data, tmp_path_factory):
    return study(data, tmp_path_factory.mktemp("study"), SETTINGS)


@pytest.fixture(scope="module")
def browser():
    with chromium(playwright) as opened:
        yield opened


@pytest.fixture
def page(browser, done):
    with Seen(browser, done.report) as page:
        page.wait_for_selector("#comparison .main-svg")
        yield page


def lit_ids(page, name):
    """Minima that are lit; None while there are not as many disks on the screen."""
    ids = page.evaluate(f"[...(document.getElementById('{name}').data[2].customdata ?? [])]")
    return set(ids) if page.locator(f"#{name} {LIT}").count() == len(ids) else None


def drawn_ids(page, name):
    """Minima of the graph that have a leaf: those far above all others have none."""
    panels = "JSON.parse(document.getElementById('page-data').textContent).panels"
    return set(page.evaluate(f"{panels}.find(panel => panel.id === '{name}').tree.ids"))


def expected_ids(done):
    """Per architecture: steps, and the ids of the minima the mapped runs are in (R, S)."""
    found = {}
    for hidden in SETTINGS.architectures:
        folder = done.output / folder_name(hidden)
        with Database(folder / LANDSCAPE) as database:
            places = inherent_structures(load_trajectories(folder / RUNS).at_most(5), database)
        found["graph-" + "-".join(map(str, hidden))] = places
    return found


# ---------------------------------------------------------------- loading


def test_it_loads_without_a_complaint_and_without_a_network(browser, done):
    seen = Seen(browser, done.report)
    with seen as page:
        page.wait_for_selector("#comparison .main-svg")
        assert page.locator("#interactive").is_visible()
        assert page.locator(".plot .main-svg").count() >= 6
        assert page.locator("noscript img").count() == 0
        assert page.evaluate("Plotly.version")
    assert seen.complaints == []
    assert seen.requests == [done.report.as_uri()]


def test_nothing_can_be_sent_away(browser, done):
    """Plotly would show a button that uploads the figure; the policy forbids every request."""
    seen = Seen(browser, done.report)
    with seen as page:
        page.wait_for_selector("#comparison .main-svg")
        titles = page.locator(".modebar-btn").evaluate_all("buttons => buttons.map(b => b.dataset.title)")
        assert page.evaluate("fetch('https://example.org/').then(() => 'sent', () => 'blocked')") == "blocked"
    assert len(titles) > 6
    assert not any("cloud" in title.lower() or "share" in title.lower() for title in titles)
    assert any("Content Security Policy" in text for text in seen.complaints)
    assert seen.requests == [done.report.as_uri()]


def test_the_policy_stops_scripts_that_are_not_ours(browser, done):
    seen = Seen(browser, done.report)
    with seen as page:
        page.evaluate(
            "const s = document.createElement('script'); s.textContent = 'window.pwned = 1'; document.body.append(s)"
        )
        assert page.evaluate("window.pwned") is None
    assert any("Content Security Policy" in text for text in seen.complaints)


def test_without_scripts_there_are_static_pictures(browser, done):
    with Seen(browser, done.report, java_script_enabled=False) as page:
        assert [image.is_visible() for image in page.locator("img").all()] == [True] * 3
        assert not page.locator("#age").is_visible()
        assert page.get_by_role("table").first.is_visible()


def test_a_hostile_data_set_runs_nothing(browser, data, tmp_path):
    hostile = Dataset(
        data.inputs, data.labels, 4, data.test_inputs, data.test_labels, {"name": HOSTILE, "path": HOSTILE, HOSTILE: 0}
    )
    scale = Scale(searches=8, later_searches=0, replicas=2, steps=40, control_replicas=2, mapped_replicas=1)
    made = study(hostile, tmp_path, replace(SETTINGS, scale=scale, architectures=((2,),)))
    seen = Seen(browser, made.report)
    with seen as page:
        page.wait_for_selector("#comparison .main-svg")
        assert page.evaluate("window.pwned") is None
        assert page.locator("img").count() == 0
        assert "</script><script>window.pwned = 1</script><img src=x onerror=" in page.locator("main").inner_text()
    assert seen.complaints == []


# ---------------------------------------------------------------- the age


def test_the_slider_lights_up_the_minima_of_each_age(page, done):
    """By keyboard alone, against the database."""
    places = expected_ids(done)
    slider = page.get_by_role("slider", name="Age of the runs")
    slider.focus()
    page.keyboard.press("Home")
    steps = next(iter(places.values())).steps
    shown = []
    for s, step in enumerate(steps.tolist()):
        assert slider.input_value() == str(s)
        assert page.locator("#age-text").inner_text().startswith(f"{step:,} steps")
        assert slider.get_attribute("aria-valuetext").startswith(f"{step:,} steps")
        details = page.locator("#age-details li").all_inner_texts()
        for (name, found), said in zip(places.items(), details, strict=True):
            now, drawn = found.minimum_ids[:, s].tolist(), drawn_ids(page, name)
            ids = set(now) & drawn
            wait_until(lambda name=name, ids=ids: lit_ids(page, name) == ids)
            unseen = sum(number not in {0, *drawn} for number in now)
            assert (f"{unseen} of them in minima that are not drawn" in said) == (unseen > 0)
            shown.append((name, frozenset(ids)))
        page.keyboard.press("ArrowRight")
    assert len(set(shown)) > len(places)  # the lit minima do change
    page.keyboard.press("Home")
    assert slider.input_value() == "0"
    page.keyboard.press("End")
    assert slider.input_value() == str(steps.size - 1)


def test_displacement_and_t_star_follow_the_age(page, done):
    runs = load_trajectories(done.output / "h3" / RUNS)
    fit = aging(mean_square_displacement(runs), SETTINGS.threshold)
    n = len(runs.waiting_times)

    def thickest():
        styles = page.locator(f"#msd-3 {CURVE}").evaluate_all(
            "lines => lines.map(l => parseFloat(l.style.strokeWidth))"
        )
        return [width == max(styles) for width in styles[:n]]

    assert np.isfinite(fit.t_star.value).any()
    for k, tw in enumerate(runs.waiting_times.tolist()):
        page.locator("#age").fill(str(k))
        wait_until(lambda k=k: thickest() == [j == k for j in range(n)])
        mark, line = page.evaluate(
            "(({data}) => [data[4], data[6]].map(({x, y}) => ({x, y})))(document.getElementById('aging'))"
        )
        assert (mark["x"], line["x"]) == ([tw] * int(np.isfinite(fit.t_star.value[k])), [tw, tw])
        assert mark["y"] == pytest.approx(
            fit.t_star.value[k : k + 1][np.isfinite(fit.t_star.value[k : k + 1])].tolist()
        )


# ---------------------------------------------------------------- hover and zoom


def test_hover_shows_the_numbers_of_the_database(page, done, data):
    for hidden in SETTINGS.architectures:
        name = "graph-" + "-".join(map(str, hidden))
        loss = CrossEntropyLoss(MLP((2, *hidden, 4)), data)
        with Database(done.output / folder_name(hidden) / LANDSCAPE) as database:
            minima = {minimum.id: minimum for minimum in database.minima}
        n = page.evaluate(f"document.getElementById('{name}').data[1].x.length")
        for k in sorted({0, n // 2, n - 1}):
            lines = hover_text(page, name, 1, k)
            shown = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("runs here"))
            minimum = minima[int(shown["minimum"])]
            assert float(shown["loss (nats)"]) == pytest.approx(minimum.point.value, abs=5e-7)
            assert float(shown["trace (nats)"]) == pytest.approx(minimum.point.trace, rel=1e-4)
            assert int(shown["orbit"].replace(",", "")) == minimum.orbit_size
            assert int(shown["hits"].replace(",", "")) == minimum.hits
            for key, test in (("accuracy", False), ("test accuracy", True)):
                assert float(shown[key]) == pytest.approx(loss.accuracy(minimum.point.coordinates, test=test), abs=5e-5)


def test_hover_over_a_lit_minimum_counts_the_runs(page, done):
    (name, places), *_ = expected_ids(done).items()
    page.locator("#age").fill("1")
    lines = hover_text(page, name, 2, 0)
    number = int(lines[0].split()[1])
    expected = (places.minimum_ids[:, 1] == number).sum()
    assert lines[-1] == f"runs here at this age: {expected} of 5"


def test_a_zoom_stays_while_the_slider_moves_and_a_double_click_ends_it(page):
    def view():
        return page.evaluate("document.getElementById('graph-2-2')._fullLayout.yaxis.range")

    whole = view()
    page.locator("#graph-2-2").scroll_into_view_if_needed()
    box = page.locator("#graph-2-2 .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.8 * box["height"], steps=5)
    page.mouse.up()
    zoomed = view()
    assert zoomed[1] - zoomed[0] == pytest.approx(0.5 * (whole[1] - whole[0]), rel=0.05)
    page.locator("#age").fill("2")
    assert view() == zoomed
    page.mouse.dblclick(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    wait_until(lambda: view() == whole)


def test_the_keyboard_zooms(page):
    def height():
        low, high = page.evaluate("document.getElementById('graph-3')._fullLayout.yaxis.range")
        return high - low

    whole = height()
    toolbar = page.locator("#graph-3").get_by_role("toolbar")
    for name, factor in (("Zoom in", 0.5), ("Reset axes", 1.0)):
        toolbar.get_by_role("button", name=name).focus()
        page.keyboard.press("Enter")
        wait_until(lambda factor=factor: height() == pytest.approx(factor * whole, rel=0.01))


# ---------------------------------------------------------------- narrow, on a touch screen, on paper


@pytest.mark.parametrize("width", [320, 400, 768, 1280])
def test_no_width_overflows(browser, done, width):
    with Seen(browser, done.report, width=width) as page:
        page.wait_for_selector("#comparison .main-svg")
        for details in page.locator("summary").all():
            details.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = page.locator(".plot .main-svg").evaluate_all("all => all.map(a => a.getBoundingClientRect().toJSON())")
        assert all(box["left"] >= 0 and box["right"] <= width and box["height"] > 250 for box in boxes)
        lefts = {round(box["left"]) for box in boxes}
        assert len(lefts) == (2 if width == 1280 else 1)  # side by side, or below one another
        sizes = page.locator(".plot text").evaluate_all("all => all.map(a => parseFloat(getComputedStyle(a).fontSize))")
        assert min(sizes) >= 8.5  # the small digits of logarithmic axes; all else is larger
        assert sorted(sizes)[len(sizes) // 2] >= 12


def test_figures_follow_the_window(page):
    page.set_viewport_size({"width": 400, "height": 800})
    wait_until(lambda: page.locator("#aging .main-svg").first.bounding_box()["width"] < 400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_finger_scrolls_the_page(browser, done):
    with Seen(browser, done.report, width=400, has_touch=True, is_mobile=True) as page:
        page.wait_for_selector("#comparison .main-svg")
        assert page.evaluate("document.getElementById('graph-3')._fullLayout.dragmode") is False


def test_it_prints(page, tmp_path):
    before = page.locator("#aging .main-svg").first.bounding_box()["width"]
    page.locator("#age").fill("1")
    page.evaluate("""window.addEventListener('beforeprint', () => {
      window.widths = [...document.querySelectorAll('.plot .main-svg')].map(a => a.getBoundingClientRect().width);
    })""")
    pages = page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert pages.startswith(b"%PDF-")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", pages)) <= 12
    assert {round(width) for width in page.evaluate("window.widths")} == {660}
    assert page.locator("#aging .main-svg").first.bounding_box()["width"] == before
    page.emulate_media(media="print")
    assert not page.locator("#age").is_visible()
    assert page.locator("#age-text").is_visible()
    assert not page.locator(".modebar").first.is_visible()
