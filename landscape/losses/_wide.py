"""Derivatives of networks with wide inputs through BLAS, in blocks of samples: the same functions as the compiled ones.

Inputs that are mostly zero are `SparseRows`; they hold the column of ones already.

A layer's parameters are a matrix (n_in + 1, n_out), the bias its last row, and its incoming activations h
have a last column of ones. With z the input of a unit, d2 loss / dw dw' is the sum over samples of
h (d delta' / dz h' + delta' dh' / dz): for each pair of first-layer units one weighted Gram matrix of the inputs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.activations import ACTIVATIONS, Activation
from landscape.losses._outputs import CROSS_ENTROPY, Head
from landscape.losses._sparse import SparseRows
from landscape.support import one_thread

Array = NDArray[np.float64]
Rows = Array | SparseRows

TANH = ACTIVATIONS["tanh"]

BLOCK = 2000  # samples: 13 MB of MNIST
NARROW = 16  # columns of inputs
MOST_KEPT = 500_000  # outputs of units whose passes are kept: about 20 MB
KEPT = 4_190_000  # numbers: 32 MiB, the most that glibc considers
TILE = 256  # rows and columns that are mirrored together: they stay in the cache

# glibc returns freed memory to the system, page by page, unless a block at least as large has been freed before: half
# of the time of a gradient of 2-50-50-4 were page faults. This block is never touched
np.empty(KEPT)


@dataclass(frozen=True, eq=False)
class _Pass:
    """Forward and backward pass of a block of B samples; lists run over layers."""

    incoming: list[Any]  # (B, n_in + 1), the last column ones; the first are `Rows`
    slopes: list[Array]  # (B, n): first derivatives of the activations of the hidden layers
    bends: list[Array]  # (B, n): second ones (of tanh: over the first) times the derivative by the output
    deltas: list[Array]  # (B, n_out): derivative of the loss with respect to the input
    state: Array  # (B, K): what the second derivatives by the logits need
    loss: float  # summed over the block, divided by N
    head: Head
    ratios: bool  # whether the bends belong to the derivatives of the outputs (tanh), not to those of the inputs

    def turned(self, moved: Array, tangent: Array) -> Array:
        """What the bends multiply, of the derivatives of a layer's outputs and inputs."""
        return moved if self.ratios else tangent


def _matrices(theta: Array, sizes: NDArray[np.int64]) -> list[Array]:
    """Views (n_in + 1, n_out) of theta (P,)."""
    matrices, start = [], 0
    for n_in, n_out in pairwise(sizes.tolist()):
        end = start + (n_in + 1) * n_out
        matrices.append(theta[start:end].reshape(n_in + 1, n_out))
        start = end
    return matrices


def _with_ones(h: Rows) -> Rows:
    return h if isinstance(h, SparseRows) else np.hstack([h, np.ones((len(h), 1))])


def _pass(
    matrices: list[Array],
    inputs: Rows,
    labels: Array,
    n_samples: int,
    units: Activation,
    head: Head,
    *,
    bent: bool = True,
) -> _Pass:
    """Both passes of a block; the bends only if `bent`, because a gradient does not need them."""
    incoming, slopes, curvatures = [_with_ones(inputs)], [], []
    for matrix in matrices[:-1]:
        h, slope, curvature = _derivatives(units, incoming[-1] @ matrix)
        slopes.append(slope)
        curvatures.append(curvature)
        incoming.append(h)
    loss, delta, state = head.block(incoming[-1] @ matrices[-1], labels, n_samples)
    deltas, bends = [delta], []
    for matrix, curvature, slope in zip(matrices[:0:-1], curvatures[::-1], slopes[::-1], strict=True):
        error = deltas[0] @ matrix[:-1].T
        if bent:
            bends.insert(0, curvature * error)
        error *= slope
        deltas.insert(0, error)
    return _Pass(incoming, slopes, bends, deltas, state, loss, head, units.name == "tanh")


