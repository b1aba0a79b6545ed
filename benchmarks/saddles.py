"""Distinct certified transition states per minute of one core: ours, topography-searcher's and pele's, on one loss.

MLP (2, 5, 5, 4), ljat rows=1000 seed 0, lambda = 1e-4. All start from the same pool of minima and the same list of
pairs, the nearest after alignment first. What each finds is polished by the same Newton iteration to an rms
gradient of 1e-10, uncounted; index 1 by the exact Hessian; counted modulo symmetry by `same_point`. Times are
processor seconds. Ours goes down both sides in its time, to certified minima; so do the peers. A pair that the end of
the time cuts off is lost to whoever works on it, so give the slow peers a minute or more.

    python benchmarks/saddles.py --seconds 60 --pairs 5

topography-searcher needs numpy < 2, so an environment of its own: TOPSEARCH_PYTHON names its interpreter.
"""

import argparse
import contextlib
import io
import itertools
import logging
import time
from collections import Counter

import numpy as np
from _peers import DeadlineError, Limited, Run, compare, distinct, distinct_transition_states, run_topsearch, the_loss
from threadpoolctl import threadpool_limits

from landscape import symmetry
from landscape.interchange import pele_adapter
from landscape.search import basin_hopping, search_between, search_from_minimum

POOL_STEPS = 40
SINGLE_ENDED = 2  # searches from one minimum for each between two
DISPLACEMENTS = (0.05, 3.0)  # as in exploration
# its own defaults, then the best two of seven others tried for 8 s on one pool: only when its eigenvector search
# takes fewer than five steps does it minimise in the other directions, so that search must not be too tight
TOPSEARCH = [
    {
        "name": "its defaults",
        "minimiser_steps": 200,
        "tolerance": 1e-6,
        "eigenvalue_tolerance": 1e-5,
        "positive_step": 0.1,
    },
    {
        "name": "eigenvector to 1e-4",
        "minimiser_steps": 2000,
        "tolerance": 1e-5,
        "eigenvalue_tolerance": 1e-4,
        "positive_step": 0.5,
    },
    {
        "name": "eigenvector to 3e-4",
        "minimiser_steps": 2000,
        "tolerance": 1e-5,
        "eigenvalue_tolerance": 3e-4,
        "positive_step": 0.3,
    },
]
TOPSEARCH_COMMON = {"ts_steps": 100, "pushoff": 0.5, "force_constant": 1.0}
PELE = [
    # eigenvectors from exact Hessians and a screen that resolves soft modes; second, the loss times 1e3
    {"name": "its defaults", "scale": 1.0, "search": {}},
    {
        "name": "tuned, loss x 1000",
        "scale": 1e3,
        "search": {
            "hessian_diagonalization": True,
            "tol": 1e-3,
            "nsteps": 200,
            "nsteps_tangent2": 300,
            "lowestEigenvectorQuenchParams": {"nsteps": 1000, "dx": 1e-5},
        },
    },
]


def make_pool(loss, repetition):
    """Minima (n, P) of a walk of ours and pairs of them, the nearest first; not counted."""
    rng = np.random.default_rng(2000 + repetition)
    walk = basin_hopping(loss, loss.network.glorot_uniform(rng), rng=rng, steps=POOL_STEPS)
    minima = distinct(loss.network, [*walk.minima, walk.current])
    gaps = {
        (i, j): symmetry.distance(loss.network, minima[i].coordinates, minima[j].coordinates)
        for i, j in itertools.combinations(range(len(minima)), 2)
    }
    return minima, sorted(gaps, key=gaps.__getitem__)


