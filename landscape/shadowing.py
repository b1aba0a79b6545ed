"""Gradient-flow quenches of many points along a run: a flow that runs beside a former one need not go to its end.

A run of SGD follows valleys that its gradient flow follows too, so the flows of consecutive snapshots run side by
side for most of their way. Where a flow comes near the path of a former one, its deviation is carried along that
path to the minimum, and the flow stops only if the deviation stays small all the way and dies out at its end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape._flow import phi_1
from landscape.losses import Loss
from landscape.quench import PATH_ERROR, QuenchResult, check_start, flow_quench
from landscape.stationary import LocalModel
from landscape.workers import one_thread

Array = NDArray[np.float64]

TUBE = 0.1  # the deviation's largest length: of paths that part for different minima it went beyond 0.3
MEMORY = 2  # former paths remembered
GROWTH = 1.2  # of the number of steps from one try to the next
LAG = 0.5  # of the length on which the path is straight: a lag below it is a shift in time
TINY = float(np.finfo(float).tiny)
LARGEST_SIZE = 300  # parameters: a path holds the eigenvectors of all its Hessians


@dataclass(eq=False)
class _Path:
    """The steps of a flow: step k goes from points[k] to points[k + 1] in times[k]."""

    points: list[Array]
    models: list[LocalModel] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    result: QuenchResult | None = None

    @cached_property
    def corners(self) -> Array:
        """The points (k + 1, P)."""
        return np.array(self.points)

    @cached_property
    def directions(self) -> list[tuple[Array, float]]:
        """Unit vector (P,) along the path at the begin of each step, and the length on which it does not change much.

        That is |gradient| / |Hessian direction|, and the distance from a saddle that the path comes from: a flow on
        the saddle's other side lags behind by more than that.
        """
        result = []
        for model in self.models:
            norm = max(float(np.linalg.norm(model.gradient)), TINY)
            direction = model.gradient / norm
            turning = float(np.linalg.norm(model.eigenvalues * (direction @ model.eigenvectors)))
            result.append((direction, norm / max(turning, TINY)))
        return result

    @cached_property
    def decays(self) -> list[Array]:
        """What becomes of a deviation of one along each mode (P,) in each step, to first order."""
        return [np.exp(-time * model.eigenvalues) for time, model in zip(self.times, self.models, strict=True)]


def quench_along(loss: Loss, points: Iterable[ArrayLike], *, path_error: float = PATH_ERROR) -> list[QuenchResult]:
    """Flow from each of `points` (P,), such as snapshots of a run in their order, to its minimum.

    The minima that ``quench(loss, theta, method="flow")`` gives, at a part of the cost where points follow each
    other closely: see `runs_beside`. That test is no proof: it trusts that what happens within `TUBE` of a path is seen
    by the gradients there. Where a flow's own errors (`path_error`) decide, on either side of a ridge, the two may
    differ: with a laxer test (`LAG` infinite) four of 500 snapshots of five runs of (2,5,5,4) did, and of three of
    these that were looked at the flow at a `path_error` of 2e-5 ended where this function said, not `quench`.

    Parameters
    ----------
    loss : Loss
    points : iterable of (P,) arrays
    path_error : float
        As in `quench`.

    Returns
    -------
    list of QuenchResult
        In the order of the points. The number of Hessians tells how far each flow went itself.

    Raises
    ------
    ValueError
        If a point has the wrong shape or is not finite.
    """
    starts = [np.array(theta, dtype=np.float64) for theta in points]
    for start in starts:
        check_start(loss, start)
    former: list[_Path] = []
    results = []
    with one_thread():
        for start in starts:
            result, path = _flow(loss, start, former, path_error)
            results.append(result)
            if path is not None:
                former = [path, *former][:MEMORY]
    return results


def _flow(loss: Loss, start: Array, former: Sequence[_Path], path_error: float) -> tuple[QuenchResult, _Path | None]:
    """Where the flow ends, and its path if it went all the way."""
    if start.size > LARGEST_SIZE:
        return flow_quench(loss, start, path_error=path_error), None
    path, joined, due = _Path([start]), [], 1

    def visit(model: LocalModel, time: float, end: Array) -> bool:
        nonlocal due
        path.points.append(end)
        path.models.append(model)
        path.times.append(time)
        if len(path.times) < due:
            return False
        due = int(np.ceil(GROWTH * due)) + 1
        joined.extend(other for other in former if runs_beside(loss, end, other, path_error))
        return bool(joined)

    result = flow_quench(loss, start, path_error=path_error, visit=visit)
    if joined:
        costs = {"gradient_evaluations": result.gradient_evaluations, "hessian_evaluations": result.hessian_evaluations}
        return replace(joined[0].result, **costs), None
    path.result = result
    return result, path if result.converged else None


def runs_beside(loss: Loss, theta: Array, path: _Path, path_error: float) -> bool:
    """Whether the flow from `theta` (P,) would stay beside a former path and end in the same minimum.

    The deviation obeys d delta / dt = -(gradient(p + delta) - gradient(p)) along the path p(t). First its linear
    part is integrated, with the Hessians that the path's own steps used, then all of it (exponential Euler, one
    gradient a step). What is along the path is a shift in time as long as it is short (`LAG`), and is taken off after
    each step. The length of the rest may nowhere exceed `TUBE` and has to end below `path_error`: a deviation that
    the integrator may make in any step.
    """
    k, share, deviation = _nearest(theta, path.corners)
    if deviation @ deviation > TUBE**2:
        return False
    return _dies_out(path, k, share, deviation, path_error) and _dies_out(path, k, share, deviation, path_error, loss)


def _nearest(theta: Array, corners: Array) -> tuple[int, float, Array]:
    """Segment of a polygon nearest to a point, the share of it before the nearest point, and the way from there."""
    sides = np.diff(corners, axis=0)
    squares = np.maximum((sides * sides).sum(axis=1), TINY)
    shares = np.clip(((theta - corners[:-1]) * sides).sum(axis=1) / squares, 0.0, 1.0)
    ways = theta - corners[:-1] - shares[:, None] * sides
    k = int((ways * ways).sum(axis=1).argmin())
    return k, float(shares[k]), ways[k]


def _dies_out(path: _Path, k: int, share: float, deviation: Array, path_error: float, loss: Loss | None = None) -> bool:
    """Whether a deviation in step k stays in the tube and ends small; to first order in it if there is no `loss`."""
    ahead = [*path.directions[k + 1 :], None]
    steps = zip(path.models[k:], path.times[k:], path.decays[k:], ahead, strict=True)
    for model, full, decay, following in steps:
        basis, time = model.eigenvectors, full * (1.0 - share)
        along = deviation @ basis
        carried = (decay ** (1.0 - share) if share else decay) * along
        if loss is not None:
            _, gradient = loss.value_and_gradient(model.point + deviation)
            remainder = (gradient - model.gradient) @ basis - model.eigenvalues * along
            carried -= time * phi_1(-time * model.eigenvalues) * remainder
        deviation, share = basis @ carried, 0.0
        if following is not None:  # being early or late on the path is no deviation from it
            direction, straight = following
            lag = float(direction @ deviation)
            if abs(lag) > LAG * straight:
                return False
            deviation = deviation - lag * direction
        if not deviation @ deviation <= TUBE**2:
            return False
    return bool(deviation @ deviation <= path_error**2)
