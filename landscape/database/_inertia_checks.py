"""Recompute the certificate of a point of a large network, which has an inertia and not a full spectrum."""

from collections.abc import Iterator

import numpy as np

from landscape.database._tolerances import (
    EIGENVALUE_ERROR,
    GRADIENT_ERROR,
    LOG_ERROR,
    OVERLAP_ERROR,
    VALUE_ERROR,
)
from landscape.descent import Location, Reached, is_stationary, settle
from landscape.losses import Loss
from landscape.stationary import (
    GRADIENT_TOLERANCE,
    InertiaModel,
    Minimum,
    StationaryPoint,
    TransitionState,
    inertia_model,
    point_of_inertia,
)


def inertia_problems(loss: Loss, point: Minimum | TransitionState, columns: tuple) -> Iterator[str]:
    """What is wrong with the certificate of a point; `columns` are those of `Database.derived_columns`."""
    model = inertia_model(loss, point.coordinates)
    exact, index = point_of_inertia(model), int(isinstance(point, TransitionState))
    if abs(exact.value - point.value) > VALUE_ERROR * max(1.0, abs(point.value)):
        yield f"its loss is {exact.value!r}, not {point.value!r}"
    if not is_stationary(loss, model):
        yield f"its rms gradient is {exact.rms_gradient:.3g}, above {GRADIENT_TOLERANCE:g}"
    if abs(exact.rms_gradient - point.rms_gradient) > GRADIENT_ERROR:
        yield f"its rms gradient is {exact.rms_gradient:.3g}, not {point.rms_gradient:.3g}"
    if exact.flat:
        yield f"the signs of {exact.flat} of its eigenvalues are undetermined"
    elif exact.index != index:
        yield f"it has {exact.index} negative eigenvalues, not {index}"
    if exact.signs != point.signs or not _same_eigenvalues(exact, point):
        yield "its eigenvalues are different"
    if isinstance(point, TransitionState) and not _same_mode(model, point):
        yield "its eigenvector is different"
    if not _same_logarithms(model, exact, point, columns):
        yield "its log-determinant, trace or log product of frequencies is different"
    yield from _existence_problems(loss, model)


def _same_eigenvalues(exact: StationaryPoint, point: StationaryPoint) -> bool:
    """Compare the lowest eigenvalue and the one next to zero; which others are known may depend on the last digits."""
    if exact.inertia is None or point.inertia is None or exact.eigenvalues.size == 0:
        return False
    allowed = exact.inertia.bounds.max() + point.inertia.bounds.max() + EIGENVALUE_ERROR * exact.largest
    lowest = abs(exact.eigenvalues[0] - point.eigenvalues[0])
    return bool(max(lowest, abs(exact.known.softest - point.known.softest)) <= allowed)


def _same_mode(model: InertiaModel, point: TransitionState) -> bool:
    overlap = abs(float(model.eigenvectors[:, 0] @ point.eigenvector))
    return bool(abs(overlap - np.linalg.norm(point.eigenvector)) <= OVERLAP_ERROR)


def _same_logarithms(model: InertiaModel, exact: StationaryPoint, point: StationaryPoint, columns: tuple) -> bool:
    """Compare log-determinant, trace, log product of frequencies and the negative eigenvalue, if there is one."""
    _, log_determinant, trace, log_product, _, *lowest = columns
    expected = [exact.log_determinant, exact.trace, exact.log_determinant, *exact.eigenvalues[: len(lowest)]]
    if lowest:
        expected[2] -= float(np.log(np.abs(exact.eigenvalues[0])))
    hidden = model.rounding.hessian * point.coordinates.size / exact.known.softest if exact.known.softest else np.inf
    scale = LOG_ERROR * abs(exact.log_determinant) + hidden
    allowed = [
        scale,
        EIGENVALUE_ERROR * point.coordinates.size * exact.largest,
        scale,
        EIGENVALUE_ERROR * exact.largest,
    ]
    try:
        found = np.asarray([log_determinant, trace, log_product, *lowest], dtype=np.float64)
    except (TypeError, ValueError):
        return False  # a column of SQLite may hold anything
    return bool((np.abs(found - expected) <= allowed[: len(found)]).all())


def _existence_problems(loss: Loss, model: InertiaModel) -> Iterator[str]:
    try:
        found = settle(loss, Reached(model, Location.POINT, 0, 0))
    except FloatingPointError as error:
        yield str(error)
        return
    if found.location is Location.RUNAWAY:
        yield "it is not a minimum: the loss decreases without bound in its direction from the origin"
    elif found.location is Location.FLAT and not model.signs.flat:
        yield "it is degenerate: Newton's method does not converge there"
