from dataclasses import replace

import h5py
import numpy as np
import pytest
from scipy import stats
from support.reference import images, naive_loss

from dynamics import SGD, load_trajectories, mean_square_displacement, train
from dynamics.displacement import displacement_modulo_symmetry, layer_displacement, non_gaussian, output_displacement
from dynamics.observables import minibatch_gradients, replica_overlap
from dynamics.runs import TEST_CURVES
from dynamics.synthetic import brownian
from dynamics.training import parse_start
from dynamics.training._curves import evaluate_curves
from landscape import CrossEntropyLoss, Dataset, symmetry
from landscape.networks import MLP

NETWORK = MLP((2, 3, 2, 4))
P = NETWORK.n_parameters
TW, LAGS = [2, 5, 9], [1, 2, 4, 7]


def toy_data(rows=60, test_rows=30):
    rng = np.random.default_rng(1)
    inputs = rng.uniform(-1, 1, (rows + test_rows, 2))
    labels = (inputs[:, 0] > 0) + 2 * (inputs[:, 1] > 0)
    return Dataset(inputs[:rows], labels[:rows], 4, inputs[rows:], labels[rows:], {"name": "toy"})


DATA = toy_data()


def walk(replicas=3, seed=0, diffusion=0.1):
    """Brownian runs of `NETWORK`."""
    runs = brownian(replicas, P, TW, LAGS, diffusion, rng=np.random.default_rng(seed))
    return replace(runs, layer_sizes=NETWORK.layer_sizes)


def short(runs, last):
    within = runs.steps <= last
    return replace(runs, steps=runs.steps[within], snapshots=runs.snapshots[:, within])


def pairs(runs):
    """All (w, t, snapshot at tw, snapshot at tw + t) within the runs."""
    where = {int(step): k for k, step in enumerate(runs.steps)}
    for i, tw in enumerate(runs.waiting_times):
        for j, lag in enumerate(runs.lags):
            if int(tw + lag) in where:
                yield i, j, where[int(tw)], where[int(tw + lag)]


@pytest.fixture(scope="module")
def trained():
    return train(
        CrossEntropyLoss(NETWORK, DATA), SGD(0.2, 6), replicas=3, steps=16, seed=3, waiting_times=TW, lags=LAGS
    )


# ---------------------------------------------------------------- layers


def test_layers_agree_with_a_double_loop():
    runs = short(walk(), 11)
    found = layer_displacement(runs)
    assert found.names == ("kernel 1", "bias 1", "kernel 2", "bias 2", "kernel 3", "bias 3")
    expected = np.full(found.values.shape, np.nan)
    for r in range(runs.replicas):
        for i, j, a, b in pairs(runs):
            before, after = (NETWORK.unflatten(runs.snapshots[r, k]) for k in (a, b))
            parts = [
                ((new - old) ** 2).mean()
                for x, y in zip(before, after, strict=True)
                for old, new in zip(x, y, strict=True)
            ]
            expected[r, i, j] = parts
    assert np.isnan(expected).any()
    np.testing.assert_allclose(found.values, expected, rtol=1e-12)


def test_layers_weighted_by_size_are_the_whole():
    runs = walk()
    found = layer_displacement(runs)
    assert found.sizes.sum() == P
    np.testing.assert_allclose(found.whole.values, mean_square_displacement(runs).values, rtol=1e-12)
    second = found.group("kernel 2").values * 6 + found.group("bias 2").values * 2
    np.testing.assert_allclose(found.layer(2).values * 8, second, rtol=1e-12)


def test_only_the_layer_that_moves_is_seen_to_move():
    runs = walk()
    snapshots = runs.snapshots.copy()
    snapshots[:, :, NETWORK.layer_sizes[0] * 3 :] = 0.5  # all but the first kernel
    found = layer_displacement(replace(runs, snapshots=snapshots))
    assert (found.values[..., 0] > 0).all()
    assert (found.values[..., 1:] == 0).all()


