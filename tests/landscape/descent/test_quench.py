import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.reference import DoubleWell, Surface, flow_end, flow_path

from landscape import CrossEntropyLoss, TorchLoss, datasets, quench, symmetry
from landscape.descent import QuenchStatus, lbfgs_step
from landscape.descent._flow import gradient_flow
from landscape.descent._lbfgs import lbfgs
from landscape.descent._newton import trust_region_step
from landscape.descent._preconditioned import inverse_metric
from landscape.losses import MuellerBrown
from landscape.networks import MLP
from landscape.search import find_transition_state
from landscape.stationary import certify

METHODS = ["lbfgs", "flow"]
RMS = 1e-10


class Recorder:
    """A loss that remembers where it was asked for a Hessian."""

    def __init__(self, loss):
        self._loss, self.points, self.values = loss, [], []

    def __getattr__(self, name):
        return getattr(self._loss, name)

    def value_gradient_hessian(self, theta):
        result = self._loss.value_gradient_hessian(theta)
        self.points.append(np.array(theta))
        self.values.append(result[0])
        return result


def starts(loss, rng, n=1):
    """Glorot starts, and normal ones of standard deviation 1, 2, 3."""
    for _ in range(n):
        yield loss.network.glorot_uniform(rng)
        for deviation in (1.0, 2.0, 3.0):
            yield deviation * rng.normal(size=loss.n_parameters)


# ---------------------------------------------------------------- certified minima


@pytest.mark.parametrize("method", METHODS)
def test_quenches_end_in_certified_minima(loss, method, rng):
    for start in starts(loss, rng):
        result = quench(loss, start, method=method)
        assert result.status is QuenchStatus.CONVERGED
        _, gradient, hessian = loss.value_gradient_hessian(result.coordinates)
        assert np.linalg.norm(gradient) / np.sqrt(gradient.size) <= RMS
        assert np.linalg.eigvalsh(hessian)[0] > 0.0
        assert result.value < loss.value(start)
        assert result.hessian_evaluations > 0
        assert result.gradient_evaluations > 0


@pytest.mark.parametrize("method", METHODS)
def test_the_certificate_is_what_recomputing_gives(small_loss, method, rng):
    for start in starts(small_loss, rng, n=3):
        result = quench(small_loss, start, method=method)
        value, gradient, hessian = small_loss.value_gradient_hessian(result.coordinates)
        eigenvalues = np.linalg.eigvalsh(hessian)
        assert result.value == value
        assert result.rms_gradient == pytest.approx(np.sqrt((gradient**2).mean()))
        np.testing.assert_allclose(result.eigenvalues, eigenvalues, atol=1e-14)
        minimum, again = result.minimum, certify(small_loss, result.coordinates)
        assert (minimum.index, again.index) == (0, 0)
        assert minimum.log_determinant == pytest.approx(np.linalg.slogdet(hessian)[1], rel=1e-9)
        assert minimum.trace == pytest.approx(np.trace(hessian), rel=1e-12)
        assert again.value == minimum.value
        np.testing.assert_allclose(again.eigenvalues, minimum.eigenvalues, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_many_quenches_end_in_certified_minima(loss, method):
    rng = np.random.default_rng(1)
    results = [quench(loss, start, method=method) for start in starts(loss, rng, n=15)]
    assert {result.status for result in results} == {QuenchStatus.CONVERGED}
    assert max(result.rms_gradient for result in results) <= RMS
    assert min(result.eigenvalues[0] for result in results) > 0.0


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [(10,), (5, 5), (4, 4, 4)], ids=str)
def test_no_quench_of_some_hundred_gives_up(data, hidden):
    """benchmarks/quench_robustness.py asks ten thousand."""
    loss, rng = CrossEntropyLoss(MLP((2, *hidden, 4)), data), np.random.default_rng(3)
    results = [quench(loss, start) for start in starts(loss, rng, n=75)]
    assert {result.status for result in results} == {QuenchStatus.CONVERGED}
    assert max(result.rms_gradient for result in results) <= RMS
    assert min(result.eigenvalues[0] for result in results) > 0.0
    assert max(result.gradient_evaluations for result in results) < 3000  # of 2400 starts the worst took 833


def test_a_quench_is_deterministic(small_loss, rng):
    for start in starts(small_loss, rng):
        a, b = quench(small_loss, start), quench(small_loss, start)
        np.testing.assert_array_equal(a.coordinates, b.coordinates)


