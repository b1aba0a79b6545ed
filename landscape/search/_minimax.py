"""A path between two points whose highest loss is as low as possible: an upper bound on the barrier between them."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.losses import Loss
from landscape.search._flux import (
    SAMPLES,
    Curvature,
    Polygon,
    cubic_maxima,
    cubic_maximum,
    sample,
    solve_blocks,
    survey,
    values_and_gradients,
)
from landscape.support import Result, one_thread

Array = NDArray[np.float64]

HOTTEST = 0.3  # temperature at the beginning, over the height of the path above its higher end
COOLER = 1.5  # factor between two temperatures
SMALL = 0.3  # of the temperature: a step that gains less ends the work at this temperature
BULGE = 0.2  # of the temperature: a piece that rises by more above both its ends gets an image there
NEAR_TOP = 3.0  # temperatures below the highest point: lower pieces are left as they are
STIFFNESS = 1.0  # of the springs: energy of the straight line in temperatures is half of it
LONGEST = 1.4  # longest step of an image, over the length of a piece of the straight line
DAMPING = 1e-3  # at the beginning, over the constant of the springs
TRIALS = 8  # lengths of a step to try
FINEST = 1e-12  # relative to the height of the straight line: lower ones are rounding
SETTLED, PATIENCE = (
    0.03,
    10,
)  # so many steps that lower the path by less than this share of the lowest temperature end it
PEAKS, ROUNDS = 3, 6  # of `highest_point`: highest maxima of cubics, each evaluated and bracketed so often


class PathStatus(Enum):
    """How the search for a path ended; the value is the remedy."""

    CONVERGED = "converged"
    MAX_STEPS = "the highest point of the path still sinks; increase steps"


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
) -> MinimaxPath:
    """Find a path between two points (P,) whose highest loss is as low as possible.

    Its highest loss bounds the barrier between the points from above. It is the lowest of the paths nearby: another
    path far away may be lower. Nothing depends on the units of the loss or of the parameters.

    Parameters
    ----------
    loss : Loss
        With up to a few hundred parameters: a step solves a system with a (P, P) block for each image.
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

    Returns
    -------
    MinimaxPath
        The lowest path on the way. More steps therefore never worsen it.

    Raises
    ------
    ValueError
        If a shape does not fit or a number is not positive.
    FloatingPointError
        If the loss is not finite on the straight line.

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
    check_ends(loss, start, end)
    check_positive(images=images, steps=steps, tolerance=tolerance, max_images=max_images)
    with one_thread():
        search = _Search(loss, np.linspace(start, end, images + 2), tolerance, max_images)
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


def highest_point(loss: Loss, points: ArrayLike, *, samples: int = 20) -> tuple[float, Array]:
    """Highest loss in nats on a path of straight pieces through `points` (K, P), and where (P,).

    It evaluates `samples` points a piece, and brackets the highest maxima of the cubics through their values and
    slopes. It can miss a peak that is narrower than the distance of two samples.

    Raises
    ------
    ValueError
        If the shape does not fit, there are fewer than two points, or `samples` is not positive.
    """
    points = np.array(points, dtype=np.float64)
    if points.ndim != 2 or len(points) < 2 or points.shape[1] != loss.n_parameters or not np.isfinite(points).all():
        msg = f"points must be finite with shape (2 or more, {loss.n_parameters}); got shape {points.shape}"
        raise ValueError(msg)
    check_positive(samples=samples)
    values, gradients = values_and_gradients(loss, sample(points, samples))
    estimates, _ = cubic_maxima(values, gradients, points)
    at = int(values.argmax())
    best = (float(values[at]), sample(points, samples)[at])
    for k in np.argsort(-estimates, axis=None, kind="stable")[:PEAKS].tolist():
        piece, first = k // samples, k % samples
        way = (points[piece + 1] - points[piece]) / samples
        ends = [(share, values[k + share], gradients[k + share] @ way) for share in (0, 1)]
        best = max(best, _peak(loss, points[piece] + first * way, way, *ends), key=lambda one: one[0])
    return best


def _peak(
    loss: Loss, origin: Array, way: Array, low: tuple[float, float, float], high: tuple[float, float, float]
) -> tuple[float, Array]:
    """Highest loss found between two points (share of the way, loss, slope), and where."""
    best = max(low, high, key=lambda one: one[1])
    for _ in range(ROUNDS):
        width = high[0] - low[0]
        _, at = cubic_maximum(*(np.array(x) for x in (low[1], high[1], width * low[2], width * high[2])))
        if not 0.0 < at < 1.0:
            break
        share = low[0] + width * float(at)
        value, gradient = loss.value_and_gradient(origin + share * way)
        here = (share, float(value), float(gradient @ way))
        low, high = (here, high) if here[2] > 0.0 else (low, here)
        best = max(best, here, key=lambda one: one[1])
    return float(best[1]), origin + best[0] * way


