"""Checks that all estimates share: counts, identities of minima, confidence."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

Integers = NDArray[np.int64]


def quantile(confidence: float) -> float:
    """Half-width, in standard deviations, of the normal interval with this confidence."""
    if not 0 < confidence < 1:
        msg = f"confidence must be between 0 and 1; got {confidence!r}"
        raise ValueError(msg)
    return float(ndtri((1 + confidence) / 2))


def integers(name: str, values: ArrayLike) -> Integers:
    array = np.array(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        msg = f"{name} must be integers of shape (n,); got {array.dtype} of shape {array.shape}"
        raise ValueError(msg)
    return array.astype(np.int64)


def positive(hits: ArrayLike) -> Integers:
    array = integers("hits", hits)
    if array.min(initial=0) < 0:
        msg = f"hits must not be negative; entry {np.argmin(array)} is {array.min()}"
        raise ValueError(msg)
    if not array.any():
        msg = f"hits must hold at least one hit; got {array.size} minima without any"
        raise ValueError(msg)
    return array[array > 0]