@pytest.mark.parametrize("radius", [1e-6, 0.1, 10.0])
def test_the_metric_is_shifted_until_the_step_fits(radius, rng):
    metric, projections = np.geomspace(1e-6, 1.0, 20), rng.normal(size=20)
    inverse = inverse_metric(metric, projections, radius)
    shifts = 1.0 / inverse - metric
    np.testing.assert_allclose(shifts, shifts.mean(), rtol=1e-6)
    assert np.linalg.norm(inverse * projections) == pytest.approx(radius, rel=0.02)
    np.testing.assert_array_equal(inverse_metric(metric, projections, 1e9), 1.0 / metric)


def test_a_step_of_lbfgs_with_all_pairs_is_newtons(rng):
    curvature = np.diag([1.0, 4.0, 9.0])
    gradient, steps = rng.normal(size=3), np.eye(3)
    step, length, slope = lbfgs_step(gradient, steps, steps @ curvature, 3, np.ones(3), 100.0)
    np.testing.assert_allclose(step, -np.linalg.solve(curvature, gradient))
    assert length == pytest.approx(np.linalg.norm(step))
    assert slope == pytest.approx(step @ gradient)
    short, length, _ = lbfgs_step(gradient, steps, steps @ curvature, 3, np.ones(3), 1e-3)
    np.testing.assert_allclose(short, step * 1e-3 / np.linalg.norm(step))
    assert length == pytest.approx(1e-3)


def test_a_quench_of_a_minimum_stays_there(small_loss, rng):
    minimum = quench(small_loss, small_loss.network.glorot_uniform(rng))
    for method in METHODS:
        again = quench(small_loss, minimum.coordinates, method=method)
        np.testing.assert_array_equal(again.coordinates, minimum.coordinates)
        assert again.converged


@pytest.mark.parametrize("method", METHODS)
def test_the_start_is_not_written(small_loss, method, rng):
    start = small_loss.network.glorot_uniform(rng)
    before = start.copy()
    start.flags.writeable = False
    quench(small_loss, start, method=method)
    assert (start == before).all()


@pytest.mark.parametrize("method", METHODS)
def test_known_minima_of_a_surface(method, rng):
    surface = MuellerBrown()
    known = surface.known_points()
    for start in known.minima + rng.uniform(-0.15, 0.15, size=(10, 1, 2)):
        for k, point in enumerate(start):
            result = quench(surface, point, method=method)
            np.testing.assert_allclose(result.coordinates, known.minima[k], atol=1e-6)
            assert result.value == pytest.approx(known.minimum_values[k], abs=1e-7)


def test_a_torch_module_can_be_quenched(few_data, rng):
    torch = pytest.importorskip("torch")
    loss = TorchLoss(torch.nn.Linear(2, 4), few_data, 1e-3)
    result = quench(loss, rng.normal(size=loss.n_parameters))
    assert result.converged


# ---------------------------------------------------------------- the flow


@pytest.mark.parametrize(
    "hidden", [(3,), (2, 2), pytest.param((5, 5), marks=pytest.mark.slow), (2, 2, 2), (1, 1, 1)], ids=str
)
def test_the_flow_ends_where_an_independent_integrator_ends(few_data, hidden, rng):
    loss = CrossEntropyLoss(MLP((2, *hidden, 4)), few_data)
    for start in starts(loss, rng):
        result = quench(loss, start, method="flow")
        np.testing.assert_allclose(result.coordinates, flow_end(loss, start), atol=1e-3)


@pytest.mark.slow
def test_the_flow_on_a_thousand_rows_mostly_ends_where_an_independent_integrator_ends(loss):
    rng, right = np.random.default_rng(2), []
    for start in starts(loss, rng, n=3):
        expected = flow_end(loss, start)
        right.append(np.linalg.norm(quench(loss, start, method="flow").coordinates - expected) < 0.05)
        exact, _, _ = gradient_flow(loss, start, tolerance=1e-7, path_error=1e-4)
        assert np.linalg.norm(exact.point - expected) < 0.1  # what is left at this gradient in a soft direction
    assert np.mean(right) >= 0.75  # starts near a border are mapped wrongly now and then


def test_the_flow_finds_the_basin_on_a_surface(rng):
    surface = MuellerBrown()
    overflow = [[-0.518, -0.4], [-0.947, -0.0864], [-0.457, -0.4]]  # where the loss of the first trial step does
    for start in [*rng.uniform([-1.2, -0.2], [0.9, 1.7], size=(25, 2)), *np.array(overflow)]:
        expected = flow_end(surface, start)
        np.testing.assert_allclose(quench(surface, start, method="flow").coordinates, expected, atol=1e-5)


