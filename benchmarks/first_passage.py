"""The accuracy of first-passage times, committors, occupations and stationary distributions of stiff networks.

The worst relative error against mpmath, by decades between the slowest and the fastest rate, over random networks (one
way each and with detailed balance) and the network of examples/databases/n3162-h5-5.db; for comparison that of SciPy's
sparse solver. Then the time of large networks. `python benchmarks/first_passage.py [--large]`
"""

import argparse
import time
import warnings
from pathlib import Path

import mpmath
import numpy as np
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.linalg import spsolve

from landscape import Database
from landscape.kinetics import (
    Barriers,
    RateNetwork,
    committors,
    first_passage_times,
    langer_rates,
    occupations,
    stationary_distribution,
    transition_probabilities,
)

DECADES = (3, 10, 20, 40, 60, 100, 200, 500)
NETWORKS = 20
EXAMPLE = Path(__file__).parents[1] / "examples" / "databases" / "n3162-h5-5.db"


def random_network(decades, seed):
    """A strongly connected network of 4 to 14 minima whose rates lie in so many decades, log-uniform."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 15))
    ring = np.arange(n)
    edges = np.concatenate([np.array([ring, np.roll(ring, 1)]).T, rng.integers(0, n, (n, 2))])
    edges = np.unique(np.sort(edges[edges[:, 0] != edges[:, 1]], axis=1), axis=0)
    start, end = np.concatenate([edges, edges[:, ::-1]]).T
    if seed % 2:
        logs, weights = decades * rng.uniform(-0.5, 0.5, start.size), None
    else:  # detailed balance
        weights = decades / 2 * rng.uniform(-0.5, 0.5, n)
        tops = decades / 4 * rng.uniform(-0.5, 0.5, len(edges))
        logs = np.tile(tops, 2) - weights[start]
        weights = weights * np.log(10.0)
    return RateNetwork(csr_array((10.0**logs, (start, end)), shape=(n, n)), np.zeros(n), weights)


def exact_generator(network, digits):
    """Q (n, n) in mpmath: from the logarithms that the network has, else from its rates."""
    mpmath.mp.dps = digits
    q = mpmath.zeros(network.n_minima)
    rows = np.repeat(np.arange(network.n_minima), np.diff(network.rates.indptr)).tolist()
    for k, (i, j) in enumerate(zip(rows, network.rates.indices.tolist(), strict=True)):
        logs = network.log_rates
        rate = mpmath.mpf(float(network.rates.data[k])) if logs is None else mpmath.exp(mpmath.mpf(float(logs[k])))
        q[i, j] += rate
        q[i, i] -= rate
    return q


def inner(q, kept):
    """The rows and columns `kept` of a matrix."""
    return mpmath.matrix([[q[i, j] for j in kept] for i in kept])


def exact_times(q, target):
    free = [i for i in range(q.rows) if i != target]
    found = mpmath.lu_solve(inner(q, free), mpmath.matrix([-1] * len(free)))
    return np.array([mpmath.mpf(0) if i == target else found[free.index(i)] for i in range(q.rows)])


def exact_committors(q, source, target):
    free = [i for i in range(q.rows) if i not in {source, target}]
    found = mpmath.lu_solve(inner(q, free), mpmath.matrix([-q[i, target] for i in free]))
    ends = {source: mpmath.mpf(0), target: mpmath.mpf(1)}
    return np.array([ends[i] if i in ends else found[free.index(i)] for i in range(q.rows)])


def exact_stationary(q):
    n = q.rows
    free = list(range(1, n))
    found = mpmath.lu_solve(inner(q, free).T, mpmath.matrix([-q[0, i] for i in free]))
    weights = np.array([mpmath.mpf(1), *found])
    return weights / weights.sum()


def exact_transitions(q, t):
    return np.array(mpmath.expm(q * mpmath.mpf(float(t)), method="taylor").tolist())


def worst(found, right):
    """Largest relative error of what is not zero (nor beyond a float64)."""
    pairs = zip(np.ravel(found).tolist(), np.ravel(right).tolist(), strict=True)
    errors = [abs(mpmath.mpf(a) / b - 1) for a, b in pairs if mpmath.mpf("1e-290") < abs(b) < mpmath.mpf("1e290")]
    return float(max(errors, default=mpmath.mpf(0)))


def by_solver(network, target):
    """First-passage times by SciPy's sparse LU."""
    free = np.setdiff1d(np.arange(network.n_minima), [target])
    k = csc_array(network.rates - diags_array(network.escape_rates))[free][:, free]
    times = np.zeros(network.n_minima)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        times[free] = spsolve(k, -np.ones(free.size))
    return np.nan_to_num(times, nan=np.inf)


