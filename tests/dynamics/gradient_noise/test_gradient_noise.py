import sys
from itertools import combinations, product

import numpy as np
import pytest
from support.noisy_losses import DATA, NETWORKS, one_row, random_orthogonal, read_only, toy_data, toy_loss
from support.reference import finite_gradient, relative_error

from dynamics.gradient_noise import (
    GradientNoise,
    effective_temperatures,
    estimate_alignment,
    gradient_noise,
    minibatch_factor,
    noise_alignment,
    per_sample_gradients,
)
from dynamics.spectra._lanczos import unit_probes
from landscape import CrossEntropyLoss

# ---------------------------------------------------------------- gradients of single samples, their covariance


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: str(network.layer_sizes))
def test_gradients_of_single_rows_are_those_of_one_row_data_sets(network, rng):
    theta = read_only(rng.normal(size=network.n_parameters))
    found = per_sample_gradients(toy_loss(network), theta)
    for n in range(DATA.rows):
        alone = CrossEntropyLoss(network, one_row(DATA, n), 0.0)
        np.testing.assert_allclose(found[n], alone.value_and_gradient(theta)[1], rtol=0, atol=1e-13)
    np.testing.assert_array_equal(found[3:9], per_sample_gradients(toy_loss(network), theta, slice(3, 9)))


def test_gradients_of_single_rows_against_finite_differences(rng):
    network = NETWORKS[2]
    theta = rng.normal(size=network.n_parameters)

    def value(point, n):
        logits = network.logits(point, DATA.inputs[n : n + 1])[0]
        return np.log(np.exp(logits).sum()) - logits[DATA.labels[n]]

    for n in (0, 7):
        expected = finite_gradient(lambda point, n=n: value(point, n), theta)
        assert relative_error(per_sample_gradients(toy_loss(network), theta)[n], expected) < 1e-8


def test_gradients_of_single_rows_against_torch(rng):
    torch = pytest.importorskip("torch")
    loss, theta = toy_loss(NETWORKS[1]), rng.normal(size=NETWORKS[1].n_parameters)
    inputs, labels = torch.tensor(DATA.inputs), torch.tensor(DATA.labels)

    def values(point):
        hidden = torch.tanh(inputs @ point[:6].reshape(2, 3) + point[6:9])
        logits = hidden @ point[9:21].reshape(3, 4) + point[21:]
        return torch.nn.functional.cross_entropy(logits, labels, reduction="none")

    expected = torch.func.jacrev(values)(torch.tensor(theta)).numpy()
    np.testing.assert_allclose(per_sample_gradients(loss, theta), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("regularize_biases", [True, False])
@pytest.mark.parametrize("block", [1, 300, 4_000_000])
def test_covariance_against_a_loop_over_the_rows(regularize_biases, block, rng, monkeypatch):
    monkeypatch.setattr(sys.modules["dynamics.gradient_noise._covariance"], "BLOCK_NUMBERS", block)
    loss = toy_loss(regularization=0.1, regularize_biases=regularize_biases)
    theta = read_only(rng.normal(size=loss.n_parameters))
    noise = gradient_noise(loss, theta)
    rows = [
        CrossEntropyLoss(loss.network, one_row(DATA, n), 0.0).value_and_gradient(theta)[1] for n in range(DATA.rows)
    ]
    mean, expected = np.zeros(theta.size), np.zeros((theta.size, theta.size))
    for row in rows:
        mean += row / DATA.rows
    for row in rows:
        for i in range(theta.size):
            for j in range(theta.size):
                expected[i, j] += (row[i] - mean[i]) * (row[j] - mean[j]) / DATA.rows
    np.testing.assert_allclose(noise.mean, mean, atol=1e-14)
    np.testing.assert_allclose(noise.covariance, expected, atol=1e-14)
    assert noise.trace == pytest.approx(np.trace(expected))
    np.testing.assert_allclose(noise.minibatch(DATA.rows), 0.0)


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 5])
def test_minibatch_covariance_against_all_minibatches_there_are(replacement, batch_size, rng):
    data = toy_data(rows=5)
    loss = toy_loss(NETWORKS[0], data)
    theta = rng.normal(size=loss.n_parameters)
    gradients = per_sample_gradients(loss, theta)
    batches = product(range(5), repeat=batch_size) if replacement else combinations(range(5), batch_size)
    means = np.array([gradients[list(batch)].mean(axis=0) for batch in batches])
    expected = np.cov(means.T, bias=True) if len(means) > 1 else np.zeros((theta.size, theta.size))
    found = gradient_noise(loss, theta).minibatch(batch_size, replacement=replacement)
    np.testing.assert_allclose(found, expected, atol=1e-15)


def test_minibatch_factor_of_few_rows_and_its_complaints():
    assert minibatch_factor(1, 1) == 0.0
    assert minibatch_factor(3, 7, replacement=True) == 1 / 7
    for batch_size in (0, 4):
        with pytest.raises(ValueError, match=rf"batch_size must be in 1 ... 3.*got {batch_size}"):
            minibatch_factor(3, batch_size)
    with pytest.raises(ValueError, match=r"theta must have shape \(25,\)"):
        gradient_noise(toy_loss(), np.zeros(3))


# ---------------------------------------------------------------- alignment, temperature


