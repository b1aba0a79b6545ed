"""Harmonic superposition against two wells in closed form, quadrature and pele."""

import numpy as np
import pytest

from landscape.graph import LandscapeGraph
from landscape.kinetics import funnel_of, superposition

T = np.geomspace(0.02, 5.0, 60)


def test_two_wells_are_a_schottky_anomaly():
    gap, ratio = 0.3, 7.0
    found = superposition([1.0, 1.3], [0.0, np.log(ratio)], T, groups=[0, 1])
    boltzmann = ratio * np.exp(-gap / T)
    np.testing.assert_allclose(found.heat_capacity, (gap / T) ** 2 * boltzmann / (1 + boltzmann) ** 2)
    np.testing.assert_allclose(found.energy, gap * boltzmann / (1 + boltzmann))
    np.testing.assert_allclose(found.free_energies[:, 1], gap - T * np.log(ratio))
    np.testing.assert_allclose(found.occupations[:, 1], boltzmann / (1 + boltzmann))
    assert found.crossings[1] == pytest.approx(gap / np.log(ratio), rel=1e-3)
    # the largest capacity solves x tanh((x - ln r) / 2) = 2 with x = gap / T
    x = gap / found.peak
    assert x * np.tanh((x - np.log(ratio)) / 2) == pytest.approx(2.0, abs=0.3)


def test_the_heat_capacity_is_the_derivative_of_the_energy():
    rng = np.random.default_rng(0)
    losses, weights = rng.uniform(0, 1, 30), rng.normal(size=30)
    step = 1e-5
    low, high = (superposition(losses, weights, T * (1 + sign * step)).energy for sign in (-1, 1))
    np.testing.assert_allclose(
        superposition(losses, weights, T).heat_capacity, (high - low) / (2 * step * T), rtol=1e-6
    )


def test_wells_of_a_double_well_weigh_what_quadrature_says():
    """U(x) has wells of different width and depth; the weights are those of -log U'' / 2."""
    x = np.linspace(-3, 3, 200_001)
    energy = (x**2 - 1) ** 2 * np.exp(0.4 * x) + 0.05 * x
    wells = [int(energy[:100_000].argmin()), 100_000 + int(energy[100_000:].argmin())]
    top = wells[0] + int(energy[wells[0] : wells[1]].argmax())
    h = x[1] - x[0]
    curvature = [(energy[k + 1] - 2 * energy[k] + energy[k - 1]) / h**2 for k in wells]
    t = np.array([0.01, 0.02, 0.03])
    found = superposition(energy[wells], -0.5 * np.log(curvature), t, groups=[0, 1])
    parts = [np.exp(-energy[part][None] / t[:, None]).sum(axis=1) for part in (slice(0, top), slice(top, None))]
    apart = found.free_energies[:, 1] + t * np.log(parts[1] / parts[0])
    assert (np.abs(apart) < 0.1 * t).all()  # what anharmonicity adds


def test_pele_has_the_same_heat_capacity():
    pytest.importorskip("pele")
    from pele.thermodynamics import minima_to_cv  # noqa: PLC0415 (a package that is not always there)

    class Minimum:
        def __init__(self, energy, fvib, order):
            self.energy, self.fvib, self.pgorder, self.invalid = energy, fvib, order, False

    rng = np.random.default_rng(1)
    energies, fvib, orders = rng.uniform(-3, -2, 12), rng.normal(200, 2, 12), rng.integers(1, 6, 12)
    modes = 17
    expected = minima_to_cv([Minimum(*one) for one in zip(energies, fvib, orders, strict=True)], T, modes)
    found = superposition(energies, -0.5 * fvib - np.log(orders), T)
    np.testing.assert_allclose(found.heat_capacity + modes, expected.Cv, rtol=1e-9)


def test_minima_belong_to_the_funnel_they_fall_into():
    """Two chains of minima that go down, 0 <- 1 <- 2 and 3 <- 4, over a high pass between 2 and 4; 5 is alone."""
    losses = np.array([0.0, 0.5, 1.0, 0.2, 0.8, 0.6])
    graph = LandscapeGraph(losses, np.array([0.52, 1.02, 0.82, 1.6]), np.array([[0, 1], [1, 2], [3, 4], [2, 4]]))
    assert funnel_of(graph).tolist() == [0, 0, 0, 1, 1, -1]
    found = superposition(losses, np.zeros(6), [0.3], groups=funnel_of(graph))
    weights = np.exp(-losses / 0.3)
    np.testing.assert_allclose(
        found.occupations[0], np.array([weights[:3].sum(), weights[3:5].sum()]) / weights[:5].sum()
    )


def test_what_superposition_refuses():
    with pytest.raises(ValueError, match="temperatures must be positive"):
        superposition([0.0], [0.0], [0.0])
    with pytest.raises(ValueError, match="log_weights must have one entry per minimum"):
        superposition([0.0], [0.0, 1.0], [1.0])
    with pytest.raises(ValueError, match="groups must have one entry per minimum"):
        superposition([0.0], [0.0], [1.0], groups=[0, 1])
