"""t* of every run, and the exponents of the paper's average: the mean over the runs of their t*."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from bridge.claims import _ensembles
from bridge.claims._claim import Contrast
from bridge.claims._per_run import PerRun, independent, log_mean, slope
from bridge.figures import Ensemble, Work
from dynamics.aging_times import BEND, aging
from dynamics.displacement import MeanSquareDisplacement, mean_square_displacement
from dynamics.runs import WAITING_TIMES

Array = NDArray[np.float64]

THRESHOLD = 1e-2  # Delta* of figure 2
MNIST_THRESHOLD = 1e-3  # Delta* of figure 6, the only one that the paper gives for MNIST
OTHER_THRESHOLDS = (1e-3, 3e-3)
LATE = tuple(time for time in WAITING_TIMES if time > BEND)


@cache
def displacement(work: Work, ensemble: Ensemble) -> MeanSquareDisplacement:
    """Displacement of the runs of an ensemble."""
    return mean_square_displacement(work.runs(ensemble))


@cache
def times(work: Work, ensemble: Ensemble, threshold: float = THRESHOLD) -> Array:
    """t* of every run at every waiting time, (R, W)."""
    return aging(displacement(work, ensemble), threshold, resamples=1).t_star_runs


def exponent(
    work: Work, ensemble: Ensemble, threshold: float = THRESHOLD, waiting_times: tuple[int, ...] = WAITING_TIMES
) -> PerRun:
    """The exponent mu of an ensemble over these waiting times."""
    chosen = np.isin(displacement(work, ensemble).waiting_times, waiting_times)
    return slope(np.log(waiting_times), times(work, ensemble, threshold)[:, chosen])


def growth(work: Work, ensemble: Ensemble, threshold: float = THRESHOLD) -> PerRun:
    """Logarithm of the factor by which t* grows from the first waiting time to the last."""
    each = times(work, ensemble, threshold)
    return log_mean(each[:, -1]) - log_mean(each[:, 0])


def late_exponents(work: Work, draw: int) -> list[Contrast]:
    """The exponents of the three depths behind the bend."""
    parts = _ensembles.depths(work.scale, draw)
    return [exponent(work, one, waiting_times=LATE).named(one.label) for one in parts]


def mnist_exponents(work: Work, draw: int) -> list[Contrast]:
    """Those on MNIST, over all waiting times."""
    parts = _ensembles.mnist_depths(work.scale, draw)
    return [exponent(work, one, MNIST_THRESHOLD).named(one.label) for one in parts]


def growths(work: Work, draw: int) -> list[Contrast]:
    """How much t* grows, for the three depths."""
    return [growth(work, one).named(one.label) for one in _ensembles.depths(work.scale, draw)]


def mnist_growths(work: Work, draw: int) -> list[Contrast]:
    """The same on MNIST."""
    return [growth(work, one, MNIST_THRESHOLD).named(one.label) for one in _ensembles.mnist_depths(work.scale, draw)]


def chain_growths(work: Work, draw: int) -> list[Contrast]:
    """The same for the chains."""
    return [growth(work, one).named(f"P = {one.n_parameters}") for one in _ensembles.chains(work.scale, draw)]


def controlled(work: Work, draw: int) -> list[Contrast]:
    """Mu of SGD less that of full-batch descent from the same starts."""
    parts = _ensembles.controls(work.scale, draw)
    half = len(parts) // 2
    pairs = zip(parts[:half], parts[half:], strict=True)
    return [(exponent(work, sgd) - exponent(work, full)).named(sgd.label) for sgd, full in pairs]


def by_batch(work: Work, draw: int) -> list[Contrast]:
    """Mu of half and twice the batch less that of the paper's, behind the bend."""
    base, others = _base_and_others(_ensembles.batches(work.scale, draw))
    return [
        (exponent(work, other, waiting_times=LATE) - exponent(work, base[other.hidden], waiting_times=LATE)).named(
            f"{other.label}, B = {other.batch_size}"
        )
        for other in others
    ]


def by_rate(work: Work, draw: int) -> list[Contrast]:
    """Mu of half and twice the learning rate less that of the paper's, behind the bend.

    At waiting times in proportion to 1 / rate: where the runs have come as far.
    """
    base, others = _base_and_others(_ensembles.rates(work.scale, draw))
    found = []
    for other in others:
        late = _ensembles.scaled_times(LATE, other.learning_rate, base[other.hidden].learning_rate)
        mu = exponent(work, other, waiting_times=late) - exponent(work, base[other.hidden], waiting_times=LATE)
        found.append(mu.named(f"{other.label}, rate {other.learning_rate:g}"))
    return found


def _base_and_others(parts: tuple[Ensemble, ...]) -> tuple[dict[tuple[int, ...], Ensemble], tuple[Ensemble, ...]]:
    """Ensembles with the paper's setting by their hidden layers, and those with another one."""
    base = {one.hidden: one for one in parts[:3]}
    return base, parts[3:]


def by_threshold(work: Work, draw: int) -> list[Contrast]:
    """Mu at smaller Delta* less that at the paper's, over all waiting times."""
    return [
        (exponent(work, one, other) - exponent(work, one)).named(f"{one.label}, {other:g}")
        for one in _ensembles.depths(work.scale, draw)
        for other in OTHER_THRESHOLDS
    ]


def by_depth(work: Work, draw: int) -> list[Contrast]:
    """Differences of mu between depths, behind the bend."""
    parts = _ensembles.depths(work.scale, draw)
    return _pairs([(one.label, exponent(work, one, waiting_times=LATE)) for one in parts])


def by_mnist_depth(work: Work, draw: int) -> list[Contrast]:
    """The same on MNIST, over all waiting times."""
    parts = _ensembles.mnist_depths(work.scale, draw)
    return _pairs([(one.label, exponent(work, one, MNIST_THRESHOLD)) for one in parts])


def by_width(work: Work, draw: int) -> list[Contrast]:
    """Mu of each width less that of the narrowest network, on MNIST."""
    parts = _ensembles.mnist_widths(work.scale, draw)
    mu = [exponent(work, one, MNIST_THRESHOLD) for one in parts]
    names = (f"alpha = {one.n_parameters / work.data(one).rows:.3f}" for one in parts)
    return [independent(name, other, mu[0]) for name, other in zip(names, mu, strict=True)][1:]


def by_rows(work: Work, draw: int) -> list[Contrast]:
    """Mu of three hidden layers at smaller alpha = P/N less that at the largest, behind the bend."""
    parts = _ensembles.three_layers_by_rows(work.scale, draw)
    mu = [exponent(work, one, waiting_times=LATE) for one in parts]
    names = (f"alpha = {one.n_parameters / work.data(one).rows:.3f}" for one in parts)
    return [independent(name, other, mu[0]) for name, other in zip(names, mu, strict=True)][1:]


def _pairs(named: list[tuple[str, PerRun]]) -> list[Contrast]:
    """Differences of all pairs, the later less the earlier."""
    return [
        independent(f"{later} less {earlier}", b, a)
        for k, (earlier, a) in enumerate(named)
        for later, b in named[k + 1 :]
    ]
