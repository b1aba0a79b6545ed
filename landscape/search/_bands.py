"""Nudged elastic band: a chain of images that relaxes towards a path of steepest descent between two minima."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.descent import check_point, values_and_gradients
from landscape.losses import Loss
from landscape.search._band_steps import Steps
from landscape.support import Result, check_positive

Array = NDArray[np.float64]

STIFFNESS = 8.0  # nats per squared length: curvature of a parabola as high and as wide as the band
WORSE = 2.0  # factor on the largest residual of the last steps: a larger one takes a step back
REMEMBERED = 5  # steps to compare a new one with


class BandStatus(Enum):
    """How the relaxation of a band ended; the value is the remedy."""

    CONVERGED = "converged"
    MAX_STEPS = "the forces on the band are still above the tolerance; increase steps"
    STALLED = "the band no longer moves, but its images are too far apart to follow a path; increase images"


@dataclass(frozen=True, eq=False)
class Band(
    Result, shows=("values", "rms_force", "evaluations", "hessians"), axes={"K + 2": "point"}, units={"values": "nats"}
):
    """A band between two points, both included.

    Attributes
    ----------
    points : (K + 2, P) float64
        The images and the two ends.
    values : (K + 2,) float64
        Loss of each, in nats.
    rms_force : float
        Of all images together, at the end, in nats per length.
    evaluations : int
        Gradients.
    residual : float
        Largest force on an image, times the band's length, over the range of the loss along it.
    status : BandStatus
        Converged, or why not.
    hessians : int
        Hessians computed for the metric of the steps.
    """

    points: Array
    values: Array
    rms_force: float
    evaluations: int
    residual: float
    status: BandStatus
    hessians: int = 0

    @property
    def converged(self) -> bool:
        """Whether the forces are within the tolerance."""
        return self.status is BandStatus.CONVERGED

    @property
    def length(self) -> float:
        """Length of the polygon through the points, Euclidean in parameter space."""
        return float(np.linalg.norm(np.diff(self.points, axis=0), axis=1).sum())

    @property
    def peaks(self) -> NDArray[np.int64]:
        """Images above both neighbors, highest first."""
        middle = self.values[1:-1]
        found = np.flatnonzero((middle >= self.values[:-2]) & (middle > self.values[2:])) + 1
        return found[np.argsort(-self.values[found], kind="stable")]

    def tangent(self, image: int) -> Array:
        """Direction (P,) of the band at an image."""
        return self.points[image + 1] - self.points[image - 1]


def elastic_band(
    loss: Loss,
    start: ArrayLike,
    end: ArrayLike,
    *,
    images: int = 20,
    steps: int = 60,
    tolerance: float = 1e-2,
    spring: float = 3.0,
    max_step: float = 0.4,
    offsets: ArrayLike | None = None,
) -> Band:
    """Relax a band of `images` between two points (P,), from the straight line between them.

    Nothing depends on the units of the loss or of the parameters.

    Parameters
    ----------
    loss : Loss
    start : (P,) arrays
        Fixed first end.
    end : (P,) arrays
        Fixed last end. Align it first (`symmetry.nearest_image`).
    images : int
        Number K of images between them.
    steps : int
        Steps on all images together; each costs K gradients, and every 50th, with up to 300 parameters, 4 Hessians.
    tolerance : float
        `Band.residual` at which to stop early: the largest force on an image, divided by the range of the loss along
        the band over its length.
    spring : float
        Force constant between neighbors, over 8 times the range of the loss divided by the squared length of the
        straight line: over the curvature of a parabola as high and as wide.
    max_step : float
        Longest step of one image, over the distance of neighbors on the straight line.
    offsets : (K, P) array, optional
        Added to the images of the straight line.

    Returns
    -------
    Band
        The last band if it converged, otherwise the best one on the way: that with the lowest sum of its highest loss
        and of its rms force across times the distance between two images. More steps therefore never worsen the
        result.

    Raises
    ------
    ValueError
        If a shape does not fit or a number is not positive.
    FloatingPointError
        If the loss is not finite on the straight line.

    Notes
    -----
    The loss acts across the band only and the springs along it, with the tangent of Henkelman and Jonsson, J. Chem.
    Phys. 113, 9978 (2000). While the force across is large, the component of the springs across the band that does not
    oppose it acts, too, and keeps the band short (Trygubenko and Wales, J. Chem. Phys. 120, 2082, 2004); it is
    switched off as that force decays, because with it no band converges to a path.
    """
    start, end = np.array(start, dtype=np.float64), np.array(end, dtype=np.float64)
    check_point(loss, start, "start")
    check_point(loss, end, "end")
    check_positive(images=images, steps=steps, tolerance=tolerance, spring=spring, max_step=max_step)
    inner = np.linspace(start, end, images + 2)[1:-1]
    if offsets is not None:
        inner = inner + np.asarray(offsets, dtype=np.float64).reshape(inner.shape)
    chain = _Chain(loss, start, end, spring)
    band = best = chain.at(inner)
    if not np.isfinite(band.residual):
        msg = "the loss is not finite on the band; choose ends with smaller parameters"
        raise FloatingPointError(msg)
    mover = Steps(loss, inner, max_step * float(np.linalg.norm(end - start)) / (images + 1))
    recent, done = [band.residual], 0
    while band.residual > tolerance and done < steps and not mover.stuck:
        step = mover.propose(band.force)
        trial = chain.at(band.inner + step)
        done += 1
        if not trial.residual <= WORSE * max(recent):
            mover.reject(band.inner, step)
            continue
        mover.accept(trial.inner, step, band.force - trial.force)
        band, recent = trial, [*recent, trial.residual][-REMEMBERED:]
        best = min(best, band, key=lambda one: one.height)
    status = BandStatus.STALLED if mover.stuck else BandStatus.MAX_STEPS
    if band.residual <= tolerance:
        best, status = band, BandStatus.CONVERGED
    return Band(
        points=np.vstack([start, best.inner, end]),
        values=best.values,
        rms_force=float(np.sqrt(np.mean(best.force**2))),
        evaluations=(done + 1) * images,
        residual=best.residual,
        status=status,
        hessians=mover.hessians,
    )


@dataclass(frozen=True, eq=False)
class _Relaxing:
    """The images between the fixed points, and the forces on them."""

    inner: Array  # (K, P)
    values: Array  # (K + 2,) nats
    force: Array  # (K, P)
    residual: float
    height: float  # nats: the highest loss, plus the work of the rms force across over the distance of two images


class _Chain:
    """The force on the images between two fixed points."""

    def __init__(self, loss: Loss, start: Array, end: Array, spring: float) -> None:
        self.loss, self.start, self.end = loss, start, end
        self.ends = [loss.value_and_gradient(point)[0] for point in (start, end)]
        self.spring = spring
        self.constant: float | None = None  # nats per squared length, from the first band

    def at(self, inner: Array) -> _Relaxing:
        """The band through these images; its residual is infinite if the loss is not finite."""
        inside, gradients = values_and_gradients(self.loss, inner)
        values = np.concatenate([[self.ends[0]], inside, [self.ends[1]]])
        if not (np.isfinite(values).all() and np.isfinite(gradients).all()):
            return _Relaxing(inner, values, gradients, np.inf, np.inf)
        gaps = np.diff(np.vstack([self.start, inner, self.end]), axis=0)
        lengths = np.linalg.norm(gaps, axis=1)
        scale = max(float(np.ptp(values)), np.finfo(float).tiny) / max(float(lengths.sum()), np.finfo(float).tiny)
        if self.constant is None:
            self.constant = self.spring * STIFFNESS * scale / max(float(lengths.sum()), np.finfo(float).tiny)
        tangents = _tangents(values, gaps)
        across = _along(gradients, tangents) - gradients
        force = across + self.constant * (
            np.diff(lengths)[:, None] * tangents + _nudge(gaps, tangents, across, self.constant)
        )
        residual = float(np.linalg.norm(force, axis=1).max()) / scale
        height = float(values.max() + np.sqrt((across**2).sum(axis=1).mean()) * lengths.mean())
        return _Relaxing(inner, values, force, residual, height)


def _nudge(gaps: Array, tangents: Array, across: Array, constant: float) -> Array:
    """The springs' force (K, P) across the band, without the part that opposes the force across, decaying with it."""
    pull = np.diff(gaps, axis=0)
    pull -= _along(pull, tangents)
    pull -= _along(pull, _unit(across))
    squares = ((constant * pull) ** 2).sum(axis=1, keepdims=True)
    return 2.0 / np.pi * np.arctan2((across**2).sum(axis=1, keepdims=True), squares) * pull


def _tangents(values: Array, gaps: Array) -> Array:
    """Unit tangents (K, P): toward the higher neighbor, mixed by the rises at extrema."""
    before, after = values[:-2] - values[1:-1], values[2:] - values[1:-1]
    uphill_after, uphill_before = after > 0.0, before > 0.0
    most, least = np.maximum(np.abs(before), np.abs(after)), np.minimum(np.abs(before), np.abs(after))
    weight_after = np.where(
        uphill_after == uphill_before, np.where(values[2:] > values[:-2], most, least), uphill_after
    )
    weight_before = np.where(
        uphill_after == uphill_before, np.where(values[2:] > values[:-2], least, most), uphill_before
    )
    return _unit(weight_after[:, None] * gaps[1:] + weight_before[:, None] * gaps[:-1])


def _unit(rows: Array) -> Array:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths == 0.0, 1.0, lengths)


def _along(rows: Array, directions: Array) -> Array:
    """Component of each row along the unit vector of the same row."""
    return (rows * directions).sum(axis=1, keepdims=True) * directions
