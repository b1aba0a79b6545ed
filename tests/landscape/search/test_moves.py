import numpy as np
import pytest
from hypothesis import given, strategies as st
from support.reference import DoubleWell

from landscape import Minimum, quench, symmetry
from landscape.networks import MLP
from landscape.search import BasinHopping, GaussianMove, UnitMove, basin_hopping

NETWORKS = [MLP((2, 4, 3)), MLP((2, 3, 3, 4)), MLP((3, 2, 3, 2, 2))]
networks, seeds = st.sampled_from(NETWORKS), st.integers(0, 2**32 - 1)
lengths = st.floats(1e-3, 20.0)


class AnyLoss:
    """A loss of which moves see the network alone."""

    def __init__(self, network):
        self.network = network


def a_point(network, rng):
    """Not a minimum of anything: moves do not ask."""
    return Minimum(rng.normal(size=network.n_parameters), 0.0, 0.0, np.ones(network.n_parameters))


def changed_parts(network, before, after):
    """Per layer: which kernel entries and biases differ."""
    pairs = zip(network.unflatten(before), network.unflatten(after), strict=True)
    return [(a.kernel != b.kernel, a.bias != b.bias) for a, b in pairs]


@given(networks, seeds, lengths)
def test_a_gaussian_move_displaces_every_parameter_by_the_length_in_all(network, seed, length):
    rng = np.random.default_rng(seed)
    current = a_point(network, rng)
    step = GaussianMove().propose(AnyLoss(network), current, length, rng) - current.coordinates
    assert np.linalg.norm(step) == pytest.approx(length)
    assert (step != 0.0).all()


@given(networks, seeds, lengths)
def test_a_unit_move_draws_the_weights_of_one_unit_within_glorots_limits(network, seed, length):
    rng = np.random.default_rng(seed)
    current = a_point(network, rng)
    after = UnitMove().propose(AnyLoss(network), current, length, rng)
    parts = changed_parts(network, current.coordinates, after)
    units = [(k, i) for k, (_, bias) in enumerate(parts) for i in np.flatnonzero(bias)]
    assert len(units) == 1
    (k, i) = units[0]
    layers = network.unflatten(after)
    for matrix, entries in (
        (layers[k].kernel, layers[k].kernel[:, i]),
        (layers[k + 1].kernel, layers[k + 1].kernel[i]),
        (layers[k].kernel, layers[k].bias[i]),
    ):
        assert (np.abs(entries) <= length * np.sqrt(6.0 / sum(matrix.shape))).all()
    # all else stays as it was
    parts[k][0][:, i] = parts[k][1][i] = False
    parts[k + 1][0][i] = False
    assert not any(kernel.any() or bias.any() for kernel, bias in parts)


def test_every_unit_is_drawn_again_sooner_or_later(rng):
    network = MLP((2, 3, 3, 4))
    current = a_point(network, rng)
    drawn = set()
    for _ in range(200):
        after = UnitMove().propose(AnyLoss(network), current, 1.0, rng)
        parts = changed_parts(network, current.coordinates, after)
        drawn |= {(k, i) for k, (_, bias) in enumerate(parts) for i in np.flatnonzero(bias)}
    assert drawn == {(k, i) for k in (0, 1) for i in range(3)}


def test_a_move_that_needs_a_network_says_so(rng):
    surface = DoubleWell()
    start = quench(surface, [1.0, 0.0]).minimum
    with pytest.raises(ValueError, match=r"UnitMove needs .*network.*loss\.network = None"):
        basin_hopping(surface, start, rng=rng, steps=1, settings=BasinHopping(moves=[UnitMove()]))


@pytest.mark.parametrize("kind", [GaussianMove, UnitMove])
@pytest.mark.parametrize("length", [0.0, -1.0, np.nan, np.inf])
def test_a_wrong_length_is_named(kind, length):
    with pytest.raises(ValueError, match=f"length must be positive and finite; got {length}"):
        kind(length)


@pytest.mark.parametrize("move", [GaussianMove(), UnitMove()], ids=str)
def test_each_kind_of_move_finds_other_minima(small_loss, move):
    start = quench(small_loss, small_loss.network.glorot_uniform(np.random.default_rng(0))).minimum
    walk = basin_hopping(
        small_loss, start, rng=np.random.default_rng(1), steps=30, settings=BasinHopping(1e-2, moves=[move])
    )
    gaps = [symmetry.distance(small_loss.network, start.coordinates, m.coordinates) for m in walk.minima]
    assert max(gaps) > 1e-2
