"""Downhill paths end where independent integrators end, near ridges and behind flat shoulders, in any units."""

import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from support.paths import DATA
from support.reference import Scaled, Surface, finite_gradient, finite_hessian

from landscape import CrossEntropyLoss, TransitionState, datasets, quench, verify
from landscape.descent import _radau, follow_down, radau_end
from landscape.descent._downhill import TUBE, push_off
from landscape.descent._flow import _step, gradient_flow, phi_functions, settles
from landscape.descent._quench import flow_quench
from landscape.losses import MuellerBrown
from landscape.networks import MLP
from landscape.search import SaddleStatus, downhill, find_transition_state
from landscape.search._storing import open_or_create
from landscape.stationary import certificate, local_model


class Fork(Surface):
    """A transition state near (0, 0) whose way to the right winds along a valley that becomes a ridge behind x = 1.

    Beside the ridge lie two minima near x = 3.3; which one the way comes to depends on the tilt. At the tilt
    `RIDGE` (by bisection with DOP853 at rtol 1e-12) it stays on the ridge.
    """

    RIDGE = -0.22965542979
    height, bend, pitch = 0.3, 0.5, 2.0

    def __init__(self, tilt):
        super().__init__()
        self.tilt = tilt

    def value_gradient_hessian(self, theta):
        x, y = np.asarray(theta, dtype=float)
        center, c1, c2 = (
            self.bend * np.sin(self.pitch * x),
            self.bend * self.pitch * np.cos(self.pitch * x),
            -self.bend * self.pitch**2 * np.sin(self.pitch * x),
        )
        k, off = 1.0 - x, y - center
        v = self.height * (x**4 / 4 - 2 * x**3 / 3 - 1.5 * x * x)
        v1, v2 = self.height * (x**3 - 2 * x * x - 3 * x), self.height * (3 * x * x - 4 * x - 3)
        push, stiff = k * off + off**3 - self.tilt, k + 3 * off * off
        mixed = -off - c1 * stiff
        value = v + 0.5 * k * off * off + 0.25 * off**4 - self.tilt * off
        gradient = np.array([v1 - 0.5 * off * off - c1 * push, push])
        return value, gradient, np.array([[v2 + 2 * c1 * off - c2 * push + c1 * c1 * stiff, mixed], [mixed, stiff]])

    def side(self, point):
        """1 left of the ridge, -1 right of it."""
        return np.sign(point[1] - self.bend * np.sin(self.pitch * point[0]))


def rightward(surface, factor=1.0, length=1.0):
    """Model of the fork's transition state, and the sign of its mode that leads to the right."""
    loss = Scaled(surface, factor, length)
    found = local_model(loss, length * stationary(surface))
    return loss, found, np.sign(found.eigenvectors[0, 0])


def stationary(surface):
    x = np.zeros(2)
    for _ in range(30):
        _, gradient, hessian = surface.value_gradient_hessian(x)
        x = x - np.linalg.solve(hessian, gradient)
    assert np.abs(surface.value_gradient_hessian(x)[1]).max() < 1e-14
    return x


def exact_path(loss, start, time=400.0):
    return solve_ivp(
        lambda _, x: -loss.value_and_gradient(x)[1], (0.0, time), start, method="DOP853", rtol=1e-12, atol=1e-14
    ).y.T


# ---------------------------------------------------------------- the integrator


def test_phi_functions_against_mpmath():
    z = np.concatenate([-np.geomspace(1e-12, 1e6, 25), [0.0], np.geomspace(1e-12, 2.0, 15)])
    found = phi_functions(z)
    with mpmath.workdps(60):
        for k in range(1, 5):
            for x, value in zip(map(mpmath.mpf, z.tolist()), found[k - 1], strict=True):
                terms = sum(x**n / mpmath.factorial(n) for n in range(k))
                exact = (mpmath.exp(x) - terms) / x**k if x else 1 / mpmath.factorial(k)
                assert value == pytest.approx(float(exact), rel=1e-13)