def _derivatives(units: Activation, z: Array) -> tuple[Array, Array, Array]:
    """The activation with a column of ones, its slope and its second derivative, over the slope for tanh."""
    if units.name != "tanh":
        h, slope, curvature = units.derivatives(z)
        return np.hstack([h, np.ones((len(h), 1))]), slope, curvature
    outputs = np.ones((len(z), z.shape[1] + 1))
    h = np.tanh(z, out=outputs[:, :-1])
    return outputs, 1.0 - h * h, -2.0 * h


def _blocks(inputs: Rows, labels: Array) -> Iterator[tuple[Rows, Array]]:
    for start in range(0, len(labels), BLOCK):
        yield inputs[start : start + BLOCK], labels[start : start + BLOCK]


@contextmanager
def _steady() -> Iterator[None]:
    """One BLAS thread, because more would change the last bits; no warnings, because the result shows a divergence."""
    with one_thread(), np.errstate(over="ignore", invalid="ignore"):
        yield


def _gradients(p: _Pass) -> Array:
    return np.concatenate([(h.T @ delta).ravel() for h, delta in zip(p.incoming, p.deltas, strict=True)])


def value_gradient(
    theta: Array,
    sizes: NDArray[np.int64],
    inputs: Rows,
    labels: Array,
    penalty: Array,
    units: Activation = TANH,
    head: Head = CROSS_ENTROPY,
) -> tuple[float, Array]:
    """Loss and gradient (P,); `inputs` (N, D), `penalty` (P,): the coefficient of each theta_p^2."""
    matrices, loss, gradient = _matrices(theta, sizes), 0.0, np.zeros(theta.size)
    with _steady():
        for rows, chosen in _blocks(inputs, labels):
            p = _pass(matrices, rows, chosen, len(labels), units, head, bent=False)
            loss += p.loss
            gradient += _gradients(p)
        return loss + float((penalty * theta * theta).sum()), gradient + 2.0 * penalty * theta


def values_gradients(
    thetas: Array,
    sizes: NDArray[np.int64],
    inputs: Rows,
    labels: Array,
    penalty: Array,
    units: Activation = TANH,
    head: Head = CROSS_ENTROPY,
) -> tuple[Array, Array]:
    """Losses (M,) and gradients (M, P) at `thetas` (M, P)."""
    values, gradients = np.empty(len(thetas)), np.empty_like(thetas)
    for i, theta in enumerate(thetas):
        values[i], gradients[i] = value_gradient(theta, sizes, inputs, labels, penalty, units, head)
    return values, gradients


def _delta_tangents(
    matrices: list[Array], p: _Pass, turned: list[Array], logits: Array, n_samples: int, down_to: int
) -> list[Array]:
    """Derivatives of the deltas from the last layer down to `down_to`, given those of units (`turned`) and logits.

    Changes of the parameters themselves are not included.
    """
    result = [p.head.tangent(p.state, logits, n_samples)]
    for k in range(len(matrices) - 2, down_to - 1, -1):
        result.insert(0, p.slopes[k] * (result[0] @ matrices[k + 1][:-1].T) + p.bends[k] * turned[k])
    return result


def hessian_vector_product(
    theta: Array,
    vector: Array,
    sizes: NDArray[np.int64],
    inputs: Rows,
    labels: Array,
    penalty: Array,
    units: Activation = TANH,
    head: Head = CROSS_ENTROPY,
) -> Array:
    """Hessian times `vector` (P,) (Pearlmutter 1994)."""
    matrices, changes, product = _matrices(theta, sizes), _matrices(vector, sizes), np.zeros(theta.size)
    with _steady():
        for p in _passes(theta, sizes, inputs, labels, units, head):
            product += _block_product(matrices, changes, p, len(labels))
        return product + 2.0 * penalty * vector


_latest: list[tuple[Array, tuple[Any, ...], list[_Pass]]] = []  # at most one: the point and the passes of its products


