"""Relaxation in a quadratic well, descent from theta(tw), and the agreement of a prediction with what was measured."""

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, strategies as st

from bridge.explanation import descent_displacement, harmonic_displacement, relaxation
from bridge.explanation._mean_steps import mean_steps
from bridge.explanation._relaxation import harmonic_loss_change
from dynamics import SGD, Adam, AdamW, MeanSquareDisplacement, RMSprop, Trajectories, mean_square_displacement, train
from dynamics.aging_times import agreement, at_lags
from dynamics.statistics import Status
from dynamics.training import Points, StepDecay
from landscape import CrossEntropyLoss, datasets, quench
from landscape.losses import Surface, gradients_of_rows
from landscape.networks import MLP

WAITING, LAGS = np.array([5, 20, 60]), np.array([1, 2, 3, 7, 20, 50, 120])
STEPS = np.unique(np.concatenate([[0], WAITING, (WAITING[:, None] + LAGS).ravel()]))
RATE = 0.1


class Quadratic(Surface):
    """(theta - center)^T H (theta - center) / 2 + slope . theta."""

    def __init__(self, hessian, center, slope=0.0):
        super().__init__(len(center))
        self.hessian_matrix, self.center = np.array(hessian), np.array(center)
        self.slope = slope * np.ones(len(center))

    def value_gradient_hessian(self, theta):
        x = self._point(theta) - self.center
        pull = self.hessian_matrix @ x
        value = 0.5 * x @ pull + self.slope @ (x + self.center)
        return float(value), pull + self.slope, self.hessian_matrix


def wells(eigenvalues, rng):
    rotation = np.linalg.qr(rng.standard_normal((len(eigenvalues),) * 2))[0]
    return rotation @ np.diag(eigenvalues) @ rotation.T


def descend(surface, starts, steps=STEPS, rate=RATE):
    """Plain gradient descent, step by step."""
    points, path = np.array(starts), []
    for step in range(steps[-1] + 1):
        if step in steps:
            path.append(points.copy())
        points = points - rate * np.array([surface.value_and_gradient(theta)[1] for theta in points])
    return as_runs(np.stack(path, axis=1), steps, rate)


def as_runs(snapshots, steps=STEPS, rate=RATE, **more):
    curves = np.zeros((len(snapshots), 1))
    return Trajectories((), steps, snapshots, WAITING, LAGS, np.array([0]), curves, curves, curves,
                        {"learning_rate": rate, **more})  # fmt: skip


@pytest.fixture
def surface(rng):
    # stiff enough that steps leap over the bottom, soft, and one that the eye takes for zero
    return Quadratic(wells([15.0, 3.0, 0.5, 0.02, 1e-6], rng), rng.standard_normal(5))


# ---------------------------------------------------------------- relaxation


def test_full_batch_descent_in_a_quadratic_well_is_predicted_exactly(surface, rng):
    runs = descend(surface, rng.standard_normal((4, 5)))
    measured = mean_square_displacement(runs)
    for minima in (np.tile(surface.center, (4, 1)), np.tile(surface.center, (4, 3, 1)), None):
        predicted = relaxation(runs, surface, minima, discrete=True)
        np.testing.assert_allclose(predicted.msd.values, measured.values, rtol=1e-6, atol=1e-15)
    at_minimum = relaxation(runs, surface, np.tile(surface.center, (4, 1)))
    assert at_minimum.anharmonicity.max() < 1e-9
    assert not at_minimum.negative.any()
    assert not at_minimum.unstable.any()
    np.testing.assert_allclose(at_minimum.distances, np.linalg.norm(
        [runs.snapshots[r][np.searchsorted(STEPS, WAITING)] - surface.center for r in range(4)], axis=-1))  # fmt: skip


def test_the_local_model_knows_slopes_and_negative_curvature(rng):
    hessian = np.diag([2.0, 0.3, 0.0, -0.01])
    surface = Quadratic(hessian, np.zeros(4), slope=0.1)
    runs = descend(surface, rng.standard_normal((3, 4)))
    predicted = relaxation(runs, surface, discrete=True)
    np.testing.assert_allclose(predicted.msd.values, mean_square_displacement(runs).values, rtol=1e-9)
    assert (predicted.negative == 1).all()
    assert np.isnan(predicted.anharmonicity).all()