def test_groups_that_do_not_exist_are_named():
    found = layer_displacement(walk(1))
    with pytest.raises(ValueError, match=r"^name must be one of kernel 1, .*; got 'kernel 4'"):
        found.group("kernel 4")
    with pytest.raises(ValueError, match=r"^number must be in 1 ... 3; got 0"):
        found.layer(0)
    with pytest.raises(ValueError, match="runs must be those of a network"):
        layer_displacement(brownian(1, 4, TW, LAGS, 0.1, rng=np.random.default_rng(0)))


# ---------------------------------------------------------------- modulo symmetry


def test_images_under_random_symmetry_have_not_moved():
    rng = np.random.default_rng(4)
    runs = walk(2)
    point = rng.normal(size=P)
    snapshots = [[symmetry.random_image(NETWORK, point, rng=rng) for _ in runs.steps] for _ in range(2)]
    found = displacement_modulo_symmetry(replace(runs, snapshots=np.array(snapshots)))
    assert found.exact
    assert found.plain.values.mean() > 0.1
    np.testing.assert_allclose(found.modulo.values, 0.0, atol=1e-25)
    assert found.exchanged.mean() > 0.9


def test_displacement_modulo_symmetry_is_that_of_the_nearest_of_all_images():
    runs = short(walk(2, diffusion=0.5), 9)
    found = displacement_modulo_symmetry(runs)
    expected = np.full(found.modulo.values.shape, np.nan)
    for r in range(2):
        for i, j, a, b in pairs(runs):
            others = images(NETWORK, runs.snapshots[r, b])
            expected[r, i, j] = ((others - runs.snapshots[r, a]) ** 2).sum(axis=1).min() / P
    np.testing.assert_allclose(found.modulo.values, expected, rtol=1e-12)
    np.testing.assert_allclose(found.plain.values, mean_square_displacement(runs).values, rtol=1e-12)
    assert (found.modulo.values < 0.99 * found.plain.values).any()
    np.testing.assert_array_equal(np.isnan(found.exchanged), np.isnan(expected[0]))


def test_small_moves_are_the_same_modulo_symmetry():
    runs = walk(2, diffusion=1e-8)
    snapshots = runs.snapshots + np.random.default_rng(0).normal(size=P)
    found = displacement_modulo_symmetry(replace(runs, snapshots=snapshots))
    np.testing.assert_allclose(found.modulo.values, found.plain.values, rtol=1e-9)
    assert (found.exchanged == 0).all()


def test_wide_networks_say_that_they_are_not_exact():
    network = MLP((2, 12, 12, 4))
    runs = brownian(1, network.n_parameters, [2], [1], 0.1, rng=np.random.default_rng(0))
    found = displacement_modulo_symmetry(replace(runs, layer_sizes=network.layer_sizes))
    assert not found.exact
    assert (found.modulo.values <= found.plain.values).all()


# ---------------------------------------------------------------- outputs


def softmax(network, theta, inputs):
    value = inputs
    for k, layer in enumerate(network.unflatten(theta)):
        value = (np.tanh(value) if k else value) @ layer.kernel + layer.bias
    return np.exp(value) / np.exp(value).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize("part", [10**6, 100])  # all rows at once; a few at a time
def test_outputs_agree_with_a_double_loop(trained, monkeypatch, part, test):
    monkeypatch.setattr("dynamics.displacement._outputs.LARGEST", part)
    inputs = DATA.test_inputs if test else DATA.inputs
    found, logits = (output_displacement(trained, DATA, space, test=test) for space in ("probabilities", "logits"))
    for r in range(trained.replicas):
        for i, j, a, b in pairs(trained):
            p, q = (softmax(NETWORK, trained.snapshots[r, k], inputs) for k in (a, b))
            assert found.values[r, i, j] == pytest.approx(((p - q) ** 2).sum(axis=1).mean(), rel=1e-9)
            change = np.log(q) - np.log(p)
            change -= change.mean(axis=1, keepdims=True)
            assert logits.values[r, i, j] == pytest.approx((change**2).sum(axis=1).mean(), rel=1e-9)
    assert found.metadata["displacement"] == "probabilities"
    assert found.metadata["displacement_rows"] == ("test" if test else "training")


