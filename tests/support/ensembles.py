"""Small runs, and whether two are the same bit for bit."""

from dataclasses import replace
from typing import Any

import numpy as np

from dynamics import SGD, train
from dynamics.runs import MOMENTS, PER_REPLICA, SHARED
from landscape import CrossEntropyLoss, Dataset
from landscape.networks import MLP

NETWORK = MLP((2, 3, 4))
OPTIMIZER = SGD(learning_rate=0.2, batch_size=6)


def toy_data(rows=100, shift=0.0):
    rng = np.random.default_rng(1)
    inputs = rng.uniform(-1, 1, (rows, 2)) + shift
    labels = (inputs[:, 0] > 0) + 2 * (inputs[:, 1] > 0)
    return Dataset(inputs, labels, 4, inputs[:0], labels[:0], {"name": "toy", "rows": rows, "seed": 1})


DATA = toy_data()


def run(optimizer: Any = OPTIMIZER, **changes: Any) -> Any:
    arguments: dict[str, Any] = {"replicas": 7, "steps": 60, "seed": 3} | changes
    penalty = {name: arguments.pop(name) for name in ("regularization", "regularize_biases") if name in arguments}
    settings = {name: arguments.pop(name) for name in ("noise", "label_noise", "shared_order") if name in arguments}
    return train(CrossEntropyLoss(NETWORK, DATA, **penalty), replace(optimizer, **settings), **arguments)


def assert_same(a, b):
    for name in (*SHARED, *PER_REPLICA):
        np.testing.assert_array_equal(np.asarray(getattr(a, name)), np.asarray(getattr(b, name)))
    for name in MOMENTS:
        assert (getattr(a, name) is None) == (getattr(b, name) is None)
        if getattr(a, name) is not None:
            np.testing.assert_array_equal(np.asarray(getattr(a, name)), np.asarray(getattr(b, name)))
    assert dict(a.metadata) == dict(b.metadata)
    assert a.layer_sizes == b.layer_sizes


class Killed(Exception):
    pass


def stop_after(replicas):
    def progress(done, total):
        if done >= replicas:
            raise Killed

    return progress
