"""Argument checks, standardization and principal components that data sets share."""

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.datasets._components import project
from landscape.support import whole_number

Array = NDArray[np.float64]

FEWEST_CLASSES = 2  # classes of a data set
LARGEST_EXPONENT = 400  # power of two: squares of numbers up to 2^400, and sums of them, fit into float64


def prepared(
    train: Array, test: Array, metadata: Mapping[str, Any], columns: Sequence[str] | None = None
) -> tuple[Array, Array, dict[str, Any]]:
    """Both parts (N, D), (M, D) as ``standardize`` and ``pca`` in `metadata` say, and what to add to the metadata.

    That is ``variance_kept`` by the components, to three digits.
    """
    if metadata["standardize"]:
        train, test = standardized(train, test, columns)
    if metadata["pca"] is None:
        return train, test, {}
    train, test, share = project(train, test, metadata["pca"])
    return train, test, {"variance_kept": round(share, 3)}


def checked_pca(pca: int | None) -> int | None:
    """The number of principal components as an int >= 1, or None."""
    return None if pca is None else whole_number("pca", pca, 1)


def standardized(train: Array, test: Array, columns: Sequence[str] | None = None) -> tuple[Array, Array]:
    """Both parts (N, D), (M, D) with mean 0 and standard deviation 1 over `train`; a constant column is only shifted.

    Columns whose squares do not fit into float64 are first scaled by a power of two, which is exact.

    Raises
    ------
    ValueError
        If a row of `test` is so far from those of `train` that the result does not fit into float64: the message names
        the column as in `columns` (D,).
    """
    scale, varies = _powers_of_two(np.abs(train).max(axis=0)), (train != train[0]).any(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):  # the result is checked
        scaled = [np.ldexp(part, scale) for part in (train, test)]
        mean = np.where(varies, scaled[0].mean(axis=0), scaled[0][0])
        deviation = np.where(varies, scaled[0].std(axis=0), 1.0)
        back = np.where(varies, 0, -scale)  # a constant column has no scale of its own
        first, second = (np.ldexp((part - mean) / deviation, back) for part in scaled)
    good = np.isfinite(first).all(axis=0) & np.isfinite(second).all(axis=0)
    if not good.all():
        k = int(np.argmin(good))
        name = columns[k] if columns else f"column {k}"
        msg = f"{name}: cannot be standardized: its values are too far apart for float64"
        raise ValueError(msg)
    return first, second


def _powers_of_two(sizes: Array) -> NDArray[np.intc]:
    """Exponents e such that 2^e times each size is about one, if its square does not fit into float64; otherwise 0."""
    exponents = np.frexp(sizes)[1].astype(np.intc)
    return np.where((np.abs(exponents) > LARGEST_EXPONENT) & (sizes > 0.0), -exponents, 0)


def finite_number(name: str, value: float, above: float = -math.inf) -> float:
    """Return `value` as a float, finite and greater than `above`, or raise a ValueError that names the argument."""
    if not isinstance(value, numbers.Real) or not math.isfinite(value) or value <= above:
        msg = f"{name} must be a finite number{f' > {above:g}' if above > -math.inf else ''}; got {value!r}"
        raise ValueError(msg)
    return float(value)
