import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings, strategies as st
from support.reference import group, images

from landscape import CrossEntropyLoss, symmetry
from landscape.networks import MLP
from landscape.symmetry import transform
from landscape.symmetry._alignment import _align_locally

HIDDEN = st.lists(st.integers(1, 4), min_size=1, max_size=4)
TINY = st.lists(st.integers(1, 3), min_size=1, max_size=4).filter(lambda hidden: order(hidden) <= 800)
SEEDS = st.integers(0, 10**6)


def order(hidden):
    return math.prod(2**n * math.factorial(n) for n in hidden)


def generic_point(network, rng):
    return rng.normal(size=network.n_parameters)


def integer_point(network, rng):
    """Weights -1, 0, 1: many ties, dead units and duplicates."""
    return rng.integers(-1, 2, size=network.n_parameters).astype(float)


def degenerate_point(network, rng):
    """Some units dead, some copies of others up to sign."""
    layers = [
        layer._replace(kernel=layer.kernel.copy(), bias=layer.bias.copy())
        for layer in network.unflatten(generic_point(network, rng))
    ]
    for k, width in enumerate(network.hidden):
        for i in range(width):
            fate, other, sign = rng.random(), rng.integers(width), rng.choice([-1.0, 1.0])
            before, after = layers[k], layers[k + 1]
            if fate < 0.25:
                before.kernel[:, i], before.bias[i], after.kernel[i] = 0.0, 0.0, 0.0
            elif fate < 0.5:
                before.kernel[:, i], before.bias[i] = sign * before.kernel[:, other], sign * before.bias[other]
                after.kernel[i] = sign * after.kernel[other]
    return network.flatten(layers)


POINTS = st.sampled_from([generic_point, integer_point, degenerate_point])


# ---------------------------------------------------------------- the group


@settings(max_examples=60, deadline=None)
@given(hidden=HIDDEN, make=POINTS, seed=SEEDS)
def test_images_have_the_same_loss(few_data, hidden, make, seed):
    rng = np.random.default_rng(seed)
    loss = CrossEntropyLoss(MLP((2, *hidden, 4)), few_data)
    theta = make(loss.network, rng)
    image = symmetry.random_image(loss.network, theta, rng=rng)
    assert loss.value(image) == pytest.approx(loss.value(theta), rel=1e-13)
    assert np.linalg.norm(image) == pytest.approx(np.linalg.norm(theta), rel=1e-14)
    np.testing.assert_allclose(
        loss.network.logits(image, few_data.inputs), loss.network.logits(theta, few_data.inputs), atol=1e-12
    )


@pytest.mark.parametrize("hidden", [(), (1,), (3,), (2, 2), (2, 1, 2), (2, 1, 1, 2)], ids=str)
def test_the_group_has_the_order_that_group_order_says(hidden, rng):
    network = MLP((2, *hidden, 3))
    distinct = {image.tobytes() for image in images(network, generic_point(network, rng))}
    assert len(distinct) == symmetry.group_order(network) == order(hidden)


def test_random_image_reaches_the_whole_orbit(rng):
    network = MLP((1, 2, 1, 2))
    theta = generic_point(network, rng)
    seen = {symmetry.random_image(network, theta, rng=rng).tobytes() for _ in range(400)}
    assert seen == {image.tobytes() for image in images(network, theta)}


def test_transform_moves_units_as_it_says(rng):
    network = MLP((2, 3, 2))
    theta = generic_point(network, rng)
    image = transform(network, theta, [(np.array([2, 0, 1]), np.array([1.0, -1.0, 1.0]))])
    old, new = network.unflatten(theta), network.unflatten(image)
    np.testing.assert_array_equal(new[0].kernel[:, 1], -old[0].kernel[:, 0])
    np.testing.assert_array_equal(new[1].kernel[0], old[1].kernel[2])
    np.testing.assert_array_equal(new[0].bias, [old[0].bias[2], -old[0].bias[0], old[0].bias[1]])


def test_nothing_is_written_into_the_arguments(rng):
    network = MLP((2, 3, 2, 3))
    theta, other = rng.normal(size=(2, network.n_parameters))
    before = theta.copy(), other.copy()
    theta.flags.writeable = other.flags.writeable = False
    for copy in (
        symmetry.random_image(network, theta, rng=rng),
        symmetry.canonical_form(network, theta),
        symmetry.nearest_image(network, theta, other),
        symmetry.invariants(network, theta),
    ):
        copy[:] = 1.0  # the caller owns it
    symmetry.distance(network, theta, other)
    symmetry.orbit_size(network, theta)
    assert (theta == before[0]).all()
    assert (other == before[1]).all()


