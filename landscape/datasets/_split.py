"""Which rows of a table train."""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def stratified_order(labels: Rows, seed: int) -> Rows:
    """All rows (n,) in an order drawn from the seed, in which each beginning has the classes in their shares.

    The rows of each class are shuffled and row r of the n_k of class k goes to the place (r + 1/2) / n_k, but its
    first row to the beginning. So N rows hold of each class N n_k / n rows but for about one, at least one if N is
    not smaller than the number of classes, and more rows of the same seed extend the same set.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    places = np.empty(len(labels))
    for label in np.unique(labels):
        mine = np.flatnonzero(labels[shuffled] == label)
        places[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
        places[mine[0]] = 0.0
    return shuffled[np.argsort(places, kind="stable")]
