"""Multilayer perceptrons as maps from one flat parameter vector."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.activations import ACTIVATIONS, Activation, check_activation
from landscape.support import RNG

Array = NDArray[np.float64]


class Layer(NamedTuple):
    """One affine layer: `x @ kernel + bias`."""

    kernel: Array  # (n_in, n_out)
    bias: Array  # (n_out,)


@dataclass(frozen=True)
class MLP:
    """A fully connected network: hidden units with an activation, and outputs without.

    Parameters
    ----------
    layer_sizes : sequence of int
        Inputs, hidden layers, outputs, e.g. ``(2, 5, 5, 4)``.
    activation : str
        Of all hidden units: tanh, sigmoid, softplus, gelu (the exact form z Phi(z) with the normal distribution
        function, not the one with tanh), silu, relu or linear.

    Notes
    -----
    Parameters are one flat vector `theta` of shape (P,), layer after layer, each layer its kernel
    (n_in, n_out) in C order and then its bias (n_out,): Keras' order.

    Raises
    ------
    ValueError
        If there is no input or output layer, a layer has no units, or there is no such activation.
    """

    layer_sizes: tuple[int, ...]
    activation: str = "tanh"

    def __post_init__(self) -> None:
        if not isinstance(self.layer_sizes, Iterable):
            msg = f"layer_sizes must be inputs, hidden layers and outputs, such as (2, 4, 3); got {self.layer_sizes!r}"
            raise TypeError(msg)
        sizes = tuple(int(n) for n in self.layer_sizes)
        if len(sizes) < 2 or min(sizes) < 1:
            msg = f"layer_sizes must have at least inputs and outputs, each >= 1; got {self.layer_sizes!r}"
            raise ValueError(msg)
        object.__setattr__(self, "layer_sizes", sizes)
        check_activation(self.activation)

    @property
    def hidden(self) -> tuple[int, ...]:
        """Sizes of the hidden layers."""
        return self.layer_sizes[1:-1]

    @property
    def units(self) -> Activation:
        """What the activation implies, and its derivatives."""
        return ACTIVATIONS[self.activation]

    @property
    def beyond_tanh(self) -> dict[str, str]:
        """What files say of the activation: nothing for tanh, the only one that older versions know."""
        return {} if self.activation == "tanh" else {"activation": self.activation}

    @cached_property  # every evaluation of a loss checks the length of its argument
    def n_parameters(self) -> int:
        """Length P of the parameter vector."""
        return sum((n_in + 1) * n_out for n_in, n_out in pairwise(self.layer_sizes))

    def unflatten(self, theta: ArrayLike) -> list[Layer]:
        """Views of `theta` (P,) as a list of `Layer`.

        Raises
        ------
        ValueError
            If `theta` does not have shape (P,).
        """
        theta = self.check(theta)
        layers, start = [], 0
        for n_in, n_out in pairwise(self.layer_sizes):
            middle, end = start + n_in * n_out, start + (n_in + 1) * n_out
            layers.append(Layer(theta[start:middle].reshape(n_in, n_out), theta[middle:end]))
            start = end
        return layers

    def flatten(self, layers: list[Layer]) -> Array:
        """The flat vector (P,) of a list of layers; inverse of `unflatten`."""
        return np.concatenate([part.ravel() for layer in layers for part in layer])

    def kernel_mask(self) -> NDArray[np.bool_]:
        """Boolean (P,): True where a parameter belongs to a kernel, False for biases."""
        return np.concatenate(
            [np.repeat([True, False], [n_in * n_out, n_out]) for n_in, n_out in pairwise(self.layer_sizes)]
        )

    def glorot_uniform(self, rng: RNG = None) -> Array:
        """Keras' default initialization (P,): kernels uniform in +-sqrt(6 / (n_in + n_out)), biases zero.

        Source: Glorot and Bengio, AISTATS 2010, equation 16.
        """
        rng = np.random.default_rng(rng)
        parts = []
        for n_in, n_out in pairwise(self.layer_sizes):
            limit = np.sqrt(6.0 / (n_in + n_out))
            parts += [rng.uniform(-limit, limit, n_in * n_out), np.zeros(n_out)]
        return np.concatenate(parts)

    def logits(self, theta: ArrayLike, inputs: ArrayLike) -> Array:
        """Outputs before the softmax, (N, n_classes), for `inputs` (N, n_features)."""
        activation = np.asarray(inputs, dtype=np.float64)
        *hidden, last = self.unflatten(theta)
        for layer in hidden:
            activation = self.units.value(activation @ layer.kernel + layer.bias)
        return activation @ last.kernel + last.bias

    def check(self, theta: ArrayLike) -> Array:
        """`theta` as a contiguous float64 array of shape (P,), or a ValueError that says what it was."""
        theta = np.array(theta, dtype=np.float64, order="C")  # the kernels are compiled for writable arrays
        if theta.shape != (self.n_parameters,):
            msg = f"theta must have shape ({self.n_parameters},) for layer sizes {self.layer_sizes}; got {theta.shape}"
            raise ValueError(msg)
        return theta
