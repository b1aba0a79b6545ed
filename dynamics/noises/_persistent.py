"""Persistent SGD: rows stay in the minibatch, and out of it, for some time."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit

from dynamics.noises._base import Compiled, Noise, check_number
from dynamics.noises._random import NOISE, stream, uniform


@njit
def renew(members, everyone, only_unknown, share, persistence, words):
    """Redraw the membership of rows: of every row, or of each with probability 1 - exp(-1 / persistence).

    The gaps between the latter are geometric, so the cost is proportional to their number. With `only_unknown`, known
    rows (not 2) are unchanged. Returns the number of rows that were set.
    """
    row, k, count = -1, 0, 0
    while True:
        gap = 0.0 if everyone else -persistence * np.log(uniform(words, k))
        if row + 1 + gap >= members.size:
            return count
        row += 1 + int(gap)
        if not only_unknown or members[row] == 2:
            members[row] = uniform(words, k + 1) < share
            count += 1
        k += 2


@njit
def draw_persistent(order, members, step, fresh, batch_size, key, numbers):
    """The rows that are members at this step; a fresh start goes back to the step that last redrew each of them."""
    rows, share = order.size, batch_size / order.size
    unknown, past = rows, step
    if fresh:
        members[:] = 2
    while True:
        unknown -= renew(members, past == 0, fresh, share, numbers[0], stream(key, NOISE, past))
        if not fresh or unknown == 0:
            break
        past -= 1
    size = 0
    for row in range(rows):
        order[size] = row
        size += members[row]
    return 0, size


@dataclass(frozen=True)
class Persistent(Noise):
    """Persistent SGD; "persistent".

    Whether a row is in the minibatch is a stationary Markov process with two states, independent of the other rows.
    Its mean is b = B / N, its autocorrelation exp(-s / tau) after s steps: in every step it is redrawn with
    probability 1 - exp(-1 / tau), and is then 1 with probability b. So a row joins with probability b (1 - exp(-1 /
    tau)) and leaves with probability (1 - b) (1 - exp(-1 / tau)) per step. The size of the minibatch is binomial with
    mean B. The gradient is the *sum* over the minibatch divided by B = b N, not by the size of this one: its mean is
    the full gradient, rows contribute independently (as mean-field theory requires), and an empty minibatch has
    gradient zero.

    The algorithm is the persistent SGD of Mignacco and Urbani, "The effective noise of stochastic gradient descent",
    arXiv:2112.10852. The discrete process above and its parameter tau, the autocorrelation time, are ours; tested by
    test_dynamics_noises.py.

    Parameters
    ----------
    persistence : float
        tau (steps), > 0. In the limit 0 every step redraws all memberships.
    """

    persistence: float
    name: ClassVar[str] = "persistent"
    draw: ClassVar[Compiled] = staticmethod(draw_persistent)
    divides_by_batch_size: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("persistence", self.persistence, positive=True)
        object.__setattr__(self, "persistence", float(self.persistence))
