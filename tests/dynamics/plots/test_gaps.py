"""Curves on a grid with gaps are lines through the points that are known."""

import numpy as np
from matplotlib.figure import Figure

from dynamics.displacement import LayerDisplacement
from dynamics.plots import plot_layers
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
