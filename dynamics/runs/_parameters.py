"""Named parameters: which part of a flat vector is which tensor of which layer."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.networks import MLP


@dataclass(frozen=True)
class Parameter:
    """A tensor among the parameters of a network; a sequence of them, in flat order, makes up the vector.

    Parameters
    ----------
    name : str
        For instance "conv1.weight"; of an MLP "kernel 1", "bias 1", "kernel 2", ..., layer 1 being the first hidden
        one.
    shape : tuple of int
        Its elements are in C order.
    """

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of its elements."""
        return math.prod(self.shape)

    @property
    def layer(self) -> str:
        """What is before the last dot of the name, or the number after its last space; otherwise the name."""
        before, dot, _ = self.name.rpartition(".")
        return before if dot else self.name.rpartition(" ")[2]


def mlp_parameters(network: MLP) -> tuple[Parameter, ...]:
    """The kernel and the biases of every layer, in the order of the flat vector."""
    sizes = enumerate(pairwise(network.layer_sizes), 1)
    layers = [(Parameter(f"kernel {k}", (a, b)), Parameter(f"bias {k}", (b,))) for k, (a, b) in sizes]
    return tuple(one for layer in layers for one in layer)


def sizes_of(parameters: Sequence[Parameter]) -> NDArray[np.int64]:
    """Number of elements of each, (G,)."""
    return np.array([one.size for one in parameters], dtype=np.int64)


def check_parameters(parameters: Sequence[Parameter], n_parameters: int, source: str) -> None:
    """Raise a ValueError unless names are unique and the sizes sum to the number of parameters."""
    names = [one.name for one in parameters]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        msg = f"parameters of {source} must have names of their own; {repeated[0]!r} is repeated"
        raise ValueError(msg)
    if any(one.size < 1 for one in parameters) or sum(one.size for one in parameters) != n_parameters:
        total = sum(one.size for one in parameters)
        msg = f"parameters of {source} must have {n_parameters} elements together, each at least one; got {total}"
        raise ValueError(msg)


def parameters_to_text(parameters: Sequence[Parameter]) -> str:
    """JSON of names and shapes, for a file."""
    return json.dumps([[one.name, list(one.shape)] for one in parameters])


def from_text(path: Path, text: Any) -> tuple[Parameter, ...]:
    """Inverse of `parameters_to_text`; ValueError if a file has something else."""
    try:
        pairs = json.loads(text)
        found = tuple(Parameter(name, tuple(shape)) for name, shape in pairs)
        right = all(isinstance(one.name, str) and all(type(n) is int and n >= 0 for n in one.shape) for one in found)
    except (TypeError, ValueError, RecursionError):
        right, found = False, ()
    if not right:
        msg = f"{path} is damaged: its parameters are not names with shapes, but {text!r:.200}"
        raise ValueError(msg)
    return found
