from itertools import pairwise

import numpy as np
import pytest

from landscape.descent import highest_point
from landscape.descent._polygons import cubic_maximum
from landscape.losses import MuellerBrown

SURFACE = MuellerBrown()


def test_the_highest_point_of_a_polygon_is_that_of_a_dense_grid():
    points = np.array([[-0.6, 1.4], [0.5, 1.0], [-0.2, 0.2], [0.6, 0.0]])
    dense = np.concatenate([a + np.linspace(0, 1, 4001)[:, None] * (b - a) for a, b in
                            pairwise(points)])  # fmt: skip
    highest = max(SURFACE.value_and_gradient(point)[0] for point in dense)
    value, top = highest_point(SURFACE, points, samples=10)
    assert value == pytest.approx(highest, abs=1e-6)
    assert value >= highest - 1e-12
    assert value == SURFACE.value_and_gradient(top)[0]


def test_wrong_arguments_are_named():
    start, end = SURFACE.known_points().minima[:2]
    with pytest.raises(ValueError, match="points must be finite with shape"):
        highest_point(SURFACE, [start])
    with pytest.raises(ValueError, match="samples must be positive; got 0"):
        highest_point(SURFACE, [start, end], samples=0)


def test_the_maximum_of_a_cubic_is_that_of_a_grid():
    u = np.linspace(0, 1, 10001)
    for first, last, rise, fall in np.random.default_rng(0).normal(size=(50, 4)):
        cubic = first + u * (rise + u * (3 * (last - first) - 2 * rise - fall + u * (2 * (first - last) + rise + fall)))
        value, at = cubic_maximum(*map(np.array, (first, last, rise, fall)))
        assert value == pytest.approx(cubic.max(), abs=1e-7)
        assert at == pytest.approx(u[cubic.argmax()], abs=2e-4)
