from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.sparse.linalg import LinearOperator, eigsh
from support.figures import flaws
from support.noisy_losses import DATA, NETWORKS, random_orthogonal, read_only, toy_data, toy_loss
from support.reference import finite_hessian

from dynamics import SGD, curvature, train
from dynamics.gradient_noise import gradient_noise
from dynamics.plots import plot_curvature
from dynamics.snapshots._choice import log_spaced
from dynamics.spectra import estimate_curvature, spectral_density
from dynamics.spectra._lanczos import tridiagonalize, unit_probes
from dynamics.spectra._spectral_density import broadened
from landscape import CrossEntropyLoss, Dataset
from landscape.networks import MLP

# ---------------------------------------------------------------- Lanczos


class MatrixLoss:
    """A quadratic form."""

    def __init__(self, matrix, zero_modes=None):
        self.matrix = matrix
        self.n_parameters = len(matrix)
        self.zero_modes = np.zeros((0, len(matrix))) if zero_modes is None else zero_modes

    def hessian_vector_product(self, theta, vector):
        return self.matrix @ vector


def symmetric(values, rng):
    vectors = random_orthogonal(len(values), rng)
    return vectors @ np.diag(values) @ vectors.T


def quadratic(values, rng):
    """A loss with these eigenvalues, and a point."""
    return MatrixLoss(symmetric(np.asarray(values, dtype=float), rng)), np.zeros(len(values))


