import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats
from scipy.special import ndtri
from support.sgd import naive_gradient
from typer.testing import CliRunner

from bridge.cli import app
from dynamics import SGD, load_trajectories, train
from dynamics.kernels import get_kernel
from dynamics.noises import NOISES, Langevin, Persistent, _random, make_noise
from dynamics.noises._gaussian import weigh_with_replacement, weigh_without_replacement
from dynamics.noises._langevin import kick_thermally
from dynamics.noises._persistent import draw_persistent
from dynamics.noises._replacement import draw_with_replacement
from dynamics.training import (
    Constant,
    Cosine,
    Glorot,
    Normal,
    Points,
    Power,
    StepDecay,
    Warmup,
    _replica as replica,
    parse_schedule,
    parse_start,
)
from landscape import CrossEntropyLoss, Database, Dataset, Minimum
from landscape.database import Provenance
from landscape.networks import MLP

KEY = np.uint64(2024)
SIZES = (2, 3)  # one layer, nine parameters
NETWORK = MLP(SIZES)
ROWS = 40
OPTIMIZER = SGD(learning_rate=0.2, batch_size=8, precision="float64")
PARAMETERS = {"persistent": {"persistence": 5.0}, "langevin": {"temperature": 1e-3}}


def toy_data():
    rng = np.random.default_rng(1)
    inputs = rng.uniform(-1, 1, (ROWS, 2))
    labels = (inputs[:, 0] > 0) + (inputs[:, 1] > 0)
    return Dataset(inputs, labels, 3, inputs[:0], labels[:0], {"name": "toy", "rows": ROWS, "seed": 1})


DATA = toy_data()


def stream(key, purpose, step):
    return np.uint64(_random.stream(np.uint64(key), purpose, step))  # numba gives Python an int


def noise_called(name):
    return make_noise(name, **PARAMETERS.get(name, {}))


def run(optimizer: Any = OPTIMIZER, **changes: Any) -> Any:
    arguments: dict[str, Any] = {"replicas": 7, "steps": 60, "seed": 3} | changes
    settings = {name: arguments.pop(name) for name in ("noise", "label_noise", "shared_order") if name in arguments}
    return train(CrossEntropyLoss(NETWORK, DATA), replace(optimizer, **settings), **arguments)


def advance(  # one replica by the kernel, with everything else by default
    theta, start, stop, *, noise="sgd", numbers=(), rates=0.2, momentum=0.0, velocity=None, decay=0.0, label_noise=0.0,
    sizes=SIZES, inputs=DATA.inputs, labels=DATA.labels, batch_size=8, record=None,
):  # fmt: skip
    theta = np.array(theta, dtype=np.float64)
    velocity = np.zeros(theta.size) if velocity is None else np.array(velocity)
    record = np.arange(start, stop + 1) if record is None else record
    records = np.empty((record.size, theta.size))
    rows = len(labels) if NOISES[noise].all_rows else batch_size
    kernel = get_kernel(
        sizes, rows, "float64", noise, update="momentum" if momentum else "sgd", label_noise=label_noise > 0
    )
    diverged = kernel.advance(
        theta, velocity, np.array(inputs, dtype=np.float64), np.array(labels, dtype=np.float64), KEY, start, stop,
        batch_size, np.broadcast_to(rates, stop - start).astype(np.float64), momentum, np.full(theta.size, decay),
        label_noise, np.array(numbers, dtype=np.float64), record, records,
    )  # fmt: skip
    assert diverged == -1
    return records, velocity


def assert_same(a, b):
    for name in ("snapshots", "loss", "accuracy", "gradient_norm"):
        np.testing.assert_array_equal(np.asarray(getattr(a, name)), np.asarray(getattr(b, name)))
    assert dict(a.metadata) == dict(b.metadata)


class Killed(Exception):
    pass


def stop_after(replicas):
    def progress(done, total):
        if done >= replicas:
            raise Killed

    return progress