def test_outputs_of_images_do_not_move():
    rng = np.random.default_rng(4)
    runs, point = walk(1), rng.normal(size=P)
    snapshots = np.array([[symmetry.random_image(NETWORK, point, rng=rng) for _ in runs.steps]])
    found = output_displacement(replace(runs, snapshots=snapshots), DATA)
    np.testing.assert_allclose(found.values, 0.0, atol=1e-28)


def test_outputs_of_a_run_without_snapshots_are_unknown(trained):
    recorded = np.ones(trained.snapshots.shape[:2], bool)
    recorded[0] = False
    snapshots = np.where(recorded[..., None], trained.snapshots, np.nan)
    found = output_displacement(replace(trained, snapshots=snapshots, recorded=recorded), DATA)
    assert np.isnan(found.values[0]).all()
    np.testing.assert_array_equal(found.values[1:], output_displacement(trained, DATA).values[1:])


def test_outputs_refuse_what_does_not_fit(trained):
    with pytest.raises(ValueError, match=r"^space must be one of probabilities, logits; got 'weights'"):
        output_displacement(trained, DATA, "weights")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"^data must be those of the runs"):
        output_displacement(trained, toy_data(61))
    with pytest.raises(ValueError, match=r"^data must have test rows"):
        output_displacement(walk(1), toy_data(test_rows=0), test=True)


# ---------------------------------------------------------------- alpha_2


def jumps(samples):
    """Runs that make one jump of `samples` (R, P), from step 1 to step 2."""
    samples = np.asarray(samples, dtype=np.float64)
    runs = brownian(len(samples), samples.shape[1], [1], [1], 1.0, rng=np.random.default_rng(0))
    assert runs.steps.tolist() == [0, 1, 2]
    zero = np.zeros_like(samples)
    return replace(runs, snapshots=np.stack([zero, zero, samples], axis=1))


def test_moments_agree_with_a_double_loop():
    runs = short(walk(), 11)
    found = non_gaussian(runs)
    for i, j, a, b in pairs(runs):
        d = [[float(y) - float(x) for x, y in zip(run[a], run[b], strict=True)] for run in runs.snapshots]
        second = np.mean([np.mean([x**2 for x in run]) for run in d])
        fourth = np.mean([np.mean([x**4 for x in run]) for run in d])
        assert found.alpha_2[i, j] == pytest.approx(fourth / (3 * second**2) - 1, rel=1e-9)
    assert np.isnan(found.alpha_2[2, 3])


def test_gaussian_displacements_have_no_alpha_2():
    runs = brownian(200, 50, TW, LAGS, 0.1, rng=np.random.default_rng(5))
    found = non_gaussian(runs)
    scores = found.alpha_2 / found.standard_error
    assert np.abs(scores).max() < 4
    # var of alpha_2 for n Gaussian numbers is 24 / 9 / n
    np.testing.assert_allclose(found.standard_error, np.sqrt(24 / 9 / (200 * 50)), rtol=0.3)
    assert np.abs(found.alpha_2_lengths).max() < 5 * np.sqrt(8 / 50**2 / 200)


@pytest.mark.parametrize(("share", "v1", "v2"), [(0.5, 1.0, 9.0), (0.1, 25.0, 1.0)])
def test_two_variances_give_the_closed_form(share, v1, v2):
    rng = np.random.default_rng(6)
    variance = np.where(rng.random((400, 100)) < share, v1, v2)
    found = non_gaussian(jumps(rng.normal(size=variance.shape) * np.sqrt(variance)))
    exact = (share * v1**2 + (1 - share) * v2**2) / (share * v1 + (1 - share) * v2) ** 2 - 1
    assert abs(found.alpha_2[0, 0] - exact) < 4 * found.standard_error[0, 0]
    assert found.standard_error[0, 0] < 0.1 * exact


