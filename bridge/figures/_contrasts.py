"""Beyond the paper: t* and mu of ensembles that differ in one thing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bridge.figures._base import PaperFigure, panels_called, panels_of_ensembles
from bridge.figures._curves import ljat_ensembles
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._t_star import averages
from bridge.figures._widths import THRESHOLD as WIDTHS_THRESHOLD, WIDTHS
from bridge.figures._work import Work
from bridge.plots import panel_name
from dynamics.aging_times import (
    Aging,
    GeneralizedDiffusion,
    LocalSlope,
    aging,
    crossover_numbers,
    generalized_diffusion,
    local_slope,
)
from dynamics.displacement import mean_square_displacement as displacement
from dynamics.noises import Full, GaussianReplacement, Langevin, Persistent, Replacement
from dynamics.plots import COLORS, STATUS_MARKS, interval_bars, mu_bars, over_waiting_times, plot_local_slope
from dynamics.statistics import Status
from landscape.plots import Size, draw_panels, legend_beside

THRESHOLD = 1e-2
LATE_WAITING_TIMES = (10_000, 16_000, 25_000, 40_000, 63_000, 100_000)
NOISES = (
    Replacement(),
    GaussianReplacement(),
    Persistent(3.0),
    Persistent(30.0),
    Persistent(300.0),
    Langevin(1e-6),
    Langevin(1e-5),
    Full(),
)
MOST_IN_LEGEND = 6
MARKERS = "osv^D<>pP*"


@dataclass(frozen=True, eq=False)
class Contrast:
    """Aging of E ensembles: fits, local slopes, later regime. `replicas` of each."""

    labels: tuple[str, ...]
    replicas: tuple[int, ...]
    fits: tuple[Aging, ...]
    slopes: tuple[LocalSlope, ...]
    diffusions: tuple[GeneralizedDiffusion, ...]


def compute(work: Work, ensembles: tuple[Ensemble, ...], threshold: float = THRESHOLD) -> Contrast:
    """The analysis of every ensemble."""
    msds = [displacement(work.runs(ensemble)) for ensemble in ensembles]
    several = len({ensemble.label for ensemble in ensembles}) > 1
    noisy = len({ensemble.noise for ensemble in ensembles}) > 1
    return Contrast(
        tuple(
            ", ".join([ensemble.label] * (several or not noisy) + [ensemble.noise_label] * noisy)
            for ensemble in ensembles
        ),
        tuple(msd.replicas for msd in msds),
        tuple(aging(msd, threshold, rng=work.seed) for msd in msds),
        tuple(local_slope(msd, rng=work.seed) for msd in msds),
        tuple(generalized_diffusion(msd, rng=work.seed) for msd in msds),
    )


def describe(result: Contrast) -> dict[str, Any]:
    """t*, mu with interval, and their ratio to those of the first ensemble."""
    first = result.fits[0]
    return {
        "ensembles": result.labels,
        "replicas": result.replicas,
        "threshold": first.threshold,
        "waiting_times": first.waiting_times,
        **averages(result.fits),
        "t_star_interval": [np.stack(fit.t_star.interval, axis=-1) for fit in result.fits],
        "t_star_over_first": [fit.t_star.value / first.t_star.value for fit in result.fits],
        "p_value": [fit.p_value for fit in result.fits],
        "worst_misfit": [fit.worst_misfit for fit in result.fits],
        "local_slope_at_t_star": [fit.local_slope.value for fit in result.fits],
        "bend": [crossover_numbers(fit.crossover) for fit in result.fits],
        "status": [str(fit.status) for fit in result.fits],
    }


def describe_regime(result: Contrast) -> dict[str, Any]:
    """The later regime of each ensemble: Delta = D(tw) t^alpha, D ~ tw^-a."""
    parts = result.diffusions
    return {
        "ensembles": result.labels,
        "replicas": result.replicas,
        "window": [part.window for part in parts],
        "alpha": [part.alpha.value for part in parts],
        "alpha_low": [part.alpha.low for part in parts],
        "alpha_high": [part.alpha.high for part in parts],
        "alphas": [part.alphas for part in parts],
        "p_value": [part.p_value for part in parts],
        "worst_misfit": [part.worst_misfit for part in parts],
        "a": [part.a.value for part in parts],
        "a_low": [part.a.low for part in parts],
        "a_high": [part.a.high for part in parts],
        "a_p_value": [part.a_p_value for part in parts],
        "steepest_slope": [np.nanmax(slope.slope.value, axis=1) for slope in result.slopes],
        "slope_at_last_lag": [_last(slope.slope.value) for slope in result.slopes],
        "status": [str(part.status) for part in parts],
    }


def _last(slopes: np.ndarray) -> list[float]:
    """Last defined slope of each waiting time."""
    return [float(row[np.isfinite(row)][-1]) if np.isfinite(row).any() else np.nan for row in slopes]


def draw(result: Contrast, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """t* against tw, and mu with intervals."""
    functions = {"aging": partial(_draw_t_star, result), "mu": partial(_draw_mu, result)}
    return draw_panels(functions, panels, columns=2, panel=(5.0, 4.2), size=size)


def _draw_t_star(result: Contrast, ax: Axes) -> None:
    for k, (label, fit) in enumerate(zip(result.labels, result.fits, strict=True)):
        t_star, bars = fit.t_star.value, interval_bars(fit.t_star)
        ax.errorbar(fit.waiting_times, t_star, yerr=bars, fmt=f"{_marker(k)}-", color=_color(k), capsize=2, label=label)
    ax.set(yscale="log", ylabel="$t^*$ (steps)", title=rf"$\Delta^*$ = {result.fits[0].threshold:g}")
    over_waiting_times(ax, result.fits[0].waiting_times)
    if len(result.labels) <= MOST_IN_LEGEND:  # otherwise the labels of the other panel are enough
        legend_beside(ax)


def _draw_mu(result: Contrast, ax: Axes) -> None:
    for k, fit in enumerate(result.fits):
        ax.errorbar(fit.mu.value, k, xerr=mu_bars([fit]), fmt=_marker(k), color=_color(k), capsize=3)
    ax.axvline(1.0, color="0.5", linestyle="--", linewidth=1)
    ax.set_yticks(range(len(result.labels)), result.labels)
    ax.invert_yaxis()
    ax.set(xlabel=r"exponent $\mu$ (95 %)", ylabel="ensemble")


def _color(k: int) -> str:
    return COLORS[k % len(COLORS)]


def _marker(k: int) -> str:
    return MARKERS[k % len(MARKERS)]


def draw_regime(result: Contrast, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Local slopes against the lag, a panel per ensemble."""
    functions = {
        panel_name(label): partial(_draw_slope, label, slope, part)
        for label, slope, part in zip(result.labels, result.slopes, result.diffusions, strict=True)
    }
    return draw_panels(functions, panels, columns=3, panel=(4.2, 3.8), size=size)


