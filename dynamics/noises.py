"""How SGD draws its minibatches. A new kind of noise is one compiled function and one entry of `NOISES`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from numba import njit

from dynamics._parts import shuffle

NoiseName = Literal["sgd", "full"]


@njit
def draw_epochs(order, step, fresh, batch_size, key):
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


@njit
def draw_all(order, step, fresh, batch_size, key):
    """Every row in every step: gradient descent, the control without noise."""
    if fresh:
        for i in range(order.size):
            order[i] = i
    return 0, order.size


@dataclass(frozen=True)
class Noise:
    """A way to draw minibatches.

    Parameters
    ----------
    name : str
        Its name in `train` and in files.
    draw : compiled function (order, step, fresh, batch_size, key) -> (start, size)
        Leaves the rows of the minibatch of `step` in ``order[start : start + size]``; `order` (N,) int32 keeps what
        the step before left, except where `fresh` is true: there its content is undefined. All randomness comes from
        (key, step), so that a run can go on from any step. Its source is copied into the kernels (`dynamics._codegen`):
        it may use numpy and what `dynamics._parts` defines.
    uses_batch_size : bool
        False where a step sees all rows whatever the batch size.
    """

    name: NoiseName
    draw: Callable[..., Any]
    uses_batch_size: bool = True


NOISES = {
    noise.name: noise
    for noise in (
        Noise("sgd", draw_epochs),
        Noise("full", draw_all, uses_batch_size=False),
    )
}


def get_noise(name: str) -> Noise:
    """The `Noise` called `name`, or a ValueError that lists the names."""
    if name not in NOISES:
        msg = f"noise must be one of {', '.join(get_args(NoiseName))}; got {name!r}"
        raise ValueError(msg)
    return NOISES[name]