@given(st.integers(1, 12), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_lanczos_to_the_end_gives_a_similar_matrix(dimension, seed):
    rng = np.random.default_rng(seed)
    matrix = symmetric(rng.normal(size=dimension), rng)
    diagonal, off_diagonal = tridiagonalize(lambda v: matrix @ v, unit_probes(1, dimension, rng)[0], dimension)
    whole = np.diag(diagonal) + np.diag(off_diagonal[:-1], 1) + np.diag(off_diagonal[:-1], -1)
    np.testing.assert_allclose(np.linalg.eigvalsh(whole), np.linalg.eigvalsh(matrix), atol=1e-12)


@pytest.fixture(scope="module")
def spectrum():
    """Like that of a network: a few large eigenvalues, a bulk near zero, some negative ones."""
    rng = np.random.default_rng(7)
    return np.concatenate([rng.normal(0, 0.02, 200), rng.exponential(0.3, 90), [2.0, 3.0, 5.0]])


def test_density_integrates_to_one_and_is_that_of_the_spectrum(spectrum, rng):
    loss, theta = quadratic(spectrum, rng)
    found = spectral_density(loss, theta, rng=rng, probes=400, steps=40)
    assert np.trapezoid(found.density, found.grid) == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(found.weights.sum(axis=1), 1.0)
    exact = broadened(spectrum, found.grid, found.width)
    assert np.trapezoid(exact, found.grid) == pytest.approx(1.0, abs=1e-6)
    some = exact > 1e-3 * exact.max()
    assert (np.abs(found.density - exact) / found.density_error)[some].max() < 4.5


def test_moments_agree_within_their_errors_which_are_right(spectrum, rng):
    loss, theta = quadratic(spectrum, rng)
    found = spectral_density(loss, theta, rng=rng, probes=500, steps=3)
    dimension = spectrum.size
    for order in (1, 2, 3):
        exact, (estimate, error) = (spectrum**order).sum(), found.moment(order)
        assert abs(estimate - exact) < 4 * error
        centered = (spectrum ** (2 * order)).sum() / dimension - (exact / dimension) ** 2
        # variance of v.A v for v uniform on the sphere: 2 / (n (n + 2)) times Tr of the square of A less its mean
        expected = dimension * np.sqrt(2 / (dimension + 2) * centered / 500)
        assert error == pytest.approx(expected, rel=0.25)
    assert found.trace == found.moment(1)


def test_the_quadrature_of_each_probe_has_the_moments_of_that_probe(spectrum, rng):
    loss, theta = quadratic(spectrum, rng)
    found = spectral_density(loss, theta, rng=np.random.default_rng(3), probes=4, steps=6)
    starts = unit_probes(4, spectrum.size, np.random.default_rng(3))
    power = starts
    for order in range(1, 12):  # 2 m - 1 = 11
        power = power @ loss.matrix
        np.testing.assert_allclose((found.nodes**order * found.weights).sum(axis=1), (power * starts).sum(axis=1))


@pytest.mark.parametrize("steps", [5, 20, 60, 293])
def test_bounds_of_the_number_of_negative_eigenvalues_hold_for_the_measure_of_the_probes(spectrum, steps, rng):
    loss, theta = quadratic(spectrum, rng)
    found = spectral_density(loss, theta, rng=np.random.default_rng(3), probes=3, steps=steps)
    values, vectors = np.linalg.eigh(loss.matrix)
    shares = (unit_probes(3, spectrum.size, np.random.default_rng(3)) @ vectors) ** 2
    of_the_probes = spectrum.size * shares[:, values < 0].sum(axis=1).mean()
    low, high = found.negative_bounds
    assert low - 1e-9 <= of_the_probes <= high + 1e-9
    assert low <= found.negative_eigenvalues[0] <= high
    assert found.negative_at_least <= (spectrum < 0).sum()
    if steps == spectrum.size:
        assert found.negative_at_least == (spectrum < 0).sum()
        assert found.negative_eigenvalues[0] == pytest.approx(of_the_probes)


def test_number_of_negative_eigenvalues_agrees_within_its_error(rng):
    """Where the quadrature resolves them: with a gap at zero."""
    values = np.concatenate([-rng.uniform(1, 2, 30), rng.uniform(1, 3, 120)])
    found = spectral_density(*quadratic(values, rng), rng=rng, probes=50, steps=40)
    estimate, error = found.negative_eigenvalues
    assert abs(estimate - 30) < 4 * error
    assert error < 2
    low, high = found.negative_bounds
    assert low - 4 * error < 30 < high + 4 * error
    assert high - low < 15


@pytest.mark.slow
def test_extreme_eigenvalues_against_eigsh(rng):
    network = MLP((2, 5, 5, 4))
    loss = toy_loss(network, toy_data(200))
    theta = rng.normal(size=network.n_parameters)
    operator = LinearOperator((theta.size,) * 2, matvec=lambda v: loss.hessian_vector_product(theta, v.ravel()))
    found = spectral_density(loss, theta, rng=rng, probes=2, steps=40)
    start = np.ones(theta.size)
    for which, (value, residual) in {"LA": found.largest, "SA": found.smallest}.items():
        expected = eigsh(operator, k=1, which=which, v0=start, return_eigenvectors=False)[0]
        assert value == pytest.approx(expected, abs=1e-9)
        assert residual < 1e-6
    rough = spectral_density(loss, theta, rng=rng, probes=2, steps=8)
    spectrum = np.linalg.eigvalsh(loss.hessian(theta))
    for value, residual in (rough.largest, rough.smallest):
        assert np.abs(spectrum - value).min() <= residual + 1e-12
    assert rough.largest[0] <= spectrum[-1] + 1e-12
    assert rough.smallest[0] >= spectrum[0] - 1e-12


def test_few_distinct_eigenvalues_end_the_iteration(rng):
    loss, theta = quadratic([-1.0] * 3 + [2.0] * 5 + [7.0] * 2, rng)
    found = spectral_density(loss, theta, rng=rng, probes=5, steps=9)
    np.testing.assert_allclose(found.nodes[:, :3], np.tile([-1.0, 2.0, 7.0], (5, 1)), atol=1e-9)
    assert np.isnan(found.nodes[:, 3:]).all()
    assert (found.weights[:, 3:] == 0).all()
    assert found.largest[0] == pytest.approx(7.0)
    assert np.trapezoid(found.density, found.grid) == pytest.approx(1.0, abs=1e-6)
    for value in (3.0, 0.0):
        one = spectral_density(*quadratic([value] * 4, rng), rng=rng, probes=2, steps=3)
        assert one.trace == pytest.approx((4 * value, 0.0), abs=1e-12)
        assert one.negative_eigenvalues == (0.0, 0.0)


def test_zero_modes_are_left_out(rng):
    loss = toy_loss(regularize_biases=False)
    assert len(loss.zero_modes) == 1
    theta = rng.normal(size=loss.n_parameters)
    values = np.linalg.eigvalsh(loss.hessian(theta))
    assert np.abs(values).min() < 1e-14
    # common shifts of the outputs are held by the penalty alone: an eigenvalue three times, which a probe sees once
    kept = np.unique(np.delete(values, np.abs(values).argmin()).round(9))
    assert kept.size == 22
    found = spectral_density(loss, theta, rng=rng, probes=3, steps=100)
    assert (found.dimension, found.nodes.shape) == (24, (3, 24))
    np.testing.assert_allclose(found.nodes[:, :22], np.tile(kept, (3, 1)), atol=2e-9)
    assert np.isnan(found.nodes[:, 22:]).all()


def test_density_is_decided_by_the_generator_and_leaves_its_input(rng):
    loss, theta = toy_loss(), read_only(rng.normal(size=25))
    one, two, three = (spectral_density(loss, theta, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.density, two.density)
    assert one.trace != three.trace
    with pytest.raises(FrozenInstanceError):
        one.width = 1.0  # pyright: ignore


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probes": 1}, "probes must be a whole number >= 2; got 1"),
        ({"steps": 1}, "steps must be a whole number >= 2; got 1"),
        ({"steps": 2.5}, "steps must be a whole number"),
        ({"width": 0.0}, "width must be positive.*got 0.0"),
        ({"width": 1e-9}, "width must be positive, finite and at least"),
    ],
)
def test_density_complains(options, message, rng):
    with pytest.raises(ValueError, match=message):
        spectral_density(toy_loss(), np.ones(25), rng=rng, **options)


