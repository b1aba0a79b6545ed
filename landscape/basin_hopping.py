"""Basin-hopping: step, quench, accept (Wales and Doye, J. Phys. Chem. A 101, 5111, 1997)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.losses import Loss
from landscape.quench import quench
from landscape.stationary import Minimum, same_point

Array = NDArray[np.float64]

GROW, SHRINK = 1.2, 0.9
LONGEST = 5.0  # in units of the first step


@dataclass(frozen=True)
class BasinHopping:
    """Settings of a walk.

    Parameters
    ----------
    temperature : float
        Of the Metropolis rule, in nats. Barriers on these landscapes are 1e-5 to 1e-2.
    step_length : float
        Euclidean length of the first step: random in direction, all parameters at once. It adapts: a step
        that falls back into the same minimum makes it longer, one that is rejected shorter.
    """

    temperature: float = 1e-3
    step_length: float = 6.0

    def __post_init__(self) -> None:
        for name in ("temperature", "step_length"):
            if not (value := getattr(self, name)) > 0.0:
                msg = f"{name} must be positive; got {value}"
                raise ValueError(msg)


@dataclass(frozen=True, eq=False)
class Walk:
    """The quenches of a basin-hopping walk, in order."""

    minima: tuple[Minimum, ...]  # every converged quench, repeats included
    current: Minimum  # where the walk stands
    step_length: float  # adapted
    accepted: int
    unconverged: int  # quenches that did not end in a minimum; their steps count as rejected

    @property
    def lowest(self) -> Minimum:
        """The lowest minimum seen."""
        return min((*self.minima, self.current), key=lambda minimum: minimum.value)


def basin_hopping(
    loss: Loss,
    start: Minimum | ArrayLike,
    rng: np.random.Generator,
    *,
    steps: int,
    settings: BasinHopping = BasinHopping(),
) -> Walk:
    """Walk `steps` steps from a minimum, or from the quench of a point (P,).

    Raises
    ------
    ValueError
        If `steps` is negative or the quench of the start does not converge.
    """
    if steps < 0:
        msg = f"steps must not be negative; got {steps}"
        raise ValueError(msg)
    current = start if isinstance(start, Minimum) else quench(loss, start).minimum
    minima, length, accepted, unconverged = [], settings.step_length, 0, 0
    for _ in range(steps):
        trial = quench(loss, current.coordinates + _random_step(rng, current.coordinates.size, length))
        threshold = rng.random()  # drawn in any case, so that the stream does not depend on outcomes
        if not trial.converged:
            unconverged, length = unconverged + 1, length * SHRINK
            continue
        minimum = trial.minimum
        minima.append(minimum)
        if same_point(loss.network, minimum, current):
            length = min(GROW * length, LONGEST * settings.step_length)  # there may be no other minimum
        elif threshold < np.exp(min(0.0, (current.value - minimum.value) / settings.temperature)):
            current, accepted = minimum, accepted + 1
        else:
            length *= SHRINK
    return Walk(tuple(minima), current, length, accepted, unconverged)


def _random_step(rng: np.random.Generator, n_parameters: int, length: float) -> Array:
    direction = rng.normal(size=n_parameters)
    return direction * (length / np.linalg.norm(direction))
