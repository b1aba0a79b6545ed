"""Derivatives of a network on MNIST, this code against that of an earlier commit: processor and wall seconds of a call.

python benchmarks/wide_inputs.py --before WORKTREE --mnist DIRECTORY --rows 60000

Both codes take turns in processes of their own; each number is the least of the rounds. Peak memory is that of the
whole process, the data set included.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from _earlier_code import codes_of, environment_of

from landscape import CrossEntropyLoss, datasets
from landscape.networks import MLP

CALLS = ("value_and_gradient", "hessian_vector_product", "value_gradient_hessian")


def measured(rows, hidden, mnist, names):
    """Seconds of the calls, of the process and on the wall, a number that the results share, and the peak memory."""
    loss = CrossEntropyLoss(MLP((784, *hidden, 10)), datasets.mnist(rows, data_dir=mnist))
    theta = loss.network.glorot_uniform(np.random.default_rng(0))
    vector = np.random.default_rng(1).normal(size=theta.size)
    few = np.random.default_rng(2).permutation(theta.size)[:200]
    found = {}
    for name in names:
        points = (theta, vector) if name == "hessian_vector_product" else (theta,)
        repeat = 1 if name == "value_gradient_hessian" else 3
        getattr(CrossEntropyLoss(loss.network, datasets.mnist(100, data_dir=mnist)), name)(*points)  # compiled
        wall, processor = time.perf_counter(), time.process_time()
        for _ in range(repeat):
            result = getattr(loss, name)(*points)
        seconds = [(time.process_time() - processor) / repeat, (time.perf_counter() - wall) / repeat]
        last = result[-1] if isinstance(result, tuple) else result
        sample = last[few] if last.ndim == 1 else last[few][:, few]
        found[name] = {"seconds": seconds, "sample": sample.tolist()}
    return found | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def difference(a, b):
    """Largest difference of two samples, relative to the largest number."""
    return float(np.abs(np.subtract(a, b)).max() / np.abs(b).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--hidden", type=int, nargs="*", default=[5])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--calls", nargs="*", default=CALLS, choices=CALLS)
    parser.add_argument("--worker", action="store_true")
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(measured(given.rows, given.hidden, given.mnist, given.calls)))
        return
    results = {}
    for _ in range(given.rounds):
        for code, folder in codes_of(given.before).items():
            command = [sys.executable, __file__, *sys.argv[1:], "--worker"]
            done = subprocess.run(
                command, env=environment_of(folder), cwd=folder, check=True, capture_output=True, text=True
            )
            results.setdefault(code, []).append(json.loads(done.stdout))
    print(f"784-{','.join(map(str, given.hidden))}-10, N = {given.rows}, {given.rounds} rounds in turn")
    for code, rounds in results.items():
        for name in given.calls:
            processor, wall = (min(one[name]["seconds"][k] for one in rounds) for k in (0, 1))
            print(f"{code:7} {name:24} {1e3 * processor:10.1f} ms of processor, {1e3 * wall:10.1f} ms")
        print(f"{code:7} peak memory {max(one['peak'] for one in rounds):.2f} GiB")
    if len(results) > 1:
        for name in given.calls:
            least = [min(one[name]["seconds"][0] for one in results[code]) for code in ("before", "after")]
            samples = (results[code][0][name]["sample"] for code in ("after", "before"))
            print(f"{name:24} {least[0] / least[1]:.1f} times as fast; relative difference {difference(*samples):.1e}")


if __name__ == "__main__":
    main()