def ours(loss, seconds, pools):
    def run(repetition):
        minima, pairs = pools[repetition]
        rng, limited, points, searches = np.random.default_rng(repetition), Limited(loss, seconds), [], 0
        low, high = np.log(DISPLACEMENTS)
        with contextlib.suppress(DeadlineError):
            for searches in itertools.count():
                if searches % (SINGLE_ENDED + 1) == 0 and searches // (SINGLE_ENDED + 1) < len(pairs):
                    a, b = pairs[searches // (SINGLE_ENDED + 1)]
                    result = search_between(limited, minima[a], minima[b], max_steps=150)
                else:
                    start = minima[int(rng.integers(len(minima)))]
                    displacement = float(np.exp(rng.uniform(low, high)))
                    result = search_from_minimum(limited, start, rng=rng, displacement=displacement, max_steps=150)
                if result.transition_state is not None:
                    points.append(result.transition_state.coordinates)
        return Run(points, limited.seconds, f"({searches} searches)")

    return run


def topsearch(seconds, pools, settings):
    def run(repetition):
        minima, pairs = pools[repetition]
        job = {"kind": "transition states", "seconds": seconds, "seed": repetition, **TOPSEARCH_COMMON, **settings}
        points = np.array([minimum.coordinates for minimum in minima])
        return run_topsearch(job, {"minima": points, "pairs": np.array(pairs)})

    return run


class Scaled:
    """A loss times a factor."""

    def __init__(self, loss, factor):
        self.loss, self.factor = loss, factor
        self.network, self.n_parameters, self.zero_modes = loss.network, loss.n_parameters, loss.zero_modes

    def value_and_gradient(self, theta):
        """Both times the factor."""
        value, gradient = self.loss.value_and_gradient(theta)
        return self.factor * value, self.factor * gradient

    def value_gradient_hessian(self, theta):
        """All times the factor."""
        value, gradient, hessian = self.loss.value_gradient_hessian(theta)
        return self.factor * value, self.factor * gradient, self.factor * hessian


def pele(loss, seconds, pools, settings):
    from pele.systems import BaseSystem  # noqa: PLC0415 (optional)
    from pele.transition_states import FindTransitionState  # noqa: PLC0415

    class System(BaseSystem):
        def __init__(self, limited):
            super().__init__()
            self.potential = pele_adapter.potential(limited)
            self.potential.getHessian = lambda x: limited.value_gradient_hessian(x)[2]
            self.params.database.accuracy = 1e-8 * settings["scale"]
            self.params.structural_quench_params |= {"tol": 1e-6 * settings["scale"], "maxstep": 1.0, "nsteps": 20_000}

        def get_potential(self):
            return self.potential

        def get_mindist(self):
            def aligned(a, b):
                image = symmetry.nearest_image(loss.network, b, a)
                return np.linalg.norm(image - a), a, image

            return aligned

        def get_compare_exact(self):
            return lambda a, b: symmetry.distance(loss.network, a, b) < 1e-2

        def get_orthogonalize_to_zero_eigenvectors(self):
            return None

    def run(repetition):
        np.random.seed(repetition)  # noqa: NPY002 (pele draws from the global stream)
        minima, pairs = pools[repetition]
        ends = Counter()
        original = FindTransitionState.run

        def watched(search):
            result = original(search)
            ends[end_of(result, search.tol)] += 1
            return result

        limited = Limited(Scaled(loss, settings["scale"]), seconds)
        system = System(limited)
        database = system.create_database()
        stored = [database.addMinimum(settings["scale"] * m.value, m.coordinates) for m in minima]
        FindTransitionState.run = watched
        tried = 0
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(DeadlineError):
                for a, b in pairs:
                    tried += 1
                    local = {"tsSearchParams": {"orthogZeroEigs": None, "verbosity": 0, **settings["search"]}}
                    connect = system.get_double_ended_connect(
                        stored[a], stored[b], database, niter=5, verbosity=0, local_connect_params=local,
                        fresh_connect=True,
                    )  # fmt: skip
                    connect.connect()
        finally:
            FindTransitionState.run = original
        points = [np.array(state.coords) for state in database.transition_states()]
        said = ", ".join(f"{n} {end}" for end, n in ends.most_common())
        return Run(points, limited.seconds, f"({tried} pairs; searches: {said or 'none'})")

    return run


def end_of(result, tolerance):
    """How one of pele's transition state searches ended."""
    if result.success:
        return "succeeded"
    if result.rms > tolerance:
        return "did not converge"
    return "converged but were rejected" + (" (no negative eigenvalue)" if result.eigenval >= 0.0 else " by its screen")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="processor seconds per contestant and repetition")
    parser.add_argument("--pairs", type=int, default=5, help="repetitions")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # pele logs every step to stderr
    loss = the_loss()
    began = time.perf_counter()
    pools = [make_pool(loss, repetition) for repetition in range(arguments.pairs)]
    print(f"pools of {[len(minima) for minima, _ in pools]} minima in {time.perf_counter() - began:.0f} s")
    search_from_minimum(loss, pools[0][0][0], rng=np.random.default_rng(0))  # compiles
    contestants = {"ours": ours(loss, arguments.seconds, pools)}
    for settings in TOPSEARCH:
        contestants[f"topsearch, {settings['name']}"] = topsearch(arguments.seconds, pools, settings)
    for settings in PELE:
        contestants[f"pele, {settings['name']}"] = pele(loss, arguments.seconds, pools, settings)
    compare(contestants, lambda points: distinct_transition_states(loss, points), arguments.pairs, "transition states")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