# ------------------------------------------------------------------ random numbers


def test_normal_numbers_are_the_quantiles_of_the_uniform_ones():
    words = stream(KEY, 1, 7)
    u = np.array([_random.uniform(words, k) for k in range(5000)])
    ours = np.empty(u.size)
    _random.normals(ours, words)
    np.testing.assert_allclose(ours, ndtri(u), rtol=1e-13, atol=1e-14)
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    assert (np.abs(u - 0.5) > 0.425).sum() > 500  # the tails were there


@pytest.mark.parametrize("u", [2.0**-53, 1e-14, 1e-11, 1.3e-11, 1.5e-11, 1e-6, 0.07, 0.93, 1 - 1e-6])
def test_quantiles_of_the_tails(u):
    q = u - 0.5
    assert _random.outer_quantile(q) == pytest.approx(np.copysign(ndtri(0.5 - abs(q)), q), rel=1e-13)


def test_streams_of_other_steps_purposes_and_keys_are_uncorrelated():
    n, columns = 4000, []
    for key, purpose, step in ((1, 1, 0), (1, 1, 1), (1, 2, 0), (2, 1, 0), (0, 2, 0)):
        words = stream(key, purpose, step)
        columns.append([_random.uniform(words, k) for k in range(n)])
    off_diagonal = np.corrcoef(columns)[np.triu_indices(5, 1)]
    assert np.abs(off_diagonal).max() < 4 / np.sqrt(n)


# ------------------------------------------------------------------ minibatches


def test_draws_with_replacement_are_uniform_and_independent():
    rows, batch, steps = 20, 8, 5000
    order = np.empty(rows, np.int32)
    drawn = np.empty((steps, batch), int)
    for step in range(steps):
        assert draw_with_replacement(order, None, step, step == 0, batch, KEY, np.empty(0)) == (0, batch)
        drawn[step] = order[:batch]
    assert stats.chisquare(np.bincount(drawn.ravel(), minlength=rows)).pvalue > 1e-3
    equal = np.mean([len(set(row)) == batch for row in drawn.tolist()])
    expected = np.prod(1 - np.arange(batch) / rows)  # no row twice
    assert equal == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / steps))
    pairs = np.bincount(rows * drawn[:-1, 0] + drawn[1:, 0], minlength=rows**2)  # this step and the next
    assert stats.chisquare(pairs).pvalue > 1e-3


def memberships(rows, batch, tau, steps):
    order, members, numbers = np.empty(rows, np.int32), np.empty(rows, np.uint8), np.array([tau])
    history = np.zeros((steps, rows), bool)
    for step in range(steps):
        start, size = draw_persistent(order, members, step, step == 0, batch, KEY, numbers)
        history[step, order[start : start + size]] = True
        assert history[step].sum() == size
    return history


@pytest.mark.parametrize("tau", [0.5, 4.0, 20.0])
def test_membership_is_a_stationary_markov_process(tau):
    rows, batch, steps = 400, 80, 4000
    share = batch / rows
    history = memberships(rows, batch, tau, steps).astype(float)
    independent = rows * steps / (2 * tau + 1)  # effective number of samples
    error = np.sqrt(share * (1 - share) / independent)
    assert history.mean() == pytest.approx(share, abs=4 * error)
    assert history[0].mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / rows))  # from step 0 on
    centered = (history - share) / np.sqrt(share * (1 - share))
    for s in (1, 2, 5, 20):
        correlation = (centered[s:] * centered[:-s]).mean()
        assert correlation == pytest.approx(np.exp(-s / tau), abs=5 / np.sqrt(independent))
    # Markov: the chance to join does not depend on what was before
    before, now, after = history[:-2] > 0, history[1:-1] > 0, history[2:] > 0
    join = share * (1 - np.exp(-1 / tau))
    for was in (False, True):
        chosen = after[(before == was) & ~now]
        assert chosen.mean() == pytest.approx(join, abs=5 * np.sqrt(join * (1 - join) / chosen.size))


