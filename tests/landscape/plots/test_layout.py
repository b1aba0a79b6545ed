"""What all figures share: panels by name, sizes, letters, color bars of one value; graphs without outliers."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from support.figures import flaws

from landscape.graph import LandscapeGraph, disconnectivity_tree, visible_top, visible_tree
from landscape.plots import (
    add_colorbar,
    check_panels,
    draw_panels,
    legend_beside,
    plot_disconnectivity,
    readable_ticks,
    save_figure,
)
from landscape.plots._readable import wrap


def panels():
    return {name: lambda ax, k=k: ax.plot([1, 10**k], [1, 2]) for k, name in enumerate(("one", "two", "three"), 1)}


def test_all_panels_are_drawn_and_lettered():
    figure = draw_panels(panels(), columns=2, title="three")
    letters = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert letters == ["a", "b", "c"]
    assert [ax.lines[0].get_xdata()[1] for ax in figure.axes] == [10, 100, 1000]


def test_one_panel_by_name_has_no_letter():
    (ax,) = draw_panels(panels(), ["two"], columns=2).axes
    assert ax.lines[0].get_xdata()[1] == 100
    assert not ax.texts


def test_panels_and_sizes_that_do_not_exist_are_named():
    with pytest.raises(ValueError, match="panel must be one of one, two, three; got 'four'"):
        draw_panels(panels(), ["one", "four"], columns=2)
    with pytest.raises(ValueError, match="size must be one of screen, page, column; got 'poster'"):
        draw_panels(panels(), columns=2, size="poster")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("size", "width", "across"), [("page", 7.0, 2), ("column", 3.4, 1)])
def test_figures_are_as_wide_as_a_page_or_a_column(size, width, across):
    figure = draw_panels(panels(), columns=3, size=size)
    assert figure.get_figwidth() == pytest.approx(width)
    lefts = {round(ax.get_subplotspec().get_position(figure).x0, 6) for ax in figure.axes}
    assert len(lefts) == across
    assert min(text.get_fontsize() for text in figure.findobj(Text)) >= 6.0


def test_no_tick_labels_of_a_logarithmic_axis_overprint():
    for span in (2.0, 8.0, 23.0, 90.0, 1e3, 1e9):
        figure = Figure(figsize=(4.25, 3.8))
        ax = figure.subplots()
        ax.plot([1300, 1300 * span], [1, span])
        ax.set(xscale="log", yscale="log")
        readable_ticks(ax)
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        labels = [t for t in (*ax.get_xticklabels(), *ax.get_xticklabels(minor=True)) if t.get_text()]
        low, high = ax.get_xlim()
        boxes = [t.get_window_extent(renderer) for t in labels if low <= t.get_position()[0] <= high]
        assert len(boxes) >= 2, span
        boxes.sort(key=lambda box: box.x0)
        assert all(a.x1 < b.x0 for a, b in pairwise(boxes)), span


@pytest.mark.parametrize("norm", [Normalize, LogNorm])
def test_a_color_bar_of_one_value_has_one_tick_with_it(norm):
    figure = Figure()
    ax = figure.subplots()
    add_colorbar(figure, ax, ScalarMappable(norm(1300.0, 1300.0), "viridis"), "age (steps)")
    bar = figure.axes[-1]
    assert [text.get_text() for text in bar.get_yticklabels()] == ["1300"]


def graph_with_collapsed_minima(n=40):
    """A chain of n minima from 0.48 to 0.52 nats, and two that lie at 1.1."""
    losses = np.concatenate([np.linspace(0.48, 0.52, n), [1.10, 1.11]])
    edges = np.stack([np.arange(n + 1), np.arange(1, n + 2)], axis=1)
    barriers = np.append(np.linspace(0.5, 0.54, n - 1), [1.12, 1.13])
    return LandscapeGraph(losses, barriers, edges)


def test_two_collapsed_minima_do_not_squash_the_rest_and_the_title_says_so():
    graph = graph_with_collapsed_minima()
    ceiling = visible_top(graph)
    assert ceiling == pytest.approx(0.54 + 0.05 * (0.54 - 0.48))
    tree = disconnectivity_tree(graph, emax=ceiling)
    assert tree.n_leaves == 40
    assert dict(tree.left_out) == {"above 0.543 nats": 2}
    ax = plot_disconnectivity(tree, Figure().subplots())
    assert ax.get_title() == "40 of 42 minima (2 above 0.543 nats),\n41 transition states"


def test_graphs_without_outliers_are_drawn_whole():
    losses = np.linspace(0.0, 1.0, 30)
    edges = np.stack([np.arange(29), np.arange(1, 30)], axis=1)
    assert visible_top(LandscapeGraph(losses, losses[1:] + 0.1, edges)) == pytest.approx(1.1 * 1.05)


def test_visited_minima_raise_the_ceiling_unless_they_are_outliers():
    graph = graph_with_collapsed_minima()
    without = visible_top(graph)
    assert visible_top(graph, [0.56, 0.565, 0.57]) == pytest.approx(0.57 + 0.05 * 0.09)
    assert visible_top(graph, [0.49] * 20 + [1.1, 1.11]) == without
    assert visible_top(graph, [1.1, 1.1, 1.1, 1.11]) > 1.11


def test_why_minima_are_missing_is_counted():
    losses = np.array([0.0, 0.1, 0.2, 0.3, 5.0])
    graph = LandscapeGraph(losses, np.array([0.5, 0.6]), np.array([[0, 1], [1, 2]]))
    tree = disconnectivity_tree(graph, connected=True, max_minima=2)
    assert dict(tree.left_out) == {"without a known path to the lowest": 2, "higher than the lowest 2": 1}
    assert dict(disconnectivity_tree(graph).left_out) == {}


# ---------------------------------------------------------------- what the layout mends, seen by an independent check


def waves(ax):
    """Curves that leave no corner free."""
    x = np.linspace(1.0, 30.0, 400)
    for k in range(6):
        ax.plot(x, np.sin(3 * x + k), label=f"a curve with a long name, number {k}")
    ax.set(xlabel="time (steps)", ylabel="loss (nats)")
    legend_beside(ax)


def test_the_check_sees_what_is_wrong():
    figure = Figure(figsize=(3.0, 3.0))
    ax = figure.subplots()
    waves(ax)
    ax.set(title="a title that is much too long for such a small figure", ylabel="nan")
    ax.set_xticks([1, 2, 3], ["10000", "20000", "30000"])
    ax.annotate("", (30.0, 0.0), (60.0, 0.0), textcoords="offset points", arrowprops={"arrowstyle": "<-"})
    said = " ".join(flaws(figure))
    for flaw in (
        "is cut",
        "not a number",
        "tick labels '10000' and '20000' overprint",
        "hides the line",
        "arrow leaves",
    ):
        assert flaw in said, flaw


@pytest.mark.parametrize("size", ["screen", "page", "column"])
def test_legends_leave_the_curves_free_and_titles_and_letters_stay_apart(size):
    def titled(ax):
        waves(ax)
        ax.set_title("a title that is much too long for the panel that it stands above, in all sizes")

    figure = draw_panels({"a": titled, "b": waves}, columns=2, size=size)
    assert flaws(figure) == []
    assert all(ax.get_legend().get_window_extent().y0 >= ax.bbox.y1 for ax in figure.axes)
    assert [len(ax.get_legend().get_texts()) for ax in figure.axes] == [6, 6]


def test_a_legend_of_other_handles_than_those_of_the_curves_keeps_them_above():
    def full(ax):
        x = np.linspace(0.0, 1.0, 1000)
        ax.plot(x, np.sin(300.0 * x))
        ax.set(xlabel="x", ylabel="y")
        proxies = [Line2D([], [], color=color, label=f"color {color}") for color in ("red", "blue")]
        legend_beside(ax, handles=proxies)

    figure = draw_panels({"full": full})
    figure.draw_without_rendering()
    legend = figure.axes[0].get_legend()
    assert legend.get_window_extent().y0 >= figure.axes[0].bbox.y1
    assert [text.get_text() for text in legend.get_texts()] == ["color red", "color blue"]
    assert [line.get_color() for line in legend.get_lines()] == ["red", "blue"]


def test_a_legend_stays_where_there_is_room():
    def line(ax):
        ax.plot([0, 1], [0, 1], label="line")
        ax.set(xlabel="x", ylabel="y")
        legend_beside(ax)

    figure = draw_panels({"line": line})
    assert flaws(figure) == []
    (ax,) = figure.axes
    assert ax.get_legend().get_window_extent().y1 <= ax.bbox.y1


def test_a_text_is_broken_evenly_and_put_together_again_where_there_is_room():
    figure = Figure(figsize=(6.0, 2.0))
    text = figure.text(0.0, 0.0, "one two three $x + y$ four five six seven")
    whole = text.get_window_extent().width
    assert wrap(text, 0.7 * whole)
    first, second = text.get_text().split("\n")
    assert (first + " " + second).split() == "one two three $x + y$ four five six seven".split()
    assert "$x + y$" in text.get_text()  # a formula stays in one piece
    assert text.get_window_extent().width < 0.65 * whole  # not a single word below a full line
    assert not wrap(text, 0.7 * whole)
    assert wrap(text, 2.0 * whole)
    assert text.get_text() == "one two three $x + y$ four five six seven"


def test_given_tick_labels_are_thinned_out():
    def close(ax):
        ax.plot([1000, 10_000], [1, 2])
        ax.set(xscale="log", xlabel="time (steps)", ylabel="loss (nats)")
        ax.minorticks_off()
        times = [1000, 1010, 1020, 1040, 2000, 10_000]
        ax.set_xticks(times, [str(t) for t in times], rotation=45)

    figure = draw_panels({"close": close}, size="column")
    assert flaws(figure) == []
    labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert labels == ["1000", "", "", "", "2000", "10000"]


def test_labels_of_minima_that_have_no_room_are_left_out_the_lowest_first_kept():
    losses = np.linspace(0.0, 1.0, 60)
    graph = LandscapeGraph(losses, np.full(59, 1.1), np.stack([np.arange(59), np.arange(1, 60)], axis=1))
    tree = disconnectivity_tree(graph)
    labels = [f"minimum {k}" for k in range(60)]
    figure = draw_panels({"tree": lambda ax: plot_disconnectivity(tree, ax, label_values=labels)}, size="column")
    assert flaws(figure) == []
    shown = [text.get_text() for text in figure.axes[0].texts if text.get_visible()]
    assert shown[0] == "minimum 0"
    assert 3 < len(shown) < 60


def test_a_figure_is_as_large_in_the_file_as_it_says(tmp_path):
    save_figure(draw_panels(panels(), columns=3, size="column"), tmp_path / "f.png", dpi=100)
    width = int.from_bytes((tmp_path / "f.png").read_bytes()[16:20], "big")
    assert width == 340


def test_isolated_minima_are_thinner_than_their_distance():
    losses = np.linspace(0.0, 1.0, 400)
    tree = disconnectivity_tree(LandscapeGraph(losses, [], np.empty((0, 2), int)), subgraph_size=1)
    ax = plot_disconnectivity(tree, Figure().subplots(), min_branch=1)
    assert max(ax.collections[0].get_linewidths()) < 0.5


def test_a_panel_that_does_not_exist_suggests_one_that_does():
    with pytest.raises(ValueError, match=r"one of one, two, three; got 'tow' \(did you mean two\?\)"):
        check_panels(["one", "tow"], panels())
    assert check_panels([], panels()) == ["one", "two", "three"]


def test_marked_minima_are_joined_within_the_drawing():
    # a chain of certified minima far below the bound that joins the last, marked one
    losses = np.array([0.0, 0.1, 0.2, 0.3])
    graph = LandscapeGraph(losses, [0.3, 0.35], [(0, 1), (1, 2)], bound_edges=[(2, 3)], bounds=[0.5])
    marked = np.array([3])
    assert not visible_tree(graph, visited=marked).in_strip.any()
    assert visible_tree(graph, visited=marked).top > 0.5
    assert visible_tree(graph, visited=marked, certified_only=True).in_strip[:4].tolist() == [False, False, False, True]
