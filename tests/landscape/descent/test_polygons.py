from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

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


class OneDimensional:
    """A loss of one parameter from its formula and derivative."""

    n_parameters = 1

    def __init__(self, value, slope):
        self.value, self.slope = value, slope

    def value_and_gradient(self, point):
        return float(self.value(point[0])), np.array([self.slope(point[0])])


RIPPLES = OneDimensional(  # 9 peaks, each 1e-6 higher than the one before
    lambda x: np.sin(2 * np.pi * 9 * x) + 9e-6 * x, lambda x: 18 * np.pi * np.cos(2 * np.pi * 9 * x) + 9e-6
)
LOPSIDED = OneDimensional(  # it rises within 0.02, and falls slowly: what saturating units make of raw columns
    lambda x: np.tanh((x - 0.51) / 0.02) - 0.3 * x, lambda x: 50 / np.cosh((x - 0.51) / 0.02) ** 2 - 0.3
)


@pytest.mark.parametrize("samples", [20, 64, 200])
@pytest.mark.parametrize(("loss", "peak"), [(RIPPLES, (8.0 / 9, 1.0)), (LOPSIDED, (0.5, 0.7))])
def test_the_highest_point_does_not_depend_on_the_samples(loss, peak, samples):
    best = minimize_scalar(lambda x: -loss.value(x), bounds=peak, method="bounded", options={"xatol": 1e-10})
    value, top = highest_point(loss, [[0.0], [1.0]], samples=samples)
    assert value == pytest.approx(-best.fun, rel=1e-14)
    assert top == pytest.approx([best.x], abs=1e-7)


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
