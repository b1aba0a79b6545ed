"""What a database may hold: one check for writing and reading points.

Points that pass can be read again, so no result of a search, an import or an overlay makes a file unreadable.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape import symmetry
from landscape.stationary import Minimum, StationaryPoint, TransitionState

LARGEST = symmetry.LARGEST  # bound on any number, far above every loss, eigenvalue or weight


def moderate(values: ArrayLike) -> bool:
    """Whether all numbers and their squares are finite."""
    return bool((np.abs(np.asarray(values, dtype=np.float64)) < LARGEST).all())


def minimum_problem(point: Minimum, n_parameters: int) -> str | None:
    """Why a point cannot be stored as a minimum of a loss with `n_parameters` parameters; None if it can."""
    return _problem(point, n_parameters) or _sign_problem(point, 0)


def transition_state_problem(point: TransitionState, n_parameters: int) -> str | None:
    """Why a point cannot be stored as a transition state between any minima; None if it can."""
    return (
        _problem(point, n_parameters)
        or _vector_problem("eigenvector", point.eigenvector, n_parameters)
        or _sign_problem(point, 1)
    )


def new_minimum_problem(point: Minimum, n_parameters: int) -> str | None:
    """The same for a point that enters a file; in older files rounding may leave the index undecided."""
    return minimum_problem(point, n_parameters) or _flat_problem(point)


def new_transition_state_problem(point: TransitionState, n_parameters: int) -> str | None:
    """The same for a point that enters a file; in older files rounding may leave the index undecided."""
    return transition_state_problem(point, n_parameters) or _flat_problem(point)


def _problem(point: StationaryPoint, n_parameters: int) -> str | None:
    for name, value in (("loss", point.value), ("rms gradient", point.rms_gradient)):
        if not moderate(value):
            return f"its {name} is {value}, not a finite number"
    eigenvalues = np.asarray(point.eigenvalues)
    if eigenvalues.ndim != 1 or not 0 < eigenvalues.size <= n_parameters:
        return f"its eigenvalues should be 1 to {n_parameters} numbers; there are {eigenvalues.size}"
    if not moderate(eigenvalues) or not eigenvalues.all():
        return "its eigenvalues are not finite, or one is 0"
    return _inertia_problem(point, n_parameters) or _vector_problem("position", point.coordinates, n_parameters)


def _inertia_problem(point: StationaryPoint, n_parameters: int) -> str | None:
    if (inertia := point.inertia) is None:
        return None
    if sum(inertia.signs) > n_parameters or np.shape(inertia.bounds) != np.shape(point.eigenvalues):
        return f"its inertia should have at most {n_parameters} eigenvalues, and a bound on the error of each known one"
    if not moderate([inertia.log_determinant, inertia.trace, inertia.largest, *inertia.bounds]):
        return "the numbers of its inertia are not finite"
    return None


def _vector_problem(name: str, vector: NDArray[np.float64], n_parameters: int) -> str | None:
    if np.shape(vector) == (n_parameters,) and moderate(vector):
        return None
    return f"its {name} should be {n_parameters} numbers, finite and below {LARGEST:g}"


def _sign_problem(point: StationaryPoint, index: int) -> str | None:
    """An eigenvalue within its rounding has no sign; if all have one, `index` of them are negative."""
    signs = point.signs
    if signs.negative <= index <= signs.negative + signs.flat:
        return None
    return f"it has {signs.negative} negative eigenvalues, not {index}"


def _flat_problem(point: StationaryPoint) -> str | None:
    if not point.flat:
        return None
    return f"{point.flat} of its eigenvalues are zero within rounding: it is not an isolated point"
