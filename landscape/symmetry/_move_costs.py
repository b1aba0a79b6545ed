"""The cost of moving one hidden unit into another's place: the tables that `_nearest` searches."""

import numpy as np

from landscape.support import njit


@njit(cache=True)
def core_of(sizes):
    """Widths of the left neighbor, the core and the right neighbor for layer sizes with one to three hidden layers.

    A single hidden layer is the left neighbor of a core without units.
    """
    n_hidden = len(sizes) - 2
    if n_hidden == 1:
        return sizes[1], 0, 0
    if n_hidden == 2:
        return 0, sizes[1], sizes[2]
    return sizes[1], sizes[2], sizes[3]


@njit(cache=True)
def _layer(theta, sizes, k):
    """Kernel (n_in, n_out) and bias (n_out, 1) of layer k: views of theta (P,)."""
    start = 0
    for i in range(k):
        start += (sizes[i] + 1) * sizes[i + 1]
    middle, end = start + sizes[k] * sizes[k + 1], start + (sizes[k] + 1) * sizes[k + 1]
    return theta[start:middle].reshape(sizes[k], sizes[k + 1]), theta[middle:end].reshape(sizes[k + 1], 1)


@njit(cache=True)
def _add_pairs(a, b, first_row, cost):
    """Add |a_r - b_j|^2 and |a_r + b_j|^2 of the rows of a and b (n, m) to n rows of cost."""
    for r in range(a.shape[0]):
        for j in range(b.shape[0]):
            for i in range(a.shape[1]):
                cost[first_row + r, 2 * j] += (a[r, i] - b[j, i]) ** 2
                cost[first_row + r, 2 * j + 1] += (a[r, i] + b[j, i]) ** 2


@njit(cache=True)
def _add_links(a, b, first_row, added):
    """Write added[r, q, o, p]: what move q into place r of the core adds to move p into place o of the neighbor.

    `a` and `b` (n, m) hold the weights between core and neighbor, whose rows begin at `first_row`.
    """
    n, m = a.shape
    for r in range(n):
        for j in range(n):
            for o in range(m):
                row = first_row + o
                for i in range(m):
                    equal, opposite = (a[r, o] - b[j, i]) ** 2, (a[r, o] + b[j, i]) ** 2
                    added[r, 2 * j, row, 2 * i] = added[r, 2 * j + 1, row, 2 * i + 1] = equal
                    added[r, 2 * j, row, 2 * i + 1] = added[r, 2 * j + 1, row, 2 * i] = opposite


@njit(cache=True)
def _sorted_magnitudes(a, signed):
    """|a| (a unless `signed`) with every row in ascending order."""
    out = np.empty((a.shape[0], a.shape[1]))
    for r in range(a.shape[0]):
        for i in range(a.shape[1]):
            k, value = i, abs(a[r, i]) if signed else a[r, i]
            while k > 0 and out[r, k - 1] > value:
                out[r, k] = out[r, k - 1]
                k -= 1
            out[r, k] = value
    return out


@njit(cache=True)
def _add_least(a, b, bound, signed):
    """Add to bound (n, n) the least |a_r - image of b_j|^2 over (signed) permutations: both sorted (by magnitude)."""
    a, b = _sorted_magnitudes(a, signed), _sorted_magnitudes(b, signed)
    for r in range(a.shape[0]):
        for j in range(a.shape[0]):
            for i in range(a.shape[1]):
                bound[r, j] += (a[r, i] - b[j, i]) ** 2


@njit(cache=True)
def _add_own(theta, reference, sizes, k, first_row, cost):
    """Add the cost of moves in hidden layer k that is independent of its hidden neighbors: bias, inputs, outputs."""
    (kernel, bias), (kernel_reference, bias_reference) = _layer(theta, sizes, k), _layer(reference, sizes, k)
    _add_pairs(bias_reference, bias, first_row, cost)
    if k == 0:
        _add_pairs(np.ascontiguousarray(kernel_reference.T), np.ascontiguousarray(kernel.T), first_row, cost)
    if k == len(sizes) - 3:
        _add_pairs(_layer(reference, sizes, k + 1)[0], _layer(theta, sizes, k + 1)[0], first_row, cost)


@njit(cache=True)
def _forbid_signs(cost):
    """Make all moves of `cost` (n, 2 n) that flip a sign infinitely expensive."""
    for r in range(cost.shape[0]):
        for q in range(1, cost.shape[1], 2):
            cost[r, q] = np.inf


@njit(cache=True)
def fill_costs(theta, reference, sizes, own, table, added, bound, signed):
    """Fill the tables of `_nearest`; returns the constant cost of the output biases.

    Parameters
    ----------
    theta, reference : (P,) arrays
    sizes : (n_hidden + 2,) int array
        Layer sizes.
    own : (n, 2 n) array
        Cost of the core's moves alone.
    table : (n_left + n_right, 2 max(n_left, n_right)) array
        Cost of the neighbors' moves alone.
    added : (n, 2 n, n_left + n_right, 2 max(n_left, n_right)) array
        Cost that the core's moves add to them.
    bound : (n, n) array
        Lower bound on the cost of a unit of the core in a place, for any sign and any moves of the neighbors.
    signed : bool
        Whether moves may flip signs.
    """
    n_left, n, n_right = core_of(sizes)
    own[:], bound[:], added[:] = 0.0, 0.0, 0.0
    for row in range(table.shape[0]):
        width = 2 * (n_left if row < n_left else n_right)
        table[row, :width], table[row, width:] = 0.0, np.inf
    if n_left:
        _add_own(theta, reference, sizes, 0, 0, table)
    if n:
        core = 1 if n_left else 0
        _add_own(theta, reference, sizes, core, 0, own)
        _add_own(theta, reference, sizes, core + 1, n_left, table)
        for r in range(n):
            for j in range(n):
                bound[r, j] = min(own[r, 2 * j], own[r, 2 * j + 1]) if signed else own[r, 2 * j]
        right, right_reference = _layer(theta, sizes, core + 1)[0], _layer(reference, sizes, core + 1)[0]
        _add_links(right_reference, right, n_left, added)
        _add_least(right_reference, right, bound, signed)
    if n and n_left:
        left = np.ascontiguousarray(_layer(theta, sizes, 1)[0].T)
        left_reference = np.ascontiguousarray(_layer(reference, sizes, 1)[0].T)
        _add_links(left_reference, left, 0, added)
        _add_least(left_reference, left, bound, signed)
    if not signed:
        _forbid_signs(own)
        _forbid_signs(table)
    shift = 0.0
    for i in range(1, sizes[-1] + 1):
        shift += (reference[-i] - theta[-i]) ** 2
    return shift
