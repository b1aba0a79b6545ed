"""Figures 2, 3 and 5: two-time mean square displacement, and t* against the waiting time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bridge.figures import _curves
from bridge.figures._base import PaperFigure, panels_called, panels_of_ensembles
from bridge.figures._curves import LossCurves, ljat_ensembles, mnist_ensembles
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._said_of_aging import HAND_DRAWN, SAID_OF_FIG2, SAID_OF_FIG5
from bridge.figures._said_of_loss import SAID_OF_FIG3
from bridge.figures._t_star import averages, draw_t_star, later_part
from bridge.figures._work import Work
from bridge.plots import panel_name
from dynamics.aging_times import Aging, aging
from dynamics.displacement import MeanSquareDisplacement, mean_square_displacement
from dynamics.plots import COLORS, plot_msd
from landscape.plots import Size, draw_panels, legend_beside

THRESHOLD = 1e-2  # of figure 2; of figure 5, for which the paper gives none, our assumption
OTHER_THRESHOLDS = (1e-3, 3e-3)
BEHIND_THE_BEND = 4500  # steps: first waiting time beyond the published crossover at 10^3.6


@dataclass(frozen=True, eq=False)
class AgingFigure:
    """Displacements of A architectures, and their fits.

    `fits` are those at the threshold of the figure, `later_fits` the same behind the bend alone, `other_fits` those at
    other thresholds.
    """

    labels: tuple[str, ...]
    displacements: tuple[MeanSquareDisplacement, ...]
    fits: tuple[Aging, ...]
    later_fits: tuple[Aging, ...]
    other_fits: tuple[tuple[Aging, ...], ...]  # (A, thresholds)


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> AgingFigure:
    """Displacements and aging times of all ensembles."""
    msds = tuple(mean_square_displacement(work.runs(ensemble)) for ensemble in ensembles)
    later = (later_part(msd, BEHIND_THE_BEND) for msd in msds)
    return AgingFigure(
        tuple(ensemble.label for ensemble in ensembles),
        msds,
        tuple(aging(msd, THRESHOLD, rng=work.seed) for msd in msds),
        tuple(aging(msd, THRESHOLD, rng=work.seed) for msd in later),
        tuple(tuple(aging(msd, other, rng=work.seed) for other in OTHER_THRESHOLDS) for msd in msds),
    )


def describe(result: AgingFigure) -> dict[str, Any]:
    """t* and mu of both averages per architecture, over all waiting times and behind the bend."""
    fits = result.fits
    return {
        "hidden": result.labels,
        "threshold": fits[0].threshold,
        "replicas": result.displacements[0].replicas,
        "waiting_times": fits[0].waiting_times,
        **averages(fits),
        "t_star_interval": [np.stack(fit.t_star.interval, axis=-1) for fit in fits],
        "t_star_runs_at_least": [fit.t_star_runs_at_least for fit in fits],
        "censored_runs": [fit.censored_runs for fit in fits],
        "effective_runs": [fit.effective_runs.value for fit in fits],
        "p_value": [fit.p_value for fit in fits],
        "worst_misfit": [fit.worst_misfit for fit in fits],
        "mu_runs_mean_p_value": [fit.mu_runs_mean_p_value for fit in fits],
        "runs_mean_status": [str(fit.mu_runs_mean.status) for fit in fits],
        "mu_before_and_after": [
            (np.nan, np.nan) if fit.crossover is None else (fit.crossover.mu_before, fit.crossover.mu_after)
            for fit in fits
        ],
        "bend_at": [None if fit.crossover is None else fit.crossover.waiting_time for fit in fits],
        "status": [str(fit.status) for fit in fits],
        "behind_the_bend": averages(result.later_fits) | {"waiting_times": result.later_fits[0].waiting_times},
        "other_thresholds": OTHER_THRESHOLDS,
        "mu_at_other_thresholds": [[fit.mu.value for fit in others] for others in result.other_fits],
        "mu_runs_mean_at_other_thresholds": [[f.mu_runs_mean.value for f in others] for others in result.other_fits],
    }


def draw(result: AgingFigure, panels: Sequence[str] = (), size: Size = "screen", slope: float | None = None) -> Figure:
    """A panel of displacements per architecture, and one of t* for all, two by two.

    With `slope` also the line that the paper sets by hand, and the exponents behind the bend.
    """
    functions = {
        panel_name(label): partial(_draw_msd, f"hidden layers {label}", msd, THRESHOLD)
        for label, msd in zip(result.labels, result.displacements, strict=True)
    }
    later = None if slope is None else result.later_fits
    functions["aging"] = partial(draw_t_star, result.labels, result.fits, slope=slope, later=later)
    return draw_panels(functions, panels, columns=2, panel=(5.0, 3.9), size=size)


def _draw_msd(title: str, msd: MeanSquareDisplacement, threshold: float | None, ax: Axes) -> None:
    plot_msd(msd, ax, threshold=threshold).set_title(title)


@dataclass(frozen=True, eq=False)
class ChainFigure:
    """Loss, accuracy and motion of one architecture."""

    curves: LossCurves
    motion: AgingFigure


def compute_chain(work: Work, ensembles: tuple[Ensemble, ...]) -> ChainFigure:
    """Curves and displacements of the chain."""
    return ChainFigure(_curves.compute(work, ensembles), compute(work, ensembles))


def describe_chain(result: ChainFigure) -> dict[str, Any]:
    """The numbers of both panels."""
    return _curves.describe(result.curves) | describe(result.motion)


def draw_chain(result: ChainFigure, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Loss and accuracy in one panel, displacements in the other."""
    labels = ", ".join(result.motion.labels)
    functions = {
        "curves": partial(_draw_chain_curves, result.curves),
        "displacement": partial(_draw_msd, f"hidden layers {labels}", result.motion.displacements[0], None),
    }
    return draw_panels(functions, panels, columns=2, panel=(5.0, 3.9), size=size)