@pytest.mark.parametrize("hidden", [(3,), (2, 2), (4, 4, 4)], ids=str)
def test_the_flow_is_a_path_of_descent(few_data, hidden, rng):
    loss = CrossEntropyLoss(MLP((2, *hidden, 4)), few_data)
    for start in starts(loss, rng):
        recorder = Recorder(loss)
        gradient_flow(recorder, start, tolerance=1e-7, path_error=1e-2)
        assert np.diff(recorder.values).max() <= 1e-13


@pytest.mark.parametrize("hidden", [(3,), (2, 2)], ids=str)
def test_the_flow_stays_on_the_path_of_steepest_descent(few_data, hidden, rng):
    loss = CrossEntropyLoss(MLP((2, *hidden, 4)), few_data)
    for start in starts(loss, rng):
        recorder, path = Recorder(loss), flow_path(loss, start)
        gradient_flow(recorder, start, tolerance=1e-7, path_error=1e-2)
        assert max(distance_to_path(point, path) for point in recorder.points) < 0.2


def distance_to_path(point, path):
    """Euclidean distance of a point (P,) to the polygon through the points of a path (T, P)."""
    segments, offsets = np.diff(path, axis=0), point - path[:-1]
    fractions = (segments * offsets).sum(axis=1) / np.maximum((segments**2).sum(axis=1), 1e-300)
    return np.linalg.norm(offsets - np.clip(fractions, 0.0, 1.0)[:, None] * segments, axis=1).min()


@settings(max_examples=15, deadline=None)
@given(hidden=st.sampled_from([(3,), (2, 2), (2, 2, 2)]), seed=st.integers(0, 10**6))
def test_images_of_a_start_flow_to_images_of_the_minimum(few_data, hidden, seed):
    rng = np.random.default_rng(seed)
    loss = CrossEntropyLoss(MLP((2, *hidden, 4)), few_data)
    start = loss.network.glorot_uniform(rng)
    image = symmetry.random_image(loss.network, start, rng=rng)
    a, b = quench(loss, start, method="flow"), quench(loss, image, method="flow")
    assert a.value == pytest.approx(b.value, abs=1e-9)
    assert symmetry.distance(loss.network, a.coordinates, b.coordinates) < 1e-3


def test_the_flow_falls_on_its_own_side_of_a_ridge():
    surface = DoubleWell(tilt=0.0)
    for x in (1e-6, 1e-3, 0.3, 3.0):
        assert quench(surface, [x, 2.0], method="flow").coordinates[0] == pytest.approx(1.0)
        assert quench(surface, [-x, 2.0], method="flow").coordinates[0] == pytest.approx(-1.0)


# ---------------------------------------------------------------- statuses and mistakes


def test_a_flow_that_is_cut_short_says_so(few_data):
    loss = CrossEntropyLoss(MLP((2, 3, 3, 4)), few_data)
    start = loss.network.glorot_uniform(np.random.default_rng(3))
    whole = quench(loss, start, method="flow")
    short = quench(loss, start, method="flow", max_steps=3)
    assert whole.converged
    assert short.status is QuenchStatus.MAX_STEPS
    assert not short.converged


def test_a_quench_that_is_cut_short_reports_no_false_minimum(small_loss, rng):
    for max_steps in (1, 2, 10, 50):
        result = quench(small_loss, small_loss.network.glorot_uniform(rng), max_steps=max_steps)
        assert result.status in {QuenchStatus.CONVERGED, QuenchStatus.MAX_STEPS}
        assert result.gradient_evaluations <= max_steps + 11  # one step may shrink ten times
        assert result.converged == (result.rms_gradient <= RMS and result.eigenvalues[0] > 0.0)


def test_lbfgs_says_whether_it_converged(small_loss, rng):
    start = small_loss.network.glorot_uniform(rng)
    short = lbfgs(small_loss, start, tolerance=1e-6, max_steps=5)
    whole = lbfgs(small_loss, start, tolerance=1e-6)
    assert not short.converged
    assert whole.converged
    assert np.linalg.norm(whole.gradient) / np.sqrt(start.size) <= 1e-6
    assert whole.value < short.value < small_loss.value(start)


@pytest.mark.parametrize("method", METHODS)
def test_an_unreachable_tolerance_is_a_status(small_loss, method, rng):
    result = quench(small_loss, small_loss.network.glorot_uniform(rng), method=method, tolerance=1e-30)
    assert result.status is QuenchStatus.STALLED
    assert result.rms_gradient < 1e-14
    with pytest.raises(ValueError, match="the quench ended without a minimum: rounding errors"):
        result.minimum  # noqa: B018


class Cliff(Surface):
    """Finite at the start only."""

    def value_gradient_hessian(self, theta):
        x = np.asarray(theta, dtype=float)
        broken = np.nan if x[0] < 0.5 else 1.0
        return broken * float(x @ x), broken * 2 * x, broken * 2 * np.eye(2)


