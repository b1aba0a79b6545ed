"""One check of a GPU: the same results as on the CPU up to rounding, and how much faster.

A GELU perceptron (2, 6, 6, 4) on ljat rows=100 seed 0, and a convolution with 410 parameters on 500 images of 8 x 8
random numbers. Values, gradients, Hessians, products, and runs of SGD and Adam in float64 are compared with those of
the CPU, which ends with an error if they differ by more than 1e-9. Then it prints replica-steps a second (wall clock)
for growing ensembles, and the times of a Hessian and of 50 gradients side by side. A few minutes.

    python benchmarks/cuda_check.py
    python benchmarks/cuda_check.py --device cpu --replicas 10 --steps 20    # without a GPU: that the check runs
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from dynamics import SGD, Adam, ModuleLoss, train_module
from dynamics.training import Optimizer
from landscape import TorchLoss, datasets
from landscape.datasets import Dataset

LARGEST = 1e-9
POINTS = 50
OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"SGD": SGD, "Adam": Adam}


def perceptron() -> tuple[nn.Module, Dataset]:
    """Two hidden layers."""
    torch.manual_seed(0)
    layers = nn.Linear(2, 6), nn.GELU(), nn.Linear(6, 6), nn.GELU(), nn.Linear(6, 4)
    return nn.Sequential(*layers), datasets.ljat(rows=100, seed=0)


def convolution() -> tuple[nn.Module, Dataset]:
    """410 parameters."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    data = Dataset(rng.random((500, 64)), rng.integers(0, 10, 500), 10, np.empty((0, 64)), np.empty(0, np.int64))
    head = nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3), nn.GELU(), nn.AvgPool2d(2)
    return nn.Sequential(*head, nn.Flatten(), nn.Linear(36, 10)), data


def compare(name: str, pair: list[Any]) -> None:
    """Print by how much two results differ; RuntimeError if that is more than rounding."""
    largest = float(np.abs(np.asarray(pair[0]) - np.asarray(pair[1])).max())
    print(f"{name:32s} differ by {largest:.1e} from the CPU", flush=True)
    if not largest < LARGEST:
        msg = f"{name}: {largest:.1e} is more than rounding"
        raise RuntimeError(msg)


def check_losses(name: str, module: nn.Module, data: Dataset, device: str) -> None:
    """Compare and time what searches use."""
    losses = [TorchLoss(module, data, device=each) for each in ("cpu", device)]
    thetas = np.random.default_rng(0).normal(size=(POINTS, losses[0].n_parameters))
    calls: dict[str, Callable[[TorchLoss], Any]] = {
        "values": lambda loss: loss.values_and_gradients(thetas)[0],
        "gradients": lambda loss: loss.values_and_gradients(thetas)[1],
        "Hessians": lambda loss: loss.hessian(thetas[0]),
        "products": lambda loss: loss.hessian_vector_product(thetas[0], thetas[1]),
    }
    for what, call in calls.items():
        compare(f"{name}: {what}", [call(loss) for loss in losses])
        times = [seconds(call, loss) for loss in losses]
        print(f"{'':32s} {1e3 * times[0]:.1f} ms on the CPU, {1e3 * times[1]:.1f} ms on {device}", flush=True)


def check_runs(name: str, module: nn.Module, data: Dataset, device: str, steps: int) -> None:
    """Compare the snapshots of ten runs."""
    given = {"replicas": 10, "steps": steps, "waiting_times": [steps // 2], "lags": [1, steps // 4]}
    for optimizer, kind in OPTIMIZERS.items():
        by = kind(batch_size=10, precision="float64")
        runs = [train_module(ModuleLoss(module, data), by, device=each, **given) for each in ("cpu", device)]
        compare(f"{name}: runs by {optimizer}", [each.snapshots for each in runs])


def count_steps(name: str, module: nn.Module, data: Dataset, device: str, steps: int, replicas: list[int]) -> None:
    """Print replica-steps a second."""
    for number in replicas:
        for each in ("cpu", device):
            work = dict(replicas=number, block=number, device=each, steps=steps, waiting_times=[steps - 1], lags=[1])
            took = seconds(lambda work=work: train_module(ModuleLoss(module, data), SGD(batch_size=10), **work))
            speed = number * steps / took
            print(f"{name}: {each:6s} {number:6d} replicas {speed:12,.0f} replica-steps a second", flush=True)


def seconds(work: Callable[..., Any], *arguments: Any) -> float:
    """Wall-clock time of a call; results are NumPy arrays, so that the device has finished."""
    begin = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--replicas", default="100,1000,10000")
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda"):
        print(torch.cuda.get_device_name(arguments.device), torch.__version__)
    for name, (module, data) in {"perceptron": perceptron(), "convolution": convolution()}.items():
        check_losses(name, module, data, arguments.device)
        check_runs(name, module, data, arguments.device, arguments.steps)
        replicas = [int(number) for number in arguments.replicas.split(",")]
        count_steps(name, module, data, arguments.device, arguments.steps, replicas)
    print("all the same up to rounding")


if __name__ == "__main__":
    main()
