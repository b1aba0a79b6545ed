"""When two stationary points are one: the database's decisions, and the laws that they rest on."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from support.clock import processor_seconds_below
from support.reference import images

from landscape import CrossEntropyLoss, Database, Minimum, TransitionState, explore, quench, symmetry
from landscape.database import provenance_of
from landscape.losses import DoubleWells, MuellerBrown, Surface
from landscape.networks import MLP
from landscape.stationary import same_point

NETWORK = MLP((2, 3, 3, 4))
P = NETWORK.n_parameters
SMALL = st.sampled_from([(2, 2, 3), (2, 3, 2), (2, 2, 2, 3), (1, 2, 2, 2, 2), (1, 1, 3, 1, 2), (1, 2, 1, 2, 1, 2)])
SEEDS = st.integers(0, 10**6)
GAPS = [1e-12, 1e-10, 1e-8, 1e-6]


def a_minimum(coordinates, value=0.5, *, softest=0.1, rms=1e-11):
    return Minimum(coordinates, value, rms, np.concatenate([[softest], np.full(len(coordinates) - 1, 1.0)]))


def a_transition_state(coordinates, value=0.6, *, rms=1e-11):
    eigenvalues = np.concatenate([[-0.1], np.full(len(coordinates) - 1, 1.0)])
    return TransitionState(coordinates, value, rms, eigenvalues, np.ones(len(coordinates)))


def degenerate(network, rng):
    """A point some of whose units are dead, copies of others up to sign, or without inputs."""
    layers = network.unflatten(rng.normal(size=network.n_parameters))
    for k, width in enumerate(network.hidden):
        for i in range(width):
            (kernel, bias), after = layers[k], layers[k + 1].kernel
            fate, other, sign = rng.integers(4), rng.integers(width), rng.choice([-1.0, 1.0])
            if fate == 0:
                kernel[:, i], bias[i], after[i] = 0.0, 0.0, 0.0
            elif fate == 1:
                kernel[:, i], bias[i], after[i] = sign * kernel[:, other], sign * bias[other], sign * after[other]
            elif fate == 2:
                kernel[:, i], bias[i] = 0.0, 0.0
    return network.flatten(layers)


def a_point(network, rng):
    """Generic, degenerate, or of integers."""
    kind = rng.integers(3)
    if kind == 0:
        return rng.normal(size=network.n_parameters)
    return degenerate(network, rng) if kind == 1 else rng.integers(-1, 2, network.n_parameters).astype(float)


@pytest.fixture
def database(tmp_path, few_data):
    """An empty database of minima of NETWORK, in a transaction."""
    provenance = provenance_of(CrossEntropyLoss(NETWORK, few_data), seed=0)
    with Database.create(tmp_path / "identity.db", provenance) as database, database.transaction():
        yield database


def add(database, coordinates, value=0.5, **certificate):
    return database.add_minimum(a_minimum(coordinates, value, **certificate), origin="start")


# ---------------------------------------------------------------- near-ties, dead and duplicate units


@pytest.mark.parametrize("gap", GAPS)
def test_units_whose_order_flips_under_rounding_make_no_second_minimum(database, gap, rng):
    layers = NETWORK.unflatten(rng.normal(size=P))
    layers[0].kernel[:, 1], layers[0].bias[1] = layers[0].kernel[:, 0], layers[0].bias[0]
    ahead, behind = NETWORK.flatten(layers), NETWORK.flatten(layers)
    ahead[0] += gap  # the first weight of unit 0, by which it is sorted
    behind[0] -= gap
    forms = [symmetry.canonical_form(NETWORK, point) for point in (ahead, behind)]
    assert np.linalg.norm(forms[0] - forms[1]) > 0.1  # outgoing weights changed places
    number, _ = add(database, ahead)
    assert add(database, symmetry.random_image(NETWORK, behind, rng=rng)) == (number, False)
    assert symmetry.distance(NETWORK, ahead, behind) == pytest.approx(2 * gap, rel=1e-3)


@pytest.mark.parametrize("gap", [0.0, *GAPS])
def test_dead_units_make_no_second_minimum(database, gap, rng):
    layers = NETWORK.unflatten(rng.normal(size=P))
    for k, i in ((0, 1), (0, 2), (1, 0)):
        layers[k].kernel[:, i] = layers[k].bias[i] = layers[k + 1].kernel[i] = 0.0
    theta = NETWORK.flatten(layers)
    number, _ = add(database, theta)
    for _ in range(10):
        image = symmetry.random_image(NETWORK, theta + gap * rng.normal(size=P), rng=rng)
        assert add(database, image) == (number, False)
    # the signs of the dead units and the order of two of them change nothing
    assert database.minimum(number).orbit_size == 48 * 48 // (2**3 * 2)


@pytest.mark.parametrize("gap", [0.0, *GAPS])
def test_duplicate_units_make_no_second_minimum(database, gap, rng):
    layers = NETWORK.unflatten(rng.normal(size=P))
    for k, i, other, sign in ((0, 1, 0, -1.0), (1, 2, 1, 1.0)):
        layers[k + 1].kernel[i] = sign * layers[k + 1].kernel[other]
        layers[k].kernel[:, i], layers[k].bias[i] = sign * layers[k].kernel[:, other], sign * layers[k].bias[other]
    theta = NETWORK.flatten(layers)
    number, _ = add(database, theta)
    for _ in range(10):
        image = symmetry.random_image(NETWORK, theta + gap * rng.normal(size=P), rng=rng)
        assert add(database, image) == (number, False)
    assert database.minimum(number).orbit_size == 48 * 48 // 4  # one exchange in each layer


# ---------------------------------------------------------------- what decides


@pytest.mark.parametrize("apart", [0.011, 0.1, 1.0])
def test_equal_losses_alone_make_no_minimum_known(database, apart, rng):
    theta, step = rng.normal(size=(2, P))
    other = theta + apart * step / np.linalg.norm(step)
    assert symmetry.distance(NETWORK, theta, other) == pytest.approx(apart)
    first, _ = add(database, theta, 0.5)
    second, new = add(database, symmetry.random_image(NETWORK, other, rng=rng), 0.5 + 5e-10)
    assert new
    assert second != first
    assert [m.hits for m in database.minima] == [1, 1]
    # each finds itself again, though the other's loss is nearer
    assert add(database, symmetry.random_image(NETWORK, theta, rng=rng), 0.5 + 4e-10) == (first, False)
    assert add(database, symmetry.random_image(NETWORK, other, rng=rng), 0.5 + 1e-10) == (second, False)


def test_another_loss_at_the_same_place_is_another_minimum(database, rng):
    theta = rng.normal(size=P)
    assert add(database, theta, 0.5)[1]
    assert not add(database, theta, 0.5 + 9e-10)[1]
    assert add(database, theta, 0.5 + 2e-9)[1]


def test_the_tolerance_grows_with_the_error_of_the_position(database, rng):
    theta, step = rng.normal(size=(2, P))
    other = theta + 0.05 * step / np.linalg.norm(step)
    stiff, soft = {"softest": 1e-6, "rms": 1e-10}, {"softest": 1e-8, "rms": 1e-10}
    assert a_minimum(theta, **stiff).position_error == pytest.approx(1e-4 * math.sqrt(P))
    assert a_minimum(theta, **soft).position_error == pytest.approx(1e-2 * math.sqrt(P))
    number, _ = add(database, theta, **stiff)
    assert not same_point(NETWORK, a_minimum(theta, **stiff), a_minimum(other, **stiff))
    assert same_point(NETWORK, a_minimum(theta, **soft), a_minimum(other, **stiff))
    assert same_point(NETWORK, a_minimum(theta, **stiff), a_minimum(other, **soft))
    assert add(database, symmetry.random_image(NETWORK, other, rng=rng), **soft) == (number, False)
    assert add(database, symmetry.random_image(NETWORK, other, rng=rng), **stiff)[1]


def test_the_tolerance_has_a_limit_however_soft_a_mode(rng):
    """Gradient over eigenvalue would allow a distance of 0.8 here."""
    theta, step = rng.normal(size=(2, P))
    step /= np.linalg.norm(step)
    points = [a_minimum(theta + apart * step, softest=2e-11 * math.sqrt(P) / 0.8) for apart in (0.0, 0.4, 0.6)]
    assert points[0].position_error == pytest.approx(0.4)
    assert same_point(NETWORK, points[0], points[1])
    assert not same_point(NETWORK, points[0], points[2])


def test_one_minimum_quenched_from_many_starts_and_images_is_one(small_loss, tmp_path, rng):
    network = small_loss.network
    bottom = quench(small_loss, network.glorot_uniform(rng)).minimum
    starts = [bottom.coordinates + 0.02 * rng.normal(size=bottom.coordinates.size) for _ in range(12)]
    starts += [symmetry.random_image(network, start, rng=rng) for start in starts]
    with Database.create(tmp_path / "one.db", provenance_of(small_loss, 0)) as database, database.transaction():
        for start in starts:
            database.add_minimum(quench(small_loss, start).minimum, origin="start")
        (stored,) = database.minima
        assert stored.hits == len(starts)
        assert symmetry.distance(network, stored.point.coordinates, bottom.coordinates) < 1e-4


# ---------------------------------------------------------------- other scales


class Scaled(Surface):
    """height f((x - origin) / width)."""

    def __init__(self, surface, width=1.0, height=1.0, origin=0.0):
        super().__init__(surface.n_parameters)
        self.surface, self.width, self.height, self.origin = surface, width, height, origin

    def value_gradient_hessian(self, theta):
        value, gradient, hessian = self.surface.value_gradient_hessian((self._point(theta) - self.origin) / self.width)
        return self.height * value, self.height / self.width * gradient, self.height / self.width**2 * hessian

    def place(self, points):
        return self.width * points + self.origin


SURFACES = {  # minima with a value of zero, too, and soft directions
    "three minima": MuellerBrown(),
    "four of loss zero": DoubleWells([0.1, 1.0]),
    "four": DoubleWells([0.1, 1e3], [0.1, 0.3]),
}


def distinct(minima):
    found = []
    for minimum in minima:
        if not any(same_point(None, minimum, other) for other in found):
            found.append(minimum)
    return found


@pytest.mark.parametrize("name", SURFACES)
@pytest.mark.parametrize(
    ("width", "height", "origin"),
    [(1e-3, 1.0, 0.0), (1e3, 1.0, 0.0), (1.0, 1e-6, 0.0), (1.0, 1e6, 0.0), (1e-3, 1e-6, 0.0), (1e3, 1e6, 0.0),
     (1e3, 1e-6, 0.0), (1e-3, 1e6, 0.0), (1.0, 1.0, 7.0), (1e-3, 1.0, 1.0), (1e-3, 1.0, 1e2)],
)  # fmt: skip
def test_a_landscape_of_any_scale_has_its_minima_each_once(name, width, height, origin, rng):
    surface = Scaled(SURFACES[name], width, height, origin)
    known = SURFACES[name].known_points().minima
    starts = [surface.place(point + 0.05 * rng.normal(size=2)) for point in known for _ in range(6)]
    results = [quench(surface, start) for start in starts]
    assert all(result.converged for result in results)
    assert len(distinct(result.minimum for result in results)) == len(known)


def test_two_minima_close_together_with_a_barrier_between_them_are_two(tmp_path):
    """0.004 apart, the barrier 0.1 nats."""
    surface = Scaled(DoubleWells([0.1]), width=0.002)
    results = [quench(surface, [x]) for x in (-0.0021, 0.0019, -0.0018, 0.0022)]
    a, b, c, d = (result.minimum for result in results)
    assert abs(a.coordinates[0] - b.coordinates[0]) == pytest.approx(0.004)
    assert surface.value_and_gradient([0.0])[0] - a.value == pytest.approx(0.1)
    assert same_point(None, a, c)
    assert same_point(None, b, d)
    assert not same_point(None, a, b)
    assert explore(surface, tmp_path / "close.db", searches=16).minima == 2


@settings(max_examples=60, deadline=None)
@given(
    width=st.floats(1e-4, 1e4),
    barrier=st.floats(1e-8, 1e8),
    offset=st.floats(-1.0, 1.0),
    at=st.sampled_from([0.0, 1.0]),
)
def test_no_two_minima_are_one_whose_barrier_can_be_seen(width, barrier, offset, at):
    """Both quenched as well as quenches do, of a double well whose value at the bottom is up to ten barriers."""
    curvature, value = 8.0 * barrier / width**2, 10.0 * offset * barrier
    rms = 1e-12 * curvature * width
    places = (at - width, at + width)
    a, b = (Minimum(np.array([x]), value, rms, np.array([curvature])) for x in places)
    assert not same_point(None, a, b)
    again = Minimum(np.array([places[0] + 1e-12 * width]), value, rms, np.array([curvature]))
    assert same_point(None, a, again)


# ---------------------------------------------------------------- parallel transition states


def test_parallel_transition_states_are_kept_apart(database, rng):
    ends = tuple(add(database, rng.normal(size=P), value)[0] for value in (0.4, 0.5))
    saddle, other = rng.normal(size=(2, P))
    first, _ = database.add_transition_state(a_transition_state(saddle), ends, origin="saddle")
    # the same loss to 1e-9, the same minima, elsewhere
    second, new = database.add_transition_state(a_transition_state(other, 0.6 + 5e-10), ends[::-1], origin="saddle")
    assert new
    for point, number in ((saddle, first), (other, second)):
        image = a_transition_state(symmetry.random_image(NETWORK, point, rng=rng), 0.6 + 3e-10)
        assert database.add_transition_state(image, ends[::-1], origin="saddle") == (number, False)
    assert {state.minimum_ids for state in database.transition_states} == {ends}
    assert [state.hits for state in database.transition_states] == [2, 2]
    assert database.graph().edges.tolist() == [[0, 1], [0, 1]]


def test_one_saddle_between_other_minima_is_another_transition_state(database, rng):
    a, b, c = (add(database, rng.normal(size=P), value)[0] for value in (0.4, 0.45, 0.5))
    saddle = a_transition_state(rng.normal(size=P))
    numbers = {database.add_transition_state(saddle, ends, origin="saddle")[0] for ends in ((a, b), (b, c), (a, a))}
    assert len(numbers) == 3


# ---------------------------------------------------------------- laws


@settings(max_examples=150, deadline=None)
@given(sizes=SMALL, seed=SEEDS)
def test_the_distance_is_a_pseudometric_that_vanishes_on_orbits(sizes, seed):
    network, rng = MLP(sizes), np.random.default_rng(seed)
    a, b, c = (a_point(network, rng) for _ in range(3))
    ab, bc, ac = (symmetry.distance(network, x, y) for x, y in ((a, b), (b, c), (a, c)))
    scale = 1e-13 * (1.0 + ab + bc)
    assert ac <= ab + bc + scale
    assert abs(ab - symmetry.distance(network, b, a)) <= scale
    assert symmetry.distance(network, a, symmetry.random_image(network, a, rng=rng)) <= 1e-12
    assert abs(ab - symmetry.distance(network, symmetry.random_image(network, a, rng=rng), b)) <= scale
    assert abs(ab - symmetry.distance(network, a, symmetry.random_image(network, b, rng=rng))) <= scale


@settings(max_examples=150, deadline=None)
@given(sizes=SMALL, seed=SEEDS)
def test_a_canonical_form_is_idempotent_and_the_same_for_all_images(sizes, seed):
    network, rng = MLP(sizes), np.random.default_rng(seed)
    theta = a_point(network, rng)
    form = symmetry.canonical_form(network, theta).tobytes()
    everywhere = images(network, theta)
    assert form in {image.tobytes() for image in everywhere}
    for image in everywhere[rng.integers(len(everywhere), size=8)]:
        assert symmetry.canonical_form(network, image).tobytes() == form
    assert symmetry.canonical_form(network, np.frombuffer(form)).tobytes() == form


@settings(max_examples=150, deadline=None)
@given(sizes=SMALL, seed=SEEDS)
def test_orbits_are_as_large_as_enumerated(sizes, seed):
    network = MLP(sizes)
    theta = a_point(network, np.random.default_rng(seed))
    assert symmetry.orbit_size(network, theta) == len({image.tobytes() for image in images(network, theta)})


@settings(max_examples=150, deadline=None)
@given(sizes=SMALL, seed=SEEDS, step=st.sampled_from([1e-6, 1e-2, 1.0, None]))
def test_invariants_are_invariant_and_no_further_apart_than_the_bound(sizes, seed, step):
    network, rng = MLP(sizes), np.random.default_rng(seed)
    a = a_point(network, rng)
    b = a_point(network, rng) if step is None else a + step * a_point(network, rng)
    image = symmetry.random_image(network, a, rng=rng)
    np.testing.assert_allclose(
        symmetry.invariants(network, image), symmetry.invariants(network, a), rtol=1e-13, atol=1e-14
    )
    distance = symmetry.distance(network, a, b)
    assume(distance > 0.0)
    constant = 1.0 if len(network.hidden) < 2 else math.sqrt(2.0)
    gap = np.linalg.norm(symmetry.invariants(network, a) - symmetry.invariants(network, b))
    assert gap <= constant * distance + 1e-13


@pytest.mark.parametrize(("hidden", "constant"), [((3,), 1.0), ((3, 3), math.sqrt(2.0)), ((2, 2, 2), math.sqrt(2.0))])
def test_the_bound_on_invariants_is_reached(hidden, constant):
    network = MLP((2, *hidden, 4))
    layers = network.unflatten(np.zeros(network.n_parameters))
    for k in range(1, len(hidden)):
        layers[k].kernel[:] = np.eye(len(layers[k].kernel))
    if len(hidden) == 1:
        layers[1].kernel[:] = 1.0
    theta = network.flatten(layers)
    gap = np.linalg.norm(symmetry.invariants(network, 1.1 * theta) - symmetry.invariants(network, theta))
    assert gap == pytest.approx(constant * symmetry.distance(network, 1.1 * theta, theta), rel=1e-12)


# ---------------------------------------------------------------- degenerate points cost no hours


@pytest.mark.parametrize("hidden", [(10,), (10, 4), (14, 14), (4, 10, 4)], ids=str)
@pytest.mark.parametrize("kind", ["zeros", "no inputs", "equal inputs", "equal magnitudes"])
def test_degenerate_points_are_handled_in_seconds(hidden, kind, rng):
    network = MLP((2, *hidden, 4))
    layers = network.unflatten(rng.normal(size=network.n_parameters) * (kind != "zeros"))
    for k in range(len(hidden)):
        layers[k].kernel[:] = layers[k].bias[:] = 1.0 if kind == "equal inputs" and k == 0 else 0.0
        if kind == "equal magnitudes":
            layers[k + 1].kernel[:] = np.sign(layers[k + 1].kernel)
    theta = network.flatten(layers)
    with processor_seconds_below(5.0):
        form = symmetry.canonical_form(network, theta)
        assert 1 <= symmetry.orbit_size(network, theta) <= symmetry.group_order(network)
    assert symmetry.canonical_form(network, form).tobytes() == form.tobytes()
    assert symmetry.distance(network, form, theta) == 0.0 or not symmetry.is_exact(network)


def test_units_without_inputs_have_a_canonical_form_and_an_orbit(rng):
    network = MLP((2, 10, 4, 4))
    layers = network.unflatten(rng.normal(size=network.n_parameters))
    layers[0].kernel[:] = layers[0].bias[:] = 0.0
    theta = network.flatten(layers)
    forms = {
        symmetry.canonical_form(network, symmetry.random_image(network, theta, rng=rng)).tobytes() for _ in range(4)
    }
    assert len(forms) == 1
    assert symmetry.orbit_size(network, theta) == symmetry.group_order(network)
