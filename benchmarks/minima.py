"""Distinct minima per minute of one core: our basin-hopping, pele's and topography-searcher's, on one compiled loss.

MLP (2, 5, 5, 4), ljat rows=1000 seed 0, lambda = 1e-4. All start at the same Glorot start. What each finds is
quenched once more with our quench to 1e-10, uncounted, and counted modulo symmetry by `same_point`. Times are
processor seconds, so that other work on the machine counts for nobody. Ours ends at an rms gradient of 1e-10 with a
certificate. The peers are left to 1e-6, where they need least time, although with eigenvalues of 1e-6 such a point may
lie far from its minimum; pele also goes to 1e-8, the least that tells one minimum from another.

    python benchmarks/minima.py --seconds 30 --pairs 5

topography-searcher needs numpy < 2, so an environment of its own: TOPSEARCH_PYTHON names its interpreter.
"""

import argparse
import time

import numpy as np
from _peers import Run, compare, distinct_minima, run_topsearch, the_loss
from threadpoolctl import threadpool_limits

from landscape.interchange import pele_adapter
from landscape.search import basin_hopping

# per coordinate uniform within +-: norms of about 3, 6 and 12 for 69 parameters
PELE = [
    # (step, temperature, adaptive, tolerance)
    (0.6, 1e-3, True, 1e-6),
    (1.25, 1e-3, False, 1e-6),
    (2.5, 1e-3, False, 1e-6),
    (1.25, 1e-3, False, 1e-8),
]
TOPSEARCH = [(1.25, 1e-3), (2.5, 1e-3)]


def start_of(loss, repetition):
    return loss.network.glorot_uniform(np.random.default_rng(1000 + repetition))


def ours(loss, seconds):
    def run(repetition):
        rng, position, points = np.random.default_rng(repetition), start_of(loss, repetition), []
        began = time.process_time()
        while time.process_time() - began < seconds:
            walk = basin_hopping(loss, position, rng=rng, steps=1)
            position = walk.walker
            points += [minimum.coordinates for minimum in walk.minima]
        return Run(points, time.process_time() - began)

    return run


def pele(loss, seconds, step, temperature, adaptive, tolerance):
    from pele.basinhopping import BasinHopping  # noqa: PLC0415 (optional)
    from pele.optimize import lbfgs_cpp  # noqa: PLC0415
    from pele.takestep import AdaptiveStepsizeTemperature, RandomDisplacement  # noqa: PLC0415

    def run(repetition):
        np.random.seed(repetition)  # noqa: NPY002 (pele draws from the global stream)
        potential, points = pele_adapter.potential(loss), []
        move = RandomDisplacement(stepsize=step)
        if adaptive:
            move = AdaptiveStepsizeTemperature(move)
        began = time.process_time()
        search = BasinHopping(
            start_of(loss, repetition),
            potential,
            move,
            temperature=temperature,
            quench=lambda x: lbfgs_cpp(x, potential, tol=tolerance, maxstep=1.0, nsteps=20_000),
            storage=lambda _energy, coordinates: points.append(np.array(coordinates)),
            insert_rejected=True,
            outstream=None,
        )
        while time.process_time() - began < seconds:
            search.run(1)
        return Run(points, time.process_time() - began)

    return run


def topsearch(loss, seconds, step, temperature):
    def run(repetition):
        job = {"kind": "minima", "seconds": seconds, "seed": repetition, "step": step, "temperature": temperature}
        return run_topsearch(job, {"start": start_of(loss, repetition)})

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="processor seconds per contestant and repetition")
    parser.add_argument("--pairs", type=int, default=5, help="repetitions")
    arguments = parser.parse_args()
    loss = the_loss()
    basin_hopping(loss, start_of(loss, 0), rng=np.random.default_rng(0), steps=1)  # compiles
    contestants = {"ours": ours(loss, arguments.seconds)}
    for step, temperature, adaptive, tolerance in PELE:
        kind = f"+-{step}{' adaptive' if adaptive else ''}"
        name = f"pele, steps {kind}, T = {temperature:g}, C++ L-BFGS to {tolerance:.0e}"
        contestants[name] = pele(loss, arguments.seconds, step, temperature, adaptive, tolerance)
    for step, temperature in TOPSEARCH:
        name = f"topsearch, steps +-{step}, T = {temperature:g}, L-BFGS-B to 1e-6"
        contestants[name] = topsearch(loss, arguments.seconds, step, temperature)
    compare(contestants, lambda points: distinct_minima(loss, points), arguments.pairs, "distinct minima")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
