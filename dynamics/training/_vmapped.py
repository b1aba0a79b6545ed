"""Replicas of a torch module side by side: `torch.func.vmap` over their parameter vectors."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import grad, grad_and_value, vmap

from dynamics.runs import Parameter
from dynamics.training._curves import Curves
from dynamics.training._optimizers import Optimizer, State
from landscape.datasets import Dataset
from landscape.losses import (
    HEADS,
    MEANS,
    FlatModule,
    check_declared,
    check_outputs,
    check_vmap,
    declared_spec,
    derivative_problem,
    initialized,
    loss_kind,
)

logger = logging.getLogger(__name__)
Array = NDArray[np.float64]

ROWS = 1000  # bytes of activations that the curves hold at a time


class VmappedModule:
    """Replicas of a module, each a vector (P,) of its trainable parameters (`landscape.losses.FlatModule`).

    The module is copied, in evaluation mode, and never changed.

    Parameters
    ----------
    module : torch.nn.Module
        Maps inputs (N, D) to outputs (N, K), before any softmax.
    data : Dataset
    kind : str
        Name of the loss.
    optimizer : Optimizer
    device : str
        Where the replicas are.

    Raises
    ------
    ValueError
        If torch does not have the device, or the module does not map each row to the same logits every time, or does
        not work under `torch.func.vmap`.
    """

    def __init__(self, module: torch.nn.Module, data: Dataset, kind: str, optimizer: Optimizer, device: str) -> None:
        self._mean_loss, self._head = MEANS[kind], HEADS[kind]
        self.optimizer = optimizer
        self._device = device
        self._flat = FlatModule(module, data.inputs, getattr(torch, optimizer.precision), device)
        self._in_double = self._flat.in_double()
        check_outputs(self._in_double, data, loss_kind(kind).outputs_for(data))
        if problem := derivative_problem(self._in_double, data, self._mean_loss, second=False):  # may be intended
            logger.warning("%s; the runs follow torch's", problem)
        check_vmap(self._in_double, data, self._mean_loss)
        self.n_parameters, self.kernel_mask = self._flat.n_parameters, self._flat.kernel_mask
        self.parameters = tuple(Parameter(name, tuple(shape)) for name, shape in self._flat.shapes.items())
        self.spec = declared_spec(module, self._flat.shapes)
        if self.spec is not None:
            check_declared(self._in_double, self.spec, data.inputs)
        self._data = data
        self._inputs = self._flat.tensor(data.inputs)
        self._labels = self._flat.labels(data.labels)
        self._gradients: Callable[..., torch.Tensor] = vmap(grad(self._of_rows), in_dims=(0, 0, 0))
        self._full_gradients: Callable[..., torch.Tensor] = vmap(grad(self._of_rows), in_dims=(0, None, None))

    @property
    def constants_sha256(self) -> str | None:
        """Digest of the frozen parameters and the buffers; None without any."""
        constants = self._flat.constants()
        if not constants:
            return None
        digest = hashlib.sha256()
        for name, value in sorted(constants.items()):
            digest.update(f"{name}{value.shape}{value.dtype}".encode() + np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()

    def random_start(self, seed: int) -> Array:
        """The module's own random initialization (P,), by the `reset_parameters` of its parts.

        Raises
        ------
        ValueError
            If a part with trainable parameters has no such method; then give the start.
        """
        return self._flat.point(initialized(self._flat.original, list(self._flat.shapes), seed))

    def place(self, points: NDArray[Any]) -> torch.Tensor:
        """`points` (..., P) in this precision on the device."""
        return self._flat.tensor(points)

    def advance(
        self,
        thetas: torch.Tensor,
        state: State,
        rows: NDArray[np.int64] | None,
        rates: NDArray[np.floating],
        decay: torch.Tensor,
    ) -> tuple[torch.Tensor, State]:
        """`thetas` and the optimizer's state (R, P) after one step on `rows` (R, B); None means all rows."""
        if rows is None:
            gradients = self._full_gradients(thetas, self._inputs, self._labels)
        else:
            index = torch.from_numpy(rows).to(self._device)
            gradients = self._gradients(thetas, self._inputs[index], self._labels[index])
        return self.optimizer.step(thetas, state, gradients + decay * thetas, rates)

    def _of_rows(self, theta: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self._mean_loss(self._flat(theta, inputs), labels)

    def curves(self, thetas: NDArray[Any], penalty: Array) -> Curves:
        """Like `evaluate_curves` for an MLP: at each of `thetas` (C, P), in float64, rows in parts."""
        rows = [self._curve_point(np.asarray(theta, np.float64), penalty) for theta in thetas]
        return Curves(*np.array(rows, dtype=np.float64).reshape(-1, len(Curves._fields)).T.copy())

    def _curve_point(self, theta: Array, penalty: Array) -> tuple[float, ...]:
        point = torch.tensor(theta, dtype=torch.float64, device=self._device)
        total, correct, gradient = 0.0, 0.0, torch.zeros_like(point)
        for inputs, labels in self._parts(self._data.inputs, self._data.labels):
            slope, (value, outputs) = grad_and_value(self._with_outputs, has_aux=True)(point, inputs, labels)
            total += float(value) * len(labels)
            gradient += slope * len(labels)
            correct += self._correct(outputs, labels)
        n = self._data.rows
        norm = np.linalg.norm(gradient.cpu().numpy() / n + 2.0 * penalty * theta)
        loss = total / n + float(penalty @ theta**2)
        return loss, correct / n, float(norm), *self._test_scores(point)

    def _correct(self, outputs: torch.Tensor, labels: torch.Tensor) -> float:
        """Number of rows that are classified correctly; nan without classes."""
        return len(labels) * self._head.share_correct(outputs.detach().cpu().numpy(), labels.cpu().numpy())

    def _with_outputs(
        self, theta: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        outputs = self._in_double(theta, inputs)
        return self._mean_loss(outputs, labels), outputs

    def _test_scores(self, point: torch.Tensor) -> tuple[float, float]:
        """Mean loss and accuracy on the test rows; nan without any."""
        count, total, correct = len(self._data.test_labels), 0.0, 0.0
        for inputs, labels in self._parts(self._data.test_inputs, self._data.test_labels):
            value, outputs = self._with_outputs(point, inputs, labels)
            total += float(value) * len(labels)
            correct += self._correct(outputs, labels)
        return (total / count, correct / count) if count else (float("nan"), float("nan"))

    def _parts(self, inputs: Array, labels: NDArray[Any]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for first in range(0, len(labels), ROWS):
            rows = slice(first, first + ROWS)
            yield (
                torch.tensor(inputs[rows], dtype=torch.float64, device=self._device),
                self._in_double.labels(labels[rows]),
            )
