"""Distinct minima per processor minute of each kind of move, of their mixes and of plain random starts.

ljat seed 0 with 100 and 1000 rows, networks (2, 5, 5, 4) and (2, 4, 4, 4, 4), lambda = 1e-4. In each repetition all
begin at the same Glorot start. Every minimum has a certificate and is counted modulo symmetry by `same_point`. Times
are processor seconds, so that other work on the machine counts for nobody.

    python benchmarks/moves.py --seconds 8 --pairs 3
"""

import argparse
import time

import numpy as np
from _peers import distinct
from threadpoolctl import threadpool_limits

from landscape import CrossEntropyLoss, datasets, quench
from landscape.networks import MLP
from landscape.search import BasinHopping, GaussianMove, UnitMove, basin_hopping

LOSSES = [(sizes, rows) for sizes in ((2, 5, 5, 4), (2, 4, 4, 4, 4)) for rows in (100, 1000)]
GAUSSIAN, UNIT = GaussianMove(4.0), UnitMove(1.5)
MIXES = {"gaussian": (GAUSSIAN,), "unit": (UNIT,), "gaussian, unit": (GAUSSIAN, UNIT)}


def start_of(loss, repetition):
    return loss.network.glorot_uniform(np.random.default_rng(1000 + repetition))


def restarts(loss, seconds, repetition):
    """Quench one random start after the other."""
    rng, found = np.random.default_rng(repetition), []
    began = time.process_time()
    while time.process_time() - began < seconds:
        result = quench(loss, loss.network.glorot_uniform(rng))
        found += [result.minimum] if result.converged else []
    return found, time.process_time() - began


def hopping(*moves):
    """Basin-hopping with one of the moves drawn for each step."""

    def run(loss, seconds, repetition):
        rng, position, found = np.random.default_rng(repetition), start_of(loss, repetition), []
        began = time.process_time()
        while time.process_time() - began < seconds:
            walk = basin_hopping(loss, position, rng, steps=1, settings=BasinHopping(moves=moves))
            position, found = walk.walker, [*found, *walk.minima]
        return found, time.process_time() - began

    return run


CONTESTANTS = {"random starts": restarts} | {f"hopping: {name}": hopping(*moves) for name, moves in MIXES.items()}


def rate(loss, contestant, seconds, repetition):
    """Distinct minima a minute, and the lowest loss."""
    found, spent = contestant(loss, seconds, repetition)
    known = distinct(loss.network, found)
    return 60.0 * len(known) / spent, known[0].value if known else np.nan


def main(contestants):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0, help="processor seconds per contestant and repetition")
    parser.add_argument("--pairs", type=int, default=3, help="repetitions")
    arguments = parser.parse_args()
    for sizes, rows in LOSSES:
        loss = CrossEntropyLoss(MLP(sizes), datasets.ljat(rows=rows, seed=0))
        basin_hopping(loss, start_of(loss, 0), np.random.default_rng(0), steps=1)  # compiles
        print(f"{sizes}, {rows} rows: distinct minima a minute; lowest loss")
        for name, contestant in contestants.items():
            results = [rate(loss, contestant, arguments.seconds, k) for k in range(arguments.pairs)]
            rates, lowest = np.array(results).T
            shown = ", ".join(f"{value:.0f}" for value in rates)
            print(f"  {name:40} {rates.mean():6.0f} ({shown}); {np.nanmin(lowest):.6f}", flush=True)


if __name__ == "__main__":
    with threadpool_limits(1):
        main(CONTESTANTS)
