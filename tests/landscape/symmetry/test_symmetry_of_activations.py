"""Symmetries follow the activation: permutations for all, signs for the odd ones."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.reference import images

from landscape import symmetry
from landscape.activations import ACTIVATIONS
from landscape.networks import MLP

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