def test_runs_of_two_speeds_show_in_the_lengths():
    rng = np.random.default_rng(7)
    speeds = np.repeat([1.0, 3.0], 100)[:, None]
    found = non_gaussian(jumps(rng.normal(size=(200, 500)) * speeds))
    exact = (1 + 81) / 2 / 5**2 - 1
    assert found.alpha_2_lengths[0, 0] == pytest.approx(exact, abs=0.05)
    assert found.alpha_2[0, 0] == pytest.approx(exact, abs=0.1)
    assert np.abs(found.alpha_2_runs).mean() < 0.2


def test_the_standard_error_is_that_of_repeated_ensembles():
    rng = np.random.default_rng(8)
    ensembles = [non_gaussian(jumps(rng.normal(size=(40, 20)) * rng.choice([1, 2], (40, 1)))) for _ in range(200)]
    spread = np.std([found.alpha_2[0, 0] for found in ensembles])
    assert np.mean([found.standard_error[0, 0] for found in ensembles]) == pytest.approx(spread, rel=0.2)


def test_the_interval_of_alpha_2_is_that_of_student_and_of_resampled_runs():
    rng = np.random.default_rng(8)
    found = non_gaussian(jumps(rng.normal(size=(60, 20)) * rng.choice([1, 2], (60, 1))))
    interval = [float(end[0, 0]) for end in found.estimate().interval]
    value, error = found.alpha_2[0, 0], found.standard_error[0, 0]
    assert interval == pytest.approx(stats.t.interval(0.95, 59, loc=value, scale=error))
    drawn = [rng.integers(60, size=60) for _ in range(2000)]
    samples = [found.fourth[k, 0, 0].mean() / (3 * found.second[k, 0, 0].mean() ** 2) - 1 for k in drawn]
    assert interval[1] - interval[0] == pytest.approx(2 * stats.t.isf(0.025, 59) * np.std(samples), rel=0.15)
    assert np.isnan(non_gaussian(jumps(np.ones((1, 3)))).estimate().interval).all()


def test_runs_that_do_not_move_have_no_alpha_2():
    found = non_gaussian(jumps(np.zeros((2, 3))))
    assert np.isnan([found.alpha_2, found.standard_error, found.alpha_2_lengths]).all()
    assert np.isnan(non_gaussian(jumps(np.ones((1, 3)))).standard_error).all()
    assert non_gaussian(jumps(np.ones((1, 3)))).alpha_2[0, 0] == pytest.approx(-2 / 3)


# ---------------------------------------------------------------- overlap


def test_overlap_agrees_with_a_double_loop():
    a, b = walk(2, seed=1), short(walk(2, seed=2), 11)
    found = replica_overlap(a, b, modulo_symmetry=True)
    assert found.steps.tolist() == b.steps.tolist()
    for r in range(2):
        for s in range(found.steps.size):
            x, y = a.snapshots[r, s], b.snapshots[r, s]
            assert found.distance[r, s] == pytest.approx(((x - y) ** 2).sum() / P, rel=1e-12)
            nearest = ((images(NETWORK, y) - x) ** 2).sum(axis=1).min() / P
            assert found.distance_modulo[r, s] == pytest.approx(nearest, rel=1e-9)
            if s:
                assert found.overlap[r, s] == pytest.approx(x @ y / np.sqrt((x @ x) * (y @ y)), rel=1e-12)
        for i, j, start, end in pairs(b):
            x, y = (runs.snapshots[r, end] - runs.snapshots[r, start] for runs in (a, b))
            assert found.correlation[r, i, j] == pytest.approx(x @ y / np.sqrt((x @ x) * (y @ y)), rel=1e-12)
    assert np.isnan(found.overlap[:, 0]).all()  # both start at zero
    assert np.isnan(found.correlation[:, 2, 3]).all()