def accuracy():
    names = ("times", "SciPy's LU", "committors", "stationary", "P(t)")
    print("worst relative error\ndecades  " + "  ".join(f"{name:>10}" for name in names))
    for decades in DECADES:
        errors = np.zeros(len(names))
        for seed in range(NETWORKS):
            network = random_network(decades, seed)
            q = exact_generator(network, 60 + 4 * decades)
            right = exact_times(q, 0)
            found = [
                worst(first_passage_times(network, [0]), right),
                worst(by_solver(network, 0), right),
                worst(committors(network, [0], [1]), exact_committors(q, 0, 1)),
                worst(stationary_distribution(network), exact_stationary(q)),
            ]
            t = float(np.exp(np.median(network.steps.log_rates)) ** -1)
            if decades <= 60 and seed < 4:
                moved = next(iter(transition_probabilities(network, np.arange(network.n_minima), [t])))
                found.append(worst(np.where(moved > 1e-280, moved, 0.0), exact_transitions(q, t)))
            errors[: len(found)] = np.maximum(errors[: len(found)], found)
        shown = [f"{error:10.1e}" for error in errors]
        shown[-1] = shown[-1] if decades <= 60 else f"{'':>10}"
        print(f"{decades:7d}  " + "  ".join(shown), flush=True)


def example():
    print(f"\n{EXAMPLE.name}: longest time to the lowest minimum (learning rate x steps), its relative error")
    with Database(EXAMPLE) as database:
        barriers = Barriers.of_database(database)
    for temperature in (1e-3, 1e-4, 1e-5, 1e-6):
        network = langer_rates(barriers, temperature)
        found = first_passage_times(network, [0])
        right = exact_times(exact_generator(network, 700), 0)
        print(f"T = {temperature:.0e}: {found.max():.6e}, {worst(found, right):.1e}", flush=True)


def large():
    for n in (1000, 3000, 10_000):
        for degree in (3, 4):
            rng = np.random.default_rng(n)
            edges = rng.integers(0, n, (n * degree // 2, 2))
            tree = np.array([np.arange(1, n), (np.arange(1, n) * rng.random(n - 1)).astype(int)]).T
            edges = np.concatenate([tree, edges[: len(edges) - n // 2]])
            losses = rng.random(n)
            tops = losses[edges].max(axis=1) + rng.random(len(edges))
            network = langer_rates(
                Barriers(losses, np.zeros(n), np.ones(n), edges, tops, np.zeros(len(edges)), np.ones(len(edges)),
                         -np.ones(len(edges))), 0.02,
            )  # fmt: skip
            seconds = {}
            began = time.process_time()
            first_passage_times(network, [0])
            seconds["first passage"] = time.process_time() - began
            began = time.process_time()
            occupations(network, np.eye(n)[n - 1], [1e10])
            seconds["occupation"] = time.process_time() - began
            text = ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items())
            print(f"{n} minima, {len(edges)} transition states: {text}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="also the time of networks of up to 10^4 minima")
    options = parser.parse_args()
    accuracy()
    example()
    if options.large:
        large()