class Broken(Surface):
    def value_gradient_hessian(self, theta):
        return np.nan, np.full(2, np.nan), np.full((2, 2), np.nan)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("surface", [Broken(), Cliff()])
def test_a_loss_that_is_not_finite_is_a_status(method, surface):
    result = quench(surface, [1.0, 1.0], method=method, max_steps=100)
    # the steps shrink before a cliff and do not reach it in so few
    assert result.status is (QuenchStatus.MAX_STEPS if isinstance(surface, Cliff) else QuenchStatus.NOT_FINITE)
    assert not result.converged


def test_a_quench_that_can_only_go_where_the_loss_is_not_finite_says_so():
    assert quench(Cliff(), [1.0, 1.0]).status is QuenchStatus.NOT_FINITE


def transition_state(loss, rng):
    minimum = quench(loss, loss.network.glorot_uniform(rng)).minimum
    while True:
        direction = rng.normal(size=loss.n_parameters)
        direction /= np.linalg.norm(direction)
        result = find_transition_state(loss, minimum.coordinates + 0.5 * direction, direction)
        if result.converged:
            return result


def test_a_quench_leaves_a_transition_state_downhill_and_the_flow_stays(small_loss, rng):
    result = transition_state(small_loss, rng)
    start = result.transition_state.coordinates
    stays = quench(small_loss, start, method="flow")
    assert stays.status is QuenchStatus.SADDLE
    np.testing.assert_array_equal(stays.coordinates, start)
    assert (stays.eigenvalues < 0.0).sum() == 1
    left = quench(small_loss, start)  # rounding decides the side
    assert left.converged
    assert left.value < result.transition_state.value
    assert min(symmetry.distance(small_loss.network, left.coordinates, m.coordinates) for m in result.minima) < 1e-2


def test_an_exact_saddle_is_no_minimum():
    surface = DoubleWell(tilt=0.0)
    stays = quench(surface, [0.0, 0.0], method="flow")
    assert stays.status is QuenchStatus.SADDLE
    np.testing.assert_array_equal(stays.coordinates, 0.0)
    assert abs(quench(surface, [0.0, 0.0]).coordinates[0]) == pytest.approx(1.0)
    on_the_ridge = quench(surface, [0.0, 2.0], method="flow")  # the path of steepest descent ends on the saddle
    assert on_the_ridge.status is QuenchStatus.SADDLE
    np.testing.assert_allclose(on_the_ridge.coordinates, 0.0, atol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"theta": np.full(25, np.nan)}, "theta must be finite"),
        ({"theta": np.r_[np.inf, np.zeros(24)]}, "theta must be finite"),
        ({"theta": np.zeros(24)}, r"theta must be finite with shape \(25,\); got shape \(24,\)"),
        ({"method": "newton"}, "method must be one of lbfgs, flow; got 'newton'"),
        ({"tolerance": 0.0}, "tolerance must be positive; got 0.0"),
        ({"tolerance": np.nan}, "tolerance must be positive; got nan"),
        ({"max_step": -1.0}, "max_step must be positive; got -1.0"),
        ({"max_steps": 0}, "max_steps must be positive; got 0"),
    ],
)
def test_mistakes_of_the_caller_are_named(small_loss, arguments, message):
    with pytest.raises(ValueError, match=message):
        quench(small_loss, **{"theta": np.zeros(25), **arguments})


# ---------------------------------------------------------------- zero modes


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("hidden", [(3,), (5, 5), (4, 4, 4)], ids=str)
def test_a_zero_mode_is_projected_out(few_data, hidden, method, rng):
    loss = CrossEntropyLoss(MLP((2, *hidden, 4)), few_data, regularize_biases=False)
    start = loss.network.glorot_uniform(rng)
    result = quench(loss, start, method=method)
    assert result.converged
    assert result.eigenvalues.shape == (loss.n_parameters - 1,)
    assert abs(result.coordinates[-4:].sum()) < 1e-9  # of the line of minima, the point nearest to the origin
    nonzero = np.delete(np.linalg.eigvalsh(loss.hessian(result.coordinates)), 0)
    np.testing.assert_allclose(result.eigenvalues, nonzero, atol=1e-12)
    shifted = quench(loss, start + 3.0 * loss.zero_modes[0], method="flow")
    np.testing.assert_allclose(shifted.coordinates, quench(loss, start, method="flow").coordinates, atol=1e-3)


class Trough(Surface):
    """x^2 / 2 in the plane: flat along y everywhere, and says nothing of it."""

    def value_gradient_hessian(self, theta):
        x = float(theta[0])
        return 0.5 * x * x, np.array([x, 0.0]), np.diag([1.0, 0.0])


