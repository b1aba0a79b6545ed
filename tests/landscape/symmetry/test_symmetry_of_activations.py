"""Symmetries follow the activation: permutations for all, signs for the odd ones."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.reference import images

from landscape import CrossEntropyLoss, Database, quench, symmetry
from landscape.activations import ACTIVATIONS
from landscape.database import provenance_of
from landscape.networks import MLP
from landscape.stationary import certify, same_point

NAMES = st.sampled_from(list(ACTIVATIONS))
HIDDEN = st.lists(st.integers(1, 3), min_size=1, max_size=3).filter(lambda hidden: math.prod(hidden) <= 12)
SEEDS = st.integers(0, 10**6)


def point(network, rng, ties):
    """Random, or with entries -1, 0 and 1: ties, dead units, duplicates."""
    size = network.n_parameters
    return rng.integers(-1, 2, size).astype(float) if ties else rng.normal(size=size)


@settings(max_examples=80, deadline=None)
@given(name=NAMES, hidden=HIDDEN, ties=st.booleans(), seed=SEEDS)
def test_images_have_the_same_outputs_and_the_same_canonical_form(name, hidden, ties, seed):
    rng, network = np.random.default_rng(seed), MLP((2, *hidden, 3), name)
    theta, inputs = point(network, rng, ties), rng.normal(size=(7, 2))
    image = symmetry.random_image(network, theta, rng=rng)
    np.testing.assert_allclose(network.logits(image, inputs), network.logits(theta, inputs), rtol=1e-12, atol=1e-12)
    assert (symmetry.canonical_form(network, image) == symmetry.canonical_form(network, theta)).all()
    np.testing.assert_allclose(symmetry.invariants(network, image), symmetry.invariants(network, theta))
    assert symmetry.distance(network, theta, image) == pytest.approx(0.0, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(["sigmoid", "gelu", "relu", "tanh"]), hidden=HIDDEN, ties=st.booleans(), seed=SEEDS)
def test_distance_and_orbit_are_those_of_all_images(name, hidden, ties, seed):
    rng, network = np.random.default_rng(seed), MLP((2, *hidden, 2), name)
    theta, other = point(network, rng, ties), point(network, rng, False)
    if len(hidden) == 3 and network.units.odd:
        return  # thousands of images
    every = images(network, theta)
    nearest = np.linalg.norm(every - other, axis=1).min()
    assert symmetry.distance(network, other, theta) == pytest.approx(nearest, rel=1e-12)
    assert np.linalg.norm(symmetry.nearest_image(network, theta, other) - other) == pytest.approx(nearest, rel=1e-12)
    assert symmetry.group_order(network) == len(every)
    assert symmetry.orbit_size(network, theta) == len(np.unique(every, axis=0))


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "gelu", "silu", "relu"])
def test_a_flipped_sign_is_another_network(name, rng):
    network = MLP((2, 3, 2), name)
    theta = rng.normal(size=network.n_parameters)
    signs = np.array([1.0, -1.0, 1.0])
    flipped = symmetry.transform(network, theta, [(np.arange(3), signs)])
    inputs = rng.normal(size=(5, 2))
    assert not np.allclose(network.logits(flipped, inputs), network.logits(theta, inputs))
    assert symmetry.distance(network, theta, flipped) > 0.1


@pytest.mark.parametrize("name", ["gelu", "tanh"])
def test_four_hidden_layers_by_the_dynamic_program(name, rng):
    network = MLP((2, 2, 1, 2, 1, 2), name)
    theta, other = rng.normal(size=(2, network.n_parameters))
    nearest = np.linalg.norm(images(network, theta) - other, axis=1).min()
    assert symmetry.distance(network, other, theta) == pytest.approx(nearest, rel=1e-12)


def test_continuous_symmetries_are_named_and_not_searched():
    assert {name for name in ACTIVATIONS if not symmetry.is_exact(MLP((2, 3, 2), name))} == {"relu", "linear"}
    assert symmetry.is_exact(MLP((2, 3), "relu"))


def scaled(network, theta, factors):
    """Incoming weights and bias of each unit of the first layer times c > 0, its outgoing weights divided by c."""
    first, second, *others = network.unflatten(theta)
    parts = [first.kernel * factors, first.bias * factors, second.kernel / factors[:, None], second.bias]
    parts += [part for layer in others for part in (layer.kernel, layer.bias)]
    return np.concatenate([part.ravel() for part in parts])


@settings(max_examples=40, deadline=None)
@given(hidden=HIDDEN, seed=SEEDS)
def test_scaled_relu_units_are_the_same_function_at_a_distance_that_is_an_upper_bound(hidden, seed):
    """They count as distinct, with a penalty that is another: the modulo is over permutations alone, and says so."""
    rng, network = np.random.default_rng(seed), MLP((2, *hidden, 3), "relu")
    theta, inputs = rng.normal(size=network.n_parameters), rng.normal(size=(7, 2))
    other = scaled(network, theta, rng.uniform(2.0, 3.0, hidden[0]))
    np.testing.assert_allclose(network.logits(other, inputs), network.logits(theta, inputs), rtol=1e-12, atol=1e-12)
    assert theta @ theta != pytest.approx(other @ other, rel=1e-6)
    apart = symmetry.distance(network, theta, other)
    assert 0 < apart <= np.linalg.norm(theta - other) * (1 + 1e-12)
    assert not symmetry.is_exact(network)
    image = symmetry.random_image(network, other, rng=rng)
    assert symmetry.distance(network, theta, image) == pytest.approx(apart, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(name=NAMES, hidden=HIDDEN, seed=SEEDS)
def test_alignment_flips_signs_of_odd_units_alone(name, hidden, seed):
    """Of a point with one flipped unit, the nearest image is the point itself if, and only if, the unit is odd."""
    rng, network = np.random.default_rng(seed), MLP((2, *hidden, 3), name)
    theta, layer = rng.normal(size=network.n_parameters), int(rng.integers(len(hidden)))
    signs = [np.ones(n) for n in hidden]
    signs[layer][int(rng.integers(hidden[layer]))] = -1.0
    flipped = symmetry.transform(network, theta, [(np.arange(n), s) for n, s in zip(hidden, signs, strict=True)])
    inputs = rng.normal(size=(7, 2))
    alike = np.allclose(network.logits(flipped, inputs), network.logits(theta, inputs), rtol=1e-9, atol=1e-9)
    aligned = symmetry.nearest_image(network, flipped, theta)
    assert alike == network.units.odd == bool(np.allclose(aligned, theta, rtol=1e-12, atol=0))
    np.testing.assert_allclose(network.logits(aligned, inputs), network.logits(flipped, inputs), rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, units in ACTIVATIONS.items() if units.smooth and units.isolated])
def test_identity_and_a_database_know_images_of_a_minimum_and_no_other_signs(name, tmp_path, few_data, rng):
    network = MLP((2, 2, 4), name)
    loss = CrossEntropyLoss(network, few_data, 1e-3)
    quenched = (quench(loss, rng.normal(size=network.n_parameters)) for _ in range(20))
    found = next(
        r.minimum for r in quenched if r.minimum and np.linalg.norm(network.unflatten(r.coordinates)[0].kernel) > 0.1
    )
    image = certify(loss, symmetry.random_image(network, found.coordinates, rng=rng))
    other = certify(loss, symmetry.transform(network, found.coordinates, [(np.arange(2), np.array([1.0, -1.0]))]))
    assert same_point(network, found, image)
    assert same_point(network, found, other) == network.units.odd
    path = tmp_path / "few.db"
    Database.create(path, provenance_of(loss, 0)).close()
    with Database(path) as database:
        with database.transaction():
            number, _ = database.add_minimum(found, origin="start")
        assert database.find_minimum(image).id == number
        assert (database.find_minimum(other) is not None) == network.units.odd
