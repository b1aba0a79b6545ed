"""Minibatches without replacement: Keras' epochs."""

from dataclasses import dataclass
from typing import ClassVar

from numba import njit

from dynamics.noises._base import Compiled, Noise
from dynamics.noises._random import shuffle


@njit
def draw_epochs(order, members, step, fresh, batch_size, key, numbers):
    """Keras' epochs: each a fresh permutation of the rows, drawn without replacement.

    An epoch of N rows has ceil(N / B) steps; the last one has the N % B rows that remain, and its gradient is the
    mean over its own rows, as in Keras.
    """
    rows = order.size
    steps = (rows + batch_size - 1) // batch_size
    position = step % steps
    if position == 0 or fresh:
        shuffle(order, key, step // steps)
    start = position * batch_size
    return start, min(batch_size, rows - start)


@dataclass(frozen=True)
class Epochs(Noise):
    """Minibatches of B rows without replacement, in epochs as in Keras; "sgd"."""

    name: ClassVar[str] = "sgd"
    draw: ClassVar[Compiled] = staticmethod(draw_epochs)
