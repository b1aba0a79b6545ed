"""A path between two points whose highest loss is as low as possible: an upper bound on the barrier between them."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.descent import check_point, highest_point
from landscape.losses import LARGE, Loss
from landscape.search._flux import SAMPLES
from landscape.search._minimax_steps import Search
from landscape.support import Result, check_positive, one_thread

Array = NDArray[np.float64]


class PathStatus(Enum):
    """How the search for a path ended; the value is the remedy."""

    CONVERGED = "converged"
    MAX_STEPS = "the highest point of the path is still falling; increase steps"


@dataclass(frozen=True, eq=False)
class MinimaxPath(
    Result,
    shows=("highest", "evaluations", "hessians"),
    axes={"K": "point"},
    units={"values": "nats", "highest": "nats", "temperature": "nats"},
):
    """A path of straight pieces between two points.

    Attributes
    ----------
    points : (K, P) float64
        Ends of the pieces, both ends of the path included.
    values : (K,) float64
        Loss of each, in nats.
    highest : float
        Highest loss of the whole path in nats, straight pieces included: an upper bound on the barrier.
    top : (P,) float64
        Where on the path it is.
    temperature : float
        Last temperature, in nats.
    steps : int
        Newton steps.
    evaluations : int
        Gradients.
    hessians : int
        Hessians.
    status : PathStatus
        Converged, or why not.
    """

    points: Array
    values: Array
    highest: float
    top: Array
    temperature: float
    steps: int
    evaluations: int
    hessians: int
    status: PathStatus

    @property
    def converged(self) -> bool:
        """Whether the highest point sinks no further."""
        return self.status is PathStatus.CONVERGED

    @property
    def tangent(self) -> Array:
        """Direction (P,) of the path at its highest point."""
        ways = np.diff(self.points, axis=0)
        squares = np.maximum((ways * ways).sum(axis=1), np.finfo(float).tiny)
        shares = np.clip(((self.top - self.points[:-1]) * ways).sum(axis=1) / squares, 0.0, 1.0)
        return ways[np.linalg.norm(self.points[:-1] + shares[:, None] * ways - self.top, axis=1).argmin()]

    @property
    def length(self) -> float:
        """Length of the path, Euclidean in parameter space."""
        return float(np.linalg.norm(np.diff(self.points, axis=0), axis=1).sum())


def minimax_path(
    loss: Loss,
    start: ArrayLike,
    end: ArrayLike,
    *,
    images: int = 7,
    steps: int = 60,
    tolerance: float = 0.05,
    max_images: int = 80,
    initial: ArrayLike | None = None,
) -> MinimaxPath:
    """Find a path between two points (P,) whose highest loss is as low as possible.

    Its highest loss bounds the barrier between the points from above. It is the lowest of the paths nearby: another
    path far away may be lower. Nothing depends on the units of the loss or of the parameters.

    Parameters
    ----------
    loss : Loss
        With at most `landscape.losses.LARGE` parameters, better a few hundred: a step solves a system with a (P, P)
        block for each image.
    start, end : (P,) arrays
        Fixed ends. Align `end` first (`symmetry.nearest_image`).
    images : int
        Points between them at the beginning. More are inserted where a high piece bulges.
    steps : int
        Newton steps at most; each costs about four gradients a piece and a Hessian for each high piece that moved.
    tolerance : float
        Lowest temperature, over the height of the path above its higher end. The loss at the top of a converged path
        exceeds the local optimum by about as much.
    max_images : int
        Points between the ends at most.
    initial : (K, P) array, optional
        Points between the ends at the beginning, instead of `images` on the straight line: known minima on the way, or
        those of an earlier path, to refine it.

    Returns
    -------
    MinimaxPath
        The lowest path on the way. More steps therefore never worsen it.

    Raises
    ------
    ValueError
        If a shape does not fit, a number is not positive, or the loss has too many parameters.
    FloatingPointError
        If the loss is not finite on the first path.

    Notes
    -----
    The path minimizes T log sum exp(loss / T) over samples of its pieces, the functional of the path of maximum flux at
    temperature T (Huo and Straub, J. Chem. Phys. 107, 5000, 1997), which tends to the highest loss as T decreases (Han,
    Gu and Zhou, arXiv 2408.12621). Weak springs keep it short where it is low. Steps are Newton's with the absolute
    Hessian of each piece, coupled along the path (a block-tridiagonal system), with a line search. As in AutoNEB
    (Kolsbjerg, Groves and Hammer, J. Chem. Phys. 145, 094107, 2016) images are inserted where the path is high and
    bends. This combination is derived here; the tests compare it with known transition states.
    """
    start, end = np.array(start, dtype=np.float64), np.array(end, dtype=np.float64)
    check_point(loss, start, "start")
    check_point(loss, end, "end")
    check_positive(images=images, steps=steps, tolerance=tolerance, max_images=max_images)
    if start.size > LARGE:
        msg = (
            f"loss must have at most {LARGE} parameters, because each image has a (P, P) block; got {start.size}: an "
            "elastic_band needs gradients only, and landscape.descent.highest_point bounds the barrier on it"
        )
        raise ValueError(msg)
    first = np.linspace(start, end, images + 2) if initial is None else _path_through(start, initial, end)
    with one_thread():
        search = Search(loss, first, tolerance, max_images)
        while search.sinks and search.done < steps:
            search.step()
        best = search.best
        highest, top = highest_point(loss, best.images)
    return MinimaxPath(
        points=best.images,
        values=best.values[::SAMPLES],
        highest=highest,
        top=top,
        temperature=search.temperature,
        steps=search.done,
        evaluations=search.evaluations,
        hessians=search.curvature.hessians,
        status=PathStatus.MAX_STEPS if search.sinks else PathStatus.CONVERGED,
    )


def _path_through(start: Array, initial: ArrayLike, end: Array) -> Array:
    inner = np.array(initial, dtype=np.float64)
    if inner.ndim != 2 or not len(inner) or inner.shape[1] != start.size or not np.isfinite(inner).all():
        msg = f"initial must be finite with shape (1 or more, {start.size}); got shape {inner.shape}"
        raise ValueError(msg)
    return np.vstack([start, inner, end])