def test_rows_are_members_independently():
    sizes = memberships(100, 20, 0.5, 4000).sum(axis=1)
    assert sizes.var() == pytest.approx(100 * 0.2 * 0.8, rel=0.12)  # binomial
    assert sizes.min() < 20 < sizes.max()


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(1, 30),
    batch=st.integers(1, 30),
    tau=st.sampled_from([1e-3, 0.3, 2.0, 50.0, 1e9]),
    step=st.integers(0, 40),
)
def test_memberships_can_be_recalled_at_any_step(rows, batch, tau, step):
    batch = min(batch, rows)
    history = memberships(rows, batch, tau, step + 1)
    order, members = np.full(rows, -1, np.int32), np.full(rows, 77, np.uint8)
    start, size = draw_persistent(order, members, step, True, batch, KEY, np.array([tau]))
    np.testing.assert_array_equal(order[start : start + size], np.flatnonzero(history[step]))
    if batch == rows:
        assert history.all()


def test_the_gradient_of_persistent_sgd_is_the_sum_over_the_batch_size():
    theta = np.random.default_rng(0).normal(size=NETWORK.n_parameters)
    path, _ = advance(theta, 0, 20, noise="persistent", numbers=[3.0])
    history = memberships(ROWS, 8, 3.0, 20)
    assert len(set(history.sum(axis=1))) > 3
    for step in range(20):
        rows = history[step]
        total = rows.sum() * naive_gradient(SIZES, path[step], DATA.inputs[rows], DATA.labels[rows])
        np.testing.assert_allclose(path[step + 1], path[step] - 0.2 * total / 8, atol=1e-13)


def test_an_empty_minibatch_moves_nothing():
    theta = np.random.default_rng(0).normal(size=NETWORK.n_parameters)
    history = memberships(ROWS, 1, 3.0, 60)
    path, _ = advance(theta, 0, 60, noise="persistent", numbers=[3.0], batch_size=1)
    empty = ~history.any(axis=1)
    assert 0 < empty.sum() < 60
    np.testing.assert_array_equal((path[1:] == path[:-1]).all(axis=1), empty)


# ------------------------------------------------------------------ Gaussian noise, Langevin dynamics


def row_gradients(theta):
    return np.array([naive_gradient(SIZES, theta, DATA.inputs[n : n + 1], DATA.labels[n : n + 1]) for n in range(ROWS)])


@pytest.mark.parametrize("name", ["gaussian", pytest.param("gaussian-replacement", marks=pytest.mark.slow)])
def test_gaussian_noise_has_the_covariance_of_minibatches(name):
    theta, draws, rate = np.random.default_rng(0).normal(size=NETWORK.n_parameters), 10_000, 0.1
    gradients, rng = row_gradients(theta), np.random.default_rng(5)
    replaced = name == "gaussian-replacement"
    minibatches = np.array([gradients[rng.choice(ROWS, 8, replace=replaced)].mean(axis=0) for _ in range(draws)])
    steps = [advance(theta, step, step + 1, noise=name, rates=rate)[0] for step in range(draws)]
    ours = np.array([(before - after) / rate for before, after in steps])
    spread = np.sqrt(np.trace(np.cov(ours.T)) / draws)
    assert np.linalg.norm(ours.mean(axis=0) - gradients.mean(axis=0)) < 3 * spread
    a, b = np.cov(ours.T), np.cov(minibatches.T)
    assert np.linalg.norm(a - b) < 0.06 * np.linalg.norm(b)
    assert np.trace(a) == pytest.approx(np.trace(b), rel=0.04)  # with against without replacement: 20 % apart
    softest = np.linalg.eigh(b)[1][:, np.linalg.eigvalsh(b) > 1e-6 * np.trace(b)]
    kurtosis = stats.kurtosis(ours @ softest)
    assert np.abs(kurtosis).max() < 6 * np.sqrt(24 / draws)