def test_density_of_what_is_not_finite(rng):
    with pytest.raises(FloatingPointError, match="not finite"):
        spectral_density(MatrixLoss(np.full((4, 4), np.nan)), np.zeros(4), rng=rng)


# ---------------------------------------------------------------- along trajectories


@pytest.fixture(scope="module")
def runs():
    return train(
        CrossEntropyLoss(NETWORKS[1], DATA), SGD(learning_rate=0.2, batch_size=6), replicas=3, steps=200, seed=3
    )


def along(runs, **options):
    return curvature(runs, toy_loss(), **({"steps": [0, 10, 200]} | options))


def estimated(runs, **options):
    return estimate_curvature(runs, toy_loss(), **({"steps": [0, 10, 200], "seed": 0, "probes": 3} | options))


MEASURES = [along, estimated]


def arrays(result):
    return {name: value for name, value in vars(result).items() if isinstance(value, np.ndarray)}


def assert_same(a, b):
    assert arrays(a).keys() == arrays(b).keys()
    for name, value in arrays(a).items():
        np.testing.assert_array_equal(value, arrays(b)[name])


class Killed(Exception):
    pass


def stop_after(points):
    def progress(done, total):
        if done >= points:
            raise Killed

    return progress


def test_spectra_along_the_runs(runs):
    loss, found = toy_loss(), along(runs, replicas=[0, 2])
    assert found.eigenvalues.shape == found.mode_noise.shape == found.noise_eigenvalues.shape == (2, 3, 25)
    np.testing.assert_array_equal(found.runs, [0, 2])
    np.testing.assert_array_equal(found.steps, [0, 10, 200])
    for r, s in np.ndindex(2, 3):
        theta = runs.snapshots[found.runs[r], np.searchsorted(runs.steps, found.steps[s])].astype(np.float64)
        expected = np.linalg.eigvalsh(finite_hessian(lambda x: loss.value_and_gradient(x)[1], theta))
        np.testing.assert_allclose(found.eigenvalues[r, s], expected, atol=1e-8)
        assert found.negative_eigenvalues[r, s] == (expected < -1e-8).sum()
        assert found.negative_share[r, s] == (expected < -1e-8).sum() / 25
        assert found.traces[r, s] == pytest.approx(np.trace(loss.hessian(theta)))
        assert found.smallest[r, s] == pytest.approx(expected[0], abs=1e-8)
        assert found.largest[r, s] == pytest.approx(expected[-1])
        weight = np.abs(expected[expected < 0]).sum() / np.abs(expected).sum()
        assert found.negative_weight[r, s] == pytest.approx(weight, abs=1e-7)
        noise = gradient_noise(loss, theta)
        minibatch = noise.minibatch(6)
        assert found.noise_traces[r, s] == pytest.approx(np.trace(minibatch))
        assert found.temperatures[r, s] == pytest.approx(0.2 * np.trace(minibatch) / 50)
        product_trace = 0.2 * np.trace(minibatch @ loss.hessian(theta)) / 2
        if found.traces[r, s] > 0:
            assert found.curved_temperatures[r, s] == pytest.approx(product_trace / found.traces[r, s])
    assert found.negative_eigenvalues.max() > 0
    assert found.leading == 4


@pytest.mark.parametrize("measure", MEASURES)
def test_loss_and_gradient_are_those_that_training_recorded(runs, measure):
    found = measure(runs, steps=[0, 200])
    at = np.searchsorted(runs.curve_steps, found.steps)
    np.testing.assert_array_equal(runs.curve_steps[at], found.steps)
    np.testing.assert_allclose(found.losses, runs.loss[:, at], rtol=1e-12)
    np.testing.assert_allclose(found.gradient_norms, runs.gradient_norm[:, at], rtol=1e-10)
    np.testing.assert_allclose(found.gradient_rms, runs.gradient_norm[:, at] / 5, rtol=1e-10)


