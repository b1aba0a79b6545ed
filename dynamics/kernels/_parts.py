"""The hand-written compiled pieces of the kernels.

`_codegen` copies the text of this file and of `landscape.losses` to the head of every kernel it generates, so that a
kernel is one self-contained source: its digest changes when anything in it changes, and numba's cache, which does not
follow imports, can never serve a stale one. Import nothing here but numba.
"""

from numba import njit

# Sums may be reordered (otherwise nothing vectorizes), but infinities and NaNs keep their meaning, to detect
# divergence.
FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(forceinline=True, fastmath=FAST)
def gather(work, inputs, labels, order, start, count, n_inputs, label_row, tile):
    """Copy rows `order[start : start + count]` of the data into columns of the workspace."""
    for b in range(count):
        n = order[start + b]
        for d in range(n_inputs):
            work[d * tile + b] = inputs[n, d]
        work[label_row + b] = labels[n]
