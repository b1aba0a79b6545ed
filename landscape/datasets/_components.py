"""Principal components of the training rows, to the same bits on every machine."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

GRID = 2.0**24  # components are whole multiples of 1 / GRID: their last digits depend on the linear-algebra library
RANK_TOLERANCE = 1e-10  # times the largest singular value: below it rows do not vary


def project(train: Array, test: Array, k: int) -> tuple[Array, Array, float]:
    """The first `k` principal components of both parts (N, D), (M, D), and the share of the variance that they keep.

    Mean and components are those of `train`: the right singular vectors of the centered rows (I. T. Jolliffe, Principal
    Component Analysis, Springer 2002, section 3.5), with the largest variance first and not scaled. The sign is
    scikit-learn's: of each component the entry of the largest absolute value, the first of several, is positive.
    Components are rounded to multiples of 2^-24 and applied without BLAS, so the result does not depend on the machine.

    Returns
    -------
    train : (N, k)
    test : (M, k)
    share : float
        Variance of the k components divided by that of all columns, over `train`.

    Raises
    ------
    ValueError
        If the training rows vary in fewer than `k` directions, or their squares do not fit into float64.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # the result is checked
        mean = train.mean(axis=0)
        triangle = np.linalg.qr(train - mean, mode="r")  # has the singular values and right vectors of all rows
    largest = np.abs(triangle).max(initial=0.0)
    if not largest < np.sqrt(np.finfo(float).max):
        msg = "pca: the columns are too large for principal components; standardize them as well"
        raise ValueError(msg)
    _, sizes, vectors = np.linalg.svd(triangle, full_matrices=False)
    rank = int((sizes > RANK_TOLERANCE * sizes[0]).sum())
    if k > rank:
        msg = f"pca must be at most {rank}, the number of directions in which the training rows vary; got {k}"
        raise ValueError(msg)
    components = _signed(np.rint(GRID * vectors[:k]) / GRID)
    share = float((sizes[:k] ** 2).sum() / (sizes**2).sum())
    return _applied(train, mean, components), _applied(test, mean, components), share


def _signed(components: Array) -> Array:
    """Rows (k, D) with the sign that makes the first of their largest entries positive."""
    largest = np.abs(components).argmax(axis=1)
    return components * np.sign(components[np.arange(len(components)), largest])[:, None]


def _applied(rows: Array, mean: Array, components: Array) -> Array:
    """(rows - mean) @ components.T, summed column by column: BLAS rounds differently from machine to machine."""
    found = np.zeros((len(rows), len(components)))
    for values, center, weights in zip(rows.T, mean, components.T, strict=True):
        found += (values - center)[:, None] * weights
    return found
