"""Beyond the paper: persistent SGD against its persistence on both data sets, momentum and Adam beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.figures._base import PaperFigure
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._said_of_trends import SAID_OF_PERSISTENT
from bridge.figures._work import Work
from dynamics.aging_times import Aging, ExponentDifference, aging, compare_exponents
from dynamics.displacement import mean_square_displacement
from dynamics.noises import Persistent
from dynamics.plots import COLORS, interval_bars
from landscape.plots import Size, draw_panels, legend_beside
from landscape.support import Estimate, stacked

Array = NDArray[np.float64]

PERSISTENCES = (1.0, 10.0, 100.0, 1000.0, 10_000.0)  # tau, steps
OTHERS = {"momentum": 0.005, "adam": 1e-3}  # learning rates: the same for 1 / (1 - 0.9) steps, and the usual one
THRESHOLDS = {"ljat": 1e-2, "mnist": 1e-3}
QUICK_ROWS = 6000  # of MNIST


def ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Two hidden layers: SGD, persistent SGD, momentum and Adam from the same starts, on each data set."""
    if scale == "paper":
        bases = Ensemble((5, 5), 40, 150_000), Ensemble((5, 5), 20, 300_000, "mnist", batch_size=50)
    else:
        bases = Ensemble((5, 5), 8, 30_000), Ensemble((5, 5), 3, 30_000, "mnist", QUICK_ROWS, batch_size=50)
    return tuple(one for base in bases for one in (base, *_variants(base)))


def _variants(base: Ensemble) -> list[Ensemble]:
    noises = [replace(base, noise=Persistent(tau)) for tau in PERSISTENCES]
    return noises + [replace(base, method=method, learning_rate=rate) for method, rate in OTHERS.items()]


@dataclass(frozen=True, eq=False)
class NoiseScan:
    """Aging on one data set: of SGD, of K persistences, of other optimizers.

    Parameters
    ----------
    hidden : str
        Hidden layers.
    rows, replicas : int
    labels : tuple of str, (1 + K + others,)
    persistence : (K,)
        Steps.
    fits : tuple of Aging
    differences : tuple of ExponentDifference
        From SGD, of all but the first.
    """

    hidden: str
    rows: int
    replicas: int
    labels: tuple[str, ...]
    persistence: Array
    fits: tuple[Aging, ...]
    differences: tuple[ExponentDifference, ...]

    @property
    def of_persistence(self) -> slice:
        """Places of persistent SGD."""
        return slice(1, 1 + self.persistence.size)


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> dict[str, NoiseScan]:
    """The scan of each data set; its first ensemble is what the others are compared with."""
    names = dict.fromkeys(ensemble.dataset for ensemble in ensembles)
    return {name: _scan(work, [one for one in ensembles if one.dataset == name]) for name in names}


def _scan(work: Work, ensembles: Sequence[Ensemble]) -> NoiseScan:
    first, threshold = ensembles[0], THRESHOLDS[ensembles[0].dataset]
    msds = [mean_square_displacement(work.runs(ensemble)) for ensemble in ensembles]
    return NoiseScan(
        first.label,
        work.data(first).rows,
        msds[0].replicas,
        tuple("SGD" if one == first else _label(one) for one in ensembles),
        np.array([one.noise.persistence for one in ensembles if isinstance(one.noise, Persistent)]),
        tuple(aging(msd, threshold, rng=work.seed) for msd in msds),
        tuple(compare_exponents(msd, msds[0], threshold, rng=work.seed) for msd in msds[1:]),
    )


def _label(ensemble: Ensemble) -> str:
    return ensemble.noise_label if ensemble.method == "sgd" else ensemble.method


def describe(scans: Mapping[str, NoiseScan]) -> dict[str, Any]:
    """t* and mu of each, and differences from SGD's exponent."""
    return {name: _describe(scan) for name, scan in scans.items()}


