"""The next order of Kramers-Langer rates: closed forms, the exact first-passage time, the spectrum of a generator."""

import numpy as np
import pytest
from scipy import integrate
from scipy.optimize import root
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import eigsh

from landscape import CrossEntropyLoss, datasets, quench
from landscape.kinetics import anharmonic_coefficient
from landscape.losses import DoubleWells
from landscape.networks import MLP


def one_dimension(surface, x):
    """5/24 U3^2 / |U2|^3 and U4 / (8 U2^2) with their signs, at a minimum and on top."""
    h, t = surface.heights[0], surface.tilts[0]
    second, third, fourth = h * (12 * x * x - 8 * t * x - 4), h * (24 * x - 8 * t), 24 * h
    cubic = 5 / 24 * third**2 / abs(second) ** 3
    return (cubic if second > 0 else -cubic) - fourth / (8 * second**2)


def test_one_dimension_in_closed_form():
    surface = DoubleWells([1.3], [0.2])
    for x in (-1.0, 0.2, 1.0):
        assert anharmonic_coefficient(surface, [x]) == pytest.approx(one_dimension(surface, x), rel=1e-4)


def test_independent_coordinates_add_up():
    """At a transition state along the first coordinate the second one is in a well."""
    both = DoubleWells([1.3, 0.7], [0.2, -0.1])
    one, two = DoubleWells([1.3], [0.2]), DoubleWells([0.7], [-0.1])
    for x in ([0.2, 1.0], [-1.0, 1.0], [1.0, -0.1]):
        expected = one_dimension(one, x[0]) + one_dimension(two, x[1])
        assert anharmonic_coefficient(both, x) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("ratio", [10.0, 20.0])
def test_the_exact_mean_first_passage_time_is_met_to_second_order(ratio):
    """(1 / T) int_-1^1 dy exp(U(y) / T) int_-inf^y dz exp(-U(z) / T), beyond the top by symmetry of the end."""
    surface = DoubleWells([1.0], [0.0])
    t = 1.0 / ratio
    grid = np.linspace(-1.8, 1.8, 40_001)
    values = (grid**2 - 1.0) ** 2
    inner = integrate.cumulative_trapezoid(np.exp(-values / t), grid, initial=0.0)
    between = (grid >= -1.0) & (grid <= 1.0)
    exact = integrate.trapezoid((np.exp(values / t) * inner)[between], grid[between]) / t
    rate = 4.0 / (2.0 * np.pi) * np.sqrt(2.0) * np.exp(-ratio)
    correction = 1.0 + t * (anharmonic_coefficient(surface, [0.0]) - anharmonic_coefficient(surface, [-1.0]))
    assert abs(exact * rate - 1.0) > 0.4 * t  # the leading order by itself
    assert abs(exact * rate * correction - 1.0) < 1.5 * t**2


class Bent:
    """A double well whose coordinates are coupled to third and fourth order."""

    n_parameters, network, zero_modes = 2, None, np.zeros((0, 2))

    def value(self, x, y):
        return (x * x - 1) ** 2 + (1 + 0.5 * x) * y * y + 0.6 * x * x * y + 0.3 * x * y

    def value_gradient_hessian(self, theta):
        x, y = theta
        gradient = [4 * x * (x * x - 1) + 0.5 * y * y + 1.2 * x * y + 0.3 * y, (2 + x) * y + 0.6 * x * x + 0.3 * x]
        mixed = y + 1.2 * x + 0.3
        return self.value(x, y), np.array(gradient), np.array([[12 * x * x - 4 + 1.2 * y, mixed], [mixed, 2 + x]])


def slowest_rate(surface, t, n=180):
    """Of the generator of d x = -grad V dt + sqrt(2 T) dW on a grid: the sum of the rates both ways."""
    x, y = np.linspace(-2.0, 2.0, n), np.linspace(-2.8, 2.2, n)
    v, index = surface.value(x[:, None], y).ravel(), np.arange(n * n).reshape(n, n)
    pairs, diagonal = [], np.zeros(n * n)
    for a, b, h in ((index[:-1], index[1:], x[1] - x[0]), (index[:, :-1], index[:, 1:], y[1] - y[0])):
        i, j, k = a.ravel(), b.ravel(), t / h**2
        pairs += [(i, j, k), (j, i, k)]
        np.add.at(diagonal, i, k * np.exp(-(v[j] - v[i]) / (2 * t)))
        np.add.at(diagonal, j, k * np.exp(-(v[i] - v[j]) / (2 * t)))
    rows, columns = (np.concatenate([pair[k] for pair in pairs]) for k in range(2))
    symmetric = coo_array((np.concatenate([np.full(i.size, k) for i, _, k in pairs]), (rows, columns)))
    values = eigsh(symmetric.tocsc() - diags_array(diagonal).tocsc(), k=2, sigma=1e-9, v0=np.exp(-v / (2 * t)))[0]
    return float(np.sort(-values)[1])


def test_the_spectrum_of_a_generator_in_two_dimensions_is_met_to_second_order():
    surface = Bent()
    starts = ([-1.0, 0.0], [0.0, 0.0], [1.0, 0.0])
    points = [root(lambda p: surface.value_gradient_hessian(p)[1], start, tol=1e-13).x for start in starts]
    values, _, hessians = zip(*(surface.value_gradient_hessian(point) for point in points), strict=True)
    c = [anharmonic_coefficient(surface, point) for point in points]
    t = (values[1] - values[2]) / 8.0
    unstable = -np.linalg.eigvalsh(hessians[1])[0]
    plain = [
        unstable / (2 * np.pi) * np.sqrt(np.linalg.det(hessians[i]) / -np.linalg.det(hessians[1]))
        * np.exp((values[i] - values[1]) / t)
        for i in (0, 2)
    ]  # fmt: skip
    corrected = [rate * (1.0 + (c[1] - c[i]) * t) for rate, i in zip(plain, (0, 2), strict=True)]
    exact = slowest_rate(surface, t)
    assert sum(plain) / exact > 1.04
    assert sum(corrected) / exact == pytest.approx(1.0, abs=0.012)


def test_the_step_of_the_differences_does_not_matter():
    loss = CrossEntropyLoss(MLP((2, 2, 4)), datasets.ljat(rows=50, seed=0), 0.05)
    minimum = quench(loss, 0.5 * np.random.default_rng(0).normal(size=loss.n_parameters)).coordinates
    minimum.flags.writeable = False
    found = [anharmonic_coefficient(loss, minimum, step=step) for step in (3e-3, 1e-2)]
    assert found[0] == pytest.approx(found[1], rel=1e-3)


def test_a_top_is_refused():
    with pytest.raises(ValueError, match="point must be a minimum or a transition state; it has 2 negative"):
        anharmonic_coefficient(DoubleWells([1.0, 1.0], 0.0), [0.0, 0.0])
