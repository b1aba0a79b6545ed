"""Minibatches with replacement."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit

from dynamics.noises._base import Compiled, Noise
from dynamics.noises._random import NOISE, stream, word


@njit
def draw_with_replacement(order, members, step, fresh, batch_size, key, numbers):
    """B independent rows, each uniform on all N; no row is favored by more than N / 2^32."""
    words = stream(key, NOISE, step)
    for k in range(batch_size):
        high = word(words, k) >> np.uint64(32)
        order[k] = (high * np.uint64(order.size)) >> np.uint64(32)
    return 0, batch_size


@dataclass(frozen=True)
class Replacement(Noise):
    """Minibatches of B rows drawn independently in every step; "replacement"."""

    name: ClassVar[str] = "replacement"
    replacement: ClassVar[bool] = True
    draw: ClassVar[Compiled] = staticmethod(draw_with_replacement)
