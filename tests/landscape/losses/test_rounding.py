"""What rounding leaves of gradients and Hessians, against extended precision, and what is constant by construction."""

from itertools import product

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.extended import derivatives, needs_extended

from landscape import CrossEntropyLoss, Dataset, datasets, quench
from landscape.datasets import RegressionDataset
from landscape.losses import loss_kind, rounding_of_norms
from landscape.losses._zero_modes import null_vectors
from landscape.networks import MLP
from landscape.stationary import Signs, local_model, rounding_of, signs_of


def table(inputs, labels, n_classes=2):
    """A data set of these rows."""
    inputs = np.asarray(inputs, dtype=float)
    return Dataset(inputs, labels, n_classes, np.empty((0, inputs.shape[1])), np.empty(0, int), {"name": "a table"})


def one_feature(rows=30, *, separable=False):
    """One feature (rows, 1) and labels of two classes."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, 1))
    return x, (x[:, 0] + (0.0 if separable else 1.0) * rng.normal(size=rows) > 0).astype(int)


X, NOISY = one_feature()
_, SEPARATED = one_feature(separable=True)
RAW = np.hstack([X, 1e3 * X**2, 1e4 + 1e5 * np.sin(9 * X)])  # Hessian eigenvalues up to 4e9
CASES = {  # inputs, labels, classes, lambda, sd of the start
    "one feature": (X, NOISY, 2, 1e-4, 1.0),
    "a feature twice": (np.hstack([X, X]), NOISY, 2, 0.0, 1.0),
    "a constant feature": (np.hstack([X, 0 * X + 3]), NOISY, 2, 0.0, 1.0),
    "an absent class": (X, NOISY, 3, 0.0, 1.0),
    "separable": (X, SEPARATED, 2, 0.0, 1.0),
    "separable, hardly held": (X, SEPARATED, 2, 1e-10, 1.0),
    "raw": (RAW, NOISY, 2, 1e-4, 1e-3),
    "sorted": (np.sort(X, axis=0), np.sort(NOISY), 2, 1e-4, 1.0),
}


def errors_and_bounds(loss, theta):
    """Norms of the errors of gradient and Hessian, and what they are said to be at most."""
    gradient, hessian = derivatives(loss, theta)
    _, computed, matrix = loss.value_gradient_hessian(theta)
    bound = loss.rounding(theta, np.linalg.eigvalsh(matrix))
    assert (np.array(loss.rounding(theta, np.linalg.eigvalsh(matrix), coarse=True)) >= 0.999 * np.array(bound)).all()
    errors = np.linalg.norm(computed - gradient), np.linalg.norm((matrix - hessian).astype(float), 2)
    return np.array(errors, dtype=float), np.array(bound), np.linalg.norm(matrix, 2)


@needs_extended
@pytest.mark.parametrize("hidden", [(), (2,), (2, 2)], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_errors_stay_within_the_bounds_where_quenches_end_and_on_the_way(case, hidden, rng):
    inputs, labels, n_classes, regularization, sd = CASES[case]
    network = MLP((inputs.shape[1], *hidden, n_classes))
    loss = CrossEntropyLoss(network, table(inputs, labels, n_classes), regularization)
    start = sd * network.glorot_uniform(rng)
    for theta in (start, quench(loss, start, max_steps=2000).coordinates):
        errors, bounds, norm = errors_and_bounds(loss, theta)
        assert (errors <= bounds).all()
        # and they say something: not much worse than one unit in the last place of the whole, or of one row
        assert bounds[1] <= 2e4 * max(errors[1], 1e-16 * norm, 1e-16 / len(labels))


@needs_extended
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.sampled_from([0.1, 1.0, 10.0, 100.0]), scale=st.sampled_from([1e-3, 1, 1e3]))
def test_errors_stay_within_the_bounds_anywhere(seed, size, scale):
    rng = np.random.default_rng(seed)
    hidden = [(), (2,), (2, 2)][seed % 3]
    loss = CrossEntropyLoss(MLP((2, *hidden, 3)), table(scale * rng.normal(size=(12, 2)), rng.integers(3, size=12), 3))
    errors, bounds, _ = errors_and_bounds(loss, size * rng.normal(size=loss.n_parameters))
    assert (errors <= bounds).all()


@pytest.mark.slow
@needs_extended
@pytest.mark.parametrize("kind", ["squared-error", "regression", "logistic"])
def test_errors_of_other_losses_stay_within_the_bounds(kind):
    rng = np.random.default_rng(0)
    for size, scale, hidden in product((0.1, 1.0, 30.0), (1e-3, 1.0, 1e3), ((), (2,))):
        data = table(scale * rng.normal(size=(12, 2)), rng.integers(2, size=12))
        if kind == "regression":
            data = RegressionDataset(data.inputs, scale * rng.normal(size=12), data.test_inputs, np.empty(0))
        made = loss_kind("logistic" if kind == "logistic" else "squared-error")
        loss = made(MLP((2, *hidden, made.outputs_for(data))), data)
        errors, bounds, norm = errors_and_bounds(loss, size * rng.normal(size=loss.n_parameters))
        assert (errors <= bounds).all(), (size, scale, hidden)
        if size == scale == 1.0:  # and they say something
            assert bounds[1] <= 2e4 * max(errors[1], 1e-16 * norm, 1e-16 / 12)


@pytest.mark.parametrize("case", ["a feature twice", "separable", "an absent class"])
def test_the_hessian_of_a_softmax_regression_against_mpmath(case):
    """Without hidden layers it is the mean of (diag p - p p^T) x x^T, x with a one for the bias."""
    inputs, labels, n_classes, _, _ = CASES[case]
    loss = CrossEntropyLoss(MLP((inputs.shape[1], n_classes)), table(inputs, labels, n_classes), 0.0)
    theta = quench(loss, np.full(loss.n_parameters, 0.1)).coordinates
    n_features = inputs.shape[1] + 1
    exact = mpmath.zeros(loss.n_parameters)
    with mpmath.workdps(40):
        for row in np.column_stack([inputs, np.ones(len(labels))]).tolist():
            logits = [mpmath.fdot(row, theta[c::n_classes].tolist()) for c in range(n_classes)]
            weights = [mpmath.exp(logit) for logit in logits]
            p = [weight / mpmath.fsum(weights) for weight in weights]
            for (i, a), (j, b) in product(product(range(n_features), range(n_classes)), repeat=2):
                term = ((p[a] if a == b else 0) - p[a] * p[b]) * row[i] * row[j]
                exact[i * n_classes + a, j * n_classes + b] += term / len(labels)
        computed = loss.hessian(theta)
        error = mpmath.mnorm(mpmath.matrix(computed.tolist()) - exact, "f")
    assert float(error) <= loss.rounding(theta, np.linalg.eigvalsh(computed)).hessian


# ---------------------------------------------------------------- signs


def test_an_eigenvalue_within_rounding_has_no_sign():
    assert signs_of(np.array([-1.0, -1e-16, 0.0, 1e-16, 2.0]), 1e-15) == Signs(1, 3, 1)
    assert signs_of(np.array([-1e-16, 2.0]), 0.0) == Signs(1, 0, 1)


def test_minima_of_the_study_are_far_from_undecided(rng):
    """Else the bound would take true minima away: their softest eigenvalues are thousands of times larger."""
    for hidden in ((10,), (5, 5), (4, 4, 4)):
        loss = CrossEntropyLoss(MLP((2, *hidden, 4)), datasets.ljat(rows=100, seed=0))
        found = quench(loss, loss.network.glorot_uniform(rng))
        assert found.converged
        assert found.eigenvalues[0] > 1e3 * loss.rounding(found.coordinates, found.eigenvalues).hessian


def test_a_loss_without_a_bound_of_its_own_is_judged_by_norms():
    eigenvalues = np.array([1e-12, 1.0, 100.0])
    bound = rounding_of_norms(eigenvalues, 2.0)
    assert 1e-13 < bound.hessian < 1e-11
    assert bound.gradient == pytest.approx(2.0 * bound.hessian)
    assert signs_of(eigenvalues, bound.hessian) == Signs(0, 1, 2)


# ---------------------------------------------------------------- what no row sees


@pytest.mark.parametrize(
    ("inputs", "count"),
    [
        (X, 0),
        (np.hstack([X, X]), 1),
        (np.hstack([X, 3.0 + 0 * X]), 1),
        (np.hstack([X, 0 * X]), 1),
        (np.hstack([X, X**2, 1e6 * X - 1e3 * X**2 + 5.0]), 1),
        (np.hstack([1e8 * X, 1e-8 * X**2, X**3]), 0),
        (np.hstack([X, X, X, 1.0 + 0 * X]), 3),
        (np.random.default_rng(0).normal(size=(5, 9)), 5),
    ],
)
@pytest.mark.parametrize("hidden", [(), (3,), (2, 3)], ids=str)
def test_features_that_others_determine_leave_directions_free_without_a_penalty(inputs, count, hidden, rng):
    labels = np.arange(len(inputs)) % 2
    null = null_vectors(np.column_stack([inputs, np.ones(len(inputs))]))
    assert len(null) == count
    network = MLP((inputs.shape[1], *hidden, 2))
    loss = CrossEntropyLoss(network, table(inputs, labels), 0.0)
    shifts = network.layer_sizes[-2] + 1
    both = count if not hidden else 0  # a null vector on all outputs alike is a common shift, too
    assert len(loss.zero_modes) == count * network.layer_sizes[1] + shifts - both
    np.testing.assert_allclose(loss.zero_modes @ loss.zero_modes.T, np.eye(len(loss.zero_modes)), atol=1e-12)
    theta = network.glorot_uniform(rng) / np.abs(inputs).max()
    for mode in loss.zero_modes:
        assert loss.value(theta + 0.3 * mode) == pytest.approx(loss.value(theta), rel=1e-8)
    held = CrossEntropyLoss(network, table(inputs, labels), 1e-4)
    assert len(held.zero_modes) == 0


def test_zero_modes_stand_last_and_apart_from_all_other_modes(rng):
    loss = CrossEntropyLoss(MLP((2, 3, 2)), table(np.hstack([X, X]), NOISY), 0.0)
    theta = loss.network.glorot_uniform(rng)
    model = local_model(loss, theta)
    assert model.zero.tolist() == [False] * 10 + [True] * 7
    np.testing.assert_allclose(np.abs(loss.zero_modes @ model.eigenvectors[:, :10]), 0.0, atol=1e-12)
    everything = np.linalg.eigvalsh(loss.hessian(theta))
    np.testing.assert_allclose(model.free, everything[np.abs(everything) > 1e-13], atol=1e-13)
    assert rounding_of(loss, model).hessian < 1e-13


def test_far_out_bounds_are_infinite_without_a_warning():
    loss = CrossEntropyLoss(MLP((1, 2, 2, 2)), table(X, NOISY))
    theta = np.full(loss.n_parameters, 1e200)
    with np.errstate(all="raise"):
        assert loss.rounding(theta, np.ones(theta.size), coarse=True).hessian == np.inf
