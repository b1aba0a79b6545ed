"""Pictures of visits, graphs and comparisons."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.container import ErrorbarContainer
from support.comparisons import ROW, UNKNOWN
from support.figures import flaws
from support.landscapes import STEPS, known_order, walk

from bridge import Visits, inherent_structures, visits
from bridge.comparison import (
    Comparison,
)
from bridge.plots import plot_comparison, plot_graph, plot_visits
from bridge.plots._disks import disk_areas, disk_handles
from landscape import Database, explore
from landscape.graph import visible_top, visible_tree
from landscape.plots import new_figure
from landscape.support import Estimate

NO_VISITS = Visits(
    steps=np.array([10, 20]),
    minimum_ids=np.empty(0, np.int64),
    counts=np.empty((0, 2), np.int64),
    distinct=np.zeros(1, np.int64),
    jumps=np.zeros(1, np.int64),
    direct_jumps=0,
)


def disks(ax):
    """Offsets (n, 2) and areas (n,) of the disks on `ax`."""
    found = [c for c in ax.collections if isinstance(c, PathCollection)]
    if not found:
        return np.empty((0, 2)), np.empty(0)
    (collection,) = found
    return np.asarray(collection.get_offsets()), collection.get_sizes()


def test_plot_visits_draws_a_disk_per_visited_minimum(loss, database):
    order = known_order(database)
    seen = visits(inherent_structures(walk(loss, database, order), database, steps=STEPS), database)
    figure, (ax,) = new_figure(4, 3)
    assert plot_visits(database, seen, ax) is ax
    offsets, areas = disks(ax)
    heights = {round(database.minimum(i).point.value, 12): (order == i).sum() for i in seen.minimum_ids.tolist()}
    assert sorted(round(y, 12) for y in offsets[:, 1]) == sorted(heights)
    numbers = [heights[round(y, 12)] for y in offsets[:, 1]]
    assert np.argsort(areas, kind="stable").tolist() == np.argsort(numbers, kind="stable").tolist()
    assert len(figure.axes) == 2  # the color bar
    assert flaws(figure) == []


def test_plot_visits_shows_a_visited_minimum_above_all_transition_states(loss, database):
    top = database.minima[-1]
    seen = visits(inherent_structures(walk(loss, database, [[top.id] * 6]), database), database)
    _, (ax,) = new_figure(4, 3)
    plot_visits(database, seen, ax)
    offsets, _ = disks(ax)
    assert offsets[:, 1].tolist() == [top.point.value]


def test_plot_visits_without_visits(database):
    figure, (ax,) = new_figure(4, 3)
    plot_visits(database, NO_VISITS, ax)
    assert len(disks(ax)[1]) == 0
    assert flaws(figure) == []


def test_plot_graph(database):
    for options in ({}, {"levels": 5}, {"whole": True}):
        figure, (ax,) = new_figure(4, 3)
        assert plot_graph(visible_tree(database.graph(), **options), ax) is ax
        assert len(disks(ax)[1]) == 0
        assert flaws(figure) == []
    assert visible_top(database.graph()) > database.transition_states[-1].point.value


def test_plot_graph_without_transition_states(loss, tmp_path):
    explore(loss, tmp_path / "f.db", searches=6)
    with Database(tmp_path / "f.db") as database:
        assert visible_top(database.graph()) == np.inf
        figure, (ax,) = new_figure(4, 3)
        plot_graph(visible_tree(database.graph()), ax)
        assert flaws(figure) == []


def test_plot_comparison_draws_every_row():
    rows = (ROW, replace(ROW, hidden="2,2", minima=9, mu=Estimate(0.5, 0.4, 0.6)))
    figure, (ax,) = new_figure(4, 3)
    assert plot_comparison(Comparison(rows), ax) is ax
    bars = [c for c in ax.containers if isinstance(c, ErrorbarContainer)]
    points = [tuple(c.lines[0].get_xydata()[0]) for c in bars]
    assert points == [(6, 0.9), (8.5, 0.9), (9, 0.5), (8.5, 0.5)]
    (vertical,) = bars[0].lines[2]
    assert vertical.get_segments()[0][:, 1].tolist() == pytest.approx([0.7, 1.2])
    (horizontal,) = bars[1].lines[2]
    assert horizontal.get_segments()[0][:, 0].tolist() == pytest.approx([6.5, 20.0])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [label.split(" (")[0] for label in labels] == ["3", "2,2"]
    assert (ax.get_xscale(), bool(ax.get_xlabel()), bool(ax.get_ylabel())) == ("log", True, True)
    assert flaws(figure) == []


@pytest.mark.parametrize("unknown", ["mu", "estimated_minima", "minima"])
def test_plot_comparison_with_what_is_not_known(unknown):
    nothing = {unknown: 0 if unknown == "minima" else UNKNOWN}
    figure, (ax,) = new_figure(4, 3)
    plot_comparison(Comparison((replace(ROW, **nothing),)), ax)
    assert flaws(figure) == []
    assert len([c for c in ax.containers if isinstance(c, ErrorbarContainer)]) == 2


def test_areas_of_disks_are_in_proportion_and_those_of_the_legend_too():
    areas = disk_areas(np.array([1e4, 3e4, 1e5]), 1e5)
    np.testing.assert_allclose(areas / areas[-1], [0.1, 0.3, 1.0])
    small, large = disk_handles(1e5)
    assert (small.get_label(), large.get_label()) == ("10,000", "100,000")
    np.testing.assert_allclose((small.get_markersize() ** 2, large.get_markersize() ** 2), areas[[0, -1]])
    assert {small.get_markeredgecolor(), large.get_markeredgecolor()} == {"white"}


def test_equal_mean_ages_have_one_color():
    """Logarithms of the same steps in other numbers: their means differ in the last bits."""
    counts = np.arange(1, 200)[:, None] * np.ones((1, 3), np.int64)
    seen = replace(NO_VISITS, steps=np.array([1300, 2900, 20000]), minimum_ids=np.arange(199), counts=counts)
    assert np.unique(seen.mean_steps).size == 1
    assert seen.mean_steps[0] == pytest.approx((1300 * 2900 * 20000) ** (1 / 3), rel=1e-8)
