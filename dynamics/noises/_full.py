"""No noise: every row in every step."""

from dataclasses import dataclass
from typing import ClassVar

from numba import njit

from dynamics.noises._base import Compiled, Noise


@njit
def draw_all(order, members, step, fresh, batch_size, key, numbers):
    """Every row in every step: gradient descent, the control without noise."""
    if fresh:
        for i in range(order.size):
            order[i] = i
    return 0, order.size


@dataclass(frozen=True)
class Full(Noise):
    """Full-batch gradient descent, the control without noise; "full"."""

    name: ClassVar[str] = "full"
    draw: ClassVar[Compiled] = staticmethod(draw_all)
    all_rows: ClassVar[bool] = True
    uses_batch_size: ClassVar[bool] = False
