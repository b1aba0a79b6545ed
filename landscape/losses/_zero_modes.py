"""Directions along which the loss of a network is constant everywhere: linear symmetries of the model and its data."""

import numpy as np
from numpy.typing import NDArray

from landscape.networks import MLP

Array = NDArray[np.float64]


def zero_modes(network: MLP, inputs: Array, penalty: Array, *, shifts: bool = True) -> Array:
    """Orthonormal (k, P) along which the loss is constant; `inputs` (N, D), `penalty` (P,) of each theta_p^2.

    There are two kinds, unless a penalty acts on them: common shifts of all outputs (`shifts`:
    of losses that do not see them, as those of a softmax), and changes v of the incoming
    weights and the bias of a first-layer unit with [inputs, 1] v = 0: differences of duplicate features, a constant
    feature against the bias, features that are sums of others or zero, and the null space if there are more features
    than rows.
    """
    parts = [_shifts(network, penalty)] if shifts else [np.zeros((0, network.n_parameters))]
    if not penalty.any():
        parts.append(_unseen(network, inputs))
    return _orthonormal(np.vstack(parts), overlap=not network.hidden)


def _shifts(network: MLP, penalty: Array) -> Array:
    """Common shifts (k, P) of the outputs, one for each unit that feeds them and one for their biases."""
    last = network.unflatten(np.arange(network.n_parameters, dtype=float))[-1]
    groups = np.vstack([last.kernel, last.bias]).astype(int)
    free = groups[penalty[groups].max(axis=1) == 0.0]
    modes = np.zeros((len(free), network.n_parameters))
    np.put_along_axis(modes, free, 1.0 / np.sqrt(groups.shape[1]), axis=1)
    return modes


def _unseen(network: MLP, inputs: Array) -> Array:
    """Each null vector of [inputs, 1] on each unit of the first layer, (k, P)."""
    null, units = null_vectors(np.column_stack([inputs, np.ones(len(inputs))])), network.layer_sizes[1]
    modes = np.zeros((len(null), units, network.n_parameters))
    places = np.arange(null.shape[1])[:, None] * units + np.arange(units)  # (D + 1, units): kernel and bias
    for unit in range(units):
        modes[:, unit, places[:, unit]] = null
    return modes.reshape(-1, network.n_parameters)


def null_vectors(matrix: Array) -> Array:
    """Orthonormal v (k, D) with matrix (N, D) v = 0 within rounding, whatever the scales of the columns.

    Singular values of the columns, each scaled to its norm, below max(N, D) epsilon times the largest count as zero,
    as in `numpy.linalg.matrix_rank`.
    """
    n_rows, n_columns = matrix.shape
    scales = np.abs(matrix).max(axis=0, initial=0.0)
    scales[scales == 0.0] = 1.0
    scaled = matrix / scales
    norms = np.linalg.norm(scaled, axis=0)
    norms[norms == 0.0] = 1.0
    triangle = np.linalg.qr(scaled / norms, mode="r")
    _, singular, right = np.linalg.svd(triangle)
    limit = max(n_rows, n_columns) * np.finfo(float).eps * singular.max(initial=0.0)
    null = right[int((singular > limit).sum()) :] / norms / scales
    return _orthonormal(null, overlap=True)


def _orthonormal(rows: Array, *, overlap: bool) -> Array:
    """The span of `rows` (k, P) as orthonormal rows; the rows themselves if they do not `overlap`."""
    if not overlap or len(rows) < 2:
        return rows / np.linalg.norm(rows, axis=1, keepdims=True) if len(rows) else rows
    scaled = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    _, singular, right = np.linalg.svd(scaled, full_matrices=False)
    return right[singular > 1e-10 * singular[0]]