def _draw_chain_curves(curves: LossCurves, ax: Axes) -> None:
    """Loss on the left axis (solid), accuracy on the right one (dashed)."""
    steps, loss, accuracy = curves.steps[1:], curves.loss[0][1:], curves.accuracy[0][1:]
    factor = np.ptp(loss) / (np.ptp(accuracy) or 1.0)  # nats for each unit of the right axis
    ax.plot(steps, loss, color=COLORS[0], label="loss")
    ax.plot(steps, loss.min() + factor * (accuracy - accuracy.min()), "--", color=COLORS[3], label="accuracy")
    right = ax.secondary_yaxis(
        "right",
        functions=(
            lambda y: accuracy.min() + (y - loss.min()) / factor,
            lambda x: loss.min() + factor * (x - accuracy.min()),
        ),
    )
    right.set_ylabel("training accuracy")
    ax.set(xscale="log", xlabel="time (steps)", ylabel="training loss (nats)")
    legend_beside(ax)


def chain_ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Three hidden layers of one unit each."""
    return (replace(ljat_ensembles(scale)[0], hidden=(1, 1, 1)),)


FIG2 = PaperFigure(
    "fig2",
    "mean square displacement and t* against tw, LJAT-like data, one, two and three hidden layers",
    SAID_OF_FIG2,
    ljat_ensembles,
    compute,
    describe,
    partial(draw, slope=HAND_DRAWN),
    panels_of_ensembles("aging"),
)
FIG3 = PaperFigure(
    "fig3",
    "loss, accuracy and mean square displacement, LJAT-like data, chain of three hidden units",
    SAID_OF_FIG3,
    chain_ensembles,
    compute_chain,
    describe_chain,
    draw_chain,
    panels_called("curves", "displacement"),
)
FIG5 = PaperFigure(
    "fig5",
    "mean square displacement and t* against tw, MNIST, one, two and three hidden layers of 5 units",
    SAID_OF_FIG5,
    mnist_ensembles,
    compute,
    describe,
    draw,
    panels_of_ensembles("aging"),
)