@pytest.mark.parametrize("weigh", [weigh_without_replacement, weigh_with_replacement])
@settings(deadline=None, max_examples=40)
@given(rows=st.integers(1, 50), batch=st.integers(1, 50), step=st.integers(0, 10**6))
def test_random_weights_sum_to_one(weigh, rows, batch, step):
    weights = np.empty(rows)
    weigh(weights, step, min(batch, rows), KEY, np.empty(0))
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    if batch >= rows and weigh is weigh_without_replacement:
        np.testing.assert_allclose(weights, 1 / rows, rtol=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_thermal_kicks_have_the_variance_of_the_temperature(momentum):
    kicks, steps, rate, temperature = np.empty(50), 400, 0.03, 0.7
    drawn = np.empty((steps, kicks.size))
    for step in range(steps):
        kick_thermally(kicks, step, KEY, rate, momentum, np.array([temperature]))
        drawn[step] = kicks
    scale = np.sqrt(2 * rate * temperature * (1 - momentum))
    assert stats.kstest(drawn.ravel() / scale, "norm").pvalue > 1e-3
    covariance = np.cov(drawn.T)
    off = covariance[~np.eye(50, dtype=bool)]
    assert np.abs(off).max() < 5 * scale**2 / np.sqrt(steps)


@pytest.mark.parametrize("momentum", [pytest.param(0.0, marks=pytest.mark.slow), 0.8])
def test_langevin_samples_the_boltzmann_distribution_of_a_harmonic_well(momentum):
    # one class: the cross-entropy is constant and the loss is the penalty, k theta^2 / 2 in eight dimensions
    k, rate, temperature, steps = 0.5, 0.1, 0.3, 200_000
    record = np.arange(1000, steps, 100)  # 5 relaxation times apart
    path, _ = advance(
        np.zeros(8), 0, steps, noise="langevin", numbers=[temperature], rates=rate, momentum=momentum, decay=k,
        sizes=(7, 1), inputs=np.ones((3, 7)), labels=np.zeros(3), record=record,
    )  # fmt: skip
    variance = temperature / k * (1 + momentum) / (1 + momentum - rate * k / 2)
    assert path.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / path.size))
    assert stats.kstest(path.ravel() / np.sqrt(variance), "norm").pvalue > 1e-3


def test_langevin_at_zero_temperature_is_descent():
    cold = run(noise=Langevin(0.0)).snapshots
    np.testing.assert_allclose(cold, run(noise="full").snapshots, atol=1e-12)


# ------------------------------------------------------------------ momentum, label noise, schedules


def test_momentum_is_the_heavy_ball_of_keras():
    momentum, steps = 0.9, 30
    rates = 0.2 * Cosine(30, 0.1).factors(np.arange(steps))
    theta = np.random.default_rng(0).normal(size=NETWORK.n_parameters)
    path, final = advance(theta, 0, steps, noise="full", rates=rates, momentum=momentum, decay=0.02)
    velocity = np.zeros(theta.size)
    for step in range(steps):
        np.testing.assert_allclose(path[step], theta, atol=1e-12)
        gradient = naive_gradient(SIZES, theta, DATA.inputs, DATA.labels) + 0.02 * theta
        velocity = momentum * velocity - rates[step] * gradient
        theta = theta + velocity
    np.testing.assert_allclose(final, velocity, atol=1e-12)


