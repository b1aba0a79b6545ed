"""Edge tracking: the gradient flow on the ridge between two basins, which ends in a transition state."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.descent._quench import PATH_ERROR, QuenchResult, check_point
from landscape.descent._shadowing import LARGEST_FOLLOWED, TUBE, FlowPath, flow_beside
from landscape.losses import Loss
from landscape.stationary import LocalModel, same_place
from landscape.support import Result, one_thread

Array = NDArray[np.float64]

BISECTIONS = (12, 10, 10, 10, 10)  # of the first pair of points, and of each pair that follows on the ridge
GAP = 0.3 * TUBE  # distance of the two flows at which the next pair is taken: far below that of different minima
CLOSEST = 1e-11  # distance of a pair that is bisected no further


@dataclass(frozen=True, eq=False)
class RidgePoint(Result, shows=("near.value", "far.value"), axes={}):
    """A point where the flow along a ridge is slow: near the transition state that it leads to, if it leads to one.

    Attributes
    ----------
    model : LocalModel
        Loss, gradient and Hessian there; at least one eigenvalue is negative.
    near, far : QuenchResult
        Where the flows on the two sides of the ridge end.
    beyond : (P,) float64
        The first point found on the far side of the ridge, on the line between the two given points.
    """

    model: LocalModel
    near: QuenchResult
    far: QuenchResult
    beyond: Array


@dataclass(eq=False)
class _Side:
    """A point, and the path and end of its flow; without a path if that flow soon followed another."""

    point: Array
    result: QuenchResult
    path: FlowPath | None = field(repr=False)


def follow_ridge(
    loss: Loss, inside: ArrayLike, outside: ArrayLike, *, path_error: float = PATH_ERROR
) -> Iterator[RidgePoint]:
    """Follow the ridge around the basin of `inside` (P,) from where the line to `outside` (P,) first meets it.

    The line is bisected: the flow from its one part ends where that from `inside` does, and from the other elsewhere.
    The flows on both sides of the ridge stay together until they come near a transition state. Where they separate, the
    pair is bisected again: edge tracking, as for turbulence (Schneider, Marinc and Eckhardt, arXiv 0909.0530).
    Its form here is derived here; the tests compare what it finds with known transition states.

    Parameters
    ----------
    loss : Loss
        With at most `LARGEST_FOLLOWED` parameters: flows are kept with the Hessians of their steps.
    inside, outside : (P,) arrays
        Points in different basins.
    path_error : float
        As in `quench`.

    Yields
    ------
    RidgePoint
        After each bisection the slowest point of the flow so far: each is as near to the transition state as the flow
        on the ridge has come. There is none if the two flows end in the same minimum, or that from `inside` in none.

    Raises
    ------
    ValueError
        If a point has the wrong shape or is not finite, or the loss has too many parameters.
    """
    points = [np.array(point, dtype=np.float64) for point in (inside, outside)]
    for point, name in zip(points, ("inside", "outside"), strict=True):
        check_point(loss, point, name)
    if points[0].size > LARGEST_FOLLOWED:
        msg = (
            f"loss must have at most {LARGEST_FOLLOWED} parameters, because flows are kept with the Hessians of their "
            f"steps; got {points[0].size}: search between minima instead (landscape.search.search_along_band)"
        )
        raise ValueError(msg)
    with one_thread():
        near, far = (_flow(loss, point, (), path_error) for point in points)
        beyond = None
        for bisections in BISECTIONS:
            if not near.result.converged or _same_end(near.result, far.result):
                return
            pair = _bisected(loss, near, far, bisections, path_error)
            beyond = pair[1] if beyond is None else beyond
            near, far = (_flow(loss, point, (), path_error) for point in pair)  # beside none, which may leave earlier
            if (model := _slowest(near.path)) is not None:
                yield RidgePoint(model, near.result, far.result, beyond)
            if (sides := _where_they_part(near, far)) is None:
                return
            near, far = sides


def _same_end(a: QuenchResult, b: QuenchResult) -> bool:
    """Whether two flows end in the same minimum; images are different ones."""
    if not (a.converged and b.converged):
        return False
    return same_place(a.minimum, b.minimum)


def _flow(loss: Loss, point: Array, former: tuple[FlowPath, ...], path_error: float) -> _Side:
    return _Side(point, *flow_beside(loss, point, former, path_error))


def _bisected(loss: Loss, near: _Side, far: _Side, times: int, path_error: float) -> tuple[Array, Array]:
    """A pair of points on the two sides, 2^times nearer to each other."""
    for _ in range(times):
        if np.linalg.norm(far.point - near.point) < CLOSEST:
            break
        former = tuple(side.path for side in (near, far) if side.path is not None)
        middle = _flow(loss, 0.5 * (near.point + far.point), former, path_error)
        if _same_end(middle.result, near.result):
            near = _Side(middle.point, middle.result, middle.path or near.path)
        else:
            known = far.path if _same_end(middle.result, far.result) else None
            far = _Side(middle.point, middle.result, middle.path or known)
    return near.point, far.point


def _parts(path: FlowPath | None) -> Iterator[FlowPath]:
    while path is not None:
        yield path
        path = path.after


def _slowest(path: FlowPath | None) -> LocalModel | None:
    """The model of the least gradient among those with a negative eigenvalue on a path."""
    models = [step.model for part in _parts(path) for step in part.steps if step.model.eigenvalues[0] < 0.0]
    return min(models, key=lambda model: model.rms_gradient, default=None)


def _where_they_part(near: _Side, far: _Side) -> tuple[_Side, _Side] | None:
    """The last points of two flows before they are `GAP` apart; None if they are never so close."""
    if near.path is None or far.path is None:
        return None
    pair = None
    for part in _parts(near.path):
        for k, point in enumerate(part.points[: len(part.steps)]):
            beside, place = far.path.nearest_part(point)
            if np.linalg.norm(place.deviation) <= GAP:
                pair = (
                    _Side(point, near.result, part.rest(k)),
                    _Side(place.base, far.result, beside.rest(place.step)),
                )
            elif pair is not None:
                return pair
    return pair
