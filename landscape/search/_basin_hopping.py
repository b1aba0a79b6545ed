"""Basin-hopping: step, quench, accept (Wales and Doye, J. Phys. Chem. A 101, 5111, 1997)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from landscape.descent import quench
from landscape.losses import Loss
from landscape.networks import MLP
from landscape.search._moves import GaussianMove, Move, UnitMove
from landscape.stationary import Minimum, same_point
from landscape.support import RNG, Result, check_positive

# factors of a move's length after a step that fell back and one that did not: one step in ten then falls back
GROW, SHRINK = 1.2, 0.98
LONGEST = 5.0  # in units of the first step
TEMPERATURE_GAIN = 0.2  # change of log temperature per acceptance above or below the target
TEMPERATURE_RANGE = 1e3  # an adaptive temperature stays within this factor of the first

# `benchmarks/moves.py`: on three of four losses nothing finds more distinct minima per minute than this mix, beyond
# the noise; on the fourth, Gaussian moves alone do. Moves of one layer, crossover of two minima and parallel tempering
# found no more and were removed. Unit moves reach the lowest minima. At T = 1e-2 as many or more, but higher ones.
DEFAULT_MOVES: tuple[Move, ...] = (GaussianMove(4.0), UnitMove(1.5))
WITHOUT_NETWORK: tuple[Move, ...] = (GaussianMove(),)


@dataclass(frozen=True)
class BasinHopping:
    """Settings of a walk.

    Parameters
    ----------
    temperature : float
        Temperature of the Metropolis rule, in nats. Barriers on these landscapes are 1e-5 to 1e-2.
    step_length : float, optional
        Without `moves`: all moves are Gaussian, with this Euclidean length of the first step.
    moves : sequence of Move, optional
        One is drawn for every step, with equal probabilities; list one twice to draw it more often. Default: Gaussian
        and unit moves in equal parts; without a network only Gaussian moves.
    target_acceptance : float, optional
        The temperature adapts until this share of the steps into another minimum is accepted. Default: the
        temperature is fixed.

    Notes
    -----
    The length of each move adapts until one step in ten falls back into the same minimum: such a step multiplies it by
    1.2, any other by 0.98, whether it is accepted or not.

    Raises
    ------
    ValueError
        If a number is out of range, there is no move, or both `step_length` and `moves` are given.
    """

    temperature: float = 1e-3
    step_length: float | None = None
    moves: Sequence[Move] | None = None
    target_acceptance: float | None = None

    def __post_init__(self) -> None:
        check_positive(temperature=self.temperature)
        if self.step_length is not None:
            check_positive(step_length=self.step_length)
        if self.target_acceptance is not None and not 0.0 < self.target_acceptance < 1.0:
            msg = f"target_acceptance must be between 0 and 1; got {self.target_acceptance}"
            raise ValueError(msg)
        if self.moves is not None and (not self.moves or self.step_length is not None):
            msg = f"give at least one move, or only step_length; got moves={self.moves} step_length={self.step_length}"
            raise ValueError(msg)

    def moves_on(self, loss: Loss) -> tuple[Move, ...]:
        """The moves of a walk on `loss`."""
        if self.moves is not None:
            return tuple(self.moves)
        if self.step_length is not None:
            return (GaussianMove(self.step_length),)
        return DEFAULT_MOVES if isinstance(loss.network, MLP) and loss.network.hidden else WITHOUT_NETWORK


@dataclass(frozen=True, eq=False)
class Walker:
    """The state of a walk: everything that its next step depends on, besides random numbers."""

    current: Minimum
    lengths: tuple[float, ...]  # of each move, adapted
    temperature: float  # nats, adapted


@dataclass(frozen=True, eq=False)
class Walk(Result, shows=("lowest.value", "accepted", "unconverged", "step_length")):
    """The quenches of a basin-hopping walk, in order."""

    minima: tuple[Minimum, ...]  # every converged quench, repeats included
    walker: Walker  # state of the walk
    accepted: int
    unconverged: int  # quenches that did not end in a minimum; their steps count as rejected

    @property
    def current(self) -> Minimum:
        """The minimum state of the walk."""
        return self.walker.current

    @property
    def step_length(self) -> float:
        """Adapted length of the first move."""
        return self.walker.lengths[0]

    @property
    def lowest(self) -> Minimum:
        """The lowest minimum seen."""
        return min((*self.minima, self.current), key=lambda minimum: minimum.value)


def basin_hopping(
    loss: Loss,
    start: Walker | Minimum | ArrayLike,
    *,
    steps: int,
    rng: RNG = None,
    settings: BasinHopping = BasinHopping(),
) -> Walk:
    """Walk `steps` steps from a minimum, from the quench of a point (P,), or from an earlier walk's `walker`.

    Raises
    ------
    ValueError
        If `steps` is negative, the quench of the start does not converge, or a move needs a network that the
        loss does not have.
    """
    rng = np.random.default_rng(rng)
    if steps < 0:
        msg = f"steps must not be negative; got {steps}"
        raise ValueError(msg)
    walker = start if isinstance(start, Walker) else _first_walker(loss, start, settings)
    minima, accepted, unconverged = [], 0, 0
    for _ in range(steps):
        walker, minimum, was_accepted = _step(loss, walker, rng, settings)
        accepted += was_accepted
        if minimum is None:
            unconverged += 1
        else:
            minima.append(minimum)
    return Walk(tuple(minima), walker, accepted, unconverged)


def _first_walker(loss: Loss, start: Minimum | ArrayLike, settings: BasinHopping) -> Walker:
    """A walker before its first step."""
    current = start if isinstance(start, Minimum) else quench(loss, start).minimum
    return Walker(current, tuple(move.length or 1.0 for move in settings.moves_on(loss)), settings.temperature)


def _step(
    loss: Loss, walker: Walker, rng: np.random.Generator, settings: BasinHopping
) -> tuple[Walker, Minimum | None, bool]:
    moves, current = settings.moves_on(loss), walker.current
    which = int(rng.integers(len(moves)))
    trial = quench(loss, moves[which].propose(loss, current, walker.lengths[which], rng))
    threshold = rng.random()  # always drawn, so that the stream does not depend on outcomes
    if not trial.converged:
        return _adapt_length(walker, moves, which, SHRINK), None, False
    minimum = trial.minimum
    if same_point(loss.network, minimum, current):
        return _adapt_length(walker, moves, which, GROW), minimum, False
    accepted = bool(threshold < np.exp(min(0.0, (current.value - minimum.value) / walker.temperature)))
    walker = replace(
        _adapt_length(walker, moves, which, SHRINK),
        current=minimum if accepted else current,
        temperature=_adapted_temperature(walker.temperature, settings, accepted=accepted),
    )
    return walker, minimum, accepted


def _adapt_length(walker: Walker, moves: tuple[Move, ...], which: int, factor: float) -> Walker:
    first = moves[which].length
    if first is None:
        return walker
    lengths = list(walker.lengths)
    lengths[which] = min(factor * lengths[which], LONGEST * first)  # there may be no other minimum
    return replace(walker, lengths=tuple(lengths))


def _adapted_temperature(temperature: float, settings: BasinHopping, *, accepted: bool) -> float:
    if settings.target_acceptance is None:
        return temperature
    temperature *= np.exp(TEMPERATURE_GAIN * (settings.target_acceptance - accepted))
    first = settings.temperature
    return float(np.clip(temperature, first / TEMPERATURE_RANGE, first * TEMPERATURE_RANGE))
