"""Exact Hessian and gradient: our compiled kernels against torch.func, one core, N = 1000.

python benchmarks/hessian.py
python benchmarks/hessian.py --mnist DIRECTORY --hidden 5 5
"""

import argparse
import itertools
import resource
import time

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from landscape import CrossEntropyLoss, TorchLoss, datasets
from landscape.networks import MLP

ROUNDS, ENOUGH = 7, 0.2  # rounds of at least so many seconds each


def milliseconds(function, argument):
    """Lowest, median and highest time of one call over the rounds."""
    function(argument)
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < ENOUGH:
        function(argument)
        calls += 1
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(calls):
            function(argument)
        times.append(1e3 * (time.perf_counter() - start) / calls)
    return min(times), float(np.median(times)), max(times)


def module(layer_sizes):
    parts = []
    for n_in, n_out in itertools.pairwise(layer_sizes):
        parts += [torch.nn.Linear(n_in, n_out), torch.nn.Tanh()]
    return torch.nn.Sequential(*parts[:-1])


def mnist(directory, hidden):
    """Seconds and peak memory of one exact Hessian at N = 60000, P about 4000."""
    data, network = datasets.load("mnist", data_dir=directory), MLP((784, *hidden, 10))
    loss, theta = CrossEntropyLoss(network, data), network.glorot_uniform(np.random.default_rng(0))
    print(f"MNIST, N = {data.rows}, P = {network.n_parameters}, one core")
    for name, function in (
        ("gradient", loss.value_and_gradient),
        ("Hessian times vector", lambda x: loss.hessian_vector_product(x, x)),
        ("Hessian", loss.hessian),
    ):
        start = time.perf_counter()
        function(theta)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux
        print(f"{name:>21} {seconds:7.2f} s, peak memory of the process so far {peak:.2f} GiB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", metavar="DIRECTORY", help="the exact Hessian on these files instead")
    parser.add_argument("--hidden", type=int, nargs="+", default=[5], help="hidden layers for --mnist")
    arguments = parser.parse_args()
    if arguments.mnist:
        mnist(arguments.mnist, arguments.hidden)
        return
    data = datasets.ljat(rows=1000, seed=0)
    print("median (lowest ... highest) in ms of one call, one core, N = 1000\n")
    print(f"{'hidden':>8} {'P':>4} {'':>9} {'ours':>24} {'torch':>24} {'ratio':>6}")
    for hidden in ((10,), (5, 5), (4, 4, 4)):
        network = MLP((2, *hidden, 4))
        ours, theirs = CrossEntropyLoss(network, data), TorchLoss(module(network.layer_sizes), data)
        theta = network.glorot_uniform(np.random.default_rng(0))
        # torch keeps kernels transposed
        torch_theta = np.concatenate([part.T.ravel() for layer in network.unflatten(theta) for part in layer])
        assert abs(ours.value(theta) - theirs.value(torch_theta)) < 1e-12
        for what, mine, other in (
            ("gradient", ours.value_and_gradient, theirs.value_and_gradient),
            ("Hessian", ours.hessian, theirs.hessian),
        ):
            a, b = milliseconds(mine, theta), milliseconds(other, torch_theta)
            cells = [f"{median:8.3f} ({low:.3f} ... {high:.3f})" for low, median, high in (a, b)]
            name = ",".join(map(str, hidden))
            print(f"{name:>8} {network.n_parameters:4d} {what:>9} {cells[0]:>24} {cells[1]:>26} {b[1] / a[1]:6.1f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with threadpool_limits(1):
        main()
