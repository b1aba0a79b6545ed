"""The nearest image modulo symmetry for up to three hidden layers, compiled: branch and bound.

With one hidden layer the squared distance of an image is one linear assignment. With two or three, one layer, the
*core* (the first of two, the middle of three), couples to all others: once its signed permutation is fixed, each
neighbor is a linear assignment. The core's units are placed one after the other, the most promising choice first; a
branch is dropped when the cost of the placed units plus a lower bound for the rest exceeds the best image so far.

All costs are sums of squared differences: no term is negative, so partial sums are bounds, and they keep
their relative accuracy between near-ties, where differences of overlaps would lose it.

A *move* q = 2 j + s puts unit j of `theta`, its sign flipped if s = 1, into place r of the reference; costs
of the moves of a layer of n units have shape (n, 2 n). The neighbors' costs share one table: the rows of
the left one (n_left), then those of the right one, padded with infinity to one width.
"""

import numpy as np

from landscape.support import njit
from landscape.symmetry._assignment import assign
from landscape.symmetry._move_costs import core_of, fill_costs

FAST = {"nnan", "nsz", "reassoc", "contract"}  # infinity is used, NaN is not: callers check
# arrays are copied in loops: numba compiles the error message of a[:] = b for seconds


@njit(cache=True)
def _rest_bounds(bound, order, rest):
    """rest[set of placed units]: lower bound on the cost of placing the others, the cheapest assignment by `bound`.

    `bound` (n, n) of each place and unit. Places are filled in `order`, so the set determines the remaining ones.
    """
    n = bound.shape[0]
    rest[:] = np.inf
    rest[-1] = 0.0
    for placed in range((1 << n) - 2, -1, -1):
        depth = 0
        for j in range(n):
            depth += (placed >> j) & 1
        for j in range(n):
            if not (placed >> j) & 1:
                rest[placed] = min(rest[placed], bound[order[depth], j] + rest[placed | (1 << j)])


@njit(cache=True, fastmath=FAST)
def _row_minima(table, added, start):
    """`start` and the smallest entry of each row of table + added: no assignment is cheaper."""
    total = start
    for row in range(table.shape[0]):
        smallest = table[row, 0] + added[row, 0]
        for q in range(1, table.shape[1]):
            cost = table[row, q] + added[row, q]
            smallest = cost if cost < smallest else smallest
        total += smallest
    return total


@njit(cache=True)
def _promising(own, table, added, spent, placed, rest, best, moves, bounds):
    """Fill in the moves for one place that may lead below `best`, the most promising last; return their number."""
    count = 0
    for q in range(own.shape[0]):
        unit = 1 << (q >> 1)
        if placed & unit:
            continue
        bound = spent + own[q] + rest[placed | unit]
        if bound < best:
            bound = _row_minima(table, added[q], bound)
        if bound < best:
            k = count
            while k > 0 and bounds[k - 1] < bound:
                bounds[k], moves[k] = bounds[k - 1], moves[k - 1]
                k -= 1
            bounds[k], moves[k] = bound, q
            count += 1
    return count


@njit(cache=True)
def _assign_moves(table, moves):
    """Cheapest assignment by a table (n, 2 n) of costs: fills `moves` (n,), returns the cost."""
    n = table.shape[0]
    cost = np.empty((n, n))
    for r in range(n):
        for j in range(n):
            cost[r, j] = min(table[r, 2 * j], table[r, 2 * j + 1])
    total = assign(cost, moves)
    for r in range(n):
        j = moves[r]
        moves[r] = 2 * j + (table[r, 2 * j + 1] < table[r, 2 * j])
    return total


@njit(cache=True)
def _expensive_first(bound):
    """Places (n,) in the order to fill them: the most expensive on average first."""
    n = bound.shape[0]
    order, cost = np.empty(n, np.int64), np.zeros(n)
    for r in range(n):
        for j in range(n):
            cost[r] += bound[r, j]
        k = r
        while k > 0 and cost[order[k - 1]] < cost[r]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = r
    return order


@njit(cache=True)
def _add_tables(table, added, out):
    """Write table + added into `out`."""
    for row in range(table.shape[0]):
        for q in range(table.shape[1]):
            out[row, q] = table[row, q] + added[row, q]


@njit(cache=True)
def _search(own, table, added, bound, n_left, best, moves):
    """Least cost of all moves if below `best`, otherwise `best` with `moves` (n_left + n + n_right,) unchanged."""
    n, n_neighbors = own.shape[0], table.shape[0]
    order = _expensive_first(bound)
    rest = np.empty(1 << n)
    _rest_bounds(bound, order, rest)
    tables = np.empty((n + 1, *table.shape))
    for row in range(n_neighbors):
        for q in range(table.shape[1]):
            tables[0, row, q] = table[row, q]
    open_moves, open_bounds = np.empty((n, 2 * n), np.int64), np.empty((n, 2 * n))
    left, right = np.empty(n_left, np.int64), np.empty(n_neighbors - n_left, np.int64)
    core, count = np.empty(n, np.int64), np.zeros(n + 1, np.int64)
    spent, placed = np.zeros(n + 1), np.zeros(n + 1, np.int64)
    depth, descending = 0, True
    while depth >= 0:
        if depth == n:
            total = spent[n] + _assign_moves(tables[n, :n_left, : 2 * n_left], left)
            if total < best:
                total += _assign_moves(tables[n, n_left:, : 2 * len(right)], right)
            if total < best:
                best = total
                for k in range(n_left):
                    moves[k] = left[k]
                for k in range(n):
                    moves[n_left + k] = core[k]
                for k in range(right.size):
                    moves[n_left + n + k] = right[k]
            depth, descending = depth - 1, False
            continue
        r = order[depth]
        if descending:
            count[depth] = _promising(
                own[r],
                tables[depth],
                added[r],
                spent[depth],
                placed[depth],
                rest,
                best,
                open_moves[depth],
                open_bounds[depth],
            )
        count[depth] -= 1
        if count[depth] < 0 or open_bounds[depth, count[depth]] >= best:
            depth, descending = depth - 1, False
            continue
        q = open_moves[depth, count[depth]]
        core[r] = q
        spent[depth + 1] = spent[depth] + own[r, q]
        placed[depth + 1] = placed[depth] | (1 << (q >> 1))
        _add_tables(tables[depth], added[r, q], tables[depth + 1])
        depth, descending = depth + 1, True
    return best


@njit(cache=True)
def nearest(theta, references, sizes, cutoff, moves, signed):
    """Distance (M,) of theta (P,) modulo symmetry to each of references (M, P); infinity unless below `cutoff`.

    Fills `moves` (M, number of hidden units), layer after layer, for finite distances. Without `signed`, no move flips
    the sign of a unit.
    """
    n_left, n, n_right = core_of(sizes)
    own, table = np.empty((n, 2 * n)), np.empty((n_left + n_right, 2 * max(n_left, n_right)))
    added, bound = np.empty((n, 2 * n, *table.shape)), np.empty((n, n))
    distances = np.empty(len(references))
    for m in range(len(references)):
        shift = fill_costs(theta, references[m], sizes, own, table, added, bound, signed)
        limit = cutoff * cutoff - shift
        best = _search(own, table, added, bound, n_left, limit, moves[m])
        distances[m] = np.sqrt(best + shift) if best < limit else np.inf
    return distances