def test_noise_in_proportion_to_the_hessian_is_aligned(rng):
    vectors, values = random_orthogonal(6, rng), np.array([-0.2, 0.0, 0.1, 0.5, 2.0, 3.0])
    hessian = vectors @ np.diag(values) @ vectors.T
    square = GradientNoise(10, np.zeros(6), 7.0 * hessian @ hessian)
    found = noise_alignment(square, values, vectors, 2)
    np.testing.assert_allclose(found.mode_noise, 7.0 * values**2, atol=1e-14)
    np.testing.assert_allclose(found.noise_eigenvalues, np.sort(7.0 * values**2), atol=1e-14)
    assert found.overlap == pytest.approx(1.0)
    assert found.alignment == pytest.approx((values**3).sum() / np.sqrt((values**4).sum() * (values**2).sum()))
    positive = np.abs(values)
    same = GradientNoise(10, np.zeros(6), 0.3 * vectors @ np.diag(positive) @ vectors.T)
    assert noise_alignment(same, positive, vectors, 6).alignment == pytest.approx(1.0)


def test_alignment_is_the_cosine_of_the_matrices(rng):
    loss = toy_loss()
    theta = rng.normal(size=loss.n_parameters)
    hessian, noise = loss.hessian(theta), gradient_noise(loss, theta)
    values, vectors = np.linalg.eigh(hessian)
    found = noise_alignment(noise, values, vectors, 4)
    scale = np.linalg.norm(noise.covariance) * np.linalg.norm(hessian)
    assert found.alignment == pytest.approx(np.trace(noise.covariance @ hessian) / scale)
    leading = vectors[:, -4:] @ vectors[:, -4:].T
    noisy = np.linalg.eigh(noise.covariance)[1][:, -4:]
    assert found.overlap == pytest.approx(np.trace(leading @ noisy @ noisy.T) / 4)


def test_isotropic_values_are_means_over_random_orientations(rng):
    values, spread = np.array([-1.0, 0.2, 0.5, 1.0, 4.0]), np.array([0.0, 0.1, 0.1, 1.0, 2.0])
    turned = [random_orthogonal(5, rng) for _ in range(4000)]
    found = [
        noise_alignment(GradientNoise(9, np.zeros(5), q @ np.diag(spread) @ q.T), values, np.eye(5), 2) for q in turned
    ]
    for name in ("alignment", "overlap"):
        sample = np.array([getattr(one, name) for one in found])
        assert abs(sample.mean() - getattr(found[0], f"isotropic_{name}")) < 4 * sample.std() / np.sqrt(sample.size)


def test_alignment_complains():
    noise = GradientNoise(9, np.zeros(3), np.eye(3))
    with pytest.raises(ValueError, match=r"eigenvectors must have shape \(3, 2\); got \(3, 3\)"):
        noise_alignment(noise, np.ones(2), np.eye(3), 1)
    with pytest.raises(ValueError, match=r"leading must be in 1 ... 3.*got 4"):
        noise_alignment(noise, np.ones(3), np.eye(3), 4)
    nothing = noise_alignment(GradientNoise(9, np.zeros(3), np.zeros((3, 3))), np.ones(3), np.eye(3), 1)
    assert np.isnan(nothing.alignment)


def test_temperature_is_that_of_sgd_in_a_quadratic_well(rng):
    """Twice the energy of each mode, after it has become stationary, with the first order in eta h put back."""
    rate, factor, curvatures, noise = 0.1, 0.02, np.array([1.0, 3.0]), np.array([2.0, 0.5])
    theta = np.zeros((40_000, 2))
    for _ in range(100):
        theta -= rate * (curvatures * theta + rng.normal(size=theta.shape) * np.sqrt(factor * noise))
    twice_energy = curvatures * (theta**2).mean(axis=0) * (1 - rate * curvatures / 2)
    expected = effective_temperatures(noise, rate, factor)
    np.testing.assert_allclose(twice_energy, expected, rtol=4 * np.sqrt(2 / len(theta)))


def test_estimated_alignment_agrees_within_its_error(rng):
    loss = toy_loss()
    theta = rng.normal(size=loss.n_parameters)
    probes = read_only(unit_probes(2000, theta.size, rng))
    hessian, noise = loss.hessian(theta), gradient_noise(loss, theta)
    found = estimate_alignment(loss, theta, probes, probes @ hessian)
    exact = noise_alignment(noise, *np.linalg.eigh(hessian), 1)
    assert found.noise_trace == pytest.approx(noise.trace)
    assert abs(found.alignment - exact.alignment) < 4 * found.alignment_error
    assert 0 < found.alignment_error < 0.05
    assert abs(found.curvature_noise - np.trace(noise.covariance @ hessian)) < 4 * found.curvature_noise_error
    with pytest.raises(ValueError, match=r"probes and products must have shape \(K >= 2, 25\); got \(1, 25\)"):
        estimate_alignment(loss, theta, probes[:1], probes[:1])


def test_the_jackknife_error_is_the_spread_of_the_estimate(rng):
    loss = toy_loss()
    theta = rng.normal(size=loss.n_parameters)
    hessian = loss.hessian(theta)
    found = []
    for _ in range(300):
        probes = unit_probes(30, theta.size, rng)
        found.append(estimate_alignment(loss, theta, probes, probes @ hessian))
    spread = np.std([one.alignment for one in found])
    assert np.median([one.alignment_error for one in found]) == pytest.approx(spread, rel=0.25)
