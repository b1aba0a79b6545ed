"""Moves of basin-hopping: how to draw the next point to quench from the current minimum.

Every move has a first `length`, which the walk adapts, and `propose`, which draws a point (P,).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from landscape.losses import Loss
from landscape.networks import MLP
from landscape.stationary import Minimum

Array = NDArray[np.float64]


class Move(Protocol):
    """Protocol of a move."""

    @property
    def length(self) -> float | None:
        """Length of the first step; None if there is nothing to adapt."""
        ...

    def propose(self, loss: Loss, current: Minimum, length: float, rng: np.random.Generator) -> Array:
        """Draw a point (P,) from `current`."""
        ...


@dataclass(frozen=True)
class _WithLength:
    """Base of moves with a length."""

    length: float

    def __post_init__(self) -> None:
        if not (self.length > 0.0 and np.isfinite(self.length)):
            msg = f"length must be positive and finite; got {self.length}"
            raise ValueError(msg)


@dataclass(frozen=True)
class GaussianMove(_WithLength):
    """All parameters at once, along a random direction; `length` is Euclidean."""

    length: float = 6.0

    def propose(self, loss: Loss, current: Minimum, length: float, rng: np.random.Generator) -> Array:
        """Displace `current` by `length`."""
        return current.coordinates + _random_step(current.coordinates.size, length, rng)


@dataclass(frozen=True)
class UnitMove(_WithLength):
    """A random hidden unit gets new random parameters: incoming and outgoing weights and its bias.

    Each is uniform in +- `length` times Glorot's limit sqrt(6 / (n_in + n_out)) of its layer. At a minimum
    the weights are larger than at a start, so lengths above 1 are natural.
    """

    length: float = 4.0

    def propose(self, loss: Loss, current: Minimum, length: float, rng: np.random.Generator) -> Array:
        """Redraw one unit of `current`."""
        network = _network_of(loss, self)
        layers = network.unflatten(current.coordinates)  # views of a copy
        k, unit = _random_unit(network, rng)
        (kernel, bias), (after, _) = layers[k], layers[k + 1]
        into, out = (length * np.sqrt(6.0 / sum(matrix.shape)) for matrix in (kernel, after))
        kernel[:, unit] = rng.uniform(-into, into, len(kernel))
        bias[unit] = rng.uniform(-into, into)
        after[unit] = rng.uniform(-out, out, after.shape[1])
        return network.flatten(layers)


def _network_of(loss: Loss, move: Move) -> MLP:
    if not isinstance(loss.network, MLP) or not loss.network.hidden:
        msg = f"{type(move).__name__} needs a loss whose network has hidden layers; got loss.network = {loss.network}"
        raise ValueError(msg)
    return loss.network


def _random_unit(network: MLP, rng: np.random.Generator) -> tuple[int, int]:
    """Hidden layer and unit, all units with equal probability."""
    unit = int(rng.integers(sum(network.hidden)))
    for k, width in enumerate(network.hidden):
        if unit < width:
            return k, unit
        unit -= width
    raise AssertionError


def _random_step(size: int, length: float, rng: np.random.Generator) -> Array:
    direction = rng.normal(size=size)
    return direction * (length / np.linalg.norm(direction))