def _passes(
    theta: Array, sizes: NDArray[np.int64], inputs: Rows, labels: Array, units: Activation, head: Head
) -> Iterator[_Pass]:
    """Passes of all blocks; kept for the next product at the same point, which is most of its work."""
    key = sizes, inputs, labels, units, head
    for point, others, passes in _latest[:]:
        if all(a is b for a, b in zip(others, key, strict=True)) and np.array_equal(point, theta):
            yield from passes
            return
    matrices, passes = _matrices(theta.copy(), sizes), []
    keep = len(labels) * int(sizes[1:].sum()) <= MOST_KEPT
    for rows, chosen in _blocks(inputs, labels):
        passes.append(_pass(matrices, rows, chosen, len(labels), units, head))
        yield passes[-1]
        if not keep:
            passes.clear()
    _latest[:] = [(theta.copy(), key, passes)] if keep else []


def _block_product(matrices: list[Array], changes: list[Array], p: _Pass, n_samples: int) -> Array:
    tangent = p.incoming[0] @ changes[0]
    moved, turned = [], []  # derivatives of the outputs of the hidden layers, and what their bends multiply
    for k in range(1, len(matrices)):
        moved.append(p.slopes[k - 1] * tangent)
        turned.append(p.turned(moved[-1], tangent))
        tangent = p.incoming[k] @ changes[k] + moved[-1] @ matrices[k][:-1]
    delta_tangent = p.head.tangent(p.state, tangent, n_samples)
    parts = []
    for k in range(len(matrices) - 1, -1, -1):
        part = p.incoming[k].T @ delta_tangent
        if k > 0:
            part[:-1] += moved[k - 1].T @ p.deltas[k]
            error = delta_tangent @ matrices[k][:-1].T + p.deltas[k] @ changes[k][:-1].T
            delta_tangent = p.slopes[k - 1] * error + p.bends[k - 1] * turned[k - 1]
        parts.insert(0, part.ravel())
    return np.concatenate(parts)


