"""A torch module: one point at a time, side by side (vmap), and the compiled perceptron.

The perceptron (2, 6, 6, 4) with GELU units as a module and compiled, ljat rows=100 seed 0. Processor milliseconds on
one thread: of a gradient, alone and in a batch of 20; of a Hessian; of a replica-step of SGD (B = 10, float32) for 1
and for 100 replicas. `cuda_check.py` compares a GPU with the CPU.

    python benchmarks/modules.py
"""

import time

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from dynamics import SGD, ModuleLoss, train, train_module
from landscape import CrossEntropyLoss, TorchLoss, datasets
from landscape.networks import MLP

BATCH = 20
STEPS = 500


def module() -> nn.Module:
    """The perceptron."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 6), nn.GELU(), nn.Linear(6, 6), nn.GELU(), nn.Linear(6, 4))


def milliseconds(work, repeats: int) -> float:
    """Processor time of one call, after a first one."""
    work()
    begin = time.process_time()
    for _ in range(repeats):
        work()
    return 1e3 * (time.process_time() - begin) / repeats


def compare_evaluations(data) -> None:
    losses = {"module": TorchLoss(module(), data), "compiled": CrossEntropyLoss(MLP((2, 6, 6, 4), "gelu"), data)}
    thetas = np.random.default_rng(0).normal(size=(BATCH, losses["module"].n_parameters))
    print(f"milliseconds               gradient   one of {BATCH} side by side   Hessian")
    for name, loss in losses.items():
        alone = milliseconds(lambda loss=loss: loss.value_and_gradient(thetas[0]), 200)
        batch = milliseconds(lambda loss=loss: loss.values_and_gradients(thetas), 50) / BATCH
        hessian = milliseconds(lambda loss=loss: loss.hessian(thetas[0]), 20)
        print(f"{name:25s} {alone:10.4f} {batch:25.4f} {hessian:9.3f}")


def compare_runs(data) -> None:
    optimizer = SGD(batch_size=10)
    trained = ModuleLoss(module(), data)
    given = {"steps": STEPS, "waiting_times": [STEPS - 1], "lags": [1]}
    kernel = CrossEntropyLoss(MLP((2, 6, 6, 4), "gelu"), data)
    print("milliseconds a replica-step")
    for replicas in (1, 100):
        works = {
            "module": lambda r=replicas: train_module(trained, optimizer, replicas=r, block=r, **given),
            "compiled": lambda r=replicas: train(kernel, optimizer, replicas=r, **given),
        }
        for name, work in works.items():
            print(f"{name:10s} {replicas:5d} replicas {milliseconds(work, 1) / replicas / STEPS:10.5f}")


def main() -> None:
    data = datasets.ljat(rows=100, seed=0)
    with threadpool_limits(1):
        compare_evaluations(data)
        compare_runs(data)


if __name__ == "__main__":
    main()
