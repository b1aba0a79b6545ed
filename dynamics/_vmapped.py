"""Replicas of a torch module side by side: `torch.func.vmap` over their parameter vectors."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import functional_call, grad, grad_and_value, vmap
from torch.nn.functional import cross_entropy

from dynamics.curves import Curves
from dynamics.sgd import SGD
from landscape.datasets import Dataset

Array = NDArray[np.float64]

ROWS = 1000  # of a part of the data: what the curves hold of activations at a time


class VmappedModule:
    """A module as a function of one flat parameter vector (P,), in the order of `named_parameters()`.

    The module is copied, in evaluation mode, and never changed.

    Parameters
    ----------
    module : torch.nn.Module
        Maps inputs (N, D) to logits (N, n_classes).
    data : Dataset
    optimizer : SGD
    device : str
        Where the replicas are.

    Raises
    ------
    ValueError
        If torch does not have the device, or the module does not give such logits.
    """

    def __init__(self, module: torch.nn.Module, data: Dataset, optimizer: SGD, device: str) -> None:
        self._original = module
        self.optimizer = optimizer
        self._dtype = getattr(torch, optimizer.precision)
        try:
            self._module = copy.deepcopy(module).to(device, self._dtype).eval().requires_grad_(False)
        except (RuntimeError, AssertionError) as error:
            msg = f"device must be one that torch has here, such as cpu or cuda; got {device!r} ({error})"
            raise ValueError(msg) from error
        self._device = device
        named = dict(self._module.named_parameters())
        self._shapes = {name: parameter.shape for name, parameter in named.items()}
        self._sizes = [parameter.numel() for parameter in named.values()]
        self.n_parameters = sum(self._sizes)
        self.kernel_mask = np.repeat([not name.endswith("bias") for name in named], self._sizes)
        self._data = data
        self._inputs = torch.tensor(data.inputs, dtype=self._dtype, device=device)
        self._labels = torch.tensor(data.labels, device=device)
        self._gradients: Callable[..., torch.Tensor] = vmap(grad(self._entropy), in_dims=(0, 0, 0))
        self._full_gradients: Callable[..., torch.Tensor] = vmap(grad(self._entropy), in_dims=(0, None, None))
        self._check_logits(data)

    def _check_logits(self, data: Dataset) -> None:
        logits = self._module(self._inputs[:2])
        if logits.shape != (min(2, data.rows), data.n_classes):
            shape = tuple(logits.shape)
            msg = f"module must map (N, {data.n_features}) to (N, {data.n_classes}); got {shape} for two rows"
            raise ValueError(msg)

    def random_start(self, seed: int) -> Array:
        """The module's own random initialization (P,), by the `reset_parameters` of its parts.

        Raises
        ------
        ValueError
            If a part with parameters has no such method: then the start must be given.
        """
        fresh = copy.deepcopy(self._original).cpu()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for part in fresh.modules():
                reset = getattr(part, "reset_parameters", None)
                if reset is not None:
                    reset()
                elif next(part.parameters(recurse=False), None) is not None:
                    msg = f"start must be given: {type(part).__name__} has parameters, but no reset_parameters()"
                    raise ValueError(msg)
        return np.concatenate([p.detach().double().numpy().ravel() for p in fresh.parameters()])

    def place(self, points: NDArray[Any]) -> torch.Tensor:
        """`points` (..., P) in this precision on the device."""
        return torch.tensor(points, dtype=self._dtype, device=self._device)

    def advance(
        self,
        thetas: torch.Tensor,
        velocities: torch.Tensor,
        rows: NDArray[np.int64] | None,
        rate: float,
        decay: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`thetas` and `velocities` (R, P) after one step on `rows` (R, B), or all of them for None."""
        if rows is None:
            gradients = self._full_gradients(thetas, self._inputs, self._labels)
        else:
            index = torch.from_numpy(rows).to(self._device)
            gradients = self._gradients(thetas, self._inputs[index], self._labels[index])
        change = -rate * (gradients + decay * thetas)
        if self.optimizer.momentum:
            velocities = self.optimizer.momentum * velocities + change
            change = velocities
        return thetas + change, velocities

    def _unflatten(self, theta: torch.Tensor) -> dict[str, torch.Tensor]:
        parts = torch.split(theta, self._sizes)
        return {name: part.reshape(shape) for (name, shape), part in zip(self._shapes.items(), parts, strict=True)}

    def _entropy(self, theta: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return cross_entropy(functional_call(self._module, self._unflatten(theta), (inputs,)), labels)

    def curves(self, thetas: NDArray[Any], penalty: Array) -> Curves:
        """What `evaluate_curves` says of an MLP: at each of `thetas` (C, P), in float64, rows in parts."""
        whole = copy.copy(self)
        whole._module = copy.deepcopy(self._module).double()
        rows = [whole._curve_point(np.asarray(theta, np.float64), penalty) for theta in thetas]
        return Curves(*np.array(rows, dtype=np.float64).reshape(-1, len(Curves._fields)).T.copy())

    def _curve_point(self, theta: Array, penalty: Array) -> tuple[float, ...]:
        point = torch.tensor(theta, dtype=torch.float64, device=self._device)
        entropy, correct, gradient = 0.0, 0, torch.zeros_like(point)
        for inputs, labels in self._parts(self._data.inputs, self._data.labels):
            slope, (value, logits) = grad_and_value(self._with_logits, has_aux=True)(point, inputs, labels)
            entropy += float(value) * len(labels)
            gradient += slope * len(labels)
            correct += int((logits.argmax(dim=1) == labels).sum())
        n = self._data.rows
        norm = np.linalg.norm(gradient.cpu().numpy() / n + 2.0 * penalty * theta)
        loss = entropy / n + float(penalty @ theta**2)
        return loss, correct / n, float(norm), *self._test_scores(point)

    def _with_logits(
        self, theta: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        logits = functional_call(self._module, self._unflatten(theta), (inputs,))
        return cross_entropy(logits, labels), logits

    def _test_scores(self, point: torch.Tensor) -> tuple[float, float]:
        """Mean cross-entropy and accuracy on the test rows; nan without any."""
        count, entropy, correct = len(self._data.test_labels), 0.0, 0
        for inputs, labels in self._parts(self._data.test_inputs, self._data.test_labels):
            value, logits = self._with_logits(point, inputs, labels)
            entropy += float(value) * len(labels)
            correct += int((logits.argmax(dim=1) == labels).sum())
        return (entropy / count, correct / count) if count else (float("nan"), float("nan"))

    def _parts(self, inputs: Array, labels: NDArray[np.int64]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for first in range(0, len(labels), ROWS):
            rows = slice(first, first + ROWS)
            yield (
                torch.tensor(inputs[rows], dtype=torch.float64, device=self._device),
                torch.tensor(labels[rows], device=self._device),
            )