def test_a_run_and_itself_and_independent_ones():
    runs, other = walk(30, seed=1), walk(30, seed=2)
    same = replica_overlap(runs, runs)
    assert (same.distance == 0).all()
    assert np.isnan(same.distance_modulo).all()
    np.testing.assert_allclose(same.correlation, 1.0)
    apart = replica_overlap(runs, other)
    assert np.abs(apart.correlation.mean(axis=0)).max() < 5 / np.sqrt(30 * P)
    np.testing.assert_allclose(apart.distance.mean(axis=0)[1:], 4 * 0.1 * runs.steps[1:], rtol=0.25)


def test_runs_with_a_common_part_correlate_by_its_share():
    x, y, z = (walk(200, seed=s).snapshots for s in (1, 2, 3))
    base = walk(200)
    found = replica_overlap(replace(base, snapshots=x + y), replace(base, snapshots=x + z))
    np.testing.assert_allclose(found.correlation.mean(axis=0), 0.5, atol=0.05)


def test_an_image_is_at_distance_zero_modulo_symmetry():
    runs, rng = walk(1, seed=1), np.random.default_rng(0)
    turned = np.array([[symmetry.random_image(NETWORK, theta, rng=rng) for theta in runs.snapshots[0]]])
    found = replica_overlap(runs, replace(runs, snapshots=turned), modulo_symmetry=True)
    assert found.distance.max() > 0.1
    np.testing.assert_allclose(found.distance_modulo, 0.0, atol=1e-25)


def test_ensembles_that_do_not_fit_are_refused():
    runs = walk(2)
    with pytest.raises(ValueError, match=r"^a and b must have the same replicas; got 2 and 1"):
        replica_overlap(runs, runs.first(1))
    with pytest.raises(ValueError, match=r"^a and b must have snapshots at common steps"):
        replica_overlap(runs, replace(runs, steps=runs.steps + 100))


# ---------------------------------------------------------------- minibatch gradients


def test_minibatches_of_all_rows_are_the_full_gradient(trained):
    found = minibatch_gradients(trained, DATA, rng=np.random.default_rng(0), batches=2, batch_size=DATA.rows)
    np.testing.assert_allclose(found.minibatch, found.full, rtol=1e-12)
    assert found.noise.max() < 1e-12
    at = np.searchsorted(found.steps, trained.curve_steps[1:])
    common = found.steps[np.minimum(at, found.steps.size - 1)] == trained.curve_steps[1:]
    assert common.sum() > 3
    expected = trained.gradient_norm[:, 1:][:, common]
    np.testing.assert_allclose(found.full[:, at[common]], expected, rtol=1e-10)


def test_noise_of_minibatches_is_that_of_a_finite_population(trained):
    size = 6
    found = minibatch_gradients(trained, DATA, rng=np.random.default_rng(0), batches=1500, steps=[0, 16])
    assert (found.batch_size, found.batches) == (size, 1500)
    penalty = np.full(P, 1e-4)
    for r, s in ((0, 0), (2, 1)):
        theta = trained.snapshots[r, [0, -1][s]].astype(np.float64)
        rows = np.array(
            [naive_loss(NETWORK, DATA.inputs[[n]], DATA.labels[[n]], penalty, theta)[2] for n in range(DATA.rows)]
        )
        full = rows.mean(axis=0)
        exact = (DATA.rows - size) / (DATA.rows - 1) * ((rows - full) ** 2).sum(axis=1).mean() / size
        assert found.full[r, s] == pytest.approx(np.linalg.norm(full), rel=1e-10)
        assert found.noise[r, s] ** 2 == pytest.approx(exact, rel=0.1)
        assert found.full[r, s] <= found.minibatch[r, s] <= np.sqrt(found.full[r, s] ** 2 + exact) * 1.05


