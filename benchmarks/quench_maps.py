"""Share of starts that L-BFGS and the gradient flow send to different minima: ljat, N = 1000, four kinds of starts.

With the 95 % interval of Clopper and Pearson, and the median distance between the two minima where they differ.

    python benchmarks/quench_maps.py 100
"""

import argparse

import numpy as np
from joblib import Parallel, delayed
from quench_robustness import HIDDEN, KINDS, start
from scipy.stats import binomtest

from landscape import CrossEntropyLoss, datasets, quench, symmetry
from landscape.networks import MLP
from landscape.stationary import same_point


def compare(loss, seed):
    """Distance between the minima of the two maps, 0 where they are one; nan where a quench failed."""
    point = start(loss.network, seed)
    first, second = (quench(loss, point, method=method) for method in ("lbfgs", "flow"))
    if not (first.converged and second.converged):
        return np.nan
    if same_point(loss.network, first.minimum, second.minimum):
        return 0.0
    return symmetry.distance(loss.network, first.coordinates, second.coordinates)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("starts", type=int, nargs="?", default=100, help="of each architecture and kind")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    data = datasets.ljat(rows=1000, seed=0)
    print(f"{'hidden':>7} {'starts':>13} {'differ':>8}  share (95 % interval)   median distance")
    for architecture, hidden in enumerate(HIDDEN):
        loss = CrossEntropyLoss(MLP((2, *hidden, 4)), data)
        for kind, name in enumerate(KINDS):
            seeds = [[architecture, kind, number] for number in range(arguments.starts)]
            distances = np.array(Parallel(n_jobs=arguments.jobs)(delayed(compare)(loss, seed) for seed in seeds))
            apart = distances[distances > 0.0]
            total = int(np.isfinite(distances).sum())
            low, high = binomtest(len(apart), total).proportion_ci()
            print(
                f"{','.join(map(str, hidden)):>7} {name:>13} {len(apart):4d}/{total:<4d} {len(apart) / total:5.2f}"
                f" ({low:.2f} ... {high:.2f})      {np.median(apart) if len(apart) else 0.0:10.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
