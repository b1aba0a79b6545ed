"""The tail index on exact stable laws, on Gaussians of many widths and on laws with a finite variance."""

import numpy as np
import pytest

from dynamics.gradient_noise import tail_index


def stable(alpha, size, rng):
    """Symmetric alpha-stable numbers (Chambers, Mallows and Stuck)."""
    angle, wait = rng.uniform(-np.pi / 2, np.pi / 2, size), rng.exponential(size=size)
    bent = np.sin(alpha * angle) / np.cos(angle) ** (1 / alpha)
    return bent * (np.cos((1 - alpha) * angle) / wait) ** ((1 - alpha) / alpha)


@pytest.mark.parametrize("alpha", [0.8, 1.0, 1.4, 1.8])
def test_stable_laws_have_their_index(alpha):
    found = tail_index(stable(alpha, (400, 50), np.random.default_rng(0)))
    assert found.index.low < alpha < found.index.high
    assert found.index.value == pytest.approx(alpha, rel=0.05)
    assert (found.block, found.blocks) == (10, 40)


def test_gaussians_have_two_whatever_the_widths_of_their_components():
    rng = np.random.default_rng(1)
    widths = 10 ** rng.uniform(-4, 2, 50)
    found = tail_index(rng.standard_normal((400, 50)) * widths)
    assert found.index.low < 2 < found.index.high
    assert found.index.value == pytest.approx(2, rel=0.06)
    narrow = tail_index(rng.standard_normal((400, 50)) * 1e-3)
    assert abs(narrow.inverse.value - found.inverse.value) < 0.03


def test_intervals_cover():
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(200):
        index = tail_index(stable(1.5, (100, 3), rng)).index
        inside.append(index.low < 1.5 < index.high)
    assert 0.9 < np.mean(inside) < 0.99


def test_means_of_heavy_draws_with_a_variance_become_gaussian():
    """Student's t with 3 degrees of freedom: tails matter for single draws, less for means of 100."""
    rng = np.random.default_rng(3)
    single = tail_index(rng.standard_t(3, (2000, 5))).index
    means = tail_index(rng.standard_t(3, (1000, 5, 100)).mean(axis=-1)).index
    assert single.high < 1.95
    assert single.value < means.value
    assert means.low < 2 < means.high * 1.02


def test_a_component_without_noise_does_not_count():
    noise = np.random.default_rng(4).standard_normal((40, 3))
    dead = np.column_stack([noise, np.zeros(40)])
    assert tail_index(dead).inverse.value == tail_index(noise).inverse.value
    with pytest.raises(ValueError, match="components that are never zero"):
        tail_index(np.zeros((40, 2)))
    with pytest.raises(ValueError, match="at least two blocks of 10 draws"):
        tail_index(noise[:19])
