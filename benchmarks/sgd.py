"""Microseconds per replica-step of our SGD kernel and of a plain torch loop, side by side on one core.

Both train a network of tanh units on 1000 rows with minibatches of 100 drawn in Keras' epochs, float32, with the same
learning rate and penalty. The torch loop has no DataLoader: it indexes tensors with a permutation, which is the
fastest plain way. Run `python benchmarks/sgd.py [--all] [--seconds S]`.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from dynamics._kernels import get_kernel
from landscape.networks import MLP

ROWS, BATCH, RATE, PENALTY, REPEATS = 1000, 100, 0.05, 1e-4, 7


def kernel_steps(network: MLP, inputs: np.ndarray, labels: np.ndarray) -> Callable[[int], object]:
    kernel = get_kernel(network.layer_sizes, BATCH, "float32", "sgd")
    start = network.glorot_uniform(np.random.default_rng(0)).astype(np.float32)
    decay = np.full(start.size, 2 * PENALTY, np.float32)
    x, y = inputs.astype(np.float32), labels.astype(np.float32)
    none, records, numbers = np.empty(0, np.int64), np.empty((0, start.size), np.float32), np.empty(0)
    zero, key = np.float32(0), np.uint64(1)

    def run(steps: int) -> None:
        theta, velocity, rates = start.copy(), np.zeros_like(start), np.full(steps, RATE, np.float32)
        kernel.advance(
            theta, velocity, x, y, key, 0, steps, BATCH, rates, zero, decay, 0.0, numbers, none, records
        )  # fmt: skip

    return run


def torch_steps(network: MLP, inputs: np.ndarray, labels: np.ndarray) -> Callable[[int], object]:
    layers: list[torch.nn.Module] = []
    for n_in, n_out in zip(network.layer_sizes[:-1], network.layer_sizes[1:], strict=True):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.Tanh()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, weight_decay=2 * PENALTY)
    loss = torch.nn.CrossEntropyLoss()
    x, y = torch.tensor(inputs, dtype=torch.float32), torch.tensor(labels)

    def run(steps: int) -> None:
        order = torch.arange(ROWS)
        for step in range(steps):
            position = step * BATCH % ROWS
            if position == 0:
                order = torch.randperm(ROWS)
            rows = order[position : position + BATCH]
            optimizer.zero_grad()
            loss(model(x[rows]), y[rows]).backward()
            optimizer.step()

    return run


def steps_for(run: Callable[[int], object], seconds: float) -> int:
    """Steps that take about `seconds`, after a warm-up."""
    steps = 100
    while True:
        start = time.perf_counter()
        run(steps)
        if (elapsed := time.perf_counter() - start) > 0.05:
            return max(1, int(steps * seconds / elapsed))
        steps *= 4


def measure(runs: list[Callable[[int], object]], seconds: float) -> np.ndarray:
    """Microseconds per step, (len(runs), REPEATS); the runs take turns, so that other load hits all of them."""
    steps = [steps_for(run, seconds) for run in runs]
    times = np.empty((len(runs), REPEATS))
    for repeat in range(REPEATS):
        for k, run in enumerate(runs):
            start = time.perf_counter()
            run(steps[k])
            times[k, repeat] = (time.perf_counter() - start) / steps[k] * 1e6
    return times


def report(name: str, times: np.ndarray) -> None:
    print(
        f"  {name:14s} {np.median(times):8.2f} us   ({times.min():.2f} to {times.max():.2f}, {times.size} repetitions)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="also two and three hidden layers")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a repetition")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    inputs, labels = rng.uniform(0.5, 2.5, (ROWS, 2)), rng.integers(0, 4, ROWS)
    for hidden in ((10,), (5, 5), (4, 4, 4)) if arguments.all else ((10,),):
        network = MLP((2, *hidden, 4))
        print(f"{network.layer_sizes}, P = {network.n_parameters}, N = {ROWS}, B = {BATCH}, float32, one core")
        start = time.perf_counter()
        ours_run = kernel_steps(network, inputs, labels)
        print(f"  kernel ready after {time.perf_counter() - start:.2f} s (compiled, or from the cache)")
        ours, theirs = measure([ours_run, torch_steps(network, inputs, labels)], arguments.seconds)
        report("our kernel", ours)
        report("torch loop", theirs)
        ratios = theirs / ours
        print(f"  ratio          {np.median(ratios):8.0f}      ({ratios.min():.0f} to {ratios.max():.0f})")


if __name__ == "__main__":
    main()