def test_the_generator_decides_the_minibatches(trained):
    a, b, c = (
        minibatch_gradients(trained, DATA, rng=np.random.default_rng(s), batches=2, steps=[16]) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(a.minibatch, b.minibatch)
    assert not np.array_equal(a.minibatch, c.minibatch)


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        (r"^batch_size must be a whole number in 1 ... 60; got 61", {"batch_size": 61}),
        (r"^batches must be a whole number .* got 0", {"batches": 0}),
        (r"^steps must be those of snapshots; there is none at step 1$", {"steps": [0, 1]}),
    ],
)
def test_bad_minibatches_are_refused(trained, message, arguments):
    with pytest.raises(ValueError, match=message):
        minibatch_gradients(trained, DATA, rng=np.random.default_rng(0), **arguments)


def test_runs_that_do_not_say_their_penalty_are_refused():
    with pytest.raises(ValueError, match=r"^runs must have regularization in their metadata"):
        minibatch_gradients(walk(1), DATA, rng=np.random.default_rng(0))


# ---------------------------------------------------------------- curves


@pytest.mark.parametrize(("width", "error"), [(2, 1e-12), (70, 1e-6)])  # compiled loops; BLAS in float32
def test_curves_are_those_of_numpy_on_training_and_test_rows(width, error):
    rng = np.random.default_rng(2)
    inputs, labels = rng.normal(size=(90, width)), rng.integers(0, 4, 90)
    data = Dataset(inputs[:60], labels[:60], 4, inputs[60:], labels[60:])
    network = MLP((width, 3, 4))
    penalty = rng.random(network.n_parameters)
    thetas = rng.normal(size=(5, network.n_parameters))
    found = evaluate_curves(network, data, penalty, thetas)
    for c, theta in enumerate(thetas):
        loss, accuracy, gradient = naive_loss(network, data.inputs, data.labels, penalty, theta)
        assert found.loss[c] == pytest.approx(loss, rel=error)
        assert found.accuracy[c] == accuracy
        assert found.gradient_norm[c] == pytest.approx(np.linalg.norm(gradient), rel=error)
        test_loss, test_accuracy, _ = naive_loss(network, data.test_inputs, data.test_labels, 0.0 * penalty, theta)
        assert found.test_loss[c] == pytest.approx(test_loss, rel=error)
        assert found.test_accuracy[c] == test_accuracy


@pytest.mark.parametrize("rows", [30, 1100])  # one block of the compiled loops; three
def test_scores_are_entropy_and_accuracy(rows):
    data = toy_data(rows, rows)
    loss = CrossEntropyLoss(NETWORK, data)
    for theta in np.random.default_rng(0).normal(size=(5, P)) * 3:
        for test in (False, True):
            expected = loss.data_loss(theta, test=test), loss.accuracy(theta, test=test)
            assert loss.scores(theta, test=test) == pytest.approx(expected, rel=1e-12)
    # equal logits: the first class, as with argmax
    assert loss.scores(np.zeros(P)) == pytest.approx((np.log(4), (data.labels == 0).mean()))


def test_without_test_rows_the_test_curves_are_nan():
    found = evaluate_curves(NETWORK, toy_data(test_rows=0), np.zeros(P), np.ones((2, P)))
    assert np.isnan([found.test_loss, found.test_accuracy]).all()
    assert np.isfinite([found.loss, found.accuracy]).all()


def test_files_without_test_curves_load_and_grow(tmp_path):
    def run(replicas):
        return train(
            CrossEntropyLoss(NETWORK, DATA), SGD(0.2, 6), replicas=replicas, steps=16, seed=3, path=tmp_path / "F.h5"
        )

    run(2)
    with h5py.File(tmp_path / "F.h5", "a") as file:
        for name in TEST_CURVES:
            del file[name]
    old = load_trajectories(tmp_path / "F.h5")
    assert old.test_loss.shape == old.loss.shape
    assert np.isnan([old.test_loss, old.test_accuracy]).all()
    grown, fresh = run(4), train(CrossEntropyLoss(NETWORK, DATA), SGD(0.2, 6), replicas=4, steps=16, seed=3)
    np.testing.assert_array_equal(grown.loss, fresh.loss)
    assert np.isnan(grown.test_loss[:2]).all()
    np.testing.assert_array_equal(grown.test_loss[2:], fresh.test_loss[2:])
    assert np.isfinite(fresh.test_loss).all()
    np.testing.assert_array_equal(grown.first(3).test_accuracy[2], fresh.test_accuracy[2])


