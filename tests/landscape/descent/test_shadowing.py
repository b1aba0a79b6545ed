"""Flows that run beside former ones end where they would have ended alone."""

import numpy as np
import pytest
from support.reference import DoubleWell, Surface

from dynamics import SGD, load_trajectories, train
from landscape import CrossEntropyLoss, quench
from landscape.descent import _shadowing as shadowing, quench_along
from landscape.losses import MuellerBrown
from landscape.networks import MLP


def alone(loss, points):
    return [quench(loss, point, method="flow") for point in points]


def assert_same_ends(found, expected, atol):
    for one, other in zip(found, expected, strict=True):
        assert one.status is other.status
        np.testing.assert_allclose(one.coordinates, other.coordinates, atol=atol)


@pytest.fixture(scope="module")
def run(few_data):
    """A loss and the snapshots (S, P) of a run of SGD that descends it."""
    network = MLP((2, 3, 4))
    runs = train(CrossEntropyLoss(network, few_data), SGD(batch_size=20), replicas=1, steps=4000, seed=1)
    return CrossEntropyLoss(network, few_data), np.asarray(runs.snapshots[0], np.float64)[::6]


def test_snapshots_of_a_run_end_where_they_end_alone_for_fewer_hessians(run):
    loss, points = run
    found, expected = quench_along(loss, points), alone(loss, points)
    assert_same_ends(found, expected, 1e-3)
    spent, needed = (sum(result.hessian_evaluations for result in results) for results in (found, expected))
    assert spent < 0.6 * needed


def test_the_first_flow_is_that_of_quench(run):
    loss, points = run
    (found,), (expected,) = quench_along(loss, points[:1]), alone(loss, points[:1])
    np.testing.assert_array_equal(found.coordinates, expected.coordinates)
    assert found.hessian_evaluations == expected.hessian_evaluations


def test_it_is_deterministic_and_leaves_the_points_alone(run):
    loss, points = run
    points = points[:8].copy()
    points.flags.writeable = False
    first, second = quench_along(loss, points), quench_along(loss, points)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.coordinates, other.coordinates)


@pytest.mark.parametrize("gap", [2e-3, 1e-2, 5e-2])
def test_neighbors_on_two_sides_of_a_ridge_are_not_confused(gap):
    """The ridge of this double well is a line x = constant."""
    surface = DoubleWell()
    roots = np.roots([4.0, 0.0, -4.0, surface.tilt]).real
    ridge = sorted(roots)[1]
    points = [[ridge + side * gap / 2, y] for y in (0.0, 0.3, -0.2) for side in (-1, 1, 1, -1)]
    found = quench_along(surface, points)
    for result, (x, _) in zip(found, points, strict=True):
        assert result.converged
        assert (result.coordinates[0] < ridge) == (x < ridge)


class NarrowWells(Surface):
    """h ((x / w)^2 - 1)^2 + y^2 / 2: two minima so near to each other that both lie in the tube around one path."""

    h, w = 1e-5, 0.03

    def value_gradient_hessian(self, theta):
        x, y = np.asarray(theta, dtype=float)
        u = x / self.w
        value = self.h * (u * u - 1) ** 2 + 0.5 * y * y
        gradient = np.array([4 * self.h * u * (u * u - 1) / self.w, y])
        return float(value), gradient, np.diag([self.h * (12 * u * u - 4) / self.w**2, 1.0])


@pytest.mark.parametrize("x", [2e-3, 5e-3, 1e-2])
def test_paths_that_come_to_a_saddle_together_and_leave_it_apart_are_not_confused(x):
    """Beside each other first, one behind the other afterwards: a lag that is no shift in time."""
    found = quench_along(NarrowWells(), [[x, 1.0], [-x, 1.0], [1.1 * x, 1.1], [-1.1 * x, 1.2]])
    assert [np.sign(result.coordinates[0]) for result in found] == [1, -1, 1, -1]
    np.testing.assert_allclose([np.abs(result.coordinates) for result in found], [[0.03, 0.0]] * 4, atol=1e-4)


def test_a_walk_around_the_saddles_of_a_surface():
    """Points 0.02 apart on circles that cross the ridges twice; none lies within the flow's error of a ridge."""
    surface = MuellerBrown()
    angles = np.linspace(0.0, 2 * np.pi, 90, endpoint=False) + 0.01
    circle = 0.15 * np.column_stack([np.cos(angles), np.sin(angles)])
    circles = [saddle + circle for saddle in surface.known_points().transition_states]
    for points in circles:
        found, expected = quench_along(surface, points), alone(surface, points)
        assert_same_ends(found, expected, 1e-3)
        assert len({tuple(np.round(result.coordinates, 2)) for result in expected}) == 2
        assert sum(result.hessian_evaluations for result in found) < sum(r.hessian_evaluations for r in expected)


def test_a_deviation_is_carried_as_two_flows_part(rng):
    """In a quadratic bowl a deviation along mode i decays by exp(-lambda_i t), whatever the path."""
    path = shadowing.FlowPath([np.array([1.0, 1.0])])
    surface = DoubleWell(0.0)
    result, whole = shadowing.flow_beside(surface, path.points[0], [], 1e-3)
    assert result.converged
    assert whole is not None
    near = whole.points[0] + [0.0, 0.04]  # y is a quadratic mode of its own: a deviation along it only decays
    assert shadowing.beside(surface, near, whole, 1e-3) is None
    with_margin = shadowing.TUBE / shadowing.MARGIN
    assert shadowing.beside(surface, whole.points[0] + [0.0, 1.1 * with_margin], whole, 1e-3) == 0  # not near
    assert shadowing.beside(surface, -whole.points[-1], whole, 1e-3) == 0  # the other minimum


def test_a_saddle_stays_a_saddle():
    surface = DoubleWell(0.0)
    found = quench_along(surface, [[0.01, 0.0], [0.0, 0.0], [-0.01, 0.0]])
    assert [result.status.name for result in found] == ["CONVERGED", "SADDLE", "CONVERGED"]
    assert [round(result.coordinates[0]) for result in found] == [1, 0, -1]


def test_a_start_of_the_wrong_shape_is_refused(small_loss):
    with pytest.raises(ValueError, match=r"theta must be finite with shape \(25,\)"):
        quench_along(small_loss, [np.zeros(small_loss.n_parameters), np.zeros(3)])


def test_wide_networks_keep_no_paths(run, monkeypatch):
    loss, points = run
    monkeypatch.setattr(shadowing, "LARGEST_FOLLOWED", 3)
    found, expected = quench_along(loss, points[:3]), alone(loss, points[:3])
    assert [r.hessian_evaluations for r in found] == [r.hessian_evaluations for r in expected]


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [(10,), (5, 5), (4, 4, 4)])
def test_maps_of_runs_at_full_scale_are_those_of_single_flows(data, hidden, tmp_path):
    loss = CrossEntropyLoss(MLP((2, *hidden, 4)), data)
    train(CrossEntropyLoss(loss.network, data), replicas=2, steps=150_000, path=tmp_path / "runs.h5")
    runs = load_trajectories(tmp_path / "runs.h5")
    chosen = np.linspace(0, runs.steps.size - 1, 60).astype(int)
    for r in range(2):
        points = np.asarray(runs.snapshots[r], np.float64)[chosen]
        assert_same_ends(quench_along(loss, points), alone(loss, points), 0.05)
