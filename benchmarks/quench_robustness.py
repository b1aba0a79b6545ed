"""Whether every quench ends in a certified minimum: ljat, N = 1000, four kinds of starts, three architectures.

Each start has its own seed, [architecture, kind, number], so that a failure can be looked at alone, and the
result does not depend on the number of workers.

    python benchmarks/quench_robustness.py 10000
    python benchmarks/quench_robustness.py 300 --method flow --first 5000
"""

import argparse
import time
from collections import Counter
from typing import get_args

import numpy as np
from joblib import Parallel, delayed

from landscape import CrossEntropyLoss, datasets, quench
from landscape.descent import Method
from landscape.networks import MLP

HIDDEN = ((10,), (5, 5), (4, 4, 4))
KINDS = ("Glorot", "normal, sd 1", "normal, sd 2", "normal, sd 3")
CHUNK = 25  # quenches a task


def start(network, seed):
    """The start of a seed [architecture, kind, number]."""
    rng, kind = np.random.default_rng(seed), seed[1]
    return network.glorot_uniform(rng) if kind == 0 else kind * rng.normal(size=network.n_parameters)


def quenches(loss, seeds, method):
    """Seed, status, gradients, Hessians, seconds, rms gradient and lowest eigenvalue of each."""
    rows = []
    for seed in seeds:
        began = time.perf_counter()
        result = quench(loss, start(loss.network, seed), method=method)
        seconds = time.perf_counter() - began
        lowest = float(result.eigenvalues.min(initial=np.inf))
        evaluations = (result.gradient_evaluations, result.hessian_evaluations)
        rows.append((seed, result.status.name, *evaluations, seconds, result.rms_gradient, lowest))
    return rows


def report(hidden, kind, rows):
    """One line of the table, and the failures."""
    _, statuses, gradients, hessians, seconds, _, _ = zip(*rows, strict=True)
    counts = ", ".join(f"{name} {number}" for name, number in sorted(Counter(statuses).items()))
    print(
        f"{','.join(map(str, hidden)):>7} {kind:>13} {np.median(gradients):8.0f} {max(gradients):7d}"
        f" {np.median(hessians):6.0f} {max(hessians):5d} {1e3 * np.median(seconds):7.1f} {1e3 * max(seconds):8.1f}"
        f"  {counts}",
        flush=True,
    )
    failures = [row for row in rows if row[1] != "CONVERGED"]
    for seed, status, *evaluations, _, rms, lowest in failures:
        print(
            f"        seed {seed}: {status} after {evaluations}, rms gradient {rms:.1e}, lowest eigenvalue {lowest:.1e}"
        )
    return len(failures)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("starts", type=int, nargs="?", default=300, help="of each architecture, a quarter of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first start of each kind")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--method", choices=get_args(Method), default="lbfgs")
    arguments = parser.parse_args()
    numbers = range(arguments.first, arguments.first + -(-arguments.starts // len(KINDS)))
    data, failures = datasets.ljat(rows=1000, seed=0), 0
    print(
        f"{'':21} {'gradients':>16} {'Hessians':>12} {'ms':>16}\n{'hidden':>7} {'starts':>13}" + "  median     max" * 2
    )
    for architecture, hidden in enumerate(HIDDEN):
        loss = CrossEntropyLoss(MLP((2, *hidden, 4)), data)
        quench(loss, start(loss.network, [architecture, 0, 0]), method=arguments.method)  # compiles
        for kind, name in enumerate(KINDS):
            seeds = [[architecture, kind, number] for number in numbers]
            chunks = [seeds[i : i + CHUNK] for i in range(0, len(seeds), CHUNK)]
            parts = Parallel(n_jobs=arguments.jobs)(
                delayed(quenches)(loss, chunk, arguments.method) for chunk in chunks
            )
            failures += report(hidden, name, [row for part in parts for row in part])
    print(f"{failures} of {len(HIDDEN) * len(KINDS) * len(numbers)} quenches ended without a minimum")
    raise SystemExit(failures > 0)


if __name__ == "__main__":
    main()
