"""Choice of the training rows of a table."""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def stratified_order(labels: Rows, seed: int) -> Rows:
    """All rows (n,) in a random order in which every leading part has the classes in proportion.

    The rows of each class are shuffled and row r of the n_k of class k goes to the place (r + 1/2) / n_k, but its
    first row to the beginning. The first N rows therefore hold N n_k / n rows of each class within about one, at least
    one if N is not smaller than the number of classes, and more rows with the same seed extend the same set.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    places = np.empty(len(labels))
    for label in np.unique(labels):
        mine = np.flatnonzero(labels[shuffled] == label)
        places[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
        places[mine[0]] = 0.0
    return shuffled[np.argsort(places, kind="stable")]
