"""Activations of the hidden units of a perceptron, what they imply, and their derivatives in NumPy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

Array = NDArray[Any]  # float64, or float32 in curves of wide inputs
DENSITY = 0.3989422804014327  # 1 / sqrt(2 pi)

Derivatives = tuple[Array, Array, Array]


@dataclass(frozen=True)
class Activation:
    """An activation of hidden units.

    Attributes
    ----------
    name : str
    value : callable
        The activation of inputs z of any shape.
    derivatives : callable
        The activation and its first and second derivative at z, which has no second use.
    odd : bool
        Whether f(-z) = -f(z): only then does the sign of a unit (incoming and outgoing weights) not matter.
    bounded : bool
        Whether |f| <= 1.
    smooth : bool
        Whether the second derivative exists everywhere: quenches and searches need it.
    continuous_symmetry : str
        The symmetry of hidden units with a continuous parameter that the network's outputs have, in words; or "".
    isolated : bool
        Whether stationary points of a loss with a penalty are isolated, which searches need.
    """

    name: str
    value: Callable[[Array], Array]
    derivatives: Callable[[Array], Derivatives]
    odd: bool = False
    bounded: bool = False
    smooth: bool = True
    continuous_symmetry: str = ""
    isolated: bool = True


def _softplus(z: Array) -> Array:
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


def _silu(z: Array) -> Array:
    return z * expit(z)


def _gelu(z: Array) -> Array:
    return z * ndtr(z)


def _of_tanh(z: Array) -> Derivatives:
    a = np.tanh(z)
    slope = 1.0 - a * a
    return a, slope, -2.0 * a * slope


def _of_sigmoid(z: Array) -> Derivatives:
    a, rest = expit(z), expit(-z)
    slope = a * rest
    return a, slope, slope * (rest - a)


def _of_softplus(z: Array) -> Derivatives:
    p, rest = expit(z), expit(-z)
    return _softplus(z), p, p * rest


def _of_silu(z: Array) -> Derivatives:
    p, rest = expit(z), expit(-z)
    rise = p * rest
    return z * p, p + z * rise, rise * (2.0 + z * (rest - p))


def _of_gelu(z: Array) -> Derivatives:
    phi, density = ndtr(z), DENSITY * np.exp(-0.5 * z * z)
    return z * phi, phi + z * density, density * (2.0 - z * z)


def _of_relu(z: Array) -> Derivatives:
    return np.maximum(z, 0.0), (z > 0.0).astype(z.dtype), np.zeros_like(z)


def _of_linear(z: Array) -> Derivatives:
    return z, np.ones_like(z), np.zeros_like(z)


ACTIVATIONS = {
    each.name: each
    for each in (
        Activation("tanh", np.tanh, _of_tanh, odd=True, bounded=True),
        Activation("sigmoid", expit, _of_sigmoid, bounded=True),
        Activation("softplus", _softplus, _of_softplus),
        Activation("gelu", _gelu, _of_gelu),
        Activation("silu", _silu, _of_silu),
        Activation(
            "relu",
            lambda z: np.maximum(z, 0.0),
            _of_relu,
            smooth=False,
            continuous_symmetry="incoming weights and bias of a unit times c > 0, its outgoing weights divided by c",
        ),
        Activation(
            "linear",
            lambda z: z,
            _of_linear,
            odd=True,
            continuous_symmetry="any invertible matrix between two layers, and its inverse",
            isolated=False,
        ),
    )
}


def check_activation(name: str) -> str:
    """`name` if it is one of `ACTIVATIONS`, or a ValueError that lists them."""
    if name not in ACTIVATIONS:
        msg = f"activation must be one of {', '.join(ACTIVATIONS)}; got {name!r}"
        raise ValueError(msg)
    return name
