"""What the comparisons with pele and topography-searcher share: the loss, budgets, counting, the table."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landscape import CrossEntropyLoss, datasets, quench
from landscape.networks import MLP
from landscape.stationary import certify, same_point

# absolute, since it is started in another folder; not resolved, since a link is what makes it that environment's
TOPSEARCH_PYTHON = Path(os.environ.get("TOPSEARCH_PYTHON", ".venv-topsearch/bin/python")).absolute()
WORKER = Path(__file__).with_name("_topsearch_worker.py")
NEWTON_STEPS, LONGEST_NEWTON_STEP = 60, 0.3


class DeadlineError(Exception):
    """The contestant's time is up."""


@dataclass
class Run:
    """What one contestant found in one run: points (n, P), processor seconds, what else there is to say."""

    points: list
    seconds: float
    note: str = ""


class Limited:
    """A loss that stops whoever evaluates it after so many processor seconds."""

    def __init__(self, loss, seconds):
        self._loss, self.network, self.n_parameters, self.zero_modes = (
            loss,
            loss.network,
            loss.n_parameters,
            loss.zero_modes,
        )
        self.began = time.process_time()
        self._end = self.began + seconds

    def _check(self):
        if time.process_time() > self._end:
            raise DeadlineError

    def value_and_gradient(self, theta):
        self._check()
        return self._loss.value_and_gradient(theta)

    def value_gradient_hessian(self, theta):
        self._check()
        return self._loss.value_gradient_hessian(theta)

    @property
    def seconds(self):
        return time.process_time() - self.began


def the_loss():
    return CrossEntropyLoss(MLP((2, 5, 5, 4)), datasets.ljat(rows=1000, seed=0))


def distinct_minima(loss, points):
    """Minima modulo symmetry that the points quench to; the same quench for everybody, to 1e-10."""
    results = [quench(loss, point) for point in points]
    return distinct(loss.network, [result.minimum for result in results if result.converged])


def distinct_transition_states(loss, points):
    """Transition states modulo symmetry: rms 1e-10 and index 1 after the same Newton iteration for everybody."""
    polished = [newton_to_stationary(loss, point) for point in points]
    return distinct(loss.network, [p for p in polished if p.rms_gradient <= 1e-10 and p.index == 1])


def newton_to_stationary(loss, point):
    """Plain Newton steps, to whatever stationary point is next."""
    point = np.array(point, dtype=float)
    for _ in range(NEWTON_STEPS):
        _, gradient, hessian = loss.value_gradient_hessian(point)
        if np.linalg.norm(gradient) <= 1e-10 * np.sqrt(gradient.size):
            break
        step = -np.linalg.solve(hessian, gradient)
        point = point + step * min(1.0, LONGEST_NEWTON_STEP / np.linalg.norm(step))
    return certify(loss, point)


def distinct(network, stationary):
    known = []
    for point in sorted(stationary, key=lambda p: p.value):
        near = (other for other in reversed(known) if point.value - other.value < 1e-8)
        if not any(same_point(network, point, other) for other in near):
            known.append(point)
    return known


def run_topsearch(job, arrays):
    """Run the worker in topography-searcher's own environment: a `Run`, or None if there is no such environment."""
    if not TOPSEARCH_PYTHON.exists():
        return None
    checkout = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONPATH": checkout, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:  # topsearch writes a log where it runs
        np.savez(Path(folder) / "input.npz", **arrays)
        command = [str(TOPSEARCH_PYTHON), str(WORKER), json.dumps(job)]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"topsearch failed: {done.stderr[-2000:]}")
        with np.load(Path(folder) / "output.npz") as found:
            return Run(list(found["points"]), float(found["seconds"]), str(found["note"]))


def compare(contestants, count, pairs, unit):
    """Run all contestants `pairs` times in turn and print rates, their spread and the ratios to ours.

    `contestants` maps a name to a function of the repetition; the first is ours.
    """
    rates = {name: [] for name in contestants}
    for repetition in range(pairs):
        for name, run in contestants.items():
            result = run(repetition)
            if result is None:
                continue
            found = count(result.points)
            rates[name].append(60.0 * len(found) / result.seconds)
            lowest = min((p.value for p in found), default=float("nan"))
            print(
                f"  {repetition} {name:<58} {len(found):4d} distinct of {len(result.points):4d} in"
                f" {result.seconds:6.1f} s, lowest {lowest:.5f} {result.note}",
                flush=True,
            )
    ours = np.array(next(iter(rates.values())))
    print(f"\n{unit} per minute of one core: median (lowest ... highest) of {pairs}; ours over theirs, pair by pair")
    for name, values in rates.items():
        if not values:
            print(f"{name:<60} not installed: set TOPSEARCH_PYTHON")
            continue
        with np.errstate(divide="ignore"):
            ratios = ours / np.array(values)
        print(
            f"{name:<60} {np.median(values):7.1f} ({min(values):.1f} ... {max(values):.1f})"
            f"   {np.median(ratios):6.1f} x ({ratios.min():.1f} ... {ratios.max():.1f})"
        )
