"""Cross-entropies of small networks on random labels, whose gradient noise and spectra tests compute by hand."""

import numpy as np

from landscape import CrossEntropyLoss, Dataset
from landscape.networks import MLP

NETWORKS = [MLP((2, 4)), MLP((2, 3, 4)), MLP((2, 3, 2, 4)), MLP((2, 2, 3, 2, 4))]


def toy_data(rows=40, n_features=2, n_classes=4):
    rng = np.random.default_rng(1)
    return Dataset(
        rng.normal(size=(rows, n_features)),
        rng.integers(n_classes, size=rows),
        n_classes,
        np.empty((0, n_features)),
        np.empty(0, np.int64),
        {"name": "toy", "rows": rows, "seed": 1},
    )


DATA = toy_data()


def toy_loss(network=NETWORKS[1], data=DATA, **options):
    return CrossEntropyLoss(network, data, **options)


def one_row(data, n):
    """The data set of row n alone."""
    return Dataset(data.inputs[n : n + 1], data.labels[n : n + 1], data.n_classes, data.test_inputs, data.test_labels)


def read_only(array):
    array.flags.writeable = False
    return array


def random_orthogonal(dimension, rng):
    return np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
