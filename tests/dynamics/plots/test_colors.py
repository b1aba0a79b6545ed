"""Colors of ordered curves are all different, also where there are more than the palette has."""

import pytest

from dynamics.plots import COLORS, ordered_colors


@pytest.mark.parametrize("n", [0, 1, len(COLORS), len(COLORS) + 1, 25])
def test_no_two_curves_in_an_order_have_the_same_color(n):
    colors = ordered_colors(n)
    assert len(colors) == len(set(colors)) == n
    if n <= len(COLORS):
        assert colors == list(COLORS[:n])
    else:
        lightness = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b, _ in colors]
        assert lightness == sorted(lightness)  # a sequence, from dark to light
