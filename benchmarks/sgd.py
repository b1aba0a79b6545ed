"""Microseconds per replica-step of our SGD kernel and of its peers, side by side on one core.

All train a network of tanh units on 1000 rows with minibatches of 100 drawn in Keras' epochs, float32, with the same
learning rate and penalty: plain C with vector extensions (the limit), a torch loop, torch.func.vmap and NumPy over 100
replicas, and JAX (vmap of a scanned epoch) where JAX_PYTHON names an interpreter that has it. Processor seconds, one
thread; contestants take turns, so that other load hits all of them.

    python benchmarks/sgd.py [--all] [--seconds S]
"""

import argparse
import tempfile
import time
from pathlib import Path

import _sgd_peers as peers
import numpy as np
import torch
from _sgd_peers import BATCH, PENALTY, RATE, ROWS, Contestant, timed

from dynamics._kernels import get_kernel
from landscape.networks import MLP

REPEATS = 7


def our_kernel(network: MLP, inputs: np.ndarray, labels: np.ndarray) -> Contestant:
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

    return timed(run)


def steps_for(contestant: Contestant, seconds: float) -> int:
    """Replica-steps that take about `seconds`, after a warm-up."""
    steps = 100
    while True:
        began = time.perf_counter()
        each = contestant(steps)
        if time.perf_counter() - began > 0.05:
            return max(1, int(seconds / each))
        steps *= 4


def measure(contestants: dict[str, Contestant], seconds: float) -> dict[str, np.ndarray]:
    """Microseconds per replica-step, (REPEATS,) for each."""
    steps = {name: steps_for(contestant, seconds) for name, contestant in contestants.items()}
    times = {name: np.empty(REPEATS) for name in contestants}
    for repeat in range(REPEATS):
        for name, contestant in contestants.items():
            times[name][repeat] = 1e6 * contestant(steps[name])
    return times


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
        with tempfile.TemporaryDirectory() as folder:
            contestants = {
                "our kernel": our_kernel(network, inputs, labels),
                "C, AVX2": peers.c_probe(network, inputs, labels, Path(folder), 8),
                "torch loop": peers.torch_loop(network, inputs, labels),
                "torch vmap": peers.torch_vmap(network, inputs, labels),
                "NumPy": peers.numpy_batched(network, inputs, labels),
            }
            if "avx512f" in Path("/proc/cpuinfo").read_text():
                contestants["C, AVX-512"] = peers.c_probe(network, inputs, labels, Path(folder), 16)
            jax = peers.jax_scan(network)
            if jax is not None:
                contestants["JAX"] = jax
            times = measure(contestants, arguments.seconds)
        for name, values in times.items():
            ratios = values / times["our kernel"]
            print(
                f"  {name:12s} {np.median(values):8.2f} us ({values.min():.2f} to {values.max():.2f})"
                f"   {np.median(ratios):7.2f} x ours ({ratios.min():.2f} to {ratios.max():.2f})",
                flush=True,
            )
        if jax is None:
            print("  JAX          not installed: set JAX_PYTHON")


if __name__ == "__main__":
    main()
