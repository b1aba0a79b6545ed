"""What a database may hold: one check for whoever writes a point and whoever reads it.

What passes here can be read again, so nothing that a search, an import or an overlay returns makes a file unreadable.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape import symmetry
from landscape.stationary import Minimum, StationaryPoint, TransitionState

LARGEST = symmetry.LARGEST  # of any number: no loss, eigenvalue or weight comes near


def moderate(values: ArrayLike) -> bool:
    """Whether all numbers are finite, and their squares too."""
    return bool((np.abs(np.asarray(values, dtype=np.float64)) < LARGEST).all())


def minimum_problem(point: Minimum, n_parameters: int) -> str | None:
    """Why a point cannot be stored as a minimum of a loss with so many parameters; None if it can."""
    return _problem(point, n_parameters) or _sign_problem(point.eigenvalues, 0)


def transition_state_problem(point: TransitionState, n_parameters: int) -> str | None:
    """Why a point cannot be stored as a transition state, whatever minima it joins; None if it can."""
    return (
        _problem(point, n_parameters)
        or _vector_problem("eigenvector", point.eigenvector, n_parameters)
        or _sign_problem(point.eigenvalues, 1)
    )


def _problem(point: StationaryPoint, n_parameters: int) -> str | None:
    for name, value in (("loss", point.value), ("rms gradient", point.rms_gradient)):
        if not moderate(value):
            return f"its {name} is {value}, not a finite number"
    eigenvalues = np.asarray(point.eigenvalues)
    if eigenvalues.ndim != 1 or not 0 < eigenvalues.size <= n_parameters:
        return f"its eigenvalues should be 1 to {n_parameters} numbers; there are {eigenvalues.size}"
    if not moderate(eigenvalues) or not eigenvalues.all():
        return "its eigenvalues are not finite, or one is 0"
    return _vector_problem("position", point.coordinates, n_parameters)


def _vector_problem(name: str, vector: NDArray[np.float64], n_parameters: int) -> str | None:
    if np.shape(vector) == (n_parameters,) and moderate(vector):
        return None
    return f"its {name} should be {n_parameters} numbers, finite and below {LARGEST:g}"


def _sign_problem(eigenvalues: NDArray[np.float64], index: int) -> str | None:
    """An eigenvalue within the rounding of the largest has no sign; where all have one, `index` are negative."""
    noise = np.finfo(float).eps * eigenvalues.size * np.abs(eigenvalues).max()
    negative = int((eigenvalues < -noise).sum())
    undecided = int((np.abs(eigenvalues) <= noise).sum())
    if negative <= index <= negative + undecided:
        return None
    return f"it has {negative} negative eigenvalues, not {index}"