def test_estimates_agree_with_what_is_exact(runs):
    exact, found = along(runs), estimated(runs, probes=40)
    for estimate, value in (
        (found.traces, exact.traces),
        ((found.alignments, found.alignment_errors), exact.alignments),
    ):
        assert (np.abs(estimate[0] - value) < 5 * estimate[1]).all()
    # with as many steps as parameters the quadrature is exact
    np.testing.assert_array_equal(found.negative_at_least, exact.negative_eigenvalues)
    counts, errors = found.negative_eigenvalues
    assert (np.abs(counts - exact.negative_eigenvalues) < 5 * errors).all()
    low, high = found.negative_bounds
    assert ((low <= counts) & (counts <= high)).all()
    np.testing.assert_allclose(found.largest[0], exact.largest)
    np.testing.assert_allclose(found.smallest[0], exact.smallest)
    np.testing.assert_allclose(found.noise_traces, exact.noise_traces)
    np.testing.assert_allclose(found.temperatures, exact.temperatures)
    density = found.density(2, 1, width=0.1)
    assert density.width == 0.1
    assert density.trace[0] == found.traces[0][2, 1]


@pytest.mark.slow
@pytest.mark.parametrize("measure", MEASURES)
def test_workers_do_not_change_the_result(runs, measure):
    assert_same(measure(runs, jobs=1), measure(runs, jobs=2))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_measurement_goes_on(runs, measure, jobs, tmp_path):
    path = tmp_path / "points"
    with pytest.raises(Killed):
        measure(runs, path=path, jobs=jobs, progress=stop_after(4))
    assert len(list(path.iterdir())) == 4
    (path / ".half.npz.1234").write_bytes(b"PK")  # what a kill in the middle of a write leaves
    reports = []
    again = measure(runs, path=path, jobs=jobs, progress=lambda *report: reports.append(report))
    assert reports == [(done, 9) for done in range(4, 10)]
    assert_same(again, measure(runs))
    before = {file.name: file.stat().st_mtime_ns for file in path.iterdir()}
    assert_same(measure(runs, path=path, progress=stop_after(10)), again)
    assert before == {file.name: file.stat().st_mtime_ns for file in path.iterdir()}


@pytest.mark.parametrize("measure", MEASURES)
def test_other_steps_and_runs_take_what_is_there(runs, measure, tmp_path):
    measure(runs, path=tmp_path, steps=[0, 10])
    reports = []
    found = measure(runs, path=tmp_path, replicas=[2, 1], progress=lambda *report: reports.append(report))
    assert reports[0] == (4, 6)
    assert_same(found, measure(runs, replicas=[1, 2]))


def test_what_was_measured_otherwise_is_not_taken(runs, tmp_path):
    for number, options in enumerate(({}, {"leading": 2}, {"leading": 4})):
        along(runs, path=tmp_path, steps=[10], replicas=[0], **options)
        assert len(list(tmp_path.iterdir())) == (1, 2, 2)[number]
    for number, options in enumerate(({}, {"seed": 1}, {"probes": 4}, {"lanczos_steps": 9}, {})):
        estimated(runs, path=tmp_path, steps=[10], replicas=[0], **options)
        assert len(list(tmp_path.iterdir())) == (3, 4, 5, 6, 6)[number]


def test_a_damaged_file_is_named(runs, tmp_path):
    along(runs, path=tmp_path, steps=[10], replicas=[0])
    (file,) = tmp_path.iterdir()
    for content in (b"", b"hello", file.read_bytes()[:200]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=rf"{file.name} is not a readable measurement.*remove it"):
            along(runs, path=tmp_path, steps=[10], replicas=[0])


def test_the_scale_of_the_noise_is_that_of_the_runs_or_what_is_asked_for(runs):
    found = along(runs, steps=[10])
    assert (found.learning_rate, found.batch_size, found.rows, found.replacement) == (0.2, 6, 40, False)
    assert found.minibatch_factor == pytest.approx((40 - 6) / (6 * 39))
    other = along(runs, steps=[10], optimizer=SGD(0.1, 10, noise="replacement"))
    assert other.minibatch_factor == 0.1
    np.testing.assert_allclose(other.temperatures * 2 / found.temperatures, 0.1 / found.minibatch_factor)
    with pytest.raises(ValueError, match=r"batch_size must be in 1 ... 40"):
        along(runs, steps=[10], optimizer=SGD(0.1, 41))


def test_full_batch_descent_has_no_noise():
    descent = train(
        CrossEntropyLoss(NETWORKS[1], DATA), SGD(learning_rate=0.2, batch_size=6, noise="full"), replicas=1, steps=20
    )
    found = along(descent, steps=[20])
    assert found.noise_traces == 0.0
    assert found.temperatures == 0.0
    assert found.noise_eigenvalues.max() > 0


