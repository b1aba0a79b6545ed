"""The compiled loop over pairs of snapshots."""

import numpy as np

from landscape.support import njit

ELEMENTS = 1 << 16  # numbers of a block: half a megabyte, which a processor's own cache holds


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def add_moments(snapshots, start, end, bounds, squares, fourths):  # pragma: no cover (compiled)
    """Add sums of d^2 and d^4 of the displacements d between snapshots (S, n), in float64.

    Pairs are those of `start` and `end` (K,). The parameters are consecutive, the g-th of them from bounds[g] to
    bounds[g + 1]: `squares` (G, K) gets the sums of d^2 of each, `fourths` (K,) those of d^4 of all.
    """
    n_snapshots = snapshots.shape[0]
    width = max(64, ELEMENTS // n_snapshots)
    block = np.empty((n_snapshots, width))
    for group in range(bounds.size - 1):
        for begin in range(bounds[group], bounds[group + 1], width):
            n = min(width, bounds[group + 1] - begin)
            for s in range(n_snapshots):
                for i in range(n):
                    block[s, i] = snapshots[s, begin + i]
            for k in range(start.size):
                a, b = start[k], end[k]
                second, fourth = 0.0, 0.0
                for i in range(n):
                    displacement = block[b, i] - block[a, i]
                    square = displacement * displacement
                    second += square
                    fourth += square * square
                squares[group, k] += second
                fourths[k] += fourth
