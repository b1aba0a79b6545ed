"""Quenches without an eigenproblem, made to act on small networks, against those with one."""

import numpy as np
import pytest
from support.paths import SHARED
from support.reference import DoubleWell, Surface

from landscape import MLP, CrossEntropyLoss, Dataset, datasets, quench
from landscape.descent import (
    QuenchStatus,
    _by_products as products_module,
    _quench as quench_module,
    _truncated_newton as newton_module,
)
from landscape.descent._factored import factored_lbfgs
from landscape.descent._truncated_newton import Walked, conjugate_gradients
from landscape.losses import MuellerBrown
from landscape.stationary import _inertia as inertia_module, local_model, same_point

MNIST = SHARED / "data" / "mnist"


@pytest.fixture
def by_products(monkeypatch):
    """The quench of networks of thousands of parameters, for any."""
    monkeypatch.setattr(quench_module, "LARGE", 0)
    monkeypatch.setattr(products_module, "HANDOVER", 1e-3)  # the truncated Newton steps have something to do


def minima_near(loss, rng, number):
    """Certified minima of ordinary quenches, each with a start close to it."""
    found = [quench(loss, loss.network.glorot_uniform(rng)) for _ in range(number)]
    return [(one.minimum, one.coordinates + 0.02 * rng.normal(size=loss.n_parameters)) for one in found]


def test_near_a_minimum_both_quenches_reach_it(small_loss, rng, monkeypatch):
    pairs = minima_near(small_loss, rng, 6)
    monkeypatch.setattr(quench_module, "LARGE", 0)
    for minimum, start in pairs:
        result = quench(small_loss, start)
        assert result.status is QuenchStatus.CONVERGED
        assert result.hessian_evaluations == 1
        assert result.rms_gradient <= 1e-10
        assert same_point(small_loss.network, minimum, result.minimum)
        full = local_model(small_loss, result.coordinates)
        assert result.eigenvalues[0] == pytest.approx(full.eigenvalues[0], rel=1e-6)
        assert result.minimum.log_determinant == pytest.approx(np.log(full.eigenvalues).sum(), rel=1e-8)
        assert result.minimum.trace == pytest.approx(full.eigenvalues.sum(), rel=1e-9)
        assert result.minimum.signs == (0, 0, small_loss.n_parameters)


@pytest.mark.slow
@pytest.mark.usefixtures("by_products")
def test_random_starts_end_in_certified_minima(loss, rng):
    for _ in range(5):
        result = quench(loss, loss.network.glorot_uniform(rng))
        assert result.status is QuenchStatus.CONVERGED
        assert local_model(loss, result.coordinates).eigenvalues[0] > 0.0
        assert result.rms_gradient <= 1e-10


@pytest.mark.usefixtures("by_products")
def test_the_spectrum_is_said_to_be_missing(small_loss, rng):
    minimum = quench(small_loss, small_loss.network.glorot_uniform(rng)).minimum
    with pytest.raises(ValueError, match="only 8 eigenvalues of a point with 25 parameters"):
        _ = minimum.spectrum


@pytest.mark.usefixtures("by_products")
def test_a_saddle_is_left_downhill():
    """The gradient vanishes at (0, 0), between two wells."""
    result = quench(DoubleWell(tilt=0.0), np.zeros(2))
    assert result.status is QuenchStatus.CONVERGED
    assert abs(result.coordinates[0]) == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("start", [(-0.6, 1.4), (0.6, 0.05), (-0.05, 0.5)])
def test_losses_without_products_are_quenched(start, monkeypatch):
    expected = quench(MuellerBrown(), start)
    monkeypatch.setattr(quench_module, "LARGE", 0)
    result = quench(MuellerBrown(), start)
    assert result.status is QuenchStatus.CONVERGED
    np.testing.assert_allclose(result.coordinates, expected.coordinates, atol=1e-8)


class Broken(Surface):
    def value_gradient_hessian(self, theta):
        return np.nan, np.full(2, np.nan), np.full((2, 2), np.nan)


class Trough(Surface):
    """x^2 / 2 in the plane: flat along y everywhere, and says nothing of it."""

    def value_gradient_hessian(self, theta):
        x = np.asarray(theta)[0]
        return 0.5 * x * x, np.array([x, 0.0]), np.diag([1.0, 0.0])


@pytest.mark.usefixtures("by_products")
def test_an_unknown_flat_direction_is_degenerate():
    result = quench(Trough(), [1.0, 1.0], max_steps=1000)
    assert result.status is QuenchStatus.DEGENERATE
    assert result.flat == 1


@pytest.mark.usefixtures("by_products")
def test_a_known_flat_direction_is_left_out(few_data, rng):
    loss = CrossEntropyLoss(MLP((2, 3, 4)), few_data, regularize_biases=False)
    result = quench(loss, loss.network.glorot_uniform(rng))
    assert result.status is QuenchStatus.CONVERGED
    full = local_model(loss, result.coordinates)
    assert result.minimum.signs == (0, 0, loss.n_parameters - 1)
    assert result.eigenvalues[0] == pytest.approx(full.free[0], rel=1e-6)
    assert result.minimum.log_determinant == pytest.approx(np.log(full.free).sum(), rel=1e-8)
    assert result.minimum.trace == pytest.approx(full.free.sum(), rel=1e-9)


