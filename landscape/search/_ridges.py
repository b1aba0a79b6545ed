"""Transition states between the basins that a line crosses, found from the ridges between them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.descent import QuenchResult, follow_ridge
from landscape.losses import Loss
from landscape.search._saddles import SaddleResult, find_transition_state
from landscape.stationary import same_place
from landscape.support import Result, check_positive

Array = NDArray[np.float64]

MAX_STEPS = 150  # Hessians of an uphill search


@dataclass(frozen=True, eq=False)
class RidgeSearch(Result, shows=("joins", "near.value", "far.value"), axes={}):
    """The searches from one ridge.

    Attributes
    ----------
    near, far : QuenchResult
        Where the flows on its two sides end.
    beyond : (P,) float64
        The first point on its far side, on the line that crosses it.
    searches : tuple of SaddleResult
        From the slowest points of the flow along the ridge, in the order of the searches.
    """

    near: QuenchResult
    far: QuenchResult
    beyond: Array
    searches: tuple[SaddleResult, ...]

    @property
    def joins(self) -> bool:
        """Whether the last transition state has its two downhill paths end where the flows on the two sides do."""
        return bool(self.searches) and _joins(self.searches[-1], self.near, self.far)


def search_ridge(
    loss: Loss, inside: ArrayLike, outside: ArrayLike, *, max_steps: int = MAX_STEPS
) -> RidgeSearch | None:
    """Search the transition state on the ridge that the line from `inside` to `outside` (P,) meets first.

    The flow along the ridge leads to it (`landscape.descent.follow_ridge`). Where the flow is slow, a search by
    eigenvector following begins. The first transition state that joins the two sides of the ridge ends the search.

    Parameters
    ----------
    loss : Loss
    inside, outside : (P,) arrays
    max_steps : int
        Hessians of each search uphill.

    Returns
    -------
    RidgeSearch or None
        None if there is no ridge: the flows from both points end in the same minimum, or one of them in none.

    Raises
    ------
    ValueError
        If a point has the wrong shape or is not finite, or `max_steps` is not positive.
    """
    check_positive(max_steps=max_steps)
    searches, point = [], None
    for point in follow_ridge(loss, inside, outside):
        searches.append(
            find_transition_state(loss, point.model.point, point.model.eigenvectors[:, 0], max_steps=max_steps)
        )
        if _joins(searches[-1], point.near, point.far):
            break
    return None if point is None else RidgeSearch(point.near, point.far, point.beyond, tuple(searches))


def search_ridges(
    loss: Loss, start: ArrayLike, end: ArrayLike, *, most: int = 4, max_steps: int = MAX_STEPS
) -> tuple[RidgeSearch, ...]:
    """Search the transition states on the ridges that the line from `start` to `end` (P,) crosses, one after another.

    Parameters
    ----------
    loss : Loss
    start, end : (P,) arrays
    most : int
        Ridges at most.
    max_steps : int
        Hessians of each search uphill.

    Returns
    -------
    tuple of RidgeSearch
        Ends before the basin of `end` if there are more ridges, or where the line enters no basin.
    """
    check_positive(most=most)
    place, found = np.array(start, dtype=np.float64), []
    while len(found) < most and (search := search_ridge(loss, place, end, max_steps=max_steps)) is not None:
        found.append(search)
        place = search.beyond
    return tuple(found)


def _joins(search: SaddleResult, near: QuenchResult, far: QuenchResult) -> bool:
    if not (search.converged and near.converged and far.converged):
        return False
    a, b = search.minima
    ends = near.minimum, far.minimum
    return (same_place(a, ends[0]) and same_place(b, ends[1])) or (same_place(a, ends[1]) and same_place(b, ends[0]))
