"""Transition states: hybrid eigenvector following with the exact Hessian, and their two downhill paths."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape import symmetry
from landscape.descent import (
    DownhillPath,
    Location,
    QuenchResult,
    QuenchStatus,
    Reached,
    check_point,
    follow_down,
    is_stationary,
    locate,
    settle,
)
from landscape.graph import below_minima
from landscape.losses import LARGE, Loss
from landscape.search._bands import Band, elastic_band
from landscape.search._climb import FIRST_RADIUS, MIN_RADIUS, POOR, VISIBLE_DROP, climb, next_radius
from landscape.stationary import (
    GRADIENT_TOLERANCE,
    InertiaModel,
    LocalModel,
    Minimum,
    Signs,
    StationaryPoint,
    TransitionState,
    inertia_model,
    local_model,
    point_of_inertia,
)
from landscape.support import RNG, Result, one_thread

Array = NDArray[np.float64]

GOOD = 0.5  # error of a predicted gradient, relative to the gradient, above which another Hessian is due
STEPS_PER_HESSIAN = 3  # two or four found no more transition states per second
FINER = 1e-2  # of the tolerance: the last steps without an eigenproblem cost little and settle the point
POINTS_BETWEEN = 19  # on the straight line between two minima


class SaddleStatus(Enum):
    """How a saddle search ended; the value is the remedy."""

    CONVERGED = "converged"
    MAX_STEPS = "no transition state within max_steps; try another direction or increase max_steps"
    MINIMUM = "the search fell back into a minimum; start farther away from it"
    HIGHER_INDEX = "the gradient vanishes at a saddle of higher index; try another direction"
    DEGENERATE = QuenchStatus.DEGENERATE.value.replace("minimum", "transition state")
    RUNAWAY = "the loss levels off as the parameters grow, without a transition state; use regularization > 0"
    DOWNHILL = "a downhill path did not end in a minimum; see the status of its quench"
    ROSE = "a downhill path ended above the transition state because the loss is too stiff; standardize the inputs"
    RIDGE = "a downhill path runs along a ridge, where errors of 1e-6 decide its end; leave this transition state out"
    UNCERTIFIED = QuenchStatus.UNCERTIFIED.value.replace("no eigenvalue was", "one eigenvalue was").replace(
        "a minimum", "a transition state"
    )
    NOT_FINITE = "the loss is not finite on the way; start from smaller parameters"


@dataclass(frozen=True, eq=False)
class SaddleResult(Result, shows=("converged", "hessian_evaluations")):
    """A transition state with the minima at the ends of its downhill paths, or why there is none."""

    status: SaddleStatus
    transition_state: TransitionState | None
    minima: tuple[Minimum, ...]  # two, for a converged search
    hessian_evaluations: int

    @property
    def converged(self) -> bool:
        """Whether there is a certified transition state between two certified minima."""
        return self.status is SaddleStatus.CONVERGED


def find_transition_state(
    loss: Loss, theta: ArrayLike, direction: ArrayLike, *, tolerance: float = GRADIENT_TOLERANCE, max_steps: int = 300
) -> SaddleResult:
    """Follow an eigenvector uphill from `theta` (P,), then follow the flow down on both sides.

    Parameters
    ----------
    loss : Loss
    theta : (P,) array
        Where to start, for instance a displaced minimum.
    direction : (P,) array
        The search goes uphill along the eigenvector with the largest overlap with it, until an
        eigenvalue is negative; from then on along the lowest one.
    tolerance : float
        rms gradient of the transition state.
    max_steps : int
        Hessian evaluations of the uphill search.

    Raises
    ------
    ValueError
        If `theta` or `direction` has the wrong shape or is not finite, or `direction` is zero.

    Notes
    -----
    Eigenvector following: Cerjan and Miller, J. Chem. Phys. 75, 2800 (1981); Wales, J. Chem. Phys. 101, 3750 (1994).
    Up to three steps share a Hessian, as long as it predicts the gradient after each. The downhill paths are
    gradient-flow paths (`quench` with method "flow"), followed again with a smaller error if the errors of their steps
    might decide where they end. Above `landscape.losses.LARGE` parameters the uphill search takes steps by products
    with the Hessian (`landscape/search/_climb.py`), and the paths those of a stabilized explicit method.
    """
    theta, direction = np.array(theta, dtype=np.float64), np.array(direction, dtype=np.float64)
    modes = loss.zero_modes  # along zero modes the transition state is a line: take its point nearest to the origin
    check_point(loss, theta)
    check_point(loss, direction, "direction")
    if not direction.any():
        msg = "direction must not be zero; got a vector of zeros"
        raise ValueError(msg)
    try:
        with one_thread():
            theta -= modes.T @ (modes @ theta)
            find = _top_by_products if theta.size > LARGE else _top
            top = find(loss, theta, direction, tolerance, max_steps)
            if not isinstance(top.point, TransitionState):
                return SaddleResult(top.status, None, (), top.hessians)
            paths = [follow_down(loss, top.model, sign) for sign in (1.0, -1.0)]
    except FloatingPointError:
        return SaddleResult(SaddleStatus.NOT_FINITE, None, (), 0)
    evaluations = top.hessians + sum(path.result.hessian_evaluations for path in paths)
    status = _status_of_paths(top.model, paths)
    if status is not SaddleStatus.CONVERGED:
        return SaddleResult(status, None, (), evaluations)
    return SaddleResult(status, top.point, tuple(path.result.minimum for path in paths), evaluations)


def downhill(loss: Loss, theta: ArrayLike) -> tuple[QuenchResult, QuenchResult]:
    """Ends of the two downhill paths from a transition state at `theta` (P,).

    Raises
    ------
    FloatingPointError
        If the loss is not finite there.
    """
    with one_thread():
        theta = np.array(theta, dtype=np.float64)
        model = inertia_model(loss, theta) if theta.size > LARGE else local_model(loss, theta)
        return follow_down(loss, model, 1.0).result, follow_down(loss, model, -1.0).result


def search_from_minimum(
    loss: Loss,
    minimum: Minimum,
    *,
    rng: RNG = None,
    displacement: float = 0.5,
    soft: bool = False,
    max_steps: int = 300,
) -> SaddleResult:
    """Single-ended search: displace a minimum along a random direction and follow it uphill.

    `displacement` is the Euclidean length of the first step off the minimum. With `soft` the direction is
    drawn as a thermal displacement: mode i with a standard deviation of 1 / sqrt(eigenvalue i).
    """
    rng = np.random.default_rng(rng)
    direction = rng.normal(size=minimum.coordinates.size)
    direction -= loss.zero_modes.T @ (loss.zero_modes @ direction)
    if minimum.coordinates.size > LARGE:  # most parameters hardly matter there, such as the weights of dark pixels
        direction *= np.abs(minimum.coordinates)
    elif soft:
        model = local_model(loss, minimum.coordinates)
        direction = model.eigenvectors @ (model.eigenvectors.T @ direction / np.sqrt(np.abs(model.eigenvalues)))
    direction /= np.linalg.norm(direction)
    return find_transition_state(loss, minimum.coordinates + displacement * direction, direction, max_steps=max_steps)


def search_between(loss: Loss, a: Minimum, b: Minimum, *, max_steps: int = 300) -> SaddleResult:
    """Double-ended search: from the highest point of the straight line between aligned minima.

    `b` is first replaced by its image nearest to `a`.
    """
    top, _, line = highest_between(loss, a, b)
    return find_transition_state(loss, top, line, max_steps=max_steps)


def highest_between(loss: Loss, a: Minimum, b: Minimum) -> tuple[Array, float, Array]:
    """Highest point (P,) of the straight line from `a` to the nearest image of `b`, its loss, and the line (P,)."""
    line = symmetry.nearest_image(loss.network, b.coordinates, a.coordinates) - a.coordinates
    fractions = np.linspace(0.0, 1.0, POINTS_BETWEEN + 2)[1:-1]
    values = [loss.value_and_gradient(a.coordinates + fraction * line)[0] for fraction in fractions]
    highest = int(np.argmax(values))
    return a.coordinates + fractions[highest] * line, values[highest], line


def search_along_band(
    loss: Loss,
    a: Minimum,
    b: Minimum,
    *,
    images: int = 20,
    steps: int = 60,
    peaks: int = 3,
    max_steps: int = 300,
    rng: RNG = None,
    spread: float = 0.0,
) -> tuple[SaddleResult, ...]:
    """Double-ended search from the highest images of an elastic band between aligned minima.

    Parameters
    ----------
    images : int
        Number of images of the band (`elastic_band`).
    steps : int
        Number of its steps.
    peaks : int
        Search from at most this many of its highest peaks; a monotonic band has none.
    rng, spread
        If `spread` is positive, it displaces the initial images (Euclidean, in the middle), for another attempt at the
        same pair.
    """
    with one_thread():
        try:
            band = band_between(loss, a, b, images=images, steps=steps, rng=rng, spread=spread)
        except FloatingPointError:
            return (SaddleResult(SaddleStatus.NOT_FINITE, None, (), 0),)
        return search_from_peaks(loss, band, peaks=peaks, max_steps=max_steps)


def band_between(
    loss: Loss, a: Minimum, b: Minimum, *, images: int, steps: int, rng: RNG = None, spread: float = 0.0
) -> Band:
    """The elastic band of `search_along_band`; raises the errors of `elastic_band`."""
    end = symmetry.nearest_image(loss.network, b.coordinates, a.coordinates)
    offsets = None
    if spread > 0.0:
        bow = np.sin(np.pi * np.arange(1, images + 1) / (images + 1))[:, None]
        offsets = (
            spread * bow * np.random.default_rng(rng).normal(size=a.coordinates.size) / np.sqrt(a.coordinates.size)
        )
        offsets *= np.linalg.norm(end - a.coordinates)
    return elastic_band(loss, a.coordinates, end, images=images, steps=steps, offsets=offsets)


def search_from_peaks(loss: Loss, band: Band, *, peaks: int, max_steps: int) -> tuple[SaddleResult, ...]:
    """Search from at most `peaks` of the highest peaks of a band."""
    return tuple(
        find_transition_state(loss, band.points[peak], band.tangent(peak), max_steps=max_steps)
        for peak in band.peaks[:peaks].tolist()
    )


@dataclass(frozen=True, eq=False)
class _Top:
    """Where an uphill search ended: the point, a `TransitionState` if it converged, and the model there."""

    status: SaddleStatus
    hessians: int
    point: StationaryPoint | None = None
    model: Any = None  # LocalModel | InertiaModel, if there is a point


def _top(loss: Loss, theta: Array, direction: Array, tolerance: float, max_steps: int) -> _Top:
    model, status, hessians = _eigenvector_following(loss, theta, direction, tolerance, max_steps)
    if status is not SaddleStatus.CONVERGED:
        return _Top(status, hessians)
    found = locate(loss, model)
    return _Top(_status(found.location, found.signs), hessians + found.hessians, found.point, found.model)


def _top_by_products(loss: Loss, theta: Array, direction: Array, tolerance: float, max_steps: int) -> _Top:
    """The same without an eigenproblem; `max_steps` are those whose Hessians it would have taken."""
    steps = STEPS_PER_HESSIAN * max_steps
    model, hessians = climb(loss, theta, direction, tolerance=FINER * tolerance, max_steps=steps)
    if model is None or not is_stationary(loss, model, tolerance):
        return _Top(SaddleStatus.MAX_STEPS, hessians)
    if model.factorization is None:
        negative = model.signs.negative  # of a few eigenvalues
        status = SaddleStatus.UNCERTIFIED if negative == 1 else _status(Location.POINT, model.signs)
        return _Top(status, hessians)
    found = settle(loss, Reached(model, Location.POINT, 0, hessians))
    point = point_of_inertia(found.model) if found.location is Location.POINT else None
    return _Top(_status(found.location, found.model.signs), found.hessians, point, found.model)


def _eigenvector_following(
    loss: Loss, theta: Array, direction: Array, tolerance: float, max_steps: int
) -> tuple[LocalModel, SaddleStatus, int]:
    model, radius = local_model(loss, theta), FIRST_RADIUS
    for evaluations in range(1, max_steps + 1):
        if model.rms_gradient <= tolerance:
            return model, SaddleStatus.CONVERGED, evaluations
        mode, direction = _mode_to_follow(model, direction)
        point, radius = _climb(loss, model, mode, radius)
        model = local_model(loss, point)
    return model, SaddleStatus.MAX_STEPS, max_steps


def _climb(loss: Loss, model: LocalModel, mode: int, radius: float) -> tuple[Array, float]:
    """Take steps with the Hessian of a model while it predicts gradients; return the point (P,) and the next radius.

    A Hessian with its eigenvectors costs as much as twenty gradients.
    """
    point, projections, steps = model.point, model.projections, 0
    while steps < STEPS_PER_HESSIAN:
        step = _uphill_step(model.eigenvalues, projections, mode, radius)
        ahead = point + model.eigenvectors @ step
        after = model.eigenvectors.T @ loss.value_and_gradient(ahead)[1]
        if np.abs(step @ projections) < VISIBLE_DROP:  # only rounding is left to compare
            return ahead, radius
        length, error = float(np.linalg.norm(step)), _error(model.eigenvalues, projections, step, after)
        radius = next_radius(error, length, radius)
        if error <= POOR or length <= 2.0 * MIN_RADIUS:
            point, projections, steps = ahead, after, steps + 1
            if not error <= GOOD:
                break
        elif steps:
            break
    return point, radius


def _status(location: Location, signs: Signs) -> SaddleStatus:
    """What the search ended in when the gradient vanishes."""
    if location is Location.RUNAWAY:
        return SaddleStatus.RUNAWAY
    if location is Location.FLAT:
        return SaddleStatus.DEGENERATE
    return {0: SaddleStatus.MINIMUM, 1: SaddleStatus.CONVERGED}.get(signs.negative, SaddleStatus.HIGHER_INDEX)


def _status_of_paths(top: LocalModel | InertiaModel, paths: Sequence[DownhillPath]) -> SaddleStatus:
    """Whether the downhill paths certainly end in two minima below the transition state."""
    ends = [path.result for path in paths]
    if all(end.converged for end in ends):
        if below_minima([top.value], [[end.value for end in ends]]).any():
            return SaddleStatus.ROSE
        return SaddleStatus.RIDGE if any(path.on_a_ridge for path in paths) else SaddleStatus.CONVERGED
    statuses = {end.status for end in ends}
    if QuenchStatus.RUNAWAY in statuses:
        return SaddleStatus.RUNAWAY
    return SaddleStatus.DEGENERATE if QuenchStatus.DEGENERATE in statuses else SaddleStatus.DOWNHILL


def _mode_to_follow(model: LocalModel, direction: Array) -> tuple[int, Array]:
    """The eigenvector to climb: the lowest once it is negative, before that the one closest to `direction`."""
    overlaps = np.where(model.zero, 0.0, model.eigenvectors.T @ direction)
    mode = 0 if model.eigenvalues[0] < 0.0 else int(np.abs(overlaps).argmax())
    sign = -1.0 if overlaps[mode] < 0.0 else 1.0
    return mode, sign * model.eigenvectors[:, mode]


def _uphill_step(eigenvalues: Array, projections: Array, mode: int, radius: float) -> Array:
    """Step in the eigenbasis: uphill along `mode`, downhill along all others, at most `radius` long."""
    size = np.maximum(np.abs(eigenvalues), 1e-12)
    ratio = 2.0 * projections / size
    # Wales 1994, equation 9: becomes the Newton step when the gradient is small
    step = -2.0 * projections / (size * (1.0 + np.sqrt(1.0 + ratio * ratio)))
    step[mode] = -step[mode]
    return step * min(1.0, radius / max(float(np.linalg.norm(step)), 1e-300))


def _error(eigenvalues: Array, projections: Array, step: Array, after: Array) -> float:
    """Error of the gradient that the Hessian predicts after a step, relative to the gradient before it."""
    error = float(np.linalg.norm(after - projections - eigenvalues * step))
    return error / max(float(np.linalg.norm(projections)), 1e-300)