def _draw_slope(label: str, slope: LocalSlope, part: GeneralizedDiffusion, ax: Axes) -> None:
    plot_local_slope(slope, ax).set_title(f"hidden layers {label}: {_regime_text(part)}")
    ax.axvspan(*part.window, color="0.5", alpha=0.1, linewidth=0, label="fitted")
    legend_beside(ax)


def _regime_text(part: GeneralizedDiffusion) -> str:
    """The exponents, or those of the waiting times if one power law is not enough."""
    if not np.isfinite(part.alpha.value):
        return "not determined"
    if part.status == Status.ALPHA_NOT_A_POWER_LAW:
        known = part.alphas[np.isfinite(part.alphas)]
        return rf"no one power law, $\alpha$ = {known.min():z.2f} ... {known.max():z.2f}"
    return rf"$\alpha$ = {part.alpha.value:z.2f}, $D \sim t_w^{{{-part.a.value:z.2f}}}$" + STATUS_MARKS.get(
        part.status, ""
    )


def late_ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Waiting times from 10^4 to 10^5."""
    replicas, steps = (60, 600_000) if scale == "paper" else (10, 200_000)
    waiting = tuple(tw for tw in LATE_WAITING_TIMES if 2 * tw <= steps)
    return tuple(
        replace(ensemble, replicas=replicas, steps=steps, waiting_times=waiting) for ensemble in ljat_ensembles(scale)
    )


def descent_ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """SGD, and full-batch descent from the same starts."""
    replicas = 40 if scale == "paper" else 12
    equal = (replace(ensemble, replicas=replicas) for ensemble in ljat_ensembles(scale))
    pairs = ((ensemble, replace(ensemble, noise=Full())) for ensemble in equal)
    return tuple(ensemble for pair in pairs for ensemble in pair)


def noise_ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Two hidden layers with SGD's minibatches, and with other noises from the same starts."""
    base = replace(ljat_ensembles(scale)[1], replicas=40 if scale == "paper" else 8)
    return (base, *(replace(base, noise=noise) for noise in NOISES))


def epoch_ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Figure 6's narrowest and widest network, with minibatches in epochs of 1200 steps and drawn with replacement."""
    replicas = 40 if scale == "paper" else 3
    first, last = (
        Ensemble((n, n, n), replicas, 30_000, dataset="mnist", batch_size=50) for n in (WIDTHS[0], WIDTHS[-1])
    )
    return first, replace(first, noise=Replacement()), last, replace(last, noise=Replacement())


LATE = PaperFigure(
    "late",
    "beyond the paper: t* and mu for waiting times from 10^4 to 10^5",
    (),
    late_ensembles,
    compute,
    describe,
    draw,
    panels_called("aging", "mu"),
)
DESCENT = PaperFigure(
    "descent",
    "beyond the paper: SGD and full-batch descent from the same starts",
    (),
    descent_ensembles,
    compute,
    describe,
    draw,
    panels_called("aging", "mu"),
)
REGIME = PaperFigure(
    "regime",
    "beyond the paper: the second regime, local slope of the displacement and generalized diffusion coefficient",
    (),
    ljat_ensembles,
    compute,
    describe_regime,
    draw_regime,
    panels_of_ensembles(),
)
NOISE = PaperFigure(
    "noises",
    "beyond the paper: t* and mu for other kinds of noise, two hidden layers",
    (),
    noise_ensembles,
    compute,
    describe,
    draw,
    panels_called("aging", "mu"),
)
EPOCHS = PaperFigure(
    "epochs",
    "beyond the paper: aging of figure 6 with and without epochs, MNIST, three hidden layers of 7 and 17 units",
    (),
    epoch_ensembles,
    partial(compute, threshold=WIDTHS_THRESHOLD),
    describe,
    draw,
    panels_called("aging", "mu"),
)
