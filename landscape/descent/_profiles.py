"""The loss along the path between minima: down both sides of each transition state, joined."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.descent._downhill import PATH_ERRORS, follow_down
from landscape.descent._quench import QuenchResult
from landscape.losses import LARGE, Loss
from landscape.networks import MLP
from landscape.stationary import Minimum, TransitionState, inertia_model, local_model, separation
from landscape.support import Result, one_thread
from landscape.symmetry import PermutationSpec, align, transform

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Profile(Result, shows=("losses", "lengths"), axes={"T": "point", "k": "transition_state", "k + 1": "minimum"}):
    """The loss along a path through k transition states.

    Attributes
    ----------
    points : (T, P) float64
        Points on the path; if the loss has symmetries, each piece is the image that continues the one before.
    lengths : (T,) float64
        Euclidean length of the path up to each point; starts at 0.
    losses : (T,) float64
        In nats.
    minima : (k + 1,) int64
        Positions of the minima among the points.
    transition_states : (k,) int64
        Positions of the transition states.
    loss_unit : str
        Unit of the losses in words; empty if it is another than nats.
    """

    points: Array
    lengths: Array
    losses: Array
    minima: Integers
    transition_states: Integers
    loss_unit: str = "nats"


def loss_profile(
    loss: Loss,
    minima: Sequence[Minimum],
    transition_states: Sequence[TransitionState],
    *,
    points_per_side: int = 40,
    path_error: float | None = None,
) -> Profile:
    """Follow the gradient flow down both sides of each transition state and join the pieces.

    Parameters
    ----------
    loss : Loss
    minima : sequence of Minimum
        The k + 1 minima on the path, in order (`Pathway.minima`).
    transition_states : sequence of TransitionState
        The k transition states between them.
    points_per_side : int
        Number of samples, evenly spaced in length, on each downhill path.
    path_error : float, optional
        Euclidean error of one step of the flow. By default that of the searches, smaller if an error might decide
        where the path ends, so that the paths end in the same minima.

    Raises
    ------
    ValueError
        If there is not exactly one minimum more than transition states, or a downhill path does not end in its
        minimum.

    Notes
    -----
    Pieces join at the minima: the symmetry that brings the beginning of a piece nearest to the end of the piece before
    acts on the whole piece. The loss does not change.
    """
    if not transition_states or len(minima) != len(transition_states) + 1:
        msg = (
            f"minima must be one more than transition_states, of which there must be one; got {len(minima)} minima "
            f"and {len(transition_states)} transition states"
        )
        raise ValueError(msg)
    if points_per_side < 2:
        msg = f"points_per_side must be at least 2; got {points_per_side}"
        raise ValueError(msg)
    pieces: list[Array] = []
    with one_thread():
        for k, state in enumerate(transition_states):
            sides = [_way_down(loss, state, sign, path_error) for sign in (1.0, -1.0)]
            up, down = _oriented(loss, sides, (minima[k], minima[k + 1]), k)
            piece = np.concatenate([_even(up, points_per_side)[::-1], _even(down, points_per_side)[1:]])
            pieces.append(piece if k == 0 else _continued(loss.network, piece, pieces[-1][-1]))
    return _joined(loss, pieces, points_per_side)


def _way_down(loss: Loss, state: TransitionState, sign: float, path_error: float | None) -> tuple[Array, QuenchResult]:
    """The path (T, P) from a transition state down one side, and where it ends."""
    modes = loss.zero_modes
    point = state.coordinates - modes.T @ (modes @ state.coordinates)
    top = inertia_model(loss, point) if point.size > LARGE else local_model(loss, point)
    errors = PATH_ERRORS if path_error is None else (path_error,)
    path = follow_down(loss, top, sign, path_errors=errors, with_points=True)
    return path.points, path.result


def _oriented(
    loss: Loss, sides: list[tuple[Array, QuenchResult]], ends: tuple[Minimum, Minimum], k: int
) -> tuple[Array, Array]:
    """The paths to the first and to the second of two minima, each including its minimum."""
    for order in ((0, 1), (1, 0)):
        ways = [_completed(loss, *sides[side], minimum) for side, minimum in zip(order, ends, strict=True)]
        if ways[0] is not None and ways[1] is not None:
            return ways[0], ways[1]
    msg = (
        f"transition_states[{k}] must connect minima[{k}] and minima[{k + 1}]; the paths down from it end at losses "
        f"{sides[0][1].value:.9g} and {sides[1][1].value:.9g}, the minima have {ends[0].value:.9g} and "
        f"{ends[1].value:.9g}"
    )
    raise ValueError(msg)


def _completed(loss: Loss, way: Array, end: QuenchResult, minimum: Minimum) -> Array | None:
    """The path with its minimum as the last point; None if it leads to another minimum."""
    if not end.converged:
        return None
    image = _continued(loss.network, minimum.coordinates[None], end.coordinates)
    near = np.linalg.norm(image[0] - end.coordinates) <= separation(end.minimum, minimum)
    return np.concatenate([way, image]) if near else None


def _continued(network: MLP | PermutationSpec | None, piece: Array, end: Array) -> Array:
    """The image of a piece (T, P) of the path whose first point is nearest to `end` (P,)."""
    if network is None or not network.hidden:
        return piece
    (element,) = align(network, piece[0], end[None])
    return np.array([transform(network, point, element) for point in piece])


def _lengths(points: Array) -> Array:
    return np.append(0.0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))


def _even(way: Array, n: int) -> Array:
    """Points (n, P) evenly spaced on a polygon (T, P), including its ends."""
    lengths = _lengths(way)
    goals = np.linspace(0.0, lengths[-1], n)
    after = np.searchsorted(lengths, goals).clip(1, lengths.size - 1)
    step = np.maximum(lengths[after] - lengths[after - 1], np.finfo(float).tiny)
    fraction = ((goals - lengths[after - 1]) / step)[:, None]
    return (1.0 - fraction) * way[after - 1] + fraction * way[after]


def _joined(loss: Loss, pieces: list[Array], n: int) -> Profile:
    """Pieces of 2 n - 1 points whose ends coincide, as one path."""
    points = np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])
    period = 2 * (n - 1)
    return Profile(
        points=points,
        lengths=_lengths(points),
        losses=np.array([loss.value_and_gradient(point)[0] for point in points]),
        minima=np.arange(len(pieces) + 1) * period,
        transition_states=np.arange(len(pieces)) * period + n - 1,
        loss_unit=getattr(loss, "unit", "nats"),
    )
