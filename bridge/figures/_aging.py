"""Figures 2, 3 and 5: two-time mean square displacement, and t* against the waiting time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bridge.figures._base import PaperFigure
from bridge.figures._curves import ljat_ensembles, mnist_ensembles
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._work import Work
from bridge.plots import plot_displacements
from dynamics.aging_times import Aging, aging
from dynamics.displacement import MeanSquareDisplacement, mean_square_displacement
from landscape.plots import Size

THRESHOLD = 1e-2
OTHER_THRESHOLDS = (1e-3, 3e-3)


@dataclass(frozen=True, eq=False)
class AgingFigure:
    """Displacements of A architectures, and their fits: at the threshold of the figure, and at others."""

    labels: tuple[str, ...]
    displacements: tuple[MeanSquareDisplacement, ...]
    fits: tuple[Aging, ...]
    other_fits: tuple[tuple[Aging, ...], ...]  # (A, thresholds)


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> AgingFigure:
    """Displacements and aging times of all ensembles."""
    msds = tuple(mean_square_displacement(work.runs(ensemble)) for ensemble in ensembles)
    return AgingFigure(
        tuple(ensemble.label for ensemble in ensembles),
        msds,
        tuple(aging(msd, THRESHOLD, rng=work.seed) for msd in msds),
        tuple(tuple(aging(msd, other, rng=work.seed) for other in OTHER_THRESHOLDS) for msd in msds),
    )


def describe(result: AgingFigure) -> dict[str, Any]:
    """t*, mu and its interval per architecture."""
    return {
        "hidden": result.labels,
        "threshold": result.fits[0].threshold,
        "replicas": result.displacements[0].replicas,
        "waiting_times": result.fits[0].waiting_times,
        "t_star": [fit.t_star.value for fit in result.fits],
        "t_star_interval": [np.stack(fit.t_star.interval, axis=-1) for fit in result.fits],
        "t_star_runs_mean": [fit.t_star_runs_mean.value for fit in result.fits],
        "t_star_runs_at_least": [fit.t_star_runs_at_least for fit in result.fits],
        "censored_runs": [fit.censored_runs for fit in result.fits],
        "effective_runs": [fit.effective_runs.value for fit in result.fits],
        "mu": [fit.mu.value for fit in result.fits],
        "mu_low": [fit.mu.low for fit in result.fits],
        "mu_high": [fit.mu.high for fit in result.fits],
        "p_value": [fit.p_value for fit in result.fits],
        "worst_misfit": [fit.worst_misfit for fit in result.fits],
        "mu_runs_mean": [fit.mu_runs_mean.value for fit in result.fits],
        "runs_mean_status": [str(fit.mu_runs_mean.status) for fit in result.fits],
        "mu_before_and_after": [
            None if fit.crossover is None else (fit.crossover.mu_before, fit.crossover.mu_after) for fit in result.fits
        ],
        "bend_at": [None if fit.crossover is None else fit.crossover.waiting_time for fit in result.fits],
        "status": [str(fit.status) for fit in result.fits],
        "other_thresholds": OTHER_THRESHOLDS,
        "mu_at_other_thresholds": [[fit.mu.value for fit in fits] for fits in result.other_fits],
    }


def draw(result: AgingFigure, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """A panel of displacements per architecture, and one of t* for all."""
    return plot_displacements(result.labels, result.displacements, result.fits, panels=panels, size=size)


def chain_ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Three hidden layers of one unit each."""
    return (replace(ljat_ensembles(scale)[0], hidden=(1, 1, 1)),)


FIG2 = PaperFigure(
    "fig2",
    "mean square displacement and t* against tw, LJAT-like data, one, two and three hidden layers",
    {"threshold": THRESHOLD, "waiting_times": (1300, 2100, 3200, 4500, 6400, 10000), "mu_below_one": True},
    ljat_ensembles,
    compute,
    describe,
    draw,
)
FIG3 = PaperFigure(
    "fig3",
    "mean square displacement and t* against tw, LJAT-like data, chain of three hidden units",
    {"threshold": THRESHOLD, "mu_below_one": True},
    chain_ensembles,
    compute,
    describe,
    draw,
)
FIG5 = PaperFigure(
    "fig5",
    "mean square displacement and t* against tw, MNIST, one, two and three hidden layers of 5 units",
    {"mu_below_one": True},
    mnist_ensembles,
    compute,
    describe,
    draw,
)