def test_the_fork_is_a_function():
    surface = Fork(0.1)
    for x in np.random.default_rng(0).normal(size=(5, 2)):
        _, gradient, hessian = surface.value_gradient_hessian(x)
        np.testing.assert_allclose(finite_gradient(lambda p: surface.value_and_gradient(p)[0], x), gradient, atol=1e-8)
        np.testing.assert_allclose(finite_hessian(lambda p: surface.value_and_gradient(p)[1], x), hessian, atol=1e-8)


def test_a_step_is_of_order_five_and_its_estimate_of_order_three():
    surface, start = Fork(0.1), np.array([0.8, 0.9])
    errors, estimates = [], []
    for time in (0.1, 0.05, 0.025):
        step = _step(surface, local_model(surface, start), time)
        errors.append(np.linalg.norm(step.end - exact_path(surface, start, time)[-1]))
        estimates.append(np.linalg.norm(step.error))
        for share in (0.2, 0.6):  # inside, too
            inside = step.point(share) - exact_path(surface, start, share * time)[-1]
            assert np.linalg.norm(inside) < 2.0 * estimates[-1]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (orders > 5.5).all()  # h^6 in one step
    assert (np.log2(np.divide(estimates[:-1], estimates[1:])) > 3.5).all()
    assert (np.array(errors) < estimates).all()


class Shoulder(Surface):
    """Minima at x = -3 and 3; on the way down from 0 a shoulder at 1, where the gradient is `flatness`."""

    flatness = 3e-8

    def value_gradient_hessian(self, theta):
        x, y = np.asarray(theta, dtype=float)
        flat = self.flatness / 0.8
        powers = np.array([1.0, x**2, x**4, x**6])
        # the slope is -x ((x^2 - 1)^2 + flat) (9 - x^2) / 10, a polynomial with these coefficients of x, x^3, x^5, x^7
        a = np.array([-9 * (1 + flat), 19 + flat, -11.0, 1.0]) / 10
        value = (a * powers * x**2 / np.array([2, 4, 6, 8])).sum() + 0.5 * y * y
        slope, curvature = (a * powers).sum() * x, (a * powers * np.array([1, 3, 5, 7])).sum()
        return float(value), np.array([slope, y]), np.diag([curvature, 1.0])


def test_a_flat_shoulder_is_no_minimum():
    surface = Shoulder()
    beside = np.array([1.0 - 1e-5, 0.0])  # small gradient, positive Hessian: nothing else
    model = local_model(surface, beside)
    assert model.rms_gradient < 1e-7
    assert model.eigenvalues[0] > 0.0
    assert not settles(surface, model)[0]
    end, _, _ = gradient_flow(surface, np.array([0.3, 0.1]), tolerance=1e-7, path_error=1e-3)
    np.testing.assert_allclose(end.point, [3.0, 0.0], atol=1e-4)
    assert settles(surface, end)[0]


def test_the_flow_never_rises():
    """However lax the error bound, a step that would raise the loss is not made: here by 1e6 in curvature."""

    class Gutter(Surface):
        def value_gradient_hessian(self, theta):
            x, y = np.asarray(theta, dtype=float)
            off = y - np.sin(x)
            slope = np.array([0.2 * x - 1e6 * off * np.cos(x), 1e6 * off])
            mixed = -1e6 * np.cos(x)
            corner = 0.2 + 1e6 * np.cos(x) ** 2 + 1e6 * off * np.sin(x)
            return 0.1 * x * x + 5e5 * off * off, slope, np.array([[corner, mixed], [mixed, 1e6]])

    surface, values = Gutter(), []
    flow_quench(surface, np.array([3.0, 0.5]), path_error=1.0, on_step=lambda step: values.append(step.model.value))
    assert len(values) > 3
    assert np.diff(values).max() <= 1e-13


# ---------------------------------------------------------------- near a ridge