def _describe(scan: NoiseScan) -> dict[str, Any]:
    mu = stacked([fit.mu for fit in scan.fits])
    differences = [Estimate(0.0, 0.0, 0.0), *(one.difference for one in scan.differences)]
    difference = stacked(differences)
    return {
        "hidden": scan.hidden,
        "rows": scan.rows,
        "replicas": scan.replicas,
        "threshold": scan.fits[0].threshold,
        "noise": scan.labels,
        "persistence": scan.persistence,
        "waiting_times": scan.fits[0].waiting_times,
        "mu": mu.value,
        "mu_low": mu.low,
        "mu_high": mu.high,
        "difference": difference.value,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "difference_p": [1.0, *(one.p_value for one in scan.differences)],
        "t_star": [fit.t_star.value for fit in scan.fits],
        "t_star_over_first": [fit.t_star.value / scan.fits[0].t_star.value for fit in scan.fits],
        "status": [str(fit.status) for fit in scan.fits],
    }


def draw(scans: Mapping[str, NoiseScan], panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """The exponent, and t* in units of SGD's, against the persistence; a row for each data set."""
    functions = {}
    for name, scan in scans.items():
        functions[f"{name}-mu"] = partial(_draw_mu, name, scan)
        functions[f"{name}-t-star"] = partial(_draw_t_star, name, scan)
    return draw_panels(functions, panels, columns=2, panel=(5.2, 3.8), size=size)


def _draw_mu(name: str, scan: NoiseScan, ax: Axes) -> None:
    mu = stacked([fit.mu for fit in scan.fits])
    some = mu.map(lambda values: values[scan.of_persistence])
    ax.errorbar(scan.persistence, some.value, interval_bars(some), fmt="o-", color=COLORS[0], capsize=2,
                label="persistent SGD")  # fmt: skip
    others = [0, *range(scan.of_persistence.stop, len(scan.fits))]
    for k, (at, line) in enumerate(zip(others, ("-", "--", ":"), strict=False), 1):
        color = COLORS[k % len(COLORS)]
        ax.axhline(mu.value[at], color=color, linestyle=line, label=scan.labels[at])
        if np.isfinite([mu.low[at], mu.high[at]]).all():
            ax.axhspan(mu.low[at], mu.high[at], color=color, alpha=0.12, linewidth=0)
    _over_persistence(name, scan, ax)
    ax.set_ylabel(r"exponent $\mu$ (95 %)")


def _draw_t_star(name: str, scan: NoiseScan, ax: Axes) -> None:
    ratios = np.array([fit.t_star.value / scan.fits[0].t_star.value for fit in scan.fits])
    times = scan.fits[0].waiting_times
    for k, (w, line) in enumerate(((0, "o:"), (-1, "s-"))):
        label = f"$t_w$ = {times[w]}"
        ax.plot(scan.persistence, ratios[scan.of_persistence, w], line, color=COLORS[k], label=label)
    ax.axhline(1.0, color="0.5", linewidth=1)
    _over_persistence(name, scan, ax)
    known = np.isfinite(ratios[scan.of_persistence][:, [0, -1]]).any()
    ax.set(yscale="log" if known else "linear", ylabel="$t^*$ over that of SGD")


def _over_persistence(name: str, scan: NoiseScan, ax: Axes) -> None:
    scale = "log" if scan.persistence.size else "linear"
    ax.set(xscale=scale, xlabel=r"persistence $\tau$ (steps)", title=f"{name} {scan.hidden}, N = {scan.rows}")
    legend_beside(ax)


def _panels(ensembles: tuple[Ensemble, ...]) -> tuple[str, ...]:
    datasets = dict.fromkeys(one.dataset for one in ensembles)
    return tuple(f"{name}-{what}" for name in datasets for what in ("mu", "t-star"))


PERSISTENT = PaperFigure(
    "persistent",
    "beyond the paper: t* and mu of persistent SGD against its persistence, both data sets, momentum and Adam beside",
    SAID_OF_PERSISTENT,
    ensembles,
    compute,
    describe,
    draw,
    _panels,
    extra_seconds=lambda scale: 3000.0 if scale == "paper" else 20.0,  # rows of MNIST enter and leave in each step
)
