"""topography-searcher at work, in its own environment (numpy < 2): started by `_peers.run_topsearch`.

Reads input.npz, writes output.npz; the first argument is the job as JSON. The compiled loss is ours.
"""

import json
import sys

import numpy as np
from _peers import DeadlineError, Limited, the_loss
from topsearch.data.coordinates import StandardCoordinates
from topsearch.data.kinetic_transition_network import KineticTransitionNetwork
from topsearch.global_optimisation.basin_hopping import BasinHopping
from topsearch.global_optimisation.perturbations import StandardPerturbation
from topsearch.minimisation import lbfgs
from topsearch.potentials.potential import Potential
from topsearch.sampling.exploration import NetworkSampling
from topsearch.similarity.similarity import StandardSimilarity
from topsearch.transition_states.hybrid_eigenvector_following import HybridEigenvectorFollowing
from topsearch.transition_states.nudged_elastic_band import NudgedElasticBand

from landscape import symmetry

BOUND = 15.0  # of every parameter; topsearch is made for boxes
MAX_STEPS = 20_000  # topsearch's own limit of 200 L-BFGS steps ends before any minimum of this loss


class LossPotential(Potential):
    """A loss under the names that topsearch calls."""

    def __init__(self, loss):
        super().__init__()
        self.loss = loss

    def function(self, position):
        return self.loss.value_and_gradient(position)[0]

    def function_gradient(self, position):
        return self.loss.value_and_gradient(position)

    def gradient(self, position, displacement=1e-6):
        return self.loss.value_and_gradient(position)[1]

    def hessian(self, position, displacement=1e-4):
        return self.loss.value_gradient_hessian(position)[2]


class Aligned(StandardSimilarity):
    """topsearch knows no unit symmetries: pairs are aligned for it, exactly."""

    network = None

    def optimal_alignment(self, coords1, coords2):
        second = symmetry.nearest_image(self.network, coords2, coords1.position)
        return np.linalg.norm(second - coords1.position), coords1.position, second, None


def coordinates_at(position):
    coordinates = StandardCoordinates(ndim=position.size, bounds=[(-BOUND, BOUND)] * position.size)
    coordinates.position = np.array(position)
    return coordinates


def minima(limited, job, given):
    set_minimiser_steps(MAX_STEPS)
    network = KineticTransitionNetwork()
    search = BasinHopping(
        ktn=network,
        potential=LossPotential(limited),
        similarity=StandardSimilarity(1e-2, 1e-8),
        step_taking=StandardPerturbation(max_displacement=2.0 * job["step"]),  # it draws within half of this
    )
    try:
        search.run(coordinates_at(given["start"]), 10**9, 1e-6, job["temperature"])
    except DeadlineError:
        pass
    with open("logfile", encoding="utf-8") as log:
        failed = log.read().count("Could not converge")
    return [network.get_minimum_coords(i) for i in range(network.n_minima)], f"({failed} failed)"


def transition_states(limited, job, given):
    set_minimiser_steps(job["minimiser_steps"])
    network = KineticTransitionNetwork()
    for point in given["minima"]:
        network.add_minimum(point, limited.value_and_gradient(point)[0])
    potential = LossPotential(limited)
    similarity = Aligned(1e-2, 1e-8)
    similarity.network = limited.network
    following = HybridEigenvectorFollowing(
        potential=potential,
        ts_conv_crit=job["tolerance"],
        ts_steps=job["ts_steps"],
        pushoff=job["pushoff"],
        steepest_descent_conv_crit=job["tolerance"],
        eigenvalue_conv_crit=job["eigenvalue_tolerance"],
        positive_eigenvalue_step=job["positive_step"],
    )
    band = NudgedElasticBand(
        potential=potential, force_constant=job["force_constant"], image_density=5.0, max_images=20, neb_conv_crit=1e-2
    )
    sampling = NetworkSampling(
        ktn=network,
        coords=coordinates_at(given["minima"][0]),
        global_optimiser=None,
        single_ended_search=following,
        double_ended_search=band,
        similarity=similarity,
    )
    points, tried = [], 0
    try:
        for pair in given["pairs"]:
            tried += 1
            points += [found[0] for found in sampling.connection_attempt(pair.tolist())]
    except DeadlineError:
        pass
    with open("logfile", encoding="utf-8") as log:
        lines = log.read().splitlines()
    failures = [line for line in lines if line.startswith("TS search did not converge")]
    kinds = {kind: failures.count(kind) for kind in sorted(set(failures))}
    note = "; ".join(f"{n} {kind.removeprefix('TS search did not converge. ')}" for kind, n in kinds.items())
    return points, f"({tried} pairs; failed: {note or 'none'})"


def set_minimiser_steps(steps):
    """The default of topsearch's `minimise`, which its own callers never change."""
    defaults = list(lbfgs.minimise.__defaults__)
    defaults[defaults.index(200)] = steps
    lbfgs.minimise.__defaults__ = tuple(defaults)


def main():
    job = json.loads(sys.argv[1])
    with np.load("input.npz") as file:
        given = dict(file)
    np.random.seed(job["seed"])  # noqa: NPY002 (topsearch draws from the global stream)
    loss = the_loss()
    point = given["start"] if job["kind"] == "minima" else given["minima"][0]
    loss.value_gradient_hessian(point)  # compiles
    symmetry.nearest_image(loss.network, point, point)
    loss.value_and_gradient(point)
    limited = Limited(loss, job["seconds"])
    points, note = {"minima": minima, "transition states": transition_states}[job["kind"]](limited, job, given)
    found = np.array(points).reshape(len(points), loss.n_parameters)
    np.savez("output.npz", points=found, seconds=limited.seconds, note=note)


if __name__ == "__main__":
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        main()
