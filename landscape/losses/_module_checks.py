"""Checks that a torch module is a differentiable function of its parameters, row by row, before it is used."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import grad, vjp, vmap

from landscape.datasets import Dataset
from landscape.losses._modules import FlatModule, untouched_random_numbers
from landscape.losses._torch_means import MeanLoss

Array = NDArray[np.float64]
Function = Callable[[torch.Tensor], torch.Tensor]

ROWS = 6  # that are checked: with few rows a finite difference meets few kinks
STEP = 1e-5  # of the differences, along a direction of length one
TOLERANCE = 1e-3  # of derivatives against differences, relative to the length of the derivative
LARGE = 100.0  # size of inputs beyond which a step changes too much
ROUNDING = 1e-8  # of float64, relative
NOISE = 0.1  # standard deviation of the points around the module's own parameters
POINTS = 3


def check_outputs(flat: FlatModule, data: Dataset, outputs: int) -> None:
    """Raise a ValueError unless the module maps each row to the same outputs every time, whatever other rows there are.

    Parameters
    ----------
    flat : FlatModule
        In float64.
    data : Dataset
    outputs : int
        How many the loss needs.
    """
    rows, point = flat.tensor(data.inputs[:ROWS]), flat.tensor(flat.point())
    before = flat.buffers()
    with untouched_random_numbers(), torch.no_grad():
        _outputs(flat, point, rows[:2], outputs)
        logits, again, alone = (_outputs(flat, point, part, outputs) for part in (rows, rows, rows[:1]))
    wanted = "module must be a function of its parameters and inputs in evaluation mode"
    if not torch.equal(logits, again):
        msg = f"{wanted}; outputs differ from call to call (functional dropout needs training=self.training)"
        raise ValueError(msg)
    after = flat.buffers()
    changed = [name for name, value in before.items() if not torch.equal(value.nan_to_num(), after[name].nan_to_num())]
    if changed:
        msg = f"{wanted}; it changes its buffer {changed[0]}"
        raise ValueError(msg)
    if float((alone - logits[:1]).abs().max()) > 1e-6 * (float(logits.abs().max()) + ROUNDING):
        msg = (
            "module must map each row by itself; the outputs of a row change with the other rows "
            "(batch normalization needs track_running_stats=True, attention batch_first=True)"
        )
        raise ValueError(msg)


def _outputs(flat: FlatModule, point: torch.Tensor, rows: torch.Tensor, outputs: int) -> torch.Tensor:
    """Outputs (n, K) of these rows, with nan and infinity as finite numbers; ValueError if there are none."""
    wanted = f"module must map (N, {rows.shape[1]}) to (N, {outputs})"
    count = {1: "one row", 2: "two rows"}.get(len(rows), f"{len(rows)} rows")
    try:
        logits = flat(point, rows)
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
        msg = f"{wanted}; for {count} it raises {type(error).__name__}: {_first_line(error)}"
        raise ValueError(msg) from error
    if not isinstance(logits, torch.Tensor):
        msg = f"{wanted}; it returns a {type(logits).__name__}"
        raise ValueError(msg)
    if logits.shape != (len(rows), outputs):
        msg = f"{wanted}; got {tuple(logits.shape)} for {count}"
        raise ValueError(msg)
    if logits.dtype != torch.float64:
        msg = f"module must compute in the precision of its inputs; it turns float64 into {logits.dtype}"
        raise ValueError(msg)
    return logits.nan_to_num()


def derivative_problem(flat: FlatModule, data: Dataset, mean_loss: MeanLoss, *, second: bool) -> str | None:
    """Describe what is wrong with torch's derivatives of this loss; None if they are correct.

    Compares gradients with differences of values, and with `second` also Hessian-vector products with differences of
    gradients and their symmetry, along random directions at points near the module's own parameters. Only an error at
    all points counts: at a single one a kink (ReLU) may be between the two values. Inputs beyond 100 are scaled down,
    because the module would otherwise change too much between two points.

    Raises
    ------
    ValueError
        If torch cannot differentiate the module.
    """
    function, rng = _loss(flat, data, mean_loss), np.random.default_rng(0)
    start, problems = flat.point(), []
    with untouched_random_numbers():
        for _ in range(POINTS):
            point = flat.tensor(start + NOISE * rng.standard_normal(flat.n_parameters))
            directions = rng.standard_normal((2, flat.n_parameters))
            pair = [flat.tensor(d / np.linalg.norm(d)) for d in directions]
            try:
                problem = _first_problem(flat, function, point, pair[0])
                problem = problem or (_second_problem(flat, function, point, *pair) if second else None)
            except (RuntimeError, NotImplementedError) as error:
                order = "two" if second else "one"
                msg = f"module must be differentiable {order} times by torch; it raises: {_first_line(error)}"
                raise ValueError(msg) from error
            if problem is None:
                return None
            problems.append(problem)
    return problems[0]


def check_vmap(flat: FlatModule, data: Dataset, mean_loss: MeanLoss) -> None:
    """Raise a ValueError unless `torch.func.vmap` gives each of several replicas the gradient that it has alone."""
    rng = np.random.default_rng(0)
    points = flat.tensor(flat.point() + NOISE * rng.standard_normal((2, flat.n_parameters)))
    rows = flat.tensor(np.stack([data.inputs[:ROWS], data.inputs[:ROWS][::-1]]))
    labels = flat.labels(np.stack([data.labels[:ROWS], data.labels[:ROWS][::-1]]))
    gradient = grad(lambda theta, x, y: mean_loss(flat(theta, x), y))
    with untouched_random_numbers():
        try:
            together: torch.Tensor = vmap(gradient)(points, rows, labels)
        except (RuntimeError, NotImplementedError, ValueError) as error:
            msg = f"module must work under torch.func.vmap; it raises: {_first_line(error)}"
            raise ValueError(msg) from error
        alone = torch.stack([gradient(*one) for one in zip(points, rows, labels, strict=True)])
    if not float((together - alone).norm()) <= 1e-6 * float(alone.norm()) + ROUNDING and alone.isfinite().all():
        msg = "module must work under torch.func.vmap; gradients of several replicas differ from those of each alone"
        raise ValueError(msg)


def _loss(flat: FlatModule, data: Dataset, mean_loss: MeanLoss) -> Function:
    inputs, labels = data.inputs[:ROWS], flat.labels(data.labels[:ROWS])
    size = np.abs(inputs).max(axis=0)
    rows = flat.tensor(inputs / np.where(size > LARGE, size, 1.0))
    return lambda theta: mean_loss(flat(theta, rows), labels)


def _first_problem(flat: FlatModule, function: Function, point: torch.Tensor, direction: torch.Tensor) -> str | None:
    gradient = grad(function)(point)
    found = float(gradient @ direction)
    expected = float(function(point + STEP * direction) - function(point - STEP * direction)) / (2.0 * STEP)
    if not np.isfinite([found, expected]).all():
        return None
    typical = float(gradient.norm()) / np.sqrt(flat.n_parameters)  # of a derivative along a random direction
    if abs(found - expected) <= 10.0 * TOLERANCE * typical + ROUNDING * (1.0 + abs(float(function(point)))):
        return None
    return (
        f"torch's gradient of this module is wrong: along a random direction it is {found:.6g}, "
        f"a difference of values gives {expected:.6g}"
    )


def _second_problem(
    flat: FlatModule, function: Function, point: torch.Tensor, first: torch.Tensor, other: torch.Tensor
) -> str | None:
    slope = grad(function)
    product: Any = vjp(slope, point)[1]
    along, across = product(first)[0], product(other)[0]
    difference = (slope(point + STEP * first) - slope(point - STEP * first)) / (2.0 * STEP)
    if not bool(along.isfinite().all() & across.isfinite().all() & difference.isfinite().all()):
        return None
    size = float(along.norm() + across.norm())
    skew, wrong = abs(float(other @ along - first @ across)), (along - difference).abs().cpu().numpy()
    if skew <= ROUNDING * size + 1e-12 and np.linalg.norm(wrong) <= TOLERANCE * size + ROUNDING:
        return None
    names = ", ".join(flat.names_at(wrong > 0.1 * wrong.max())[:3])
    return (
        "torch's second derivatives of this module are wrong: Hessian times vector differs from a difference of "
        f"gradients by {np.linalg.norm(wrong):.3g} of {float(difference.norm()):.3g}, and from symmetry by {skew:.3g}, "
        f"at {names}; the backward pass of an operation there cannot be differentiated "
        "(as that of torch._weight_norm): write it with other operations"
    )


def _first_line(error: BaseException) -> str:
    return f"{str(error).strip()}\n".splitlines()[0]