def test_the_flow_is_the_limit_of_small_steps(rng):
    c, lam, lags = rng.standard_normal(6), np.geomspace(1e-3, 2.0, 6), np.array([1.0, 10.0, 100.0])
    for small, error in ((1e-2, 2e-2), (1e-4, 2e-4)):
        flow = harmonic_displacement(c, lam, lags / small, small)
        steps = harmonic_displacement(c, lam, lags / small, small, discrete=True)
        assert np.abs(steps / flow - 1).max() < error


@given(
    st.lists(st.floats(-1.0, 19.9), min_size=1, max_size=6),
    st.integers(1, 40),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_displacements_agree_with_a_naive_loop(eigenvalues, lag, discrete, seed):
    components = np.random.default_rng(seed).standard_normal(len(eigenvalues))
    naive = 0.0
    for c, lam in zip(components, eigenvalues, strict=True):
        left = (1 - 0.1 * lam) ** lag if discrete else np.exp(-0.1 * lam * lag)
        naive += (c * (1 - left)) ** 2 / len(eigenvalues)
    found = harmonic_displacement(components, eigenvalues, [lag], 0.1, discrete=discrete)
    np.testing.assert_allclose(found, naive, rtol=1e-8, atol=1e-14)


def test_growth_ends_before_it_overflows():
    values = harmonic_displacement([1.0, 1.0], [-5.0, 50.0], [10_000], 0.1, discrete=True)
    assert np.isfinite(values).all()
    assert values[0] > 1e80


@pytest.mark.parametrize("discrete", [True, False])
def test_the_loss_of_a_quadratic_model(rng, discrete):
    """Against the loss at the points themselves, by descent step by step or by the solution of the flow."""
    lam = np.array([1.5, 0.3, 0.0, -0.02])
    surface = Quadratic(np.diag(lam), np.zeros(4))
    start, lags = rng.standard_normal(4), np.array([1, 7, 50])
    left = (1 - RATE * lam) ** lags[:, None] if discrete else np.exp(-RATE * lam * lags[:, None])
    losses = np.array([surface.value_and_gradient(start * part)[0] for part in left])
    change = harmonic_loss_change(start, lam, lags, RATE, discrete=discrete)
    np.testing.assert_allclose(change, losses - surface.value_and_gradient(start)[0], rtol=1e-9)


def test_a_model_that_predicts_a_loss_below_zero_ran_away(small_loss):
    """Against the quadratic model of the loss, evaluated where its own displacement leads."""
    rng, loss = np.random.default_rng(3), small_loss
    waiting, lags = np.array([5, 20]), np.array([1, 100, 1000, 10_000])
    steps = np.unique([0, *waiting, *(waiting[:, None] + lags).ravel()])
    points = np.broadcast_to(loss.network.glorot_uniform(rng), (2, steps.size, loss.n_parameters)).copy()
    points[1] += 0.3 * rng.standard_normal(loss.n_parameters)
    curves = np.zeros((2, 1))
    runs = Trajectories(loss.network.layer_sizes, steps, points, waiting, lags, np.array([0]), curves, curves, curves,
                        {"learning_rate": 0.05})  # fmt: skip
    found = relaxation(runs, loss)
    for r in range(2):
        value, gradient, hessian = loss.value_gradient_hessian(points[r, 0])
        lam, modes = np.linalg.eigh(hessian)
        slope = modes.T @ gradient
        for t, lag in enumerate(lags):
            moved = slope / lam * np.expm1(np.minimum(-0.05 * lam * lag, 100.0))
            below = value + slope @ moved + 0.5 * lam @ moved**2 < 0
            assert found.ran_away[r, :, t].tolist() == [below] * 2
    assert found.ran_away[..., -1].all()
    assert not found.ran_away[..., 0].any()
    at_minimum = relaxation(runs, loss, np.tile(quench(loss, points[0, 0]).coordinates, (2, 1)))
    assert not at_minimum.ran_away.any()


def test_minima_that_are_unknown_here_and_there(surface, rng):
    runs = as_runs(rng.standard_normal((3, STEPS.size, 5)))
    minima = np.tile(surface.center, (3, 3, 1))
    whole = relaxation(runs, surface, minima)
    minima[1, 2] = np.nan
    found = relaxation(runs, surface, minima, partial=True)
    assert found.known.tolist() == [[True] * 3, [True, True, False], [True] * 3]
    np.testing.assert_array_equal(found.msd.values[found.known], whole.msd.values[found.known])
    assert np.isnan(found.msd.values[1, 2]).all()
    with pytest.raises(ValueError, match="some quench found no minimum"):
        relaxation(runs, surface, minima)
    minima[0, 0] = np.inf
    with pytest.raises(ValueError, match="must be finite"):
        relaxation(runs, surface, minima, partial=True)


def test_unstable_and_zero_modes_are_counted(rng):
    surface = Quadratic(np.diag([25.0, 1.0, 0.0]), np.zeros(3))
    runs = as_runs(rng.standard_normal((2, STEPS.size, 3)))
    found = relaxation(runs, surface, np.zeros((2, 3)))
    assert (found.unstable == 1).all()
    assert (found.zero == 1).all()


def test_what_does_not_fit_is_refused_by_name(surface, rng):
    runs = as_runs(rng.standard_normal((2, STEPS.size, 5)))
    with pytest.raises(ValueError, match=r"minima must be finite with shape \(2, 5\) or \(2, 3, 5\)"):
        relaxation(runs, surface, np.zeros((3, 5)))
    with pytest.raises(ValueError, match="some quench found no minimum"):
        relaxation(runs, surface, np.full((2, 5), np.nan))
    with pytest.raises(ValueError, match=r"momentum = 0\.0; theirs is 0\.9"):
        relaxation(replace(runs, metadata={"learning_rate": 0.1, "momentum": 0.9}), surface)
    with pytest.raises(ValueError, match="schedule = 'constant'"):
        relaxation(replace(runs, metadata={"learning_rate": 0.1, "schedule": "cosine:10"}), surface)
    with pytest.raises(ValueError, match="plain SGD, with optimizer = 'sgd'; theirs is 'adam'"):
        relaxation(replace(runs, metadata={"learning_rate": 0.1, "optimizer": "adam"}), surface)
    with pytest.raises(ValueError, match="learning_rate"):
        relaxation(replace(runs, metadata={}), surface)


def test_read_only_input_stays(surface, rng):
    snapshots = rng.standard_normal((3, STEPS.size, 5))
    minima = np.tile(surface.center, (3, 1))
    for array in (snapshots, minima):
        array.flags.writeable = False
    before = snapshots.copy()
    first, second = (relaxation(as_runs(snapshots), surface, minima).msd.values for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(snapshots, before)


# ---------------------------------------------------------------- descent from theta(tw)


@pytest.fixture(scope="module")
def ensemble():
    data = datasets.ljat(rows=100, seed=0)
    network = MLP((2, 3, 4))
    runs = train(CrossEntropyLoss(network, data), SGD(0.05, 20, precision="float64"), replicas=3, steps=400,
                 waiting_times=[50, 100], lags=[1, 2, 5, 20, 100, 300])  # fmt: skip
    return runs, CrossEntropyLoss(network, data)


def test_descent_is_plain_gradient_descent_from_the_snapshots(ensemble, tmp_path):
    runs, loss = ensemble
    found = descent_displacement(runs, loss, longest=20, path=tmp_path / "descent.h5")
    assert found.lags.tolist() == [1, 2, 5, 20]
    for r, w in np.ndindex(3, 2):
        start = np.asarray(runs.snapshots[r])[np.searchsorted(runs.steps, runs.waiting_times[w])]
        theta = start.copy()
        for step in range(1, 21):
            theta = theta - 0.05 * loss.value_and_gradient(theta)[1]
            if step in found.lags:
                expected = ((theta - start) ** 2).mean()
                k = found.lags.tolist().index(step)
                assert found.values[r, w, k] == pytest.approx(expected, rel=1e-6)
    again = descent_displacement(runs, loss, longest=20, path=tmp_path / "descent.h5")
    np.testing.assert_array_equal(found.values, again.values)


def test_descent_of_full_batch_runs_is_what_was_measured(ensemble):
    _, loss = ensemble
    runs = train(loss, SGD(0.05, precision="float64", noise="full"), replicas=2, steps=200,
                 waiting_times=[50, 100], lags=[1, 5, 20, 100])  # fmt: skip
    measured, found = mean_square_displacement(runs), descent_displacement(runs, loss)
    np.testing.assert_allclose(found.values, measured.values, rtol=1e-9)


def test_a_real_network_near_its_minimum_is_harmonic(ensemble):
    _, loss = ensemble
    minimum = quench(loss, loss.network.glorot_uniform(np.random.default_rng(1)))
    start = minimum.coordinates + 1e-4 * np.random.default_rng(2).standard_normal(loss.n_parameters)
    runs = train(loss, SGD(0.05, precision="float64", noise="full"), replicas=1, steps=3000,
                 start=start, waiting_times=[50, 100], lags=[1, 10, 100, 1000, 2900])  # fmt: skip
    predicted = relaxation(runs, loss, minimum.coordinates[None])
    measured = mean_square_displacement(runs)
    np.testing.assert_allclose(predicted.msd.values[:, :, 1:4], measured.values[:, :, 1:4], rtol=0.05)
    assert predicted.anharmonicity.max() < 0.05


def test_a_loss_of_others_is_refused(ensemble):
    runs, _ = ensemble
    other = CrossEntropyLoss(runs.network, datasets.ljat(rows=100, seed=1))
    for call in (relaxation, descent_displacement):
        with pytest.raises(ValueError, match="loss must be that of the runs"):
            call(runs, other)
    with pytest.raises(ValueError, match="longest must leave at least two lags"):
        descent_displacement(*ensemble, longest=1)


# ---------------------------------------------------------------- agreement


def power_law(exponents, factor=1.0, spread=0.0, replicas=8):
    """t^2 tw^-exponent 1e-7, run r times a factor."""
    waiting, lags = np.array([100, 200, 400, 800]), np.unique(np.geomspace(1, 1e5, 60).astype(int))
    factors = np.exp(spread * np.linspace(-1, 1, replicas))
    values = 1e-7 * lags**2.0 * waiting[:, None] ** -float(exponents) * np.ones((replicas, 1, 1))
    return MeanSquareDisplacement(waiting, lags, factor * factors[:, None, None] * values)


def test_a_perfect_prediction_agrees_in_all():
    msd = power_law(1.0, spread=0.3)
    found = agreement(msd, msd)
    np.testing.assert_allclose(found.share.value, 1.0)
    np.testing.assert_allclose(found.share.interval, 1.0)
    np.testing.assert_allclose(found.t_star_ratio.interval, 1.0)
    np.testing.assert_allclose(found.correlation, 1.0)
    assert found.mu_difference.value == found.mu_difference.low == found.mu_difference.high == 0.0
    assert found.holds_from == 100
    assert found.status is Status.OK


def test_a_prediction_that_is_too_large_by_a_factor():
    found = agreement(power_law(1.0, spread=0.3), power_law(1.0, 4.0, spread=0.3))
    np.testing.assert_allclose(found.share.value, 4.0)
    np.testing.assert_allclose(found.t_star_ratio.value, 0.5, rtol=1e-9)  # t* ~ factor^(-1/2) at a slope of 2
    np.testing.assert_allclose(found.deviation, 3.0)
    assert found.holds_from is None
    assert found.status is Status.NOWHERE
    assert found.mu_difference.value == pytest.approx(0.0, abs=1e-9)


def test_it_holds_from_where_it_holds_for_good():
    msd = power_law(1.0)
    factors = np.array([1.1, 1.5, 0.9, 1.15])[:, None]
    found = agreement(msd, replace(msd, values=msd.values * factors))
    assert found.holds.tolist() == [True, False, True, True]
    assert found.holds_from == 400
    np.testing.assert_allclose(found.deviation, [0.1, 0.5, 0.1, 0.15])


def test_what_cannot_be_compared_neither_holds_nor_fails():
    """The last two waiting times have no prediction, or no t*: the verdict is that of the first two."""
    msd = power_law(1.0)
    missing, late = msd.values.copy(), msd.values.copy()
    missing[:, 2:] = np.nan
    late[:, 2:] *= 1e-12  # does not reach the threshold
    for found in (agreement(msd, replace(msd, values=missing)), agreement(replace(msd, values=late), msd)):
        assert found.compared.tolist() == [True, True, False, False]
        assert found.holds_from == 100
        assert found.status is Status.OK
    found = agreement(msd, replace(msd, values=missing * np.array([1.0, 4.0, 1.0, 1.0])[:, None]))
    assert found.holds_from is None
    assert found.status is Status.NOT_AT_THE_END
    nothing = replace(msd, values=np.full_like(msd.values, np.nan))
    assert agreement(msd, nothing).status is Status.NOT_COMPARED


def test_exponents_are_compared_over_pairs_of_runs():
    found = agreement(power_law(1.0, spread=1.0), power_law(0.5, spread=1.0))
    assert found.mu_difference.value == pytest.approx(-0.25, abs=1e-6)
    # the spread of the runs is common to both, so the difference is sharp where mu itself is not
    assert found.mu_difference.low == pytest.approx(-0.25, abs=1e-6)
    assert found.mu_difference.high == pytest.approx(-0.25, abs=1e-6)


def test_only_common_lags_count_and_bad_input_is_named():
    msd = power_law(1.0)
    few = at_lags(msd, msd.lags[::2])
    assert few.lags.tolist() == msd.lags[::2].tolist()
    np.testing.assert_allclose(agreement(msd, few).share.value, 1.0)
    with pytest.raises(ValueError, match="replicas of measured, 8; got 3"):
        agreement(msd, power_law(1.0, replicas=3))
    with pytest.raises(ValueError, match="at least two lags"):
        agreement(msd, at_lags(msd, msd.lags[:1]))
    with pytest.raises(ValueError, match="tolerance must be positive; got 0"):
        agreement(msd, msd, tolerance=0.0)
    assert agreement(msd, msd, threshold=1e9).status is Status.NO_T_STAR
    assert agreement(power_law(1.0, replicas=1), power_law(1.0, replicas=1)).status is Status.TOO_FEW_RUNS


# ---------------------------------------------------------------- any optimizer

SMALL = CrossEntropyLoss(MLP((2, 3, 4)), datasets.ljat(rows=100, seed=0), 1e-3)  # a network that other tests compile


def trained_by(optimizer, starts, age, **more):
    """Runs that are at `starts` after `age` steps, as if `optimizer` had made them."""
    steps = np.array([age, age + 1, age + 3, age + 10])
    snapshots = np.repeat(np.asarray(starts)[:, None], 4, axis=1)
    about = optimizer.settings | {"learning_rate": optimizer.learning_rate, "batch_size": optimizer.batch_size}
    curves = np.zeros((len(starts), 1))
    return Trajectories(SMALL.network.layer_sizes, steps, snapshots, np.array([age]), np.array([1, 3, 10]),
                        np.array([0]), curves, curves, curves, about | more)  # fmt: skip


@pytest.mark.parametrize("nesterov", [False, True])
def test_descent_with_momentum_is_that_of_its_own_steps(nesterov, rng):
    """From the velocity of many steps with the same gradient, -eta g / (1 - m), and with its schedule."""
    optimizer = SGD(0.05, 20, momentum=0.8, nesterov=nesterov, schedule=StepDecay(102, 0.5))
    theta = rng.normal(size=SMALL.n_parameters)
    runs = trained_by(optimizer, [theta], 100, schedule=str(optimizer.schedule))
    found = descent_displacement(runs, SMALL, longest=10).values[0, 0]
    point, velocity, squares = theta, -0.05 / 0.2 * SMALL.value_and_gradient(theta)[1], []
    for step in range(10):
        change = -(0.05 if 100 + step < 102 else 0.025) * SMALL.value_and_gradient(point)[1]
        velocity = 0.8 * velocity + change
        point = point + (0.8 * velocity + change if nesterov else velocity)
        squares.append(((point - theta) ** 2).mean())
    np.testing.assert_allclose(found, np.array(squares)[[0, 2, 9]], rtol=1e-9)


@pytest.mark.parametrize("kind", [RMSprop, Adam, AdamW])
def test_descent_by_adam_divides_by_the_mean_square_of_minibatch_gradients(kind, rng):
    """Its first step, against gradients of many minibatches that are drawn one by one."""
    optimizer, theta = kind(0.01, 10), rng.normal(size=SMALL.n_parameters)
    runs = trained_by(optimizer, [theta], 50_000)
    first = descent_displacement(runs, SMALL, longest=3).values[0, 0, 0]
    rows = rng.permuted(np.tile(np.arange(100), (40_000, 1)), axis=1)[:, :10]
    each = gradients_of_rows(SMALL.network, theta, SMALL.data.inputs, SMALL.data.labels)
    batches = each[rows].mean(axis=1) + 2e-3 * theta
    slope = SMALL.value_and_gradient(theta)[1]
    step = 0.01 * slope / (np.sqrt((batches**2).mean(axis=0)) + 1e-8) + (kind is AdamW) * 1e-4 * theta
    assert first == pytest.approx((step**2).mean(), rel=0.02)


@pytest.mark.slow
def test_descent_by_adam_is_the_mean_of_many_noisy_runs():
    """From one point on, with moments that have settled there; full-batch Adam goes another way."""
    optimizer, steps = Adam(2e-4, 20, precision="float64", noise="replacement", betas=(0.9, 0.99)), 1000
    times = {"steps": steps, "waiting_times": [600], "lags": [100, 400]}
    start = train(SMALL, SGD(0.05, 20), replicas=1, steps=3000, waiting_times=[1], lags=[2999]).snapshots[0, -1]
    moved = {}
    for name, by in (("noisy", optimizer), ("full", replace(optimizer, noise="full"))):
        runs = train(SMALL, by, replicas=1 if name == "full" else 400, start=Points(start[None]), **times)
        at = np.searchsorted(runs.steps, [600, 1000])
        moved[name] = np.diff(np.asarray(runs.snapshots)[:, at], axis=1).mean(axis=0)[0]
        if name == "noisy":
            mean = np.asarray(runs.snapshots)[:, at[0]].mean(axis=0)
    predicted = descent_displacement(trained_by(optimizer, [mean], 600, noise="replacement"), SMALL, longest=10)
    assert predicted.values[0, 0, -1] > 0
    squares = mean_steps(SMALL, mean[None], np.array([600]), optimizer, np.array([400]))[0, 0]
    assert squares == pytest.approx((moved["noisy"] ** 2).mean(), rel=0.15)
    assert abs((moved["full"] ** 2).mean() / (moved["noisy"] ** 2).mean() - 1) > 0.5


def test_what_has_no_clock_has_no_quadratic_model(rng):
    runs = trained_by(Adam(), rng.normal(size=(2, SMALL.n_parameters)), 100)
    with pytest.raises(ValueError, match="with optimizer = 'sgd'; theirs is 'adam'"):
        relaxation(runs, SMALL)
    with pytest.raises(ValueError, match="must have no label_noise"):
        descent_displacement(replace(runs, metadata=dict(runs.metadata) | {"label_noise": 0.1}), SMALL, longest=10)
    unknown = replace(runs, metadata=dict(runs.metadata) | {"optimizer": "lion"})
    with pytest.raises(ValueError, match="must be one of sgd, nesterov, rmsprop, adam, adamw; theirs is 'lion'"):
        descent_displacement(unknown, SMALL, longest=10)


def test_finished_descents_of_adam_are_read(tmp_path, rng):
    runs = trained_by(Adam(), rng.normal(size=(2, SMALL.n_parameters)), 100)
    first = descent_displacement(runs, SMALL, longest=10, path=tmp_path / "descent")
    with mock.patch("bridge.explanation._mean_steps._descend", side_effect=AssertionError):
        again = descent_displacement(runs, SMALL, longest=10, path=tmp_path / "descent")
    np.testing.assert_array_equal(first.values, again.values)
