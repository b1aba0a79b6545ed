"""Doubly nudged elastic band: a chain of images that relaxes towards a way between two minima."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape._lbfgs import lbfgs_step
from landscape.losses import Loss

Array = NDArray[np.float64]

MEMORY = 6  # pairs of L-BFGS
FIRST_SCALE = 1.0  # inverse curvature assumed before there is a pair


@dataclass(frozen=True, eq=False)
class Band:
    """A band between two points, both included."""

    points: Array  # (K + 2, P)
    values: Array  # (K + 2,) nats
    rms_force: float  # of all images together, at the end
    evaluations: int  # gradients

    @property
    def peaks(self) -> NDArray[np.int64]:
        """Images that lie above both neighbours, highest first."""
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
    tolerance: float = 1e-4,
    spring: float = 0.02,
    max_step: float = 0.2,
    offsets: ArrayLike | None = None,
) -> Band:
    """Relax a band of `images` between two points (P,), from the straight line between them.

    Parameters
    ----------
    loss : Loss
    start, end : (P,) arrays
        Stay where they are. Align `end` first (`symmetry.nearest_image`).
    images : int
        Number K of images between them.
    steps : int
        Steps of L-BFGS on all images together; each costs K gradients.
    tolerance : float
        rms force at which to stop before.
    spring : float
        Force constant between neighbours, in nats.
    max_step : float
        Longest Euclidean step of one image.
    offsets : (K, P) array, optional
        Added to the images of the straight line.

    Raises
    ------
    ValueError
        If a shape does not fit or a number is not positive.
    FloatingPointError
        If the loss is not finite on the band.

    Notes
    -----
    The loss acts across the band only, the springs along it (Henkelman and Jonsson, J. Chem. Phys. 113,
    9978, 2000, whose tangent is used) and where they do not oppose the loss also across it (Trygubenko
    and Wales, J. Chem. Phys. 120, 2082, 2004).
    """
    start, end = np.array(start, dtype=np.float64), np.array(end, dtype=np.float64)
    _check(loss, start, end, images, steps, tolerance, spring, max_step)
    inner = np.linspace(start, end, images + 2)[1:-1]
    if offsets is not None:
        inner = inner + np.asarray(offsets, dtype=np.float64).reshape(inner.shape)
    chain = _Chain(loss, start, end, spring)
    memory, inverse = np.empty((2, MEMORY, inner.size)), np.full(inner.size, FIRST_SCALE)  # steps, changes of force
    n_pairs = 0
    values, force = chain.forces(inner)
    evaluations = 1
    while (rms := float(np.sqrt(np.mean(force * force)))) > tolerance and evaluations <= steps:
        step = lbfgs_step(-force.ravel(), memory[0], memory[1], n_pairs, inverse, np.inf)[0].reshape(force.shape)
        step *= min(1.0, max_step / max(float(np.linalg.norm(step, axis=1).max()), 1e-300))
        inner = inner + step
        values, new_force = chain.forces(inner)
        evaluations += 1
        change = (force - new_force).ravel()
        # the force is not the gradient of anything: pairs of negative curvature are left out
        if (curvature := float(step.ravel() @ change)) > 0.0:
            memory[0, n_pairs % MEMORY], memory[1, n_pairs % MEMORY] = step.ravel(), change
            n_pairs += 1
            inverse = np.full(change.size, curvature / float(change @ change))
        force = new_force
    points = np.vstack([start, inner, end])
    return Band(points, np.concatenate([[chain.ends[0]], values, [chain.ends[1]]]), rms, evaluations * images)


class _Chain:
    """The force on the images between two fixed points."""

    def __init__(self, loss: Loss, start: Array, end: Array, spring: float) -> None:
        self.loss, self.start, self.end, self.spring = loss, start, end, spring
        self.ends = [loss.value_and_gradient(point)[0] for point in (start, end)]

    def forces(self, inner: Array) -> tuple[Array, Array]:
        """Losses (K,) of the images and the forces (K, P) on them."""
        values, gradients = _values_and_gradients(self.loss, inner)
        if not (np.isfinite(values).all() and np.isfinite(gradients).all()):
            msg = "the loss is not finite on the band; start it between points of smaller parameters"
            raise FloatingPointError(msg)
        gaps = np.diff(np.vstack([self.start, inner, self.end]), axis=0)
        tangents = _tangents(np.concatenate([[self.ends[0]], values, [self.ends[1]]]), gaps)
        across = gradients - _along(gradients, tangents)
        lengths = np.linalg.norm(gaps, axis=1)
        stretch = self.spring * np.diff(lengths)[:, None] * tangents
        pull = self.spring * np.diff(gaps, axis=0)
        pull -= _along(pull, tangents)
        return values, stretch + (pull - _along(pull, _unit(across))) - across


def _values_and_gradients(loss: Loss, points: Array) -> tuple[Array, Array]:
    batched = getattr(loss, "values_and_gradients", None)
    if batched is not None:
        return batched(points)
    both = [loss.value_and_gradient(point) for point in points]
    return np.array([value for value, _ in both]), np.array([gradient for _, gradient in both])


def _tangents(values: Array, gaps: Array) -> Array:
    """Unit tangents (K, P): towards the higher neighbour, mixed by the rises at extrema."""
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
    """Part of each row along the unit vector of the same row."""
    return (rows * directions).sum(axis=1, keepdims=True) * directions


def _check(
    loss: Loss, start: Array, end: Array, images: int, steps: int, tolerance: float, spring: float, max_step: float
) -> None:
    for name, point in (("start", start), ("end", end)):
        if point.shape != (loss.n_parameters,) or not np.isfinite(point).all():
            msg = f"{name} must be finite with shape ({loss.n_parameters},); got shape {point.shape}"
            raise ValueError(msg)
    numbers = {"images": images, "steps": steps, "tolerance": tolerance, "spring": spring, "max_step": max_step}
    for name, number in numbers.items():
        if not number > 0:
            msg = f"{name} must be positive; got {number}"
            raise ValueError(msg)
