"""Elements of the group of a hidden layer."""

from math import factorial

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Element = tuple[NDArray[np.int64], Array]  # (permutation, signs) of one hidden layer


def group_size(n: int, *, signed: bool = True) -> int:
    """Number of permutations of n units, with their signs or without."""
    return (2**n if signed else 1) * factorial(n)
