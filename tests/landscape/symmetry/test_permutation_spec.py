"""Declared symmetries: laws of the group, and the same answers as for a perceptron whose symmetries are known."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from landscape import symmetry
from landscape.networks import MLP
from landscape.symmetry import PermutationSpec

SEEDS = st.integers(0, 10**6)
HIDDEN = st.lists(st.integers(1, 3), min_size=1, max_size=4)


def of_perceptron(network):
    """The symmetries of a perceptron, declared; theta is the same vector."""
    shapes, axes = {}, {}
    groups = [None, *(f"layer {k}" for k in range(len(network.hidden))), None]
    for k, (n_in, n_out) in enumerate(itertools.pairwise(network.layer_sizes)):
        shapes |= {f"kernel{k}": (n_in, n_out), f"bias{k}": (n_out,)}
        axes |= {f"kernel{k}": (groups[k], groups[k + 1]), f"bias{k}": (groups[k + 1],)}
    return PermutationSpec(shapes, axes, [g for g in groups if g] if network.units.odd else [])


SPECS = {
    "residual": PermutationSpec(  # a stream that three layers read and write, with norms
        {"in": (3, 2), "norm": (3,), "up": (2, 3), "down": (3, 2), "up2": (2, 3), "down2": (3, 2), "out": (2, 3)},
        {"in": ("stream", None), "norm": ("stream",), "up": ("first", "stream"), "down": ("stream", "first"),
         "up2": ("second", "stream"), "down2": ("stream", "second"), "out": (None, "stream")},
    ),
    "triangle": PermutationSpec(
        {"ab": (2, 3), "bc": (3, 2), "ca": (2, 2)}, {"ab": ("a", "b"), "bc": ("b", "c"), "ca": ("c", "a")}
    ),
    "recurrent": PermutationSpec(
        {"in": (3, 2), "again": (3, 3), "out": (2, 3)},
        {"in": ("units", None), "again": ("units", "units"), "out": (None, "units")}, ["units"],
    ),
    "three at once": PermutationSpec({"abc": (2, 2, 3)}, {"abc": ("a", "b", "c")}, ["b"]),
    "channels": PermutationSpec(  # three channels of two pixels behind Flatten
        {"conv": (3, 1, 2), "bias": (3,), "out": (2, 6)}, {"conv": ("channels", None, None), "bias": ("channels",),
         "out": (None, "channels")}, ["channels"],
    ),
    "apart": PermutationSpec({"a": (3, 2), "b": (2, 2), "c": (4,)}, {"a": ("a", None), "b": (None, "b")}, ["b"]),
}  # fmt: skip
SPEC_NAMES = st.sampled_from(sorted(SPECS))
EXACT = {"channels", "apart", "residual"}


def elements_of(spec):
    """Every element of the group."""
    choices = []
    for group, n in spec.sizes.items():
        signs = (1.0, -1.0) if spec.is_signed(group) else (1.0,)
        every = itertools.product(itertools.permutations(range(n)), itertools.product(signs, repeat=n))
        choices.append([(np.array(order), np.array(chosen)) for order, chosen in every])
    return itertools.product(*choices)


def points(spec, rng, *, whole=False):
    return rng.integers(-1, 2, spec.n_parameters) * 1.0 if whole else rng.normal(size=spec.n_parameters)


@settings(max_examples=40, deadline=None)
@given(hidden=HIDDEN, seed=SEEDS, whole=st.booleans(), activation=st.sampled_from(["tanh", "gelu"]))
def test_declared_symmetries_of_a_perceptron_are_its_own(hidden, seed, whole, activation):
    network, rng = MLP((2, *hidden, 3), activation), np.random.default_rng(seed)
    spec = of_perceptron(network)
    a, b = (points(spec, rng, whole=whole) for _ in range(2))
    element = spec.random_element(rng=rng)
    np.testing.assert_array_equal(spec.transform(a, element), symmetry.transform(network, a, element))
    assert symmetry.group_order(spec) == symmetry.group_order(network)
    assert symmetry.orbit_size(spec, a) == symmetry.orbit_size(network, a)
    if symmetry.is_exact(spec):
        assert symmetry.distance(spec, a, b) == pytest.approx(symmetry.distance(network, a, b), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(name=SPEC_NAMES, seed=SEEDS, whole=st.booleans())
def test_images_of_a_point_are_one(name, seed, whole):
    spec, rng = SPECS[name], np.random.default_rng(seed)
    theta = points(spec, rng, whole=whole)
    image = symmetry.random_image(spec, theta, rng=rng)
    np.testing.assert_allclose(symmetry.invariants(spec, image), symmetry.invariants(spec, theta), atol=1e-12)
    np.testing.assert_array_equal(symmetry.canonical_form(spec, image), symmetry.canonical_form(spec, theta))
    assert symmetry.orbit_size(spec, image) == symmetry.orbit_size(spec, theta)
    if not whole or symmetry.is_exact(spec):  # a local search may be misled where many weights are equal
        assert symmetry.distance(spec, theta, image) == 0.0
        np.testing.assert_array_equal(symmetry.nearest_image(spec, image, theta), theta)


@settings(max_examples=40, deadline=None)
@given(name=SPEC_NAMES, seed=SEEDS, whole=st.booleans())
def test_distance_and_orbit_against_the_whole_group(name, seed, whole):
    spec, rng = SPECS[name], np.random.default_rng(seed)
    a, b = (points(spec, rng, whole=whole) for _ in range(2))
    images = [spec.transform(a, element) for element in elements_of(spec)]
    shortest = min(np.linalg.norm(image - b) for image in images)
    found = symmetry.distance(spec, a, b)
    assert found >= shortest - 1e-12
    assert len(images) == symmetry.group_order(spec)
    assert symmetry.orbit_size(spec, a) == len({(image + 0.0).tobytes() for image in images})
    # `distance` moves its second point; where the search is local, moving the first may end elsewhere
    assert np.linalg.norm(symmetry.nearest_image(spec, b, a) - a) == pytest.approx(found, abs=1e-12)
    if symmetry.is_exact(spec):
        assert found == pytest.approx(shortest, abs=1e-12)
        assert symmetry.distances(spec, a, b[None], cutoff=shortest * 0.999) == np.inf
    gap = np.linalg.norm(symmetry.invariants(spec, a) - symmetry.invariants(spec, b))
    most = max(sum(group is not None for group in axes) for axes in spec.all_axes)
    assert gap <= math.sqrt(most) * shortest + 1e-12


def test_exact_searches_are_known():
    assert {name for name, spec in SPECS.items() if symmetry.is_exact(spec)} == EXACT
    wide = PermutationSpec({"a": (90, 3), "b": (2, 90)}, {"a": ("units", None), "b": (None, "units")})
    assert symmetry.is_exact(wide)  # a single group is one assignment, however many units it has
    assert symmetry.is_exact(of_perceptron(MLP((2, 4, 3, 4, 2))))
    assert not symmetry.is_exact(of_perceptron(MLP((2, 3, 3, 3, 3, 2))))


def test_spec_survives_json_and_hashing():
    for spec in SPECS.values():
        assert PermutationSpec.from_json(spec.to_json()) == spec
        assert hash(PermutationSpec.from_json(spec.to_json())) == hash(spec)


@pytest.mark.parametrize(
    ("axes", "flips", "message"),
    [
        ({"c": ("units",)}, (), r"axes_to_perm must name parameters \(a, b\); got 'c'"),
        ({"a": ("units",)}, (), r"an entry for each of the axes of a, \(3, 2\)"),
        ({"a": ("units", None), "b": ("units", None)}, (), "axis 0 of b has length 2, axis 0 of a 3"),
        ({"a": ("units", None)}, ("other",), r"sign_flips must be groups of axes_to_perm \(units\); got 'other'"),
        ({"a": "units"}, (), "a name or None for each axis of a"),
        ({}, (), "at least one group"),
    ],
)  # fmt: skip
def test_wrong_declarations_are_named(axes, flips, message):
    with pytest.raises(ValueError, match=message):
        PermutationSpec({"a": (3, 2), "b": (2, 4)}, axes, flips)
