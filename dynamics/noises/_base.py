"""The base of all kinds of noise."""

from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, fields
from math import isfinite
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Compiled = Callable[..., Any]


@dataclass(frozen=True)
class Noise:
    """What makes a run random: which rows a step uses, with which weights, and what is added to the step.

    A kind of noise is a frozen subclass. Its fields are its parameters: real numbers, stored by name in the file's
    settings. Its class variables define it. The kernels (`dynamics.kernels`) call the compiled functions among them, so
    these may call what numba compiles, and all their randomness must come from (key, step), so that a run can continue
    from any step. `numbers` is the array of the fields. The functions are not compiled with `fastmath`: they would
    round differently in a kernel that numba has cached.

    Class variables
    ---------------
    name : str
        Its name in `train`, on the command line and in files.
    draw : compiled function (order, members, step, fresh, batch_size, key, numbers) -> (start, size)
        Puts the rows of the minibatch of `step` into ``order[start : start + size]``. `order` (N,) int32 and `members`
        (N,) uint8 keep their content from the step before, unless `fresh` is true: then it is undefined.
    weigh : compiled function (weights, step, batch_size, key, numbers), optional
        Fills `weights` (N,) with the factors of the gradients of the drawn rows, in the order of `order`. By default
        one over the size of the minibatch.
    kick : compiled function (kicks, step, key, learning_rate, momentum, numbers), optional
        Fills `kicks` (P,), which are added to the step.
    all_rows : bool
        Whether a step uses all N rows.
    uses_batch_size : bool
        Whether the batch size B matters.
    replacement : bool
        Whether a minibatch may contain a row twice, or the noise is as if it might.
    divides_by_batch_size : bool
        True if the gradient is a sum over the minibatch divided by B, whatever the size of the minibatch.
    """

    name: ClassVar[str]
    draw: ClassVar[Compiled]
    weigh: ClassVar[Compiled | None] = None
    kick: ClassVar[Compiled | None] = None
    all_rows: ClassVar[bool] = False
    uses_batch_size: ClassVar[bool] = True
    replacement: ClassVar[bool] = False
    divides_by_batch_size: ClassVar[bool] = False

    @property
    def numbers(self) -> NDArray[np.float64]:
        """The parameters for the kernel."""
        return np.array(astuple(self), dtype=np.float64)

    @property
    def settings(self) -> dict[str, Any]:
        """Name and parameters for the file."""
        return {"noise": self.name, **asdict(self)}

    @classmethod
    def parameters(cls) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(field.name for field in fields(cls))


def check_number(name: str, value: float, *, positive: bool) -> None:
    """Raise a ValueError that names the parameter unless it is finite and >= 0, or > 0."""
    if not (isfinite(value) and value >= 0 and (value > 0 or not positive)):
        msg = f"{name} must be finite and {'>' if positive else '>='} 0; got {value!r}"
        raise ValueError(msg)
