"""Every activation, loss and optimizer against tanh, cross-entropy and SGD: gradient, Hessian, step, on one core.

Ratios of processor seconds, contestants taking turns in one process: median (lowest to highest) over the rounds. The
data are Gaussian rows, classes at random. Squared error has as many outputs as cross-entropy (one-hot), logistic has
one and is compared with cross-entropy of two classes. Steps: float32, minibatches of 100.

    python benchmarks/losses_and_activations.py [--hidden 5,5] [--rows 1000] [--rounds 9] [--only optimizers]
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from dynamics.kernels import get_kernel
from dynamics.training import SGD, Adam, AdamW, Optimizer, RMSprop
from landscape.activations import ACTIVATIONS
from landscape.datasets import Dataset
from landscape.losses import LOSSES, MLPLoss
from landscape.networks import MLP

SECONDS, BATCH, FEATURES, CLASSES = 0.1, 100, 2, 4  # seconds of a contestant's turn
Contestant = Callable[[int], None]


def a_loss(activation: str, kind: str, hidden: tuple[int, ...], rows: int, classes: int) -> MLPLoss:
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(size=(rows, FEATURES)), rng.integers(classes, size=rows)
    data = Dataset(inputs, labels, classes, inputs[:0], labels[:0], {})
    network = MLP((FEATURES, *hidden, LOSSES[kind].outputs_for(data)), activation)
    return LOSSES[kind](network, data, 1e-4)


def steps_of(optimizer: Optimizer, loss: MLPLoss) -> Contestant:
    network, none = loss.network, np.empty(0, np.int64)
    kernel = get_kernel(
        network.layer_sizes, BATCH, "float32", "sgd", update=optimizer.update, activation=network.activation,
        loss=loss.name,
    )  # fmt: skip
    constants = [np.float32(number) for number in optimizer.constants]
    start = network.glorot_uniform(np.random.default_rng(0)).astype(np.float32)
    decay, records = np.full(start.size, 2e-4, np.float32), np.empty((0, start.size), np.float32)
    inputs, labels = loss.data.inputs.astype(np.float32), loss.data.labels.astype(np.float32)

    def run(steps: int) -> None:
        theta, state = start.copy(), [np.zeros_like(start) for _ in optimizer.state_names]
        rates = optimizer.rates(0, steps)
        kernel.advance(
            theta, *state, inputs, labels, np.uint64(1), 0, steps, BATCH, rates, *constants, decay, 0.0, np.empty(0),
            none, records,
        )  # fmt: skip

    return run


def repeated(function: Callable[[np.ndarray], object], loss: MLPLoss) -> Contestant:
    theta = loss.network.glorot_uniform(np.random.default_rng(0))

    def run(calls: int) -> None:
        for _ in range(calls):
            function(theta)

    return run


WORK: dict[str, Callable[[MLPLoss], Contestant]] = {
    "gradient": lambda loss: repeated(loss.value_and_gradient, loss),
    "Hessian": lambda loss: repeated(loss.hessian, loss),
    "SGD step": lambda loss: steps_of(SGD(0.1, BATCH), loss),
}


STEPPERS: dict[str, Optimizer] = {
    "SGD": SGD(0.1, BATCH),
    "momentum": SGD(0.1, BATCH, momentum=0.9),
    "Nesterov": SGD(0.1, BATCH, momentum=0.9, nesterov=True),
    "RMSprop": RMSprop(1e-3, BATCH),
    "Adam": Adam(1e-3, BATCH),
    "AdamW": AdamW(1e-3, BATCH),
}


def seconds(contestant: Contestant, calls: int) -> float:
    begin = time.process_time()
    contestant(calls)
    return (time.process_time() - begin) / calls


def calls_for(contestant: Contestant) -> int:
    contestant(2)  # compiles
    calls = 1
    while (each := seconds(contestant, calls)) * calls < SECONDS / 4:
        calls *= 4
    return max(1, int(SECONDS / each))


def compare(losses: dict[str, MLPLoss], rounds: int) -> None:
    """Print the ratios of all to the first, for each kind of work."""
    for name, work in WORK.items():
        race(name, {key: work(loss) for key, loss in losses.items()}, rounds)


def race(name: str, contestants: dict[str, Contestant], rounds: int) -> None:
    """Print the ratios of all to the first."""
    first = next(iter(contestants))
    calls = {key: calls_for(contestant) for key, contestant in contestants.items()}
    times = {key: np.empty(rounds) for key in contestants}
    for k in range(rounds):
        for key, contestant in contestants.items():
            times[key][k] = seconds(contestant, calls[key])
    print(f"{name}: {first} {1e6 * np.median(times[first]):.2f} us")
    for key, values in times.items():
        ratios = values / times[first]
        print(f"  {key:28s} {np.median(ratios):6.3f} ({ratios.min():.3f} to {ratios.max():.3f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hidden", default="5,5")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=("losses", "activations", "optimizers"))
    given = parser.parse_args()
    hidden = tuple(map(int, given.hidden.split(",")))

    def made(activation: str, kind: str, classes: int = CLASSES) -> MLPLoss:
        return a_loss(activation, kind, hidden, given.rows, classes)

    with threadpool_limits(1):
        if given.only in (None, "losses"):
            print(f"losses, layers {FEATURES}, {given.hidden}, {CLASSES}, {given.rows} rows")
            compare({kind: made("tanh", kind) for kind in ("cross-entropy", "squared-error")}, given.rounds)
            print("losses of two classes")
            compare({kind: made("tanh", kind, 2) for kind in ("cross-entropy", "logistic")}, given.rounds)
        if given.only in (None, "activations"):
            print(f"activations with cross-entropy, layers {FEATURES}, {given.hidden}, {CLASSES}")
            others = [name for name in ACTIVATIONS if name != "tanh"]
            compare({name: made(name, "cross-entropy") for name in ("tanh", *others)}, given.rounds)
        if given.only in (None, "optimizers"):
            print(f"optimizers, tanh with cross-entropy, layers {FEATURES}, {given.hidden}, {CLASSES}")
            loss = made("tanh", "cross-entropy")
            race("step", {name: steps_of(each, loss) for name, each in STEPPERS.items()}, given.rounds)


if __name__ == "__main__":
    main()
