"""How often the gradient flow ends in another basin than SciPy's Radau at rtol 1e-9, by its error bound, and its cost.

Starts of `quench_robustness`, three networks, ljat, N = 1000; with --before also of an older code.

    python benchmarks/flow_errors.py 6 --before ../a-worktree-of-an-older-commit
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _earlier_code import codes_of, environment_of
from quench_robustness import HIDDEN, KINDS, start

ERRORS = (1e-2, 1e-3, 1e-4)
SAME = 5e-2  # distance of two ends that are one, where their losses agree to VALUE
VALUE = 1e-8


def starts_of(number):
    """Pairs of a loss and a start."""
    from landscape import CrossEntropyLoss, datasets  # noqa: PLC0415 (of the code under test)
    from landscape.networks import MLP  # noqa: PLC0415 (of the code under test)

    data = datasets.ljat(rows=1000, seed=0)
    for architecture, hidden in enumerate(HIDDEN):
        loss = CrossEntropyLoss(MLP((2, *hidden, 4)), data)
        for kind in range(len(KINDS)):
            for k in range(number):
                yield loss, start(loss.network, [architecture, kind, k])


def work(number, output):
    """Ends (errors, starts) as a list of arrays, Hessians and seconds of the code under test."""
    from landscape import quench  # noqa: PLC0415

    points = list(starts_of(number))
    quench(points[0][0], points[0][1], method="flow", path_error=1e-2)  # compiles
    ends, hessians, seconds = [], [], []
    for path_error in ERRORS:
        began = time.process_time()
        results = [quench(loss, point, method="flow", path_error=path_error) for loss, point in points]
        seconds.append((time.process_time() - began) / len(points))
        ends.append([result.coordinates for result in results])
        hessians.append(np.mean([result.hessian_evaluations for result in results]))
    flat = {f"{i}-{k}": end for i, row in enumerate(ends) for k, end in enumerate(row)}
    np.savez(output, hessians=hessians, seconds=seconds, **flat)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("starts", type=int, nargs="?", default=6, help="of each network and kind")
    parser.add_argument("--before", type=Path, help="root of a checkout of the code to compare with")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.starts, arguments.work)
        return
    from landscape.descent._radau import radau_flow  # noqa: PLC0415

    exact = [(loss, radau_flow(loss, point, point, rtol=1e-9)) for loss, point in starts_of(arguments.starts)]
    known = [k for k, (_, end) in enumerate(exact) if end is not None]
    print(f"{len(known)} of {len(exact)} starts whose end Radau finds", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, code in codes_of(arguments.before).items():
            output = f"{folder}/{name}.npz"
            command = [sys.executable, __file__, str(arguments.starts), "--work", output]
            subprocess.run(command, env=environment_of(code), check=True)
            with np.load(output) as found:
                for i, path_error in enumerate(ERRORS):
                    wrong = sum(differs(exact[k], found[f"{i}-{k}"]) for k in known)
                    print(
                        f"{name}, path error {path_error:g}: {wrong} of {len(known)} end elsewhere, "
                        f"{found['hessians'][i]:.0f} Hessians, {1e3 * found['seconds'][i]:.0f} ms a flow",
                        flush=True,
                    )


def differs(exact, end):
    loss, minimum = exact
    value = loss.value_and_gradient(end)[0]
    return abs(value - minimum.value) > VALUE or np.linalg.norm(end - minimum.coordinates) > SAME


if __name__ == "__main__":
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        main()