def value_gradient_hessian(
    theta: Array,
    sizes: NDArray[np.int64],
    inputs: Rows,
    labels: Array,
    penalty: Array,
    units: Activation = TANH,
    head: Head = CROSS_ENTROPY,
) -> tuple[float, Array, Array]:
    """Loss, gradient (P,) and exact Hessian (P, P)."""
    matrices, loss, gradient = _matrices(theta, sizes), 0.0, np.zeros(theta.size)
    hessian, first = np.zeros((theta.size, theta.size)), matrices[0].shape[1]
    grams: Any = inputs.grams(first * (first + 1) // 2) if isinstance(inputs, SparseRows) else None
    with _steady():
        for rows, chosen in _blocks(inputs, labels):
            p, weights = _pass(matrices, rows, chosen, len(labels), units, head), []
            loss += p.loss
            gradient += _gradients(p)
            for layer in range(len(matrices)):
                for unit in range(matrices[layer].shape[1]):
                    weights.append(_add_columns(matrices, p, layer, unit, len(labels), hessian))
            if isinstance(rows, SparseRows):
                rows.add_grams(grams, np.hstack(weights[:first]))
        if isinstance(inputs, SparseRows):
            inputs.place_grams(grams, first, hessian)
        _mirror(matrices, hessian, whole=1 if isinstance(inputs, SparseRows) else 0)
        hessian[np.diag_indices(theta.size)] += 2.0 * penalty
        return loss + float((penalty * theta * theta).sum()), gradient + 2.0 * penalty * theta, hessian


def _unit_forward(matrices: list[Array], p: _Pass, layer: int, unit: int) -> tuple[list[Array], list[Array], Array]:
    """Derivatives of hidden outputs (zero before `layer`), of what the bends multiply, and of logits by one input."""
    moved = [np.zeros_like(slope) for slope in p.slopes]
    turned = list(moved)
    tangent = np.zeros_like(p.deltas[layer])
    tangent[:, unit] = 1.0
    for k in range(layer, len(p.slopes)):
        moved[k] = p.slopes[k] * tangent
        turned[k] = p.turned(moved[k], tangent)
        tangent = moved[k] @ matrices[k + 1][:-1]
    return moved, turned, tangent


def _view(matrices: list[Array], hessian: Array, later: int, layer: int) -> Array:
    """View (n_in + 1, n_out, n_in' + 1, n_out') of the rows of layer `later` and the columns of `layer`."""
    starts = np.cumsum([0, *(matrix.size for matrix in matrices)])
    block = hessian[starts[later] : starts[later + 1], starts[layer] : starts[layer + 1]]
    a, b = block.strides
    (n, m), (k, j) = matrices[later].shape, matrices[layer].shape
    return np.lib.stride_tricks.as_strided(block, (n, m, k, j), (m * a, a, j * b, b))


def _add_columns(matrices: list[Array], p: _Pass, layer: int, unit: int, n_samples: int, hessian: Array) -> Array:
    """Rows of all later parameters, columns of the parameters into one unit of `layer`.

    For `SparseRows` not those of the same layer: the weights (B, pairs) of their Gram matrices are returned.
    """
    moved, turned, logits = _unit_forward(matrices, p, layer, unit)
    tangents = _delta_tangents(matrices, p, turned, logits, n_samples, layer)
    h: Any = p.incoming[layer]
    if not isinstance(h, SparseRows):
        same = _view(matrices, hessian, layer, layer)
        for i in range(unit, matrices[layer].shape[1]):
            same[:, i, :, unit] += h.T @ (tangents[0][:, i : i + 1] * h)
    for k in range(layer + 1, len(matrices)):
        narrow = h.shape[1] <= NARROW and not isinstance(h, SparseRows)
        add: Any = _by_columns if narrow else _at_once
        _view(matrices, hessian, k, layer)[..., unit] += add(
            p.incoming[k], tangents[k - layer], moved[k - 1], p.deltas[k], h
        )
    return tangents[0][:, unit:]


def _at_once(incoming: Array, tangents: Array, moved: Array, deltas: Array, h: Rows) -> Array:
    """Sum over samples of (incoming tangents + moved deltas) h: (n_in + 1, n_out, columns of h)."""
    pairs = incoming[:, :, None] * tangents[:, None, :]
    pairs[:, :-1] += moved[:, :, None] * deltas[:, None, :]
    return (pairs.reshape(len(incoming), -1).T @ h).reshape(*pairs.shape[1:], h.shape[1])


def _by_columns(incoming: Array, tangents: Array, moved: Array, deltas: Array, h: Array) -> Array:
    """The same without the pairs, which take more memory than few columns are worth."""
    total = np.empty((incoming.shape[1], tangents.shape[1], h.shape[1]))
    for column in range(h.shape[1]):
        factor = h[:, column : column + 1]
        total[:, :, column] = (factor * incoming).T @ tangents
        total[:-1, :, column] += (factor * moved).T @ deltas
    return total


def _mirror(matrices: list[Array], hessian: Array, whole: int = 0) -> None:
    """Fill the pairs of units that follow by symmetry, then the upper triangle.

    The pairs of the first `whole` layers are complete.
    """
    for layer, matrix in enumerate(matrices[whole:], whole):
        same = _view(matrices, hessian, layer, layer)
        for unit in range(matrix.shape[1]):
            for i in range(unit + 1, matrix.shape[1]):
                same[:, unit, :, i] = same[:, i, :, unit].T
    begin = sum(matrix.size for matrix in matrices[:whole])
    hessian[:begin, begin:] = hessian[begin:, :begin].T
    for start in range(begin, len(hessian), TILE):
        end = start + TILE
        hessian[start:end, end:] = hessian[end:, start:end].T
        for p in range(start, min(end, len(hessian))):
            hessian[p, p + 1 : end] = hessian[p + 1 : end, p]
