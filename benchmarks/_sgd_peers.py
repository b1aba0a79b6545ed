"""The contestants of `benchmarks/sgd.py` besides our kernel: functions (steps) -> processor seconds per replica-step.

All take the same rows, float32, learning rate, minibatch and penalty; those over replicas train `REPLICAS` at once.
"""

import itertools
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from _c_probe import build

ROWS, BATCH, RATE, PENALTY, REPLICAS = 1000, 100, 0.05, 1e-4, 100
JAX_PYTHON = Path(os.environ.get("JAX_PYTHON", ".venv-jax/bin/python")).absolute()
ONE_THREAD = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", "OMP_NUM_THREADS": "1"}

Contestant = Callable[[int], float]


def timed(run: Callable[[int], object], replicas: int = 1) -> Contestant:
    """Processor seconds per replica-step of `run`, which takes a number of steps of all replicas at once."""

    def seconds(steps: int) -> float:
        steps = max(1, steps // replicas)
        began = time.process_time()
        run(steps)
        return (time.process_time() - began) / (steps * replicas)

    return seconds


def c_probe(network, inputs, labels, folder: Path, width: int, precision: str) -> Contestant:
    """With vectors of `width` bytes."""
    run = build(network.layer_sizes, BATCH, ROWS, width, folder, precision)
    start = network.glorot_uniform(np.random.default_rng(0)).astype(precision)
    x, y = inputs.astype(precision), labels.astype(precision)
    return timed(lambda steps: run(start.copy(), x, y, steps, RATE, 2 * PENALTY, 1))


def torch_module(layer_sizes) -> torch.nn.Module:
    layers: list[torch.nn.Module] = []
    for n_in, n_out in itertools.pairwise(layer_sizes):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1])


def torch_loop(network, inputs, labels, batch: int = BATCH) -> Contestant:
    """No DataLoader: it indexes tensors with a permutation, which is the fastest plain way."""
    n_rows = len(labels)
    model = torch_module(network.layer_sizes)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, weight_decay=2 * PENALTY)
    loss = torch.nn.CrossEntropyLoss()
    x, y = torch.tensor(inputs, dtype=torch.float32), torch.tensor(labels)

    def run(steps: int) -> None:
        order = torch.arange(n_rows)
        for step in range(steps):
            position = step * batch % n_rows
            if position == 0:
                order = torch.randperm(n_rows)
            rows = order[position : position + batch]
            optimizer.zero_grad()
            loss(model(x[rows]), y[rows]).backward()
            optimizer.step()

    return timed(run)


def torch_vmap(network, inputs, labels, batch: int = BATCH, replicas: int = REPLICAS) -> Contestant:
    """torch.func: one gradient of all replicas, each with its own minibatch."""
    n_rows = len(labels)
    models = [torch_module(network.layer_sizes) for _ in range(replicas)]
    parameters, buffers = torch.func.stack_module_state(models)
    base, x, y = models[0], torch.tensor(inputs, dtype=torch.float32), torch.tensor(labels)

    def loss(values, rows_x, rows_y):
        logits = torch.func.functional_call(base, (values, buffers), (rows_x,))
        return torch.nn.functional.cross_entropy(logits, rows_y)

    gradient = torch.func.vmap(torch.func.grad(loss))

    def run(steps: int) -> None:
        values = {name: value.detach().clone() for name, value in parameters.items()}
        order = torch.empty(0)
        for step in range(steps):
            position = step * batch % n_rows
            if position == 0:
                order = torch.rand(replicas, n_rows).argsort(dim=1)
            rows = order[:, position : position + batch]
            for name, slope in gradient(values, x[rows], y[rows]).items():
                values[name] -= RATE * (slope + 2 * PENALTY * values[name])

    return timed(run, replicas)


def numpy_batched(network, inputs, labels) -> Contestant:
    """Stacked matrix products over all replicas."""
    sizes, x = network.layer_sizes, inputs.astype(np.float32)
    one_hot = np.eye(sizes[-1], dtype=np.float32)[labels]
    rng = np.random.default_rng(0)
    starts = [network.unflatten(network.glorot_uniform(rng)) for _ in range(REPLICAS)]

    def run(steps: int) -> None:
        kernels = [np.stack([s[k].kernel for s in starts]).astype(np.float32) for k in range(len(sizes) - 1)]
        biases = [np.stack([s[k].bias for s in starts])[:, None].astype(np.float32) for k in range(len(sizes) - 1)]
        order = np.empty(0)
        for step in range(steps):
            position = step * BATCH % ROWS
            if position == 0:
                order = rng.permuted(np.tile(np.arange(ROWS), (REPLICAS, 1)), axis=1)
            rows = order[:, position : position + BATCH]
            layers = [x[rows]]
            for kernel, bias in zip(kernels[:-1], biases[:-1], strict=True):
                layers.append(np.tanh(layers[-1] @ kernel + bias))
            logits = layers[-1] @ kernels[-1] + biases[-1]
            delta = np.exp(logits - logits.max(axis=2, keepdims=True))
            delta = (delta / delta.sum(axis=2, keepdims=True) - one_hot[rows]) / np.float32(BATCH)
            for k in reversed(range(len(kernels))):
                slope, below = layers[k].transpose(0, 2, 1) @ delta, None
                if k:
                    below = (delta @ kernels[k].transpose(0, 2, 1)) * (1 - layers[k] ** 2)
                kernels[k] -= np.float32(RATE) * (slope + np.float32(2 * PENALTY) * kernels[k])
                biases[k] -= np.float32(RATE) * (delta.sum(axis=1, keepdims=True) + np.float32(2 * PENALTY) * biases[k])
                delta = below

    return timed(run, REPLICAS)


def jax_scan(network) -> Contestant | None:
    """The worker in JAX's own environment, or None where there is none."""
    if not JAX_PYTHON.exists():
        return None
    setting = {
        "sizes": network.layer_sizes,
        "rows": ROWS,
        "batch": BATCH,
        "rate": RATE,
        "penalty": PENALTY,
        "replicas": REPLICAS,
    }
    command = [str(JAX_PYTHON), str(Path(__file__).with_name("_jax_worker.py")), json.dumps(setting)]
    worker = subprocess.Popen(
        command, env={**os.environ, **ONE_THREAD}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    stdin, stdout = worker.stdin, worker.stdout
    assert stdout.readline().strip() == "ready"

    def seconds(steps: int) -> float:
        stdin.write(f"{steps}\n")
        stdin.flush()
        return float(stdout.readline())

    return seconds