def test_a_run_with_momentum_can_be_cut_anywhere():
    theta = np.random.default_rng(0).normal(size=NETWORK.n_parameters)
    options: dict[str, Any] = {"noise": "full", "momentum": 0.9, "decay": 0.02}
    whole, final = advance(theta, 0, 17, **options)
    head, velocity = advance(theta, 0, 6, **options)
    tail, end = advance(head[-1], 6, 17, velocity=velocity, **options)
    np.testing.assert_array_equal(np.concatenate([head, tail[1:]]), whole)
    np.testing.assert_array_equal(end, final)


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_labels_are_replaced_by_any_other_equally_often(probability):
    count, n_classes, steps = 64, 4, 500
    labels = np.arange(count) % n_classes
    shifts = np.zeros((steps, count), int)
    for step in range(steps):
        work = np.concatenate([np.full(5, 9.0), labels, np.full(3, 9.0)]).astype(np.float32)
        _random.mislabel(work, 5, count, stream(KEY, 2, step), 0, probability, n_classes)
        assert (work[:5] == 9).all()
        assert (work[-3:] == 9).all()
        shifts[step] = (work[5:-3].astype(int) - labels) % n_classes
    counts, total = np.bincount(shifts.ravel(), minlength=n_classes), shifts.size
    error = 4 * np.sqrt(total)
    np.testing.assert_allclose(counts, total * np.array([1 - probability, *[probability / 3] * 3]), atol=error)
    if 0 < probability < 1:  # again at each draw
        flipped = shifts > 0
        assert np.abs(np.corrcoef(flipped[:, ::8].T)[np.triu_indices(8, 1)]).max() < 4.5 / np.sqrt(steps)
        assert np.corrcoef(flipped[:-1].ravel(), flipped[1:].ravel())[0, 1] == pytest.approx(0, abs=0.03)


@pytest.mark.slow
def test_certain_label_noise_with_two_classes_is_training_on_the_other_labels():
    theta = np.random.default_rng(0).normal(size=6)
    labels = DATA.labels % 2
    noisy, _ = advance(theta, 0, 20, sizes=(2, 2), labels=labels, label_noise=1.0)
    clean, _ = advance(theta, 0, 20, sizes=(2, 2), labels=1 - labels)
    np.testing.assert_allclose(noisy, clean, atol=1e-14)