@pytest.mark.usefixtures("by_products")
def test_a_loss_that_falls_for_ever_runs_away(rng):
    inputs = rng.normal(size=(40, 2))
    labels = (inputs[:, 0] > 0.0).astype(int)
    data = Dataset(inputs, labels, 2, np.empty((0, 2)), np.empty(0, int), {"name": "a table"})
    result = quench(CrossEntropyLoss(MLP((2, 3, 2)), data, 0.0), rng.normal(size=17))
    assert result.status in {QuenchStatus.RUNAWAY, QuenchStatus.DEGENERATE}


@pytest.mark.usefixtures("by_products")
def test_limits_and_infinities_are_said(small_loss, rng):
    start = small_loss.network.glorot_uniform(rng)
    assert quench(small_loss, start, max_steps=5).status is QuenchStatus.MAX_STEPS
    assert quench(Broken(), [1.0, 1.0]).status is QuenchStatus.NOT_FINITE


@pytest.mark.usefixtures("by_products")
def test_too_many_parameters_for_a_factorization_are_said(small_loss, rng, monkeypatch):
    start = small_loss.network.glorot_uniform(rng)
    certain = quench(small_loss, start)
    monkeypatch.setattr(inertia_module, "MOST_FACTORIZED", 10)
    result = quench(small_loss, start)
    assert result.status is QuenchStatus.UNCERTIFIED
    assert result.value == pytest.approx(certain.value, abs=1e-12)
    assert result.inertia is not None
    assert result.eigenvalues[0] == pytest.approx(certain.eigenvalues[0], abs=result.inertia.bounds[0])


def test_conjugate_gradients_solve_and_stop_at_the_radius(rng):
    spread = np.linalg.qr(rng.normal(size=(20, 20)))[0]
    for lowest in (1e-2, -1.0):
        matrix = (spread * np.linspace(lowest, 3.0, 20)) @ spread.T
        gradient = rng.normal(size=20)
        inside = conjugate_gradients(lambda v, m=matrix: m @ v, gradient, radius=1e9, tolerance=1e-10)
        short = conjugate_gradients(lambda v, m=matrix: m @ v, gradient, radius=0.1, tolerance=1e-10)
        assert np.linalg.norm(short.step) == pytest.approx(0.1)
        for found in (inside, short):
            exact = gradient @ found.step + 0.5 * found.step @ matrix @ found.step
            assert found.fall == pytest.approx(-exact, rel=1e-9)
            assert found.fall > 0.0
        if lowest > 0.0:
            np.testing.assert_allclose(matrix @ inside.step, -gradient, atol=1e-8)
        else:
            assert np.linalg.norm(inside.step) == pytest.approx(1e9)


@pytest.mark.slow
def test_the_paper_s_mnist_network_has_a_certified_minimum():
    try:
        data = datasets.load("mnist", rows=1000, data_dir=MNIST)
    except FileNotFoundError:
        pytest.skip(f"no MNIST files in {MNIST}")
    loss = CrossEntropyLoss(MLP((784, 5, 10)), data, 1e-4)
    result = quench(loss, loss.network.glorot_uniform(0))
    assert result.status is QuenchStatus.CONVERGED
    assert result.minimum.signs == (0, 0, 3985)
    assert result.eigenvalues[0] > 0.0


def test_factors_of_one_hessian_serve_for_many_steps(small_loss, rng, monkeypatch):
    (minimum, start), *_ = minima_near(small_loss, rng, 1)
    monkeypatch.setattr(quench_module, "LARGE", 0)
    monkeypatch.setattr(products_module, "HANDOVER", 1e-3)
    monkeypatch.setattr(newton_module, "FEWEST_PRODUCTS", 1)  # at once too many
    result = quench(small_loss, start)
    assert result.status is QuenchStatus.CONVERGED
    assert 1 < result.hessian_evaluations < 6
    assert same_point(small_loss.network, minimum, result.minimum)


def test_factored_steps_leave_a_saddle_and_end_where_limits_say(few_data, rng):
    loss = CrossEntropyLoss(MLP((2, 3, 4)), few_data)
    theta = loss.network.glorot_uniform(rng)
    start = Walked(theta, *loss.value_and_gradient(theta), 1, 0)
    end = factored_lbfgs(loss, start, tolerance=1e-9, max_step=1.0, most=5000)
    assert end.rms_gradient <= 1e-9
    assert end.value < start.value
    short = factored_lbfgs(loss, start, tolerance=1e-9, max_step=1.0, most=5)
    assert (short.evaluations, short.hessians) == (5, 1)
    assert factored_lbfgs(loss, end, tolerance=1e-9, max_step=1.0, most=5000) is end