@pytest.mark.parametrize("distance", [0.1, 1e-2, 1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("side", [1, -1])
def test_paths_beside_a_ridge_end_on_their_side(distance, side):
    surface = Fork(Fork.RIDGE + side * distance)
    loss, model, sign = rightward(surface)
    path = follow_down(loss, model, sign)
    assert path.result.converged
    assert surface.side(path.result.coordinates) == side
    assert path.deviation <= TUBE
    assert surface.side(exact_path(surface, push_off(loss, model, sign))[-1]) == side


def test_nearer_to_the_ridge_costs_more_and_nowhere_near_nothing():
    costs = []
    for distance in (0.3, 1e-5):
        loss, model, sign = rightward(Fork(Fork.RIDGE + distance))
        fixed = follow_down(loss, model, sign, path_errors=(1e-3,)).result.hessian_evaluations
        costs.append(follow_down(loss, model, sign).result.hessian_evaluations / fixed)
    assert costs[0] == 1.0 < costs[1]


def test_on_the_ridge_the_search_says_so():
    surface = Fork(Fork.RIDGE)
    result = find_transition_state(surface, stationary(surface), [1.0, 0.0])
    assert result.status is SaddleStatus.RIDGE
    assert result.transition_state is None


@pytest.mark.parametrize(
    ("factor", "length"), [(1e-6, 1.0), (1e-6, 1e-3), (1e6, 1.0), (1e6, 1e3), (1.0, 1e-3), (1.0, 1e3)]
)
def test_units_change_no_end(factor, length):
    for side in (1, -1):
        surface = Fork(Fork.RIDGE + 1e-3 * side)
        loss, model, sign = rightward(surface, factor, length)
        result = follow_down(loss, model, sign).result
        assert surface.side(result.coordinates / length) == side


def test_the_push_follows_the_unstable_manifold_to_second_order():
    loss, model, sign = rightward(Fork(0.1))
    manifold = exact_path(loss, push_off(loss, model, sign, share=1e-3), 30.0)  # starts 1e-6 off
    lengths = np.linalg.norm(np.diff(manifold, axis=0), axis=1).max()

    def off(share, bent):
        point = push_off(loss, model, sign, share=share, bent=bent)
        nearest = np.linalg.norm(manifold - point, axis=1).argmin()
        begin = manifold[max(nearest - 1, 0)]
        times = np.linspace(0.0, 2.0, 4001)
        fine = solve_ivp(
            lambda _, x: -loss.value_and_gradient(x)[1], (0.0, 2.0), begin, rtol=1e-12, atol=1e-14, t_eval=times
        ).y.T
        return np.linalg.norm(fine - point, axis=1).min()

    assert lengths < 1.0
    straight, bent = ([off(share, how) for share in (60.0, 30.0)] for how in (False, True))
    assert straight[0] / straight[1] == pytest.approx(4.0, rel=0.3)
    assert bent[0] / bent[1] > 6.0
    assert bent[1] < 0.1 * straight[1]


def test_a_saddle_flatter_than_its_certificate_is_left_alone():
    """Where the gradient behind any push is below what the certificate allows, no side can be told from the other."""

    class Flat(Surface):
        def value_gradient_hessian(self, theta):
            x, y = np.asarray(theta, dtype=float)
            h, w = 1e-13, 0.1
            u = x / w
            value = h * (u * u - 1) ** 2 + 0.5 * y * y
            return value, np.array([4 * h * u * (u * u - 1) / w, y]), np.diag([4 * h * (3 * u * u - 1) / w**2, 1.0])

    ends = downhill(Flat(), [0.0, 0.0])
    assert not any(end.converged for end in ends)


# ---------------------------------------------------------------- verify


def database_of(surface, path, ends):
    """One transition state and its three minima, joined as said: 0 left, 1 and -1 right of it beside the ridge."""
    state = find_transition_state(surface, stationary(surface), [1.0, 0.0]).transition_state
    starts = {0: [-1.0, -0.5], 1: [3.3, 2.0], -1: [3.3, -1.5]}
    minima = {which: quench(surface, start, method="flow").minimum for which, start in starts.items()}
    with open_or_create(surface, path, 0) as database, database.transaction():
        ids = {which: database.add_minimum(one, origin="start", hits=1)[0] for which, one in minima.items()}
        database.add_transition_state(state, (ids[ends[0]], ids[ends[1]]), origin="saddle")
    return ids


@pytest.mark.parametrize("distance", [1e-3, -1e-3])
def test_verify_finds_an_end_on_the_wrong_side_of_a_ridge(tmp_path, distance):
    surface = Fork(Fork.RIDGE + distance)
    side = int(np.sign(distance))
    database_of(surface, tmp_path / "right.db", (0, side))
    assert verify(tmp_path / "right.db", surface, paths=True).failures == ()
    ids = database_of(surface, tmp_path / "wrong.db", (0, -side))
    (failure,) = verify(tmp_path / "wrong.db", surface, paths=True).failures
    low, high = sorted((ids[0], ids[-side]))
    assert failure.what == f"the paths down from it do not end in minima {low} and {high}"
    assert verify(tmp_path / "wrong.db", surface).failures == ()


def test_radau_agrees_on_a_surface():
    surface = MuellerBrown()
    for saddle in surface.known_points().transition_states:
        state = find_transition_state(surface, saddle, [1.0, 0.0])
        model = local_model(surface, state.transition_state.coordinates)
        for sign, minimum in zip((1.0, -1.0), state.minima, strict=True):
            end = radau_end(surface, model, sign, rtol=1e-6)
            assert end is not None
            np.testing.assert_allclose(end.coordinates, minimum.coordinates, atol=1e-6)


def test_radau_says_where_a_path_ends_in_no_minimum(monkeypatch):
    monkeypatch.setattr(_radau, "MAX_STEPS", 100)

    class Slope(Surface):
        def value_gradient_hessian(self, theta):
            x, y = np.asarray(theta, dtype=float)
            value = -np.logaddexp(x, -x) + 0.5 * y * y
            return float(value), np.array([-np.tanh(x), y]), np.diag([np.tanh(x) ** 2 - 1.0, 1.0])

    surface = Slope()
    assert radau_end(surface, local_model(surface, np.zeros(2)), 1.0, rtol=1e-6) is None


# ---------------------------------------------------------------- what an older version stored


@pytest.mark.slow
def test_an_end_that_newton_once_found_from_a_flat_shoulder_is_corrected_and_found_by_verify(tmp_path):
    """Transition state 79 of a database of (2, 4, 4, 4, 4), 316 rows, that agescape 0.1 made with path error 1e-2."""
    loss = CrossEntropyLoss(MLP((2, 4, 4, 4, 4)), datasets.ljat(rows=316, seed=0))
    with np.load(DATA / "wrong_end_316.npz") as file:
        theta, stored = file["transition_state"], file["stored"]
    found = downhill(loss, theta)
    model = local_model(loss, theta)
    exact = [radau_end(loss, model, sign, rtol=1e-8) for sign in (1.0, -1.0)]
    assert exact[0] is not None
    assert exact[1] is not None
    for end, minimum in zip(found, exact, strict=True):
        np.testing.assert_allclose(end.coordinates, minimum.coordinates, atol=1e-5)
    assert sorted(end.value for end in found) == pytest.approx([0.4027413, 0.41416156], abs=1e-7)
    minima = [quench(loss, point).minimum for point in stored]
    assert sorted(minimum.value for minimum in minima) == pytest.approx([0.4027413, 0.41138684], abs=1e-7)
    with open_or_create(loss, tmp_path / "old.db", 0) as database, database.transaction():
        ids = [database.add_minimum(minimum, origin="saddle", hits=1)[0] for minimum in minima]
        state = certificate(loss, model)
        assert isinstance(state, TransitionState)
        database.add_transition_state(state, (ids[0], ids[1]), origin="saddle")
    (failure,) = verify(tmp_path / "old.db", paths=True).failures
    assert "the paths down from it do not end in minima" in failure.what
