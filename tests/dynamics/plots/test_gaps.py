"""Curves on a grid with gaps are lines through the points that are known."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from dynamics import aging
from dynamics.displacement import LayerDisplacement, MeanSquareDisplacement
from dynamics.plots import plot_aging, plot_layers, plot_msd
from dynamics.plots._aging import plot_known


def test_lines_go_through_known_points():
    nan = np.nan
    values = np.array([[[nan, 1.0, nan, 3.0], [1.0, 2.0, 3.0, nan], [nan, nan, nan, nan]]])
    ax = Figure().add_subplot()
    for row in values[0]:
        plot_known(ax, np.array([1, 2, 5, 9]), row)
    gaps, whole, none = ax.lines
    assert (gaps.get_xdata().tolist(), gaps.get_ydata().tolist()) == ([2, 9], [1.0, 3.0])
    assert whole.get_xdata().tolist() == [1, 2, 5]
    assert none.get_xdata().size == 0
    assert (gaps.get_marker(), whole.get_marker()) == (".", "None")


def test_parameters_with_names_have_the_color_of_their_layer():
    values = np.array(
        [[[[1.0, 2.0, 3.0], [np.nan] * 3, [4.0, 5.0, 6.0]]], [[[3.0, 2.0, 3.0], [np.nan] * 3, [4.0, 5.0, 6.0]]]]
    )
    names = ("conv.weight", "conv.bias", "fc.weight")
    displacement = LayerDisplacement(names, np.array([4, 2, 3]), np.array([1]), np.array([1, 2, 3]), values)
    first, second, third = plot_layers(displacement, Figure().add_subplot()).lines
    assert (first.get_xdata().tolist(), first.get_ydata().tolist()) == ([1, 3], [2.0, 4.0])
    assert [line.get_linestyle() for line in (first, second, third)] == ["-", ":", "-"]
    assert first.get_color() == second.get_color() != third.get_color()


def test_the_fit_to_later_waiting_times_is_a_dashed_line():
    waiting, lags = np.array([10, 100, 1000, 10_000]), np.geomspace(1, 1e4, 60).astype(int)
    lags = np.unique(lags)
    slopes = np.array([1.0, 1.0, 10**0.5, 10.0])  # t* = 10 up to tw = 100, then as its square root
    values = (lags / slopes[:, None] / 10)[None] * np.array([0.99, 1.0, 1.01])[:, None, None]
    msd = MeanSquareDisplacement(waiting, lags, values)
    ax = Figure().subplots()
    plot_aging(aging(msd, 1.0), ax, later=aging(msd.beyond(50), 1.0))
    (dashed,) = [line for line in ax.lines if line.get_linestyle() == "--"]
    x, y = np.log(np.array(dashed.get_data(), dtype=float))
    assert x[0] == pytest.approx(np.log(100))
    assert np.diff(y) / np.diff(x) == pytest.approx([0.5, 0.5], abs=1e-3)
    assert "from $t_w$ = 100" in dashed.get_label()


def test_many_recorded_lags_are_a_line_without_marks():
    lags = np.arange(1, 400)
    values = np.tile(lags / 100.0, (1, 1, 1))
    values[0, 0, 100:110] = np.nan
    ax = Figure().subplots()
    plot_msd(MeanSquareDisplacement(np.array([10]), lags, values), ax)
    assert all(line.get_marker() in {"None", None, "none", ""} for line in ax.lines)
    assert any(np.array_equal(line.get_xdata(), np.delete(lags, np.arange(100, 110))) for line in ax.lines)
