"""Gradient-flow quenches of many points along a run: a flow that follows an earlier one need not go to its end.

A run of SGD follows the same valleys as its gradient flow, so the flows of consecutive snapshots run side by side for
most of their length. Where a flow comes near the path of an earlier one, its deviation is carried along that path to
the minimum, and the flow stops only if the deviation stays small throughout and decays at its end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.descent._deviation import LAG, slow_direction
from landscape.descent._flow import FRACTIONS, FlowStep, phi_functions
from landscape.descent._quench import PATH_ERROR, QuenchResult, check_point, flow_quench, flow_quench_by_products
from landscape.losses import LARGE, Loss
from landscape.stationary import LocalModel, local_model
from landscape.support import one_thread

Array = NDArray[np.float64]

TUBE = 0.1  # largest length of the deviation; it exceeds 0.3 for paths that separate to different minima
MEMORY = 2  # number of earlier paths kept
GROWTH = 1.4  # growth of the number of steps from one attempt to the next
MARGIN = 2.0  # factor on the deviation: near a ridge the errors of the deviation itself decide
NEWS = 10  # steps of its own that a flow beside another path needs in order to be kept
SPARE = 5  # steps of that path before they meet
MOST_WALKED = 3  # in units of the steps of a path: a point that is set back on it again and again does not follow it
TINY = float(np.finfo(float).tiny)
LARGEST_FOLLOWED = 300  # parameters: a path stores the eigenvectors of all its Hessians


@dataclass(frozen=True, eq=False)
class _Place:
    """A point near a path: close to `base` (P,), which is on it, after a share of the time of step k."""

    step: int
    share: float
    base: Array
    deviation: Array


@dataclass(eq=False)
class FlowPath:
    """The steps of a flow: step k goes from points[k] to points[k + 1] in times[k].

    After them the flow is at the minimum `end`, or near the path `after`, which it then follows.
    """

    points: list[Array]
    steps: list[FlowStep] = field(default_factory=list)
    result: QuenchResult | None = None
    end: LocalModel | None = None
    after: "FlowPath | None" = None

    @property
    def length(self) -> int:
        """Number of steps to the minimum."""
        return len(self.steps) + (self.after.length if self.after else 0)

    def nearest_part(self, theta: Array) -> tuple["FlowPath", _Place]:
        """Which of this path and those after it is nearest to a point (P,), and where."""
        place = self.nearest(theta)
        if self.after is None:
            return self, place
        part, later = self.after.nearest_part(theta)
        return (part, later) if _square(later.deviation) < _square(place.deviation) else (self, place)

    def rest(self, k: int) -> "FlowPath":
        """The rest of the path from step k on."""
        return replace(self, points=self.points[k:], steps=self.steps[k:])

    @cached_property
    def corners(self) -> Array:
        """The points (k + 1, P)."""
        return np.array(self.points)

    def way(self, k: int) -> tuple[Array, Array]:
        """Shares of the time of step k, from 0 to 1, and the points of the flow at these times."""
        if k not in self._ways:
            points = np.vstack([self.points[k], self.steps[k].way])
            self._ways[k] = np.concatenate([[0.0], FRACTIONS]), points
        return self._ways[k]

    @cached_property
    def _ways(self) -> dict[int, tuple[Array, Array]]:
        return {}

    def nearest(self, theta: Array) -> _Place:
        """Place on the path that is nearest to a point (P,)."""
        k, _, _ = _nearest(theta, self.corners)
        shares, points = self.way(k)
        j, part, deviation = _nearest(theta, points)
        return _Place(k, float(shares[j] + part * (shares[j + 1] - shares[j])), theta - deviation, deviation)

    @cached_property
    def directions(self) -> list[tuple[Array, float]]:
        """Unit vector (P,) along the path at the beginning of each step, and the length on which it is straight."""
        slow = [slow_direction(step) for step in self.steps]
        return [
            (step.model.eigenvectors @ along, straight)
            for step, (along, straight) in zip(self.steps, slow, strict=True)
        ]

    @cached_property
    def decays(self) -> list[Array]:
        """Factor by which a deviation along each mode (P,) changes in each step, to first order."""
        return [np.exp(-step.time * step.model.eigenvalues) for step in self.steps]


def _square(vector: Array) -> float:
    return float(vector @ vector)


def quench_along(loss: Loss, points: Iterable[ArrayLike], *, path_error: float = PATH_ERROR) -> list[QuenchResult]:
    """Flow from each of `points` (P,), such as snapshots of a run in their order, to its minimum.

    Returns the minima of ``quench(loss, theta, method="flow")``, at a fraction of the cost if points follow each other
    closely: see `beside`. That test is not a proof: it assumes that gradients detect what happens within `TUBE` of a
    path. If a flow's own errors (`path_error`) decide, on either side of a ridge, the two may differ: with a weaker
    test (`LAG` infinite) four of 500 snapshots of five runs of (2,5,5,4) did, and in the three of these that were
    examined, the flow at a `path_error` of 2e-5 agreed with this function, not with `quench`.

    Parameters
    ----------
    loss : Loss
    points : iterable of (P,) arrays
    path_error : float
        As in `quench`.

    Returns
    -------
    list of QuenchResult
        In the order of the points. The number of Hessians shows how far each flow went itself.

    Raises
    ------
    ValueError
        If a point has the wrong shape or is not finite.
    """
    starts = [np.array(theta, dtype=np.float64) for theta in points]
    for start in starts:
        check_point(loss, start)
    former: list[FlowPath] = []
    results = []
    with one_thread():
        for start in starts:
            result, path = flow_beside(loss, start, former, path_error)
            results.append(result)
            if path is not None:
                former = [path, *former][:MEMORY]
    return results


def flow_beside(
    loss: Loss, start: Array, former: Sequence[FlowPath], path_error: float
) -> tuple[QuenchResult, FlowPath | None]:
    """Where the flow ends, and its path if it adds to the earlier ones, which it need not repeat."""
    if start.size > LARGEST_FOLLOWED:
        flow = flow_quench_by_products if start.size > LARGE else flow_quench
        return flow(loss, start, path_error=path_error), None
    path, joined, due = FlowPath([start]), [], 1

    def visit(step: FlowStep) -> bool:
        nonlocal due
        path.points.append(step.end)
        path.steps.append(step)
        if len(path.steps) < due:
            return False
        stays = {other: beside(loss, step.end, other, path_error) for other in former}
        joined.extend(other for other, leaves in stays.items() if leaves is None)
        due = max(int(np.ceil(GROWTH * due)) + 1, len(path.steps) + min(filter(None, stays.values()), default=0) // 2)
        return bool(joined)

    result = flow_quench(loss, start, path_error=path_error, visit=visit)
    if joined:
        return _joined(path, joined[0], result)
    if not result.converged or not path.steps:
        return result, None
    path.result, path.end = result, local_model(loss, result.coordinates)
    return result, path


def _joined(path: FlowPath, other: Any, result: QuenchResult) -> tuple[QuenchResult, FlowPath | None]:
    """Result of a flow that stopped beside another path, with its own costs."""
    costs = {"gradient_evaluations": result.gradient_evaluations, "hessian_evaluations": result.hessian_evaluations}
    found = path.result = replace(other.result, **costs)
    if len(path.steps) < NEWS:
        return found, None
    part, place = other.nearest_part(path.points[-1])
    path.after = part.rest(max(0, place.step - SPARE))
    return found, path


def beside(loss: Loss, theta: Array, path: FlowPath, path_error: float) -> int | None:
    """Number of steps for which the flow from `theta` (P,) would follow an earlier path; None: to their common minimum.

    The deviation obeys d delta / dt = -(gradient(p + delta) - gradient(p)) along the path p(t). First its linear part
    is integrated, with the Hessians of the path's own steps, then the full equation (exponential Euler, one gradient
    per step). The component along the path is a shift in time: while it is short (`LAG`) it is removed after each
    step, otherwise the deviation is measured from the nearest point of the path. Its length must never exceed `TUBE`,
    and at the end of the path it must be below `path_error`, the error that the integrator may make in any step, or
    the minimum's quadratic model must reduce it to that.
    """
    part, place = path.nearest_part(theta)
    place = replace(place, deviation=MARGIN * place.deviation)
    leaves = _leaves(part, place, path_error)
    return _leaves(part, place, path_error, loss) if leaves is None else leaves


def _nearest(theta: Array, corners: Array) -> tuple[int, float, Array]:
    """Segment of a polygon nearest to a point, the share of it before the nearest point, and the vector from there."""
    sides = np.diff(corners, axis=0)
    squares = np.maximum((sides * sides).sum(axis=1), TINY)
    shares = np.clip(((theta - corners[:-1]) * sides).sum(axis=1) / squares, 0.0, 1.0)
    ways = theta - corners[:-1] - shares[:, None] * sides
    k = int((ways * ways).sum(axis=1).argmin())
    return k, float(shares[k]), ways[k]


def _leaves(path: FlowPath, place: _Place, path_error: float, loss: Loss | None = None) -> int | None:
    """Number of steps after which a deviation leaves the tube, None if it decays; to first order without `loss`."""
    for walked in range(MOST_WALKED * path.length + 2):
        if not _square(place.deviation) <= TUBE**2:
            return walked
        if place.step < len(path.steps):
            place = _in_step(path, _carried(path, place, loss), path_error)
        elif path.after:
            path, place = path.after, path.after.nearest(place.base + place.deviation)
        else:
            small = _square(place.deviation) <= path_error**2
            return None if loss is None or small or _settles(loss, path, place, path_error) else walked
    return path.length


def _carried(path: FlowPath, place: _Place, loss: Loss | None) -> _Place:
    """The same deviation at the end of the step."""
    k, share = place.step, place.share
    model, time = path.steps[k].model, path.steps[k].time * (1.0 - share)
    along = place.deviation @ model.eigenvectors
    carried = (path.decays[k] if share == 0.0 else path.decays[k] ** (1.0 - share)) * along
    if loss is not None:
        _, gradient = loss.value_and_gradient(place.base + place.deviation)
        here = model.gradient if share == 0.0 else loss.value_and_gradient(place.base)[1]
        remainder = (gradient - here) @ model.eigenvectors - model.eigenvalues * along
        carried -= time * phi_functions(-time * model.eigenvalues)[0] * remainder
    return _Place(k + 1, 0.0, path.points[k + 1], model.eigenvectors @ carried)


def _in_step(path: FlowPath, place: _Place, path_error: float) -> _Place:
    """The same point with its deviation across the path: being early or late on the path is not a deviation."""
    if place.step == len(path.steps):
        return place
    direction, straight = path.directions[place.step]
    lag = float(direction @ place.deviation)
    if abs(lag) > min(LAG * straight, np.sqrt(2.0 * path_error * straight)):  # the bend takes it off the path
        return path.nearest(place.base + place.deviation)
    return _Place(place.step, 0.0, place.base, place.deviation - lag * direction)


def _settles(loss: Loss, path: FlowPath, place: _Place, path_error: float) -> bool:
    """Whether the quadratic model at the minimum brings a point near it there, within `path_error`."""
    model: Any = path.end
    _, gradient = loss.value_and_gradient(place.base + place.deviation)
    along = (place.base + place.deviation - model.point) @ model.eigenvectors
    predicted = np.divide(gradient @ model.eigenvectors, model.eigenvalues, out=along.copy(), where=~model.zero)
    return _square(predicted - along) <= path_error**2