# ---------------------------------------------------------------- canonical form


@settings(max_examples=100, deadline=None)
@given(hidden=HIDDEN, make=st.sampled_from([generic_point, degenerate_point]), seed=SEEDS)
def test_all_images_have_one_canonical_form(hidden, make, seed):
    rng = np.random.default_rng(seed)
    network = MLP((2, *hidden, 3))
    theta = make(network, rng)
    form = symmetry.canonical_form(network, theta)
    for _ in range(4):
        assert (
            symmetry.canonical_form(network, symmetry.random_image(network, theta, rng=rng)).tobytes() == form.tobytes()
        )
    assert symmetry.canonical_form(network, form).tobytes() == form.tobytes()


@settings(max_examples=80, deadline=None)
@given(hidden=TINY, seed=SEEDS)
@example(hidden=[2, 2], seed=None)
def test_ties_of_integer_weights_do_not_spoil_the_canonical_form(hidden, seed):
    rng = np.random.default_rng(seed or 0)
    network = MLP((1, *hidden, 2))
    theta = integer_point(network, rng)
    if seed is None:  # hidden units (1; 0) and (-1; 0), both with outgoing weights (1, -1); the next biases 0 and 1
        theta = np.array([1, -1, 0, 0, 1, -1, 1, -1, 0, 1, 1, 0, 0, 1, 0, 0], dtype=float)
    form = symmetry.canonical_form(network, theta).tobytes()
    everywhere = images(network, theta)[:: max(1, order(hidden) // 10)]
    for image in everywhere:
        assert symmetry.canonical_form(network, image).tobytes() == form


@settings(max_examples=60, deadline=None)
@given(hidden=TINY, seed=SEEDS)
def test_the_canonical_form_is_an_image(hidden, seed):
    rng = np.random.default_rng(seed)
    network = MLP((1, *hidden, 2))
    theta = integer_point(network, rng)
    form = symmetry.canonical_form(network, theta)
    assert form.tobytes() in {image.tobytes() for image in images(network, theta)}


@settings(max_examples=60, deadline=None)
@given(hidden=HIDDEN, make=POINTS, seed=SEEDS)
def test_different_points_have_different_canonical_forms(hidden, make, seed):
    rng = np.random.default_rng(seed)
    network = MLP((2, *hidden, 3))
    theta = make(network, rng)
    other = theta.copy()
    other[-1] += 1e-9  # an output bias: no symmetry moves it
    assert (symmetry.canonical_form(network, theta) != symmetry.canonical_form(network, other)).any()


def test_negative_zeros_do_not_change_the_canonical_form():
    network = MLP((1, 2, 2))
    theta = np.array([0.0, 1.0, -0.0, 2.0, 0.0, -0.0, 1.0, 2.0, -0.0, 0.0])
    assert symmetry.canonical_form(network, theta).tobytes() == symmetry.canonical_form(network, theta + 0.0).tobytes()


# ---------------------------------------------------------------- nearest image, distance


@settings(max_examples=100, deadline=None)
@given(hidden=TINY, make=POINTS, seed=SEEDS)
def test_the_nearest_image_is_nearest_of_the_whole_group(hidden, make, seed):
    rng = np.random.default_rng(seed)
    network = MLP((2, *hidden, 3))
    theta, reference = make(network, rng), make(network, rng)
    everywhere = images(network, theta)
    nearest = symmetry.nearest_image(network, theta, reference)
    assert symmetry.is_exact(network)
    assert (np.abs(everywhere - nearest).max(axis=1) == 0.0).any()  # an image, bit for bit
    best = np.linalg.norm(everywhere - reference, axis=1).min()
    assert np.linalg.norm(nearest - reference) == pytest.approx(best, abs=1e-12)
    assert symmetry.distance(network, theta, reference) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("hidden", [(6,), (10,), (5, 5), (3, 9), (4, 4, 4), (3, 4, 3), (3, 3, 3, 3)], ids=str)
def test_the_distance_of_images_is_zero(hidden, rng):
    network = MLP((2, *hidden, 4))
    for make in (generic_point, integer_point, degenerate_point):
        theta = make(network, rng)
        for _ in range(2):
            assert symmetry.distance(network, theta, symmetry.random_image(network, theta, rng=rng)) < 1e-12


@pytest.mark.parametrize("hidden", [(10,), (5, 5), (4, 4, 4), (3, 2, 2, 3)], ids=str)
def test_a_planted_image_is_the_nearest(hidden, rng):
    network = MLP((2, *hidden, 4))
    theta = generic_point(network, rng)
    noise = 0.01 * rng.normal(size=theta.size)
    found = symmetry.nearest_image(network, symmetry.random_image(network, theta, rng=rng), theta + noise)
    np.testing.assert_array_equal(found, theta)


@settings(max_examples=60, deadline=None)
@given(hidden=TINY, make=POINTS, seed=SEEDS)
def test_the_distance_is_a_metric_between_orbits(hidden, make, seed):
    rng = np.random.default_rng(seed)
    network = MLP((2, *hidden, 3))
    a, b, c = (make(network, rng) for _ in range(3))
    moved = symmetry.random_image(network, a, rng=rng), symmetry.random_image(network, b, rng=rng)
    distance = symmetry.distance(network, a, b)
    assert distance == pytest.approx(symmetry.distance(network, b, a), abs=1e-12)
    assert distance == pytest.approx(symmetry.distance(network, *moved), abs=1e-12)
    assert distance <= symmetry.distance(network, a, c) + symmetry.distance(network, c, b) + 1e-12
    assert distance <= np.linalg.norm(a - b) + 1e-12


@pytest.mark.parametrize("hidden", [(30,), (12, 7), (16, 16), (8, 8, 8)], ids=str)
def test_the_local_search_of_wide_networks_finds_planted_images(hidden, rng):
    network = MLP((3, *hidden, 4))
    for _ in range(3):
        theta = generic_point(network, rng)
        noise = 0.01 * rng.normal(size=theta.size)
        image = symmetry.random_image(network, theta + noise, rng=rng)
        assert symmetry.distance(network, theta, image) == pytest.approx(np.linalg.norm(noise), rel=1e-9)
    assert symmetry.is_exact(network) == (len(hidden) == 1)


@settings(max_examples=40, deadline=None)
@given(hidden=TINY, seed=SEEDS)
def test_the_local_search_is_never_better_than_the_exact_one(hidden, seed):
    rng = np.random.default_rng(seed)
    network = MLP((2, *hidden, 3))
    theta, reference = generic_point(network, rng), generic_point(network, rng)
    local = transform(network, theta, _align_locally(network, reference, theta))
    exact = symmetry.nearest_image(network, theta, reference)
    assert np.linalg.norm(local - reference) >= np.linalg.norm(exact - reference) - 1e-12


@pytest.mark.parametrize(
    ("hidden", "exact"),
    [
        ((), True),
        ((500,), True),
        ((6, 10), True),
        ((7, 5), False),
        ((5, 11), False),
        ((5, 5, 5, 5), True),
        ((4, 6, 6, 4), False),
    ],
    ids=str,
)
def test_is_exact_says_for_which_networks(hidden, exact):
    assert symmetry.is_exact(MLP((2, *hidden, 4))) is exact


# ---------------------------------------------------------------- orbit


@settings(max_examples=150, deadline=None)
@given(hidden=TINY, make=POINTS, seed=SEEDS)
@example(hidden=[2, 2], make=lambda network, _rng: np.zeros(network.n_parameters), seed=0)
def test_the_orbit_has_as_many_points_as_enumerated(hidden, make, seed):
    network = MLP((1, *hidden, 2))
    theta = make(network, np.random.default_rng(seed))
    distinct = {image.tobytes() for image in images(network, theta)}
    assert symmetry.orbit_size(network, theta) == len(distinct)


def test_orbit_sizes_that_are_known(rng):
    network = MLP((2, 5, 5, 4))
    assert symmetry.orbit_size(network, generic_point(network, rng)) == 3840**2
    assert symmetry.orbit_size(network, np.zeros(network.n_parameters)) == 1
    layers = network.unflatten(generic_point(network, rng))
    layers[0].kernel[:, 0] = layers[0].bias[0] = layers[1].kernel[0] = 0.0  # one dead unit: its sign is free
    assert symmetry.orbit_size(network, network.flatten(layers)) == 3840**2 // 2


def test_orbit_size_tolerates_rounding(rng):
    network = MLP((2, 3, 2, 3))
    theta = degenerate_point(network, np.random.default_rng(3))
    noise = 1e-9 * rng.normal(size=theta.size)
    assert symmetry.orbit_size(network, theta) < order((3, 2))
    assert symmetry.orbit_size(network, theta + noise) == symmetry.orbit_size(network, theta)


# ---------------------------------------------------------------- invariants


@settings(max_examples=60, deadline=None)
@given(hidden=HIDDEN, make=POINTS, seed=SEEDS)
def test_invariants_are_the_same_for_all_images_and_close_for_close_points(hidden, make, seed):
    rng = np.random.default_rng(seed)
    network = MLP((2, *hidden, 3))
    theta = make(network, rng)
    image = symmetry.random_image(network, theta + 1e-6, rng=rng)
    gap = np.abs(symmetry.invariants(network, theta) - symmetry.invariants(network, image)).max()
    assert gap < 1e-5
    assume(make is generic_point)
    other = generic_point(network, rng)
    assert np.abs(symmetry.invariants(network, theta) - symmetry.invariants(network, other)).max() > 1e-3


# ---------------------------------------------------------------- without symmetries, and mistakes


def test_without_a_network_there_is_no_symmetry(rng):
    a, b = rng.normal(size=(2, 5))
    for point in (
        symmetry.random_image(None, a, rng=rng),
        symmetry.canonical_form(None, a),
        symmetry.nearest_image(None, a, b),
        symmetry.invariants(None, a),
    ):
        np.testing.assert_array_equal(point, a)
    assert symmetry.distance(None, a, b) == pytest.approx(np.linalg.norm(a - b))
    assert symmetry.orbit_size(None, a) == symmetry.group_order(None) == 1


def test_without_hidden_layers_there_is_no_symmetry(rng):
    network = MLP((2, 3))
    a, b = rng.normal(size=(2, 9))
    np.testing.assert_array_equal(symmetry.canonical_form(network, a), a)
    assert symmetry.distance(network, a, b) == pytest.approx(np.linalg.norm(a - b))
    assert symmetry.orbit_size(network, a) == 1


@pytest.mark.parametrize("hidden", [(3,), (2, 2), (30, 30)], ids=str)
def test_wrong_shapes_are_named(hidden):
    network = MLP((2, *hidden, 3))
    right, wrong = np.zeros(network.n_parameters), np.zeros(network.n_parameters + 1)
    for call in (
        lambda: symmetry.canonical_form(network, wrong),
        lambda: symmetry.nearest_image(network, wrong, right),
        lambda: symmetry.nearest_image(network, right, wrong),
        lambda: symmetry.orbit_size(network, wrong),
        lambda: symmetry.random_image(network, wrong, rng=np.random.default_rng(0)),
        lambda: symmetry.invariants(network, wrong),
    ):
        with pytest.raises(ValueError, match="theta must have shape"):
            call()


def test_the_whole_group_is_a_group(rng):
    network = MLP((1, 2, 2, 1))
    theta = generic_point(network, rng)
    first, second = group(network)[11], group(network)[23]
    twice = transform(network, transform(network, theta, first), second)
    assert twice.tobytes() in {image.tobytes() for image in images(network, theta)}


# ---------------------------------------------------------------- many distances at once


@pytest.mark.parametrize(
    "sizes", [(2, 3, 2), (2, 3, 3, 2), (2, 5, 5, 4), (3, 2, 4, 2), (2, 3, 2, 3, 2), (2, 4, 4, 4, 4), (2, 1, 1, 1, 4)]
)
def test_many_distances_are_those_of_one_by_one(sizes, rng):
    network = MLP(sizes)
    theta = rng.normal(size=network.n_parameters)
    near = [symmetry.random_image(network, theta, rng=rng) + 10.0**-k * rng.normal(size=theta.size) for k in range(6)]
    points = np.array([*near, *rng.normal(size=(6, theta.size)), *rng.integers(-1, 2, (6, theta.size)), 0 * theta])
    points.flags.writeable = False
    expected = np.array([symmetry.distance(network, theta, point) for point in points])
    # squares: what is left of |a|^2 + |b|^2 - 2 overlap near zero is rounding
    np.testing.assert_allclose(symmetry.distances(network, theta, points) ** 2, expected**2, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sizes", [(2, 2, 2, 2), (1, 3, 2, 2), (2, 2, 2, 2, 2)])
def test_many_distances_against_the_whole_group(sizes, rng):
    network = MLP(sizes)
    theta, points = rng.normal(size=network.n_parameters), rng.normal(size=(4, network.n_parameters))
    for point, found in zip(points, symmetry.distances(network, theta, points), strict=True):
        nearest = min(np.linalg.norm(theta - image) for image in images(network, point))
        assert found == pytest.approx(nearest, rel=1e-9)


def test_many_distances_without_a_network_or_of_wide_layers(rng):
    points = rng.normal(size=(3, 5))
    np.testing.assert_allclose(symmetry.distances(None, points[0], points), np.linalg.norm(points - points[0], axis=1))
    wide = MLP((2, 8, 8, 2))
    thetas = rng.normal(size=(2, wide.n_parameters))
    expected = [symmetry.distance(wide, theta, thetas[0]) for theta in thetas]  # a local search: no symmetric one
    np.testing.assert_array_equal(symmetry.distances(wide, thetas[0], thetas), expected)
