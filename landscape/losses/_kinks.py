"""Kinks of torch modules: classes that are known to have some, and a search along straight lines for others."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from landscape.datasets import Dataset
from landscape.losses._modules import FlatModule, untouched_random_numbers
from landscape.losses._torch_means import MeanLoss

SMOOTH = "choose softplus, GELU, SiLU or tanh (train, age and observe take any module)"
KINKED = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.SELU, nn.Threshold, nn.Hardtanh, nn.Hardsigmoid,
    nn.Hardswish, nn.Hardshrink, nn.Softshrink, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AdaptiveMaxPool1d,
    nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d, nn.FractionalMaxPool2d, nn.LPPool1d, nn.LPPool2d,
)  # fmt: skip
CURVATURE_JUMPS = (nn.ELU, nn.CELU, nn.Softsign)  # once differentiable: their second derivative jumps at zero

ROWS = 6
LINES = 2
POINTS = 20  # at first on a line
HALVINGS = 36
LENGTH = 3.0  # of a line, in units of the spread
SPREAD = 1.0  # standard deviation of the points around the module's own parameters
JUMP = 1e-3  # of a derivative across a vanishing interval, relative to its size on the line

Slopes = Callable[[float], tuple[float, float]]


def kink_of(flat: FlatModule, data: Dataset, mean_loss: MeanLoss) -> str | None:
    """Why a module is not twice continuously differentiable in its parameters, in words; None if it seems to be.

    Parts of classes with a kink are named. Other kinks (``torch.relu`` in a forward pass) are looked for along random
    lines: an interval in which the slope changes more than its derivative explains is halved again and again. Of a
    smooth function nothing remains; a jump of the first or second derivative does.
    """
    for name, part in flat.parts():
        if isinstance(part, KINKED) or (isinstance(part, nn.ELU) and part.alpha != 1.0):
            return f"its part {name} ({type(part).__name__}) has a kink"
        if isinstance(part, CURVATURE_JUMPS):
            return f"the second derivative of its part {name} ({type(part).__name__}) jumps"
    function = _loss(flat, data, mean_loss)
    rng = np.random.default_rng(0)
    with untouched_random_numbers():
        for _ in range(LINES):
            point, direction = SPREAD * rng.standard_normal((2, flat.n_parameters))
            along = _slopes(flat, function, flat.point() + point, direction)
            if found := _jump(along):
                return f"{found} jumps along a straight line between two points: there is a kink"
    return None


def _loss(flat: FlatModule, data: Dataset, mean_loss: MeanLoss) -> Callable[[torch.Tensor], torch.Tensor]:
    rows, labels = flat.tensor(data.inputs[:ROWS]), flat.labels(data.labels[:ROWS])
    scale = rows.abs().amax(dim=0).clamp(min=1.0)
    return lambda theta: mean_loss(flat(theta, rows / scale), labels)


def _slopes(flat: FlatModule, function: Callable[..., torch.Tensor], point: Any, direction: Any) -> Slopes:
    """First and second derivative of the loss along a line, at t in [0, 1]."""
    start, step = flat.tensor(point), flat.tensor(LENGTH * direction)

    def at(t: float) -> tuple[float, float]:
        theta = (start + t * step).requires_grad_()
        (gradient,) = torch.autograd.grad(function(theta), theta, create_graph=True)
        slope = gradient @ step
        (twice,) = torch.autograd.grad(slope, theta, allow_unused=True)
        return float(slope.detach()), 0.0 if twice is None else float(twice @ step)

    return at


def _jump(along: Slopes) -> str | None:
    """The derivative that jumps, in words; None if none is found."""
    times = np.linspace(0.0, 1.0, POINTS)
    slopes = [along(float(t)) for t in times]
    sizes = np.abs(slopes).max(axis=0)
    if not np.isfinite(sizes).all():
        return None
    unexplained = [_unexplained(a, b, times[1]) for a, b in pairwise(slopes)]
    k = int(np.argmax(unexplained))
    (low, left), (high, right) = (times[k], slopes[k]), (times[k + 1], slopes[k + 1])
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        value = along(middle)
        if _unexplained(left, value, middle - low) > _unexplained(value, right, high - middle):
            high, right = middle, value
        else:
            low, left = middle, value
    for which, size, a, b in zip(("the gradient", "the second derivative"), sizes, left, right, strict=True):
        if abs(a - b) > JUMP * size:
            return which
    return None


def _unexplained(a: tuple[float, float], b: tuple[float, float], width: float) -> float:
    """Change of the slope that the mean second derivative does not explain."""
    return abs(b[0] - a[0] - 0.5 * width * (a[1] + b[1]))
