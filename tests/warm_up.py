"""Compile the landscape's kernels in one process, before any test starts workers.

Numba inlines a function that it has just compiled into its callers, but not one that it loads from its cache: two
processes that compile at the same time may end with code that differs in the last bit.
"""

import tempfile
from pathlib import Path

import numpy as np

from landscape import MLP, CrossEntropyLoss, datasets, explore, quench, symmetry


def main():
    data = datasets.ljat(rows=100, seed=0)
    for hidden in ((), (3,), (2, 2), (2, 2, 2)):
        network = MLP((2, *hidden, 4))
        loss = CrossEntropyLoss(network, data)
        theta = network.glorot_uniform(np.random.default_rng(0))
        loss.hessian_vector_product(theta, theta)
        loss.values_and_gradients(theta[None])
        quench(loss, theta, method="flow")
        symmetry.distances(network, theta, theta[None], cutoff=1.0)
        if hidden:
            with tempfile.TemporaryDirectory() as folder:
                explore(loss, Path(folder) / "warm.db", searches=64)


if __name__ == "__main__":
    main()
