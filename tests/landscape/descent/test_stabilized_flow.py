"""The flow by gradients alone, against SciPy's integrators and the flow with Hessians."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from landscape import quench
from landscape.descent import _quench, follow_down
from landscape.descent._deviation import KrylovDeviation
from landscape.descent._downhill import push_off
from landscape.descent._stabilized_flow import ChebyshevStep, _advance, stabilized_flow, stages
from landscape.losses import MuellerBrown
from landscape.stationary import inertia_model, lanczos, local_model

START = np.array([-0.6, 0.9])


def exact(loss, start, time):
    return solve_ivp(
        lambda _, x: -loss.value_and_gradient(x)[1], (0.0, time), start, method="DOP853", rtol=1e-12, atol=1e-14
    ).y[:, -1]


@pytest.mark.parametrize("number", [2, 5, 20])
def test_a_step_is_of_order_two(number):
    loss = MuellerBrown()
    _, gradient = loss.value_and_gradient(START)
    errors = [
        np.linalg.norm(_advance(loss, START, gradient, time, stages(number))[0] - exact(loss, START, time))
        for time in (0.01, 0.005, 0.0025)
    ]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (orders > 2.7).all()  # h^3 in one step


def test_many_stages_are_stable_and_damp():
    """On a quadratic loss no mode with time * curvature up to 0.65 s^2 grows."""
    curvatures = np.linspace(0.0, 0.65 * (30**2 - 1), 400)

    class Bowl:
        def value_and_gradient(self, x):
            return 0.5 * float(curvatures @ x**2), curvatures * x

    start = np.ones(400)
    end = _advance(Bowl(), start, curvatures, 1.0, stages(30))[0]
    assert np.abs(end).max() <= 1.0 + 1e-12
    assert np.abs(end[1:]).max() < 0.97  # the damping


def test_the_path_stays_within_the_sum_of_its_errors():
    loss, time, errors = MuellerBrown(), 0.0, 0.0
    for step in stabilized_flow(loss, START, path_error=1e-4):
        time, errors = time + step.time, errors + float(np.linalg.norm(step.error))
        assert np.linalg.norm(step.error) <= 1e-4
        if time > 0.3:
            break
    assert np.linalg.norm(step.end - exact(loss, START, time)) < 10.0 * errors


def test_lanczos_finds_the_ends_of_a_spectrum_with_bounds(rng):
    turn = np.linalg.qr(rng.normal(size=(40, 40)))[0]
    eigenvalues = np.concatenate([[-3.0], np.full(30, 0.5), np.linspace(1.0, 9.0, 9)])
    matrix = (turn * eigenvalues) @ turn.T
    *_, last = lanczos(lambda v: matrix @ v, rng.normal(size=40), 30)
    assert len(last.values) <= 12  # equal eigenvalues are one
    assert last.values[0] == pytest.approx(-3.0)
    assert abs(last.vector(0) @ turn[:, 0]) == pytest.approx(1.0)
    for ritz in lanczos(lambda v: matrix @ v, rng.normal(size=40), 6):
        off = np.abs(ritz.values[:, None] - eigenvalues).min(axis=1)
        assert (off <= ritz.errors + 1e-12).all()


def test_errors_are_carried_by_the_exponential_of_the_hessian(small_loss, rng):
    point, delta, time = small_loss.network.glorot_uniform(rng), rng.normal(size=25), 2.0
    carrier = KrylovDeviation(small_loss, point)
    carrier._delta = delta
    still, none = np.zeros(25), np.zeros(25)
    carrier.carry(ChebyshevStep(point, point + 1e-9, still, still, 0.0, time, none, 0))
    expected = expm(-time * small_loss.value_gradient_hessian(point)[2]) @ delta
    np.testing.assert_allclose(carrier._delta, expected, atol=0.05 * np.linalg.norm(expected))


def test_the_push_is_that_with_the_spectrum():
    loss = MuellerBrown()
    for saddle in loss.known_points().transition_states:
        theta = np.asarray(saddle)
        for _ in range(10):
            _, gradient, hessian = loss.value_gradient_hessian(theta)
            theta = theta - np.linalg.solve(hessian, gradient)
        full, few = local_model(loss, theta), inertia_model(loss, theta)
        side = float(np.sign(full.eigenvectors[:, 0] @ few.eigenvectors[:, 0]))
        np.testing.assert_allclose(push_off(loss, few, side), push_off(loss, full, 1.0), atol=1e-8)
        ends = [follow_down(loss, few, side), follow_down(loss, full, 1.0)]
        np.testing.assert_allclose(ends[0].result.coordinates, ends[1].result.coordinates, atol=1e-8)


def test_a_quench_by_the_flow_ends_where_that_with_hessians_does(small_loss, rng, monkeypatch):
    starts = [small_loss.network.glorot_uniform(rng) for _ in range(1)]
    expected = [quench(small_loss, start, method="flow", path_error=1e-4) for start in starts]
    monkeypatch.setattr(_quench, "LARGE", 0)
    for start, other in zip(starts, expected, strict=True):
        found = quench(small_loss, start, method="flow", path_error=1e-4)
        assert found.converged
        np.testing.assert_allclose(found.coordinates, other.coordinates, atol=1e-6)