def test_observables_read_files_like_memory(tmp_path, trained):
    stored = train(
        CrossEntropyLoss(NETWORK, DATA),
        SGD(0.2, 6),
        replicas=3,
        steps=16,
        seed=3,
        waiting_times=TW,
        lags=LAGS,
        path=tmp_path / "F.h5",
    )
    assert not isinstance(stored.snapshots, np.ndarray)
    for measure in (layer_displacement, mean_square_displacement):
        np.testing.assert_array_equal(measure(stored).values, measure(trained).values)
    np.testing.assert_array_equal(non_gaussian(stored).fourth, non_gaussian(trained).fourth)
    both = (displacement_modulo_symmetry(runs).modulo.values for runs in (stored, trained))
    np.testing.assert_array_equal(*both)
    np.testing.assert_array_equal(replica_overlap(stored, trained).distance, 0.0)


# ---------------------------------------------------------------- twins


@pytest.fixture(scope="module")
def first_runs(tmp_path_factory):
    path = tmp_path_factory.mktemp("twins") / "first.h5"
    loss = CrossEntropyLoss(NETWORK, DATA)
    return path, train(loss, SGD(0.2, 6), replicas=3, steps=16, seed=3, waiting_times=TW, lags=LAGS, path=path)


def clones(start, seed):
    loss = CrossEntropyLoss(NETWORK, DATA)
    return train(loss, SGD(0.2, 6), replicas=3, steps=16, seed=seed, waiting_times=TW, lags=LAGS, start=start)


def test_twins_start_where_runs_were_and_see_other_minibatches(first_runs):
    path, runs = first_runs
    start = parse_start(f"snapshots:{path}:9")
    a, b = clones(start, 11), clones(start, 12)
    np.testing.assert_array_equal(a.snapshots[:, 0], runs.snapshots[:, np.searchsorted(runs.steps, 9)])
    found = replica_overlap(a, b)
    assert (found.distance[:, 0] == 0).all()
    assert (found.distance[:, -1] > 0).all()
    np.testing.assert_array_equal(clones(start, 11).snapshots, a.snapshots)
    common = parse_start(f"snapshots:{path}:9:1")
    np.testing.assert_array_equal(common.draw(NETWORK, None, 2), runs.snapshots[1, np.searchsorted(runs.steps, 9)])


def test_twins_with_independent_noise_part_as_far_as_both_have_moved():
    """Walks without a slope: |a - b|^2 = |a - start|^2 + |b - start|^2 on average, and no correlation."""
    a, b = walk(40, seed=1), walk(40, seed=2)
    found = replica_overlap(a, b)
    own = [((one.snapshots - one.snapshots[:, :1]) ** 2).mean(axis=(0, 2)) for one in (a, b)]
    np.testing.assert_allclose(found.distance.mean(axis=0)[1:], (own[0] + own[1])[1:], rtol=0.1)
    np.testing.assert_allclose(found.correlation.mean(axis=0), 0.0, atol=0.15)


def test_what_twins_cannot_start_from(first_runs):
    path, _ = first_runs
    with pytest.raises(ValueError, match="no snapshots of all runs at step 8; it has some at"):
        parse_start(f"snapshots:{path}:8")
    with pytest.raises(ValueError, match=r"has runs 0 \.\.\. 2; got 3"):
        parse_start(f"snapshots:{path}:9:3")
    with pytest.raises(ValueError, match=r"start must be glorot, .*snapshots:PATH:STEP:RUN; got 'snapshots:'"):
        parse_start("snapshots:")
