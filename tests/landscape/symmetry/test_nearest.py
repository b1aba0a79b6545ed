"""Compiled alignment against enumeration of the whole group and against the dynamic program in NumPy."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.reference import images

from landscape import symmetry
from landscape.networks import MLP
from landscape.symmetry import transform
from landscape.symmetry._assignment import assign
from landscape.symmetry._chains import align_chain

PAPER = [(10,), (5, 5), (4, 4, 4), (1, 1, 1)]
UNEVEN = [(2, 7), (5, 2), (1, 3, 5), (4, 2, 3), (3, 4, 1)]
SEEDS = st.integers(0, 10**6)


def chain_distance(network, theta, reference):
    """Distance by the dynamic program along the depth."""
    elements = align_chain(network.unflatten(reference), network.unflatten(theta), signed=network.units.odd)
    return np.linalg.norm(transform(network, theta, elements) - reference)


def with_copies(network, rng, gap):
    """A point whose hidden units come in pairs that differ by about `gap`, incoming and outgoing."""
    layers = network.unflatten(rng.normal(size=network.n_parameters))
    for k, width in enumerate(network.hidden):
        for i in range(0, width - 1, 2):
            layers[k].kernel[:, i + 1] = layers[k].kernel[:, i] + gap * rng.normal(size=len(layers[k].kernel))
            layers[k].bias[i + 1] = layers[k].bias[i] + gap * rng.normal()
            after = layers[k + 1].kernel
            after[i + 1] = after[i] + gap * rng.normal(size=after.shape[1])
    return network.flatten(layers)


@settings(max_examples=200, deadline=None)
@given(n=st.integers(0, 6), scale=st.sampled_from([1e-8, 1.0, 1e8]), ties=st.booleans(), seed=SEEDS)
def test_the_assignment_is_the_cheapest(n, scale, ties, seed):
    rng = np.random.default_rng(seed)
    cost = scale * (rng.integers(0, 3, (n, n)).astype(float) if ties else rng.normal(size=(n, n)))
    columns = np.empty(n, np.int64)
    total = assign(cost, columns)
    assert sorted(columns) == list(range(n))
    assert total == pytest.approx(cost[np.arange(n), columns].sum())
    cheapest = min(cost[np.arange(n), list(order)].sum() for order in permutations(range(n)))
    assert total == pytest.approx(cheapest, rel=1e-12, abs=1e-12 * scale)


@pytest.mark.parametrize("hidden", PAPER + UNEVEN, ids=str)
def test_random_points_are_as_far_apart_as_by_enumeration(hidden, rng):
    network = MLP((2, *hidden, 4))
    theta, *references = rng.normal(size=(7, network.n_parameters)) * rng.choice([0.1, 1.0, 3.0], (7, 1))
    expected = [chain_distance(network, theta, reference) for reference in references]
    np.testing.assert_allclose(symmetry.distances(network, theta, references), expected, rtol=1e-13)


@pytest.mark.parametrize("gap", [1e-12, 1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("hidden", PAPER, ids=str)
def test_near_ties_are_as_far_apart_as_by_enumeration(hidden, gap, rng):
    network = MLP((2, *hidden, 4))
    a, b = with_copies(network, rng, gap), with_copies(network, rng, gap)
    assert symmetry.distance(network, a, b) == pytest.approx(chain_distance(network, a, b), rel=1e-13)


@pytest.mark.parametrize("gap", [1e-14, 1e-11, 1e-8, 1e-5])
@pytest.mark.parametrize("hidden", PAPER, ids=str)
def test_images_of_near_ties_have_distance_zero_exactly(hidden, gap, rng):
    network = MLP((2, *hidden, 4))
    for _ in range(10):
        theta = with_copies(network, rng, gap)
        image = symmetry.random_image(network, theta, rng=rng)
        assert symmetry.distance(network, theta, image) == 0.0
        np.testing.assert_array_equal(symmetry.nearest_image(network, image, theta), theta)


@settings(max_examples=150, deadline=None)
@given(sizes=st.sampled_from([(2, 2, 2, 3), (2, 3, 2), (1, 2, 2, 2, 1), (1, 3, 1, 2, 2), (2, 2, 3, 2)]), seed=SEEDS,
       integers=st.booleans())  # fmt: skip
def test_no_image_of_the_whole_group_is_nearer(sizes, seed, integers):
    network, rng = MLP(sizes), np.random.default_rng(seed)
    draw = (lambda n: rng.integers(-1, 2, n).astype(float)) if integers else (lambda n: rng.normal(size=n))
    theta, references = draw(network.n_parameters), np.array([draw(network.n_parameters) for _ in range(3)])
    everywhere = images(network, theta)
    expected = [np.linalg.norm(everywhere - reference, axis=1).min() for reference in references]
    np.testing.assert_allclose(symmetry.distances(network, theta, references), expected, rtol=1e-13, atol=1e-14)
    for reference, image in zip(references, symmetry.nearest_images(network, theta, references), strict=True):
        assert (everywhere == image).all(axis=1).any()
        assert np.linalg.norm(image - reference) == pytest.approx(
            np.linalg.norm(everywhere - reference, axis=1).min(), rel=1e-13, abs=1e-14
        )


@pytest.mark.parametrize("hidden", [*PAPER, (2, 2, 2, 2), (12, 12), ()], ids=str)
def test_a_batch_is_its_single_distances_and_images(hidden, rng):
    network = MLP((2, *hidden, 4))
    theta, references = rng.normal(size=network.n_parameters), rng.normal(size=(5, network.n_parameters))
    found = symmetry.distances(network, theta, references)
    assert found.tolist() == [symmetry.distance(network, reference, theta) for reference in references]
    nearest = symmetry.nearest_images(network, theta, references)
    np.testing.assert_array_equal(nearest, [symmetry.nearest_image(network, theta, r) for r in references])
    np.testing.assert_allclose(np.linalg.norm(nearest - references, axis=1), found, rtol=1e-13)
    assert symmetry.distances(network, theta, references[:0]).shape == (0,)
    assert symmetry.nearest_images(network, theta, references[:0]).shape == (0, network.n_parameters)


@pytest.mark.parametrize("hidden", [*PAPER, (2, 2, 2, 2), (12, 12), None], ids=str)
def test_a_cutoff_leaves_the_near_as_they_are_and_the_far_at_infinity(hidden, rng):
    network = None if hidden is None else MLP((2, *hidden, 4))
    theta, *references = rng.normal(size=(9, 20 if network is None else network.n_parameters))
    found = symmetry.distances(network, theta, references)
    cutoff = float(np.median(found))
    expected = np.where(found < cutoff, found, np.inf)
    np.testing.assert_allclose(symmetry.distances(network, theta, references, cutoff=cutoff), expected, rtol=1e-13)
    assert 0 < np.isinf(expected).sum() < len(expected)
    assert np.isinf(symmetry.distances(network, theta, references, cutoff=0.0)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cutoff": -1.0}, "cutoff must be a distance"),
        ({"cutoff": np.nan}, "cutoff must be a distance"),
        ({"theta": np.full(12, np.nan)}, "points must be finite"),
        ({"references": np.full((1, 12), -np.inf)}, "points must be finite"),
        ({"references": np.full((1, 12), 1e200)}, "points must be finite"),
        ({"references": np.zeros(12)}, "theta must have shape"),
        ({"references": np.zeros((2, 13))}, "theta must have shape"),
        ({"theta": np.zeros(13), "references": np.zeros((2, 13))}, "theta must have shape"),
    ],
)
def test_what_cannot_be_compared_is_refused(change, message):
    arguments = {"theta": np.zeros(12), "references": np.zeros((1, 12))} | change
    with pytest.raises(ValueError, match=message):
        symmetry.distances(MLP((2, 2, 2)), **arguments)


def test_the_largest_points_are_compared(rng):
    network = MLP((2, 3, 2, 3))
    a, b = 1e149 * np.sign(rng.normal(size=(2, network.n_parameters)))
    assert np.isfinite(symmetry.distance(network, a, b))