def test_a_zero_mode_is_no_eigenvalue():
    options = {"regularize_biases": False}
    without = train(CrossEntropyLoss(NETWORKS[1], DATA, **options), SGD(batch_size=6), replicas=1, steps=20)
    found = curvature(without, toy_loss(**options), steps=[20])
    assert found.eigenvalues.shape == found.mode_noise.shape == (1, 1, 24)
    assert found.noise_eigenvalues.shape == (1, 1, 25)
    assert np.abs(found.eigenvalues).min() > 1e-8


def test_zeros_of_the_hessian_are_not_counted_as_negative():
    """Without a penalty constant inputs leave exact zeros, of either sign: directions known from the data.

    One input of ones and the bias are one direction, three outputs shift together: two eigenvalues are left.
    """
    data = Dataset(np.ones((12, 2)), np.arange(12) % 3, 3, np.empty((0, 2)), np.empty(0, np.int64))
    flat = train(CrossEntropyLoss(MLP((2, 3)), data, 0.0), SGD(batch_size=3), replicas=2, steps=20)
    found = curvature(flat, CrossEntropyLoss(MLP((2, 3)), data, 0.0), steps=[20])
    np.testing.assert_array_equal(found.negative_eigenvalues, 0)
    loss = CrossEntropyLoss(MLP((2, 3)), data, 0.0)
    for k, theta in enumerate(flat.snapshots[:, -1]):
        assert np.linalg.matrix_rank(loss.hessian(theta)) == found.eigenvalues.shape[-1] == 2
        expected = np.linalg.eigvalsh(loss.hessian(theta))[-2:]
        np.testing.assert_allclose(found.eigenvalues[k, 0], expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": [10, 12345]}, "there is none at 12345; snapshots are at 0, "),
        ({"steps": []}, "got none"),
        ({"replicas": [3]}, r"replicas must be in 0 ... 2; got \[3\]"),
        ({"replicas": [-1]}, r"replicas must be in 0 ... 2; got \[-1\]"),
        ({"jobs": 0}, "jobs must be"),
    ],
)
@pytest.mark.parametrize("measure", MEASURES)
def test_bad_arguments_are_named(runs, measure, options, message):
    with pytest.raises(ValueError, match=message):
        measure(runs, **options)


def test_leading_must_be_a_number_of_eigenvalues(runs):
    with pytest.raises(ValueError, match=r"leading must be in 1 ... 25.*got 26"):
        along(runs, leading=26)


@pytest.mark.parametrize(
    ("other", "name"),
    [
        (toy_loss(NETWORKS[2]), "layer_sizes"),
        (toy_loss(data=toy_data(41)), "rows"),
        (toy_loss(regularization=1e-3), "regularization"),
        (toy_loss(regularize_biases=False), "regularize_biases"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_loss_is_refused(runs, other, name):
    with pytest.raises(ValueError, match=f"loss must be that of the runs: it has {name} ="):
        curvature(runs, other)


@given(st.sets(st.integers(0, 10**6), min_size=1), st.integers(1, 12))
@settings(deadline=None)
def test_log_spaced_steps_are_some_of_the_steps(steps, count):
    given_steps = np.array(sorted(steps), dtype=np.int64)
    chosen = log_spaced(given_steps, count)
    assert set(chosen.tolist()) <= steps
    assert (np.diff(chosen) > 0).all()
    assert chosen.size <= count + 1
    assert chosen[0] == given_steps[0]
    assert count == 1 or chosen[-1] == given_steps[-1]


# ---------------------------------------------------------------- drawings


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("replicas", [[0], [0, 1]])
def test_drawings(runs, measure, replicas):
    found = measure(runs, replicas=replicas)
    figure = plot_curvature(found, "runs", size="page")
    assert flaws(figure) == []
    axes = figure.axes
    drawn = np.concatenate([dots.get_offsets()[:, 1] for dots in axes[0].collections])
    expected = found.eigenvalues if measure is along else found.nodes
    np.testing.assert_allclose(np.sort(drawn), np.sort(expected[np.isfinite(expected)]))
    counts = found.negative_eigenvalues if measure is along else found.negative_eigenvalues[0]
    for ax, values in ((axes[1], counts), (axes[2], found.gradient_rms)):
        np.testing.assert_allclose(ax.containers[0].lines[0].get_ydata(), values.mean(axis=0))
    (ax,) = plot_curvature(found, panels=["gradient"]).axes
    assert ax.get_ylabel() == axes[2].get_ylabel()