class _Search:
    """Newton steps of a polygon at decreasing temperatures."""

    def __init__(self, loss: Loss, images: Array, tolerance: float, max_images: int) -> None:
        self.loss, self.tolerance, self.max_images = loss, tolerance, max_images
        self.polygon = self.best = Polygon.through(loss, images)
        if not self.polygon.finite:
            msg = "the loss is not finite on the straight line; choose ends of smaller parameters"
            raise FloatingPointError(msg)
        self.square = max(float(((images[-1] - images[0]) ** 2).sum()), np.finfo(float).tiny)
        self.piece = float(np.sqrt(self.square)) / (len(images) - 1)
        self.curvature = Curvature(loss, self.piece)
        self.evaluations, self.done = len(self.polygon.values), 0
        self.maxima = survey(loss, self.polygon)
        self.highest = float(self.maxima[0].max())
        self.settled_at, self.idle = self.highest, 0
        self.base = float(max(self.polygon.values[0], self.polygon.values[-1]))
        self.rounding = FINEST * float(np.abs(self.polygon.values).max())
        self.temperature, self.damping = HOTTEST * (self.highest - self.base), DAMPING
        self.sinks = self.highest - self.base > self.rounding

    def step(self) -> None:
        """Move all images once; lower the temperature, or insert images, when that gained little."""
        self.done += 1
        height = max(self.highest - self.base, self.rounding)
        coldest = self.tolerance * height
        self.temperature = max(coldest, min(self.temperature, HOTTEST * height))
        spring = STIFFNESS * self.temperature * (len(self.polygon.images) - 1) / self.square
        before, weights = self.polygon.functional(self.temperature, spring)
        slope, way = self._newton(weights, spring)
        foreseen = -float((slope * way).sum())
        trial, gain, trials = self._line_search(before, way, foreseen, spring)
        if trial is not None:
            self._move_to(trial)
        self._adapt(trials)
        if foreseen < SMALL * self.temperature or (trials < 2 and gain < SMALL * self.temperature):
            self._insert()
            self.temperature /= COOLER
        self._settle(coldest, trials)

    def _settle(self, coldest: float, trials: int) -> None:
        """Converged once the lowest path has hardly sunk for some steps that no lower temperature can lengthen."""
        if self.settled_at - self.highest > SETTLED * coldest or (self.temperature > coldest and trials < 2):
            self.settled_at, self.idle = self.highest, 0
        self.idle += 1
        self.sinks = self.idle < PATIENCE

    def _newton(self, weights: Array, spring: float) -> tuple[Array, Array]:
        """Slope (K - 2, P) of the functional and the step.

        The model of the second derivatives lacks the term -g g^T / T of the whole functional, of rank one: by the
        formula of Sherman and Morrison it makes the step longer.
        """
        slope = self.polygon.slope(weights, spring)
        diagonal, beside = self.curvature.blocks(self.polygon, weights, self.temperature, spring)
        diagonal += self.damping * spring * np.eye(slope.shape[1])
        way = -solve_blocks(diagonal, beside, slope)
        lacking = -float((self.polygon.slope(weights, 0.0) * way).sum()) / self.temperature
        way /= max(1.0 - lacking, 0.1)
        longest = float(np.linalg.norm(way, axis=1).max())
        return slope, way * min(1.0, LONGEST * self.piece / max(longest, np.finfo(float).tiny))

    def _line_search(
        self, before: float, way: Array, foreseen: float, spring: float
    ) -> tuple[Polygon | None, float, int]:
        """The first polygon along `way` that lowers the functional enough, by how much, and the number of rejected."""
        length = 1.0
        for trials in range(TRIALS):
            images = self.polygon.images.copy()
            images[1:-1] += length * way
            trial = Polygon.through(self.loss, images)
            self.evaluations += len(trial.values)
            gain = before - trial.functional(self.temperature, spring)[0] if trial.finite else -np.inf
            if gain > 0.1 * length * foreseen:
                return trial, gain, trials
            length *= min(0.5, max(0.1, 0.5 * length * foreseen / (length * foreseen - gain)))
        return None, 0.0, TRIALS

    def _move_to(self, polygon: Polygon) -> None:
        """Survey a path that seems lower than any before: cubics between few samples can miss a peak."""
        self.polygon, self.maxima = polygon, None
        if polygon.estimate < self.highest:
            highest = float(self._survey()[0].max())
            if highest < self.highest:
                self.best, self.highest = polygon, highest

    def _survey(self) -> tuple[Array, Array]:
        if self.maxima is None:
            self.maxima = survey(self.loss, self.polygon)
            self.evaluations += len(self.polygon.values) - 1
        return self.maxima

    def _adapt(self, trials: int) -> None:
        """More damping after a step that had to be shortened, fresh Hessians after a bad one."""
        if trials >= 3:
            self.curvature.forget()
        if trials >= 2:
            self.damping = max(5.0 * self.damping, 0.1)
        elif trials == 0:
            self.damping = max(self.damping / 3.0, 1e-4)

    def _insert(self) -> None:
        """Insert an image at the top of each high piece that bulges."""
        polygon, (highest, at) = self.polygon, self._survey()
        tops, shares = highest.max(axis=1), at[np.arange(len(at)), highest.argmax(axis=1)]
        images = polygon.values[::SAMPLES]
        bulging = tops > np.maximum(images[:-1], images[1:]) + BULGE * self.temperature
        pieces = np.flatnonzero(bulging & (tops > tops.max() - NEAR_TOP * self.temperature))
        pieces = pieces[: max(self.max_images + 2 - len(polygon.images), 0)]
        if pieces.size:
            new = polygon.images[pieces] + shares[pieces, None] * np.diff(polygon.images, axis=0)[pieces]
            self.curvature.split(pieces)
            polygon = Polygon.through(self.loss, np.insert(polygon.images, pieces + 1, new, axis=0))
            self.evaluations += len(polygon.values)
            self._move_to(polygon)


def check_ends(loss: Loss, start: Array, end: Array) -> None:
    """Raise a ValueError if an end of a path is not finite or has the wrong shape."""
    for name, point in (("start", start), ("end", end)):
        if point.shape != (loss.n_parameters,) or not np.isfinite(point).all():
            msg = f"{name} must be finite with shape ({loss.n_parameters},); got shape {point.shape}"
            raise ValueError(msg)


def check_positive(**numbers: float) -> None:
    """Raise a ValueError that names a number which is not positive."""
    for name, number in numbers.items():
        if not number > 0:
            msg = f"{name} must be positive; got {number}"
            raise ValueError(msg)
