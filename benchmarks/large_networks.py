"""Minima and transition states of large networks and of a small convolution: processor seconds against our goals.

For each network, two Glorot starts are quenched, and between the two minima a transition state with both of its ends is
searched: from the straight line, then from an elastic band, until one is certified; what failed counts. Goals are those
of the issue on large networks, for N = 1000 (784-5-10, 2-50-50-4) and 500 digits of scikit-learn (a convolution with
410 parameters and GELU).

    OMP_NUM_THREADS=1 python benchmarks/large_networks.py --networks 2-50-50-4 conv --mnist DIRECTORY
"""

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from landscape import MLP, CrossEntropyLoss, TorchLoss, datasets, quench
from landscape.losses import Loss
from landscape.search import SaddleResult, search_along_band, search_between, search_from_minimum
from landscape.stationary import Minimum

GOALS = {"784-5-10": (15.0, 60.0), "2-50-50-4": (10.0, 30.0), "conv": (10.0, 60.0)}  # seconds
SEEDS = 0, 1  # of the starts
DISPLACEMENT = 0.1  # of the search from one minimum


def loss_of(name: str, mnist: str | None) -> Loss:
    """The loss of a network of `GOALS`."""
    if name == "784-5-10":
        return CrossEntropyLoss(MLP((784, 5, 10)), datasets.load("mnist", rows=1000, data_dir=mnist), 1e-4)
    if name == "2-50-50-4":
        return CrossEntropyLoss(MLP((2, 50, 50, 4)), datasets.ljat(rows=1000, seed=0), 1e-4)
    return convolution()


def convolution() -> Loss:
    """410 parameters, on digits of 8 x 8 pixels."""
    import torch  # noqa: PLC0415  the others do not need it
    from torch import nn  # noqa: PLC0415

    torch.manual_seed(0)
    data = datasets.load("sklearn:digits", rows=500)
    head = nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3), nn.GELU(), nn.AvgPool2d(2)
    return TorchLoss(nn.Sequential(*head, nn.Flatten(), nn.Linear(36, 10)), data, 1e-4)


def timed(call: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[Any, float]:
    """What a call returns, and its processor seconds."""
    begin = time.process_time()
    return call(*arguments, **options), time.process_time() - begin


def start_of(loss: Any, seed: int) -> np.ndarray:
    """A random start (P,)."""
    return (
        loss.network.glorot_uniform(seed)
        if isinstance(loss.network, MLP)
        else loss.random_point(rng=np.random.default_rng(seed))
    )


def search(loss: Loss, a: Minimum, b: Minimum) -> SaddleResult:
    """The first certified transition state of several searches, or the last failure."""
    found = search_between(loss, a, b)
    if not found.converged:
        print(f"    the line: {found.status.name}", flush=True)
        for found in search_along_band(loss, a, b, peaks=2):
            print(f"    a peak of the band: {found.status.name}", flush=True)
            if found.converged:
                break
    if not found.converged:
        found = search_from_minimum(loss, a, rng=0, displacement=DISPLACEMENT)
        print(f"    from a minimum: {found.status.name}", flush=True)
    return found


def measure(name: str, mnist: str | None) -> None:
    """Print the seconds of the minima and of the transition state."""
    loss = loss_of(name, mnist)
    begin = start_of(loss, 2)
    _, hessian = timed(loss.value_gradient_hessian, begin)  # compiled
    loss.value_and_gradient(begin)
    print(f"{name}: {begin.size} parameters (first Hessian {hessian:.1f} s)", flush=True)
    minima = []
    for seed in SEEDS:
        result, seconds = timed(quench, loss, start_of(loss, seed))
        print(
            f"  start {seed}: {result.status.name} at {result.value:.6f}, {result.gradient_evaluations} gradients and "
            f"{result.hessian_evaluations} Hessians, {seconds:.1f} s (goal {GOALS[name][0]:.0f})",
            flush=True,
        )
        if result.converged:
            minima.append(result.minimum)
    if len(minima) == len(SEEDS):
        found, seconds = timed(search, loss, *minima)
        print(f"  transition state: {found.status.name}, {seconds:.1f} s (goal {GOALS[name][1]:.0f})", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"  peak memory {peak:.2f} GiB", flush=True)


def main() -> None:
    """Measure the networks given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=[*GOALS], choices=[*GOALS])
    parser.add_argument("--mnist", help="folder of the MNIST files")
    given = parser.parse_args()
    for name in given.networks:
        measure(name, given.mnist)


if __name__ == "__main__":
    main()