def formula(schedule, s):
    match schedule:
        case StepDecay():
            return schedule.factor ** (s // schedule.every)
        case Power():
            return 1 / (1 + s / schedule.scale) ** schedule.exponent
        case Cosine():
            x = min(s, schedule.duration) / schedule.duration
            return schedule.final + (1 - schedule.final) * np.cos(np.pi * x / 2) ** 2
        case Warmup():
            return (
                (s + 1) / schedule.duration if s < schedule.duration else formula(schedule.then, s - schedule.duration)
            )
    return 1.0


PLAIN_SCHEDULES = st.one_of(
    st.just(Constant()),
    st.builds(StepDecay, st.integers(1, 99), st.floats(0.1, 1.5)),
    st.builds(Power, st.integers(1, 99), st.floats(0, 3)),
    st.builds(Cosine, st.integers(1, 99), st.floats(0, 2)),
)


@settings(deadline=None)
@given(schedule=PLAIN_SCHEDULES | st.builds(Warmup, st.integers(1, 40), PLAIN_SCHEDULES))
def test_schedules_follow_their_formulas_and_texts(schedule):
    assert parse_schedule(str(schedule)) == schedule
    ours = schedule.factors(np.arange(120))
    np.testing.assert_allclose(ours, [formula(schedule, s) for s in range(120)], rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(schedule.factors(np.arange(50, 70)), ours[50:70])


def test_short_texts_of_schedules():
    assert parse_schedule("power:10") == Power(10, 1.0)
    assert parse_schedule("cosine:10") == Cosine(10, 0.0)
    assert parse_schedule("warmup:5") == Warmup(5, Constant())
    assert parse_schedule("warmup:5+step:10,0.5") == Warmup(5, StepDecay(10, 0.5))


def test_the_schedule_reaches_the_runs():
    schedule = StepDecay(7, 0.5)
    path = run(replace(OPTIMIZER, schedule=schedule), noise="full", lags=range(1, 59), waiting_times=[1], replicas=1)
    theta = path.snapshots[0, 0]
    for step in range(20):
        np.testing.assert_allclose(path.snapshots[0, step], theta, atol=1e-11)
        gradient = naive_gradient(SIZES, theta, DATA.inputs, DATA.labels) + 2e-4 * theta
        theta = theta - 0.2 * formula(schedule, step) * gradient


# ------------------------------------------------------------------ ensembles

EVERYTHING = {"label_noise": 0.2, "optimizer": replace(OPTIMIZER, momentum=0.5, schedule=Cosine(50))}


@pytest.mark.parametrize(
    ("noise", "changes"), [*((name, {}) for name in NOISES), ("sgd", EVERYTHING), ("persistent", EVERYTHING)]
)
def test_runs_do_not_depend_on_workers_interruptions_and_chunks(tmp_path, monkeypatch, noise, changes):
    changes = {"noise": noise_called(noise), **changes}
    whole = run(**changes)
    assert len(np.unique(whole.snapshots[:, -1, 0])) == 7
    assert_same(run(**changes, jobs=2), whole)
    path = tmp_path / "F.h5"
    with pytest.raises(Killed):
        run(**changes, path=path, progress=stop_after(5))
    assert_same(run(**changes, path=path), whole)
    monkeypatch.setattr(replica, "CHUNK", 13)  # the kernel starts again at steps 13, 26, ...
    assert_same(run(**changes), whole)


def test_noises_move_differently_from_the_same_starts():
    ends = []
    for name in NOISES:
        runs = run(noise=noise_called(name), replicas=1)
        np.testing.assert_array_equal(runs.snapshots[0, 0], run(replicas=1).snapshots[0, 0])
        ends.append(tuple(runs.snapshots[0, -1]))
    assert len(set(ends)) == len(NOISES)


NEW_SETTINGS = [
    ("persistence", {"noise": Persistent(6.0)}),
    ("label_noise", {"label_noise": 0.1}),
    ("momentum", {"optimizer": replace(OPTIMIZER, momentum=0.5)}),
    ("schedule", {"optimizer": replace(OPTIMIZER, schedule=Cosine(50))}),
    ("start", {"start": Normal(0.1)}),
    ("start", {"start": np.ones(NETWORK.n_parameters)}),
    ("noise", {"noise": "sgd"}),
]


@pytest.mark.parametrize(("name", "changes"), NEW_SETTINGS)
def test_other_settings_are_refused(tmp_path, name, changes):
    path, base = tmp_path / "F.h5", {"noise": Persistent(5.0), "replicas": 1}
    run(**base, path=path)
    with pytest.raises(ValueError, match=rf"made with {name} ="):
        run(**(base | changes), path=path)


def test_files_from_before_these_settings_go_on(tmp_path):
    path = tmp_path / "F.h5"
    run(path=path, replicas=3)
    with h5py.File(path, "a") as file:
        metadata = json.loads(file.attrs["metadata"])
        for name in ("momentum", "schedule", "label_noise", "start"):
            del metadata[name]
        file.attrs["metadata"] = json.dumps(metadata)
    assert load_trajectories(path).replicas == 3
    for name, changes in NEW_SETTINGS[1:6]:
        with pytest.raises(ValueError, match=rf"made with {name} ="):
            run(path=path, **changes)
    np.testing.assert_array_equal(np.asarray(run(path=path).snapshots), run().snapshots)


# ------------------------------------------------------------------ starts


def test_normal_starts_have_their_standard_deviation_and_belong_to_the_replica():
    runs = run(start=Normal(0.3), replicas=200, steps=2, lags=[1], waiting_times=[1])
    first = np.asarray(runs.snapshots)[:, 0]
    assert stats.kstest(first.ravel() / 0.3, "norm").pvalue > 1e-3
    assert len(np.unique(first)) == first.size
    np.testing.assert_array_equal(first[:3], run(start=Normal(0.3), replicas=3).snapshots[:, 0])


def test_given_points_are_taken_in_turn_and_not_written_to(tmp_path):
    points = np.random.default_rng(2).normal(size=(3, NETWORK.n_parameters))
    points.flags.writeable = False
    before = points.copy()
    first = np.asarray(run(start=points).snapshots)[:, 0]
    np.testing.assert_array_equal(first, points[[0, 1, 2, 0, 1, 2, 0]])
    np.testing.assert_array_equal(points, before)
    one = np.asarray(run(start=points[1], replicas=2).snapshots)
    np.testing.assert_array_equal(one[:, 0], points[[1, 1]])
    assert (one[0, -1] != one[1, -1]).any()  # the same start, another noise
    np.save(tmp_path / "p.npy", points)
    np.savez(tmp_path / "one.npz", anything=points)
    np.savez(tmp_path / "two.npz", other=np.zeros(3), points=points)
    for name in ("p.npy", "one.npz", "two.npz"):
        loaded = parse_start(f"file:{tmp_path / name}")
        assert str(loaded) == str(Points(points))
        np.testing.assert_array_equal(loaded.draw(NETWORK, np.random.default_rng(0), 4), points[1])


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A database of three "minima", added neither in the order of their values nor near each other."""
    path = tmp_path_factory.mktemp("minima") / "F.db"
    provenance = Provenance(NETWORK.n_parameters, SIZES, {}, "", 1e-4, True, 0, {})
    rng, spectrum = np.random.default_rng(4), np.ones(NETWORK.n_parameters)
    with Database.create(path, provenance) as database, database.transaction():
        for value in (0.7, 0.5, 0.6):
            point = Minimum(rng.normal(size=NETWORK.n_parameters), value, 0.0, spectrum)
            database.add_minimum(point, origin="start")
    return path


def test_minima_are_starts_lowest_first_or_by_their_ids(stored):
    with Database(stored) as database:
        minima = database.minima
    assert [minimum.point.value for minimum in minima] == [0.5, 0.6, 0.7]
    ends = [minima[2], minima[0]]
    for text, expected in ((f"minima:{stored}", minima), (f"minima:{stored}:{ends[0].id},{ends[1].id}", ends)):
        first = np.asarray(run(start=parse_start(text), replicas=4).snapshots)[:, 0]
        for r in range(4):
            np.testing.assert_array_equal(first[r], expected[r % len(expected)].point.coordinates)


class Payload:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


def test_bad_files_of_starts_are_named(tmp_path, stored):
    objects, text, many = tmp_path / "objects.npy", tmp_path / "text.npy", tmp_path / "many.npz"
    np.save(objects, np.array([Payload()]), allow_pickle=True)
    text.write_text("hello")
    np.savez(many, a=np.ones(3), b=np.ones(3))
    for path in (objects, text, many):
        with pytest.raises(ValueError, match=f"{path.name} (must be an npy or npz file|is not an npy file)"):
            parse_start(f"file:{path}")
    with pytest.raises(FileNotFoundError):
        parse_start(f"file:{tmp_path / 'none.npy'}")
    with pytest.raises(ValueError, match=r"F\.db has no minimum 999"):
        parse_start(f"minima:{stored}:1,999")
    with pytest.raises(FileNotFoundError):
        parse_start(f"minima:{tmp_path / 'none.db'}")


def test_minima_of_another_network_are_refused_even_with_as_many_parameters(stored):
    other = MLP((2, 1, 3))
    assert other.n_parameters == NETWORK.n_parameters == 9
    message = r"F\.db must be points of a network with layer sizes \(2, 1, 3\); got \(2, 3\)"
    with pytest.raises(ValueError, match=message):
        train(CrossEntropyLoss(other, DATA), OPTIMIZER, replicas=1, steps=10, start=parse_start(f"minima:{stored}"))


@pytest.mark.parametrize(
    "text", ["", "zeros", "normal", "normal:", "normal:x", "normal:-1", "file:", "minima:", "glorot:1"]
)
def test_bad_texts_of_starts_are_refused(text):
    with pytest.raises(ValueError, match="start"):
        parse_start(text)


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("label_noise must be a probability", {"label_noise": 1.1}),
        ("label_noise must be a probability", {"label_noise": float("nan")}),
        ("start must have 9 parameters", {"start": np.ones(8)}),
        ("start must be finite points", {"start": np.full(9, np.nan)}),
        ("start must be finite points", {"start": np.ones((2, 2, 9))}),
        ("noise must be one of sgd, .*got 'loud'", {"noise": "loud"}),
        ("temperature must be given", {"noise": "langevin"}),
        ("persistence must be given", {"noise": "persistent"}),
        ("batch_size must be at most", {"noise": "gaussian", "optimizer": SGD(batch_size=41)}),
    ],
)
def test_bad_arguments_are_named(message, changes):
    with pytest.raises(ValueError, match=rf"^{message}"):
        run(**changes)


def test_a_parameter_of_another_noise_is_refused():
    with pytest.raises(ValueError, match=r"^temperature must not be given with the noise 'sgd'.* got 0\.001"):
        make_noise("sgd", temperature=1e-3)
    assert make_noise("langevin", temperature=1e-3, persistence=None) == Langevin(1e-3)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("temperature", lambda: Langevin(-1e-9)),
        ("temperature", lambda: Langevin(float("nan"))),
        ("persistence", lambda: Persistent(0.0)),
        ("persistence", lambda: Persistent(float("inf"))),
        ("momentum", lambda: SGD(momentum=1.0)),
        ("momentum", lambda: SGD(momentum=float("nan"))),
        ("schedule", lambda: SGD(schedule="cosine:10")),  # pyright: ignore
        ("sd", lambda: Normal(-1.0)),
        ("every", lambda: StepDecay(0, 0.5)),
        ("every", lambda: StepDecay(1.5, 0.5)),  # pyright: ignore
        ("factor", lambda: StepDecay(10, 0.0)),
        ("scale", lambda: Power(0)),
        ("exponent", lambda: Power(10, -1.0)),
        ("duration", lambda: Cosine(0)),
        ("final", lambda: Cosine(10, float("inf"))),
        ("then", lambda: Warmup(10, "constant")),  # pyright: ignore
    ],
)
def test_bad_parameters_are_named(name, make):
    with pytest.raises(ValueError, match=rf"^{name} .*must|^{name} must"):
        make()


BAD_SCHEDULES = [
    *("", "linear", "step", "step:10", "step:10,x", "cosine:1,2,3", "constant:1", "cosine:10+step:1,1", "warmup:5+"),
]


@pytest.mark.parametrize("text", BAD_SCHEDULES)
def test_bad_texts_of_schedules_are_refused(text):
    with pytest.raises(ValueError, match="schedule must be constant, step:EVERY,FACTOR"):
        parse_schedule(text)


def test_every_noise_is_complete():
    for (name, kind), other in pairwise([*NOISES.items(), ("sgd", NOISES["sgd"])]):
        assert kind.name == name
        assert kind is not other[1]
        noise = noise_called(name)
        assert noise.settings == {"noise": name, **PARAMETERS.get(name, {})}
        assert noise.numbers.tolist() == list(PARAMETERS.get(name, {}).values())
    assert str(Glorot()) == "glorot"


@pytest.mark.slow
def test_the_command_takes_all_of_it(tmp_path):
    path = tmp_path / "F.h5"
    command = f"""
        train --hidden 3 --rows 60 --replicas 2 --steps 60 --batch-size 8 --jobs 1 --json --output {path}
        --noise persistent --persistence 5 --label-noise 0.1 --momentum 0.5
        --schedule warmup:5+cosine:50,0.1 --start normal:0.5
    """
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 0, result.output
    metadata = load_trajectories(path).metadata
    expected = {
        "noise": "persistent",
        "persistence": 5.0,
        "label_noise": 0.1,
        "momentum": 0.5,
        "schedule": "warmup:5+cosine:50,0.1",
        "start": "normal:0.5",
    }
    assert {name: metadata[name] for name in expected} == expected
