"""Microseconds per replica-step of our SGD kernel and of its peers, side by side on one core.

All train a network of tanh units on 1000 rows with minibatches of 100 drawn in Keras' epochs, float32, with the same
learning rate and penalty: plain C with vector extensions (the limit), a torch loop, torch.func.vmap and NumPy over 100
replicas, and JAX (vmap of a scanned epoch) where JAX_PYTHON names an interpreter that has it. Processor seconds, one
thread; contestants take turns, so that other load hits all of them.

Where the MNIST files are (--data-dir or AGESCAPE_DATA), also 784-5-10 on its 60000 rows with minibatches of 50,
against the torch loop and vmap over 20 replicas.

    python benchmarks/sgd.py [--all] [--hidden 16,16 [--precision float64]] [--seconds S] [--data-dir D]
"""

import argparse
import tempfile
import time
from pathlib import Path

import _sgd_peers as peers
import numpy as np
import torch
from _sgd_peers import BATCH, PENALTY, RATE, ROWS, Contestant, timed

from dynamics.kernels import get_kernel
from landscape import datasets
from landscape.networks import MLP

REPEATS = 7


def our_kernel(
    network: MLP, inputs: np.ndarray, labels: np.ndarray, batch: int = BATCH, precision: str = "float32"
) -> Contestant:
    pixels, dtype = inputs.dtype == np.uint8, np.dtype(precision)
    kernel = get_kernel(network.layer_sizes, batch, precision, "sgd", pixels=pixels)
    start = network.glorot_uniform(np.random.default_rng(0)).astype(dtype)
    decay = np.full(start.size, 2 * PENALTY, dtype)
    x, y = inputs if pixels else inputs.astype(dtype), labels.astype(dtype)
    none, records, numbers = np.empty(0, np.int64), np.empty((0, start.size), dtype), np.empty(0)
    zero, key = dtype.type(0), np.uint64(1)

    def run(steps: int) -> None:
        theta, velocity, rates = start.copy(), np.zeros_like(start), np.full(steps, RATE, dtype)
        kernel.advance(
            theta, velocity, x, y, key, 0, steps, batch, rates, zero, decay, 0.0, numbers, none, records
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


def report(times: dict[str, np.ndarray]) -> None:
    for name, values in times.items():
        ratios = values / times["our kernel"]
        print(
            f"  {name:12s} {np.median(values):8.2f} us ({values.min():.2f} to {values.max():.2f})"
            f"   {np.median(ratios):7.2f} x ours ({ratios.min():.2f} to {ratios.max():.2f})",
            flush=True,
        )


def small(hidden: tuple[int, ...], precision: str, seconds: float, *, limit_only: bool) -> None:
    """Two inputs and four classes; with `limit_only` against C alone."""
    rng = np.random.default_rng(0)
    inputs, labels = rng.uniform(0.5, 2.5, (ROWS, 2)), rng.integers(0, 4, ROWS)
    network = MLP((2, *hidden, 4))
    print(f"{network.layer_sizes}, P = {network.n_parameters}, N = {ROWS}, B = {BATCH}, {precision}, one core")
    with tempfile.TemporaryDirectory() as folder:
        contestants = {
            "our kernel": our_kernel(network, inputs, labels, precision=precision),
            "C, AVX2": peers.c_probe(network, inputs, labels, Path(folder), 32, precision),
        }
        if "avx512f" in Path("/proc/cpuinfo").read_text():
            contestants["C, AVX-512"] = peers.c_probe(network, inputs, labels, Path(folder), 64, precision)
        if limit_only:
            report(measure(contestants, seconds))
            return
        contestants |= {
            "torch loop": peers.torch_loop(network, inputs, labels),
            "torch vmap": peers.torch_vmap(network, inputs, labels),
            "NumPy": peers.numpy_batched(network, inputs, labels),
        }
        jax = peers.jax_scan(network)
        if jax is not None:
            contestants["JAX"] = jax
        report(measure(contestants, seconds))
    if jax is None:
        print("  JAX          not installed: set JAX_PYTHON")


def digits(seconds: float, data_dir: str | None) -> None:
    """MNIST with five hidden units."""
    try:
        data = datasets.mnist(data_dir=data_dir)
    except FileNotFoundError as error:
        print(f"MNIST is left out: {error}")
        return
    network, batch, replicas = MLP((784, 5, 10)), 50, 20
    print(f"MNIST, {network.layer_sizes}, P = {network.n_parameters}, N = {data.rows}, B = {batch}, float32, one core")
    assert data.pixels is not None
    contestants = {
        "our kernel": our_kernel(network, data.pixels, data.labels, batch),
        "torch loop": peers.torch_loop(network, data.inputs, data.labels, batch),
        "torch vmap": peers.torch_vmap(network, data.inputs, data.labels, batch, replicas),
    }
    report(measure(contestants, seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="also two and three hidden layers")
    parser.add_argument("--hidden", help="these hidden layers, against C alone")
    parser.add_argument("--precision", default="float32", help="with --hidden: float32 or float64")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a repetition")
    parser.add_argument("--data-dir", help="where the MNIST files lie")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.hidden:
        hidden = tuple(int(n) for n in arguments.hidden.split(","))
        small(hidden, arguments.precision, arguments.seconds, limit_only=True)
        return
    for hidden in ((10,), (5, 5), (4, 4, 4)) if arguments.all else ((10,),):
        small(hidden, "float32", arguments.seconds, limit_only=False)
    digits(arguments.seconds, arguments.data_dir)


if __name__ == "__main__":
    main()