@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_flat_direction_is_no_minimum(method):
    result = quench(Trough(), [1.0, 1.0], method=method, max_steps=1000)
    assert result.status is QuenchStatus.DEGENERATE
    assert result.flat == 1


# ---------------------------------------------------------------- the trust region


def best_on_disc(eigenvalues, projections, radius):
    """Lowest value of the model within the radius, from very many points and their refinement on the sphere."""
    rng = np.random.default_rng(0)
    n = len(eigenvalues)
    points = rng.normal(size=(20_000, n))
    points *= radius * rng.random((len(points), 1)) ** (1 / n) / np.linalg.norm(points, axis=1, keepdims=True)
    points = np.vstack([points, points * radius / np.linalg.norm(points, axis=1, keepdims=True)])
    values = points @ projections + 0.5 * points**2 @ eigenvalues
    best = points[values.argmin()]
    for _ in range(2000):  # projected gradient descent
        best = best - (projections + eigenvalues * best) / (np.abs(eigenvalues).max() + np.linalg.norm(projections))
        best *= min(1.0, radius / max(np.linalg.norm(best), 1e-300))
    return min(values.min(), best @ projections + 0.5 * best**2 @ eigenvalues)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 4),
    radius=st.sampled_from([1e-3, 0.05, 0.5, 3.0, 100.0]),
    shift=st.sampled_from([-2.0, -0.1, 0.0, 2.0]),
    hard=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_the_trust_region_step_minimizes_the_model(n, radius, shift, hard, seed):
    rng = np.random.default_rng(seed)
    eigenvalues, projections = np.sort(rng.normal(size=n)) + shift, rng.normal(size=n)
    if hard:
        projections[0] = 0.0
    step = trust_region_step(eigenvalues, projections, radius)
    assert np.linalg.norm(step) <= 1.001 * radius
    value = step @ projections + 0.5 * step**2 @ eigenvalues
    best = best_on_disc(eigenvalues, projections, radius)
    assert value <= best + 3e-3 * abs(best)


@pytest.mark.parametrize("radius", [0.1, 1.0, 10.0])
def test_the_trust_region_step_in_the_hard_case(radius):
    eigenvalues = np.array([-1.0, 2.0])
    step = trust_region_step(eigenvalues, np.array([0.0, 0.3]), radius)
    assert np.linalg.norm(step) == pytest.approx(radius, rel=2e-3)
    exact = np.array([np.sqrt(radius**2 - min(0.1, radius) ** 2), -0.1])  # shift 1: x_2 = -0.3 / (2 + 1)
    np.testing.assert_allclose(np.abs(step), np.abs(exact), rtol=2e-2, atol=2e-3 * radius)


def test_the_trust_region_step_at_a_saddle_without_gradient():
    step = trust_region_step(np.array([-1.0, 1.0]), np.zeros(2), 0.5)
    np.testing.assert_allclose(np.abs(step), [0.5, 0.0])


def test_the_trust_region_step_inside_is_newtons():
    np.testing.assert_allclose(trust_region_step(np.array([1.0, 4.0]), np.array([0.1, -0.4]), 1.0), [-0.1, 0.1])


# ---------------------------------------------------------------- collapsed minima


@pytest.mark.parametrize(("hidden", "is_minimum"), [((2, 2), False), ((2, 2, 2), True), ((2, 2, 2, 2), True)], ids=str)
def test_the_constant_predictor_is_a_minimum_from_three_hidden_layers_on(hidden, is_minimum):
    """With two, kernels into the hidden layers lower the loss in second order, as their product is a slope."""
    loss = CrossEntropyLoss(MLP((2, *hidden, 4)), datasets.ljat(rows=1000, seed=0))
    *first, before, last = loss.network.unflatten(np.zeros(loss.n_parameters))
    rng = np.random.default_rng(0)
    before = before._replace(bias=0.3 * rng.normal(size=2))
    last = last._replace(kernel=0.3 * rng.normal(size=(2, 4)))
    # the flow leaves kernels of zero at zero, up to rounding, and so finds the best constant predictor
    start = loss.network.flatten([*first, before, last])
    model, _, _ = gradient_flow(loss, start, tolerance=1e-10, path_error=1e-2, max_steps=100)
    assert loss.data.constant_entropy < model.value < loss.data.constant_entropy + 1e-3
    assert model.rms_gradient < 1e-5
    assert (model.eigenvalues[0] > 1e-6) == is_minimum
    assert (model.eigenvalues[0] < -1e-3) == (not is_minimum)
