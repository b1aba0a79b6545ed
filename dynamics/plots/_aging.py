"""Figures of ensembles, on the caller's axes. Nothing here changes global settings."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike, NDArray

from dynamics.aging_times import (
    Aging,
    AgingAnalysis,
    Average,
    Collapse,
    FormComparison,
    GeneralizedDiffusion,
    LocalSlope,
    ThresholdScan,
    WhatMoves,
)
from dynamics.displacement import MeanSquareDisplacement
from dynamics.plots._colors import COLORS, Color, ordered_colors
from dynamics.runs import Trajectories
from dynamics.statistics import Status, reason
from landscape.plots import Size, draw_panels, legend_beside
from landscape.support import Estimate, labeled, stacked

STATUS_MARKS: Mapping[str, str] = {  # what a legend adds to a number that is not to be trusted
    Status.AMBIGUOUS: ", ambiguous",
    Status.NOT_A_POWER_LAW: ", no power law",
    Status.UNEVEN_RUNS: ", interval too narrow",
    Status.DOES_NOT_COLLAPSE: ", no collapse",
    Status.NOT_DETERMINED: ", not trusted",
    Status.AT_THE_EDGE: ", not trusted",
    Status.ALPHA_NOT_A_POWER_LAW: ", no power law",
    Status.D_NOT_A_POWER_LAW: ", $D$ no power law",
}
MOST_MARKS = 100  # recorded lags of a waiting time that are marked: more look like a line
AVERAGES: Mapping[Average, str] = {"t* of the mean": "$t^*$ of the mean", "mean of t*": "mean of $t^*$"}  # in figures


def interval_bars(estimate: Estimate[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Lengths (2, n) of error bars from the values to the ends of their intervals; 0 if an end is unknown."""
    center = estimate.value
    return np.maximum(np.nan_to_num([center - estimate.low, estimate.high - center]), 0.0)


def mu_bars(fits: Sequence[Aging]) -> NDArray[np.float64]:
    """Lengths (2, n) of the error bars of the exponents of n fits."""
    return interval_bars(stacked([fit.mu for fit in fits]))


def interval_text(symbol: str, estimate: Estimate[float], digits: int = 2) -> str:
    """Text for a legend: "mu = 0.70 [0.60, 0.80]", or what is not determined and why.

    Uses the first clause of the status, up to a comma, colon or semicolon.
    """
    value, low, high = estimate.value, estimate.low, estimate.high
    if not np.isfinite(value):
        why = re.split("[:,]", reason(estimate.status))[0]
        return f"{symbol} not determined" + (f":\n{why}" if why else "")
    if not np.isfinite([low, high]).all():
        why = re.split("[:,]", reason(estimate.status))[0]
        return f"{symbol} = {value:z.{digits}f}, no interval" + (f":\n{why}" if why else "")
    return f"{symbol} = {value:z.{digits}f} [{low:z.{digits}f}, {high:z.{digits}f}]"


def _why(status: str) -> str:
    """What is wrong, without the remedy; of a comparison that is refused the reason."""
    parts = [part.strip() for part in re.split("[:;]", status)]
    return f"not compared: {parts[1]}" if parts[0].startswith("no law") else parts[0]


def mu_text(fit: Aging, symbol: str = r"$\mu$") -> str:
    """The exponent of `fit` with its interval, or why it is not determined or not to be trusted."""
    text = interval_text(symbol, fit.mu)
    return text + STATUS_MARKS.get(fit.status, "") if np.isfinite(fit.mu.value) else text


def plot_known(ax: Axes, lags: NDArray[np.generic], values: NDArray[np.float64], **style: Any) -> None:
    """Draw a line through the values that are known, with a point at each if others between them are not."""
    known = np.flatnonzero(~np.isnan(values))
    gaps = known.size and known.size < known[-1] - known[0] + 1
    ax.plot(lags[known], values[known], marker="." if gaps else None, **style)


def plot_msd(msd: MeanSquareDisplacement, ax: Axes, threshold: float | None = None) -> Axes:
    """Draw the mean over the runs of the displacement against the lag, one line per waiting time, on `ax`.

    If lags are missing within the runs, the recorded ones have marks, open where only some of the runs have them, and
    dotted lines cross the gaps.
    """
    missing, colors = msd.has_gaps or not msd.is_complete, ordered_colors(msd.waiting_times.size)
    for k, (waiting, values) in enumerate(zip(msd.waiting_times, msd.mean, strict=True)):
        ax.plot(msd.lags, values, color=colors[k], label=f"$t_w$ = {waiting}")
        if missing:
            _mark_recorded(ax, msd, k, colors[k])
    if threshold is not None:
        ax.axhline(threshold, color="0.5", linestyle="--", linewidth=1, label=rf"$\Delta^*$ = {threshold:.3g}")
    ax.set(xscale="log", yscale="log", xlabel="lag $t$ (steps)", ylabel=r"mean square displacement $\Delta(t_w, t)$")
    legend_beside(ax)
    return ax


def _mark_recorded(ax: Axes, msd: MeanSquareDisplacement, w: int, color: Color) -> None:
    """Marks at the lags that a waiting time has, and dotted lines across its gaps."""
    runs, mean = msd.runs_per_pair[w], msd.mean[w]
    known = runs > 0
    if known.sum() > MOST_MARKS:
        ax.plot(msd.lags[known], mean[known], color=color)
        return
    ax.plot(msd.lags[known], mean[known], ":", color=color, linewidth=1)
    for some, fill in ((runs == msd.replicas, "full"), (known & (runs < msd.replicas), "none")):
        ax.plot(msd.lags[some], mean[some], "o", color=color, fillstyle=fill, markersize=3)


def plot_aging(
    fit: Aging, ax: Axes, label: str | None = None, color: str = COLORS[0], *, later: Aging | None = None
) -> Axes:
    """Draw t* against the waiting time with intervals, and the fitted power law, on `ax`.

    The legend gives mu with its interval, or says that it is not determined. Open symbols are last crossings if t* is
    ambiguous. A dashed line is the fit to the `later` waiting times alone.
    """
    tw, t_star = fit.waiting_times, fit.t_star.value
    ax.errorbar(tw, t_star, yerr=interval_bars(fit.t_star), fmt="o", color=color, capsize=2)
    twice = fit.ambiguous & np.isfinite(fit.t_star_last)
    if twice.any():
        ax.plot(tw[twice], fit.t_star_last[twice], "o", color=color, fillstyle="none", label="last crossing")
    mu = mu_text(fit)
    ax.plot(tw, np.exp(fit.intercept + fit.mu.value * np.log(tw)), color=color, label=f"{label}: {mu}" if label else mu)
    if later is not None:
        name = rf"from $t_w$ = {later.waiting_times[0]}: {mu_text(later)}"
        line = np.exp(later.intercept + later.mu.value * np.log(later.waiting_times))
        ax.plot(later.waiting_times, line, "--", color=COLORS[1], label=name)
    return _against_waiting_times(ax, tw, t_star, f"{AVERAGES[fit.average]} (steps)")


def plot_loss(runs: Trajectories, ax: Axes, color: str = COLORS[0]) -> Axes:
    """Draw the median training loss of the runs, and the range of their middle 80 %, on `ax`."""
    later = runs.curve_steps > 0
    steps = runs.curve_steps[later]
    low, middle, high = np.percentile(runs.loss[:, later], [10, 50, 90], axis=0)
    ax.fill_between(steps, low, high, color=color, alpha=0.2, linewidth=0)
    ax.plot(steps, middle, color=color, label=f"median of {runs.replicas} runs, middle 80 %")
    ax.set(xscale="log", xlabel="time (steps)", ylabel=labeled("training loss", runs.loss_unit))
    legend_beside(ax)
    return ax


def plot_threshold_scan(scan: ThresholdScan, ax: Axes, color: str = COLORS[0]) -> Axes:
    """Draw mu against the threshold with its interval, and the window in which it is flat, on `ax`."""
    ax.fill_between(scan.thresholds, *scan.mu.interval, color=color, alpha=0.2, linewidth=0)
    ax.plot(scan.thresholds, scan.mu.value, color=color, marker=".", label=r"$\mu(\Delta^*)$")
    if scan.flat.any():
        label = interval_text(r"flat: $\mu$", scan.mu_flat)
        ax.axvspan(*scan.window, color=COLORS[1], alpha=0.15, linewidth=0, label=label)
    if scan.ambiguous.any():
        ax.plot(scan.thresholds[scan.ambiguous], scan.mu.value[scan.ambiguous], "o", color=color, fillstyle="none",
                label="ambiguous: crossed more than once")  # fmt: skip
    ax.set(xscale="log", xlabel=r"threshold $\Delta^*$", ylabel=r"exponent $\mu$")
    legend_beside(ax)
    return ax


def plot_collapse(msd: MeanSquareDisplacement, result: Collapse, ax: Axes) -> Axes:
    """Draw the mean displacement against t / tw^mu with the mu that collapses best (0 if there is none) on `ax`.

    Shaded: the displacements used.
    """
    mu = result.exponent.value if np.isfinite(result.exponent.value) else 0.0
    colors = ordered_colors(msd.waiting_times.size)
    for waiting, values, color in zip(msd.waiting_times, msd.mean, colors, strict=True):
        plot_known(ax, msd.lags / float(waiting) ** mu, values, color=color, label=f"$t_w$ = {waiting}")
    if 0 < result.window[0] < result.window[1] < np.inf:
        ax.axhspan(*result.window, color="0.5", alpha=0.1, linewidth=0, label="compared")
    title = interval_text(r"$\mu$", result.exponent)
    ax.set_title(title + STATUS_MARKS.get(result.status, ""), fontsize="medium")
    ax.set(xscale="log", yscale="log", xlabel=r"$t / t_w^\mu$", ylabel=r"$\Delta(t_w, t)$")
    legend_beside(ax)
    return ax


def plot_local_slope(slope: LocalSlope, ax: Axes) -> Axes:
    """Draw d ln MSD / d ln t against the lag, one line per waiting time with its interval, on `ax`."""
    for k, (waiting, color) in enumerate(
        zip(slope.waiting_times, ordered_colors(slope.waiting_times.size), strict=True)
    ):
        ax.fill_between(slope.lags, slope.slope.low[k], slope.slope.high[k], color=color, alpha=0.15, linewidth=0)
        plot_known(ax, slope.lags, slope.slope.value[k], color=color, label=f"$t_w$ = {waiting}")
    for value, label in ((1.0, "diffusion (1), drift (2)"), (2.0, None)):
        ax.axhline(value, color="0.5", linestyle="--", linewidth=1, label=label)
    ax.set(xscale="log", xlabel="lag $t$ (steps)", ylabel=r"$d \ln \Delta / d \ln t$", ylim=(-0.2, 2.7))
    legend_beside(ax)
    return ax


def plot_diffusion(result: GeneralizedDiffusion, ax: Axes, color: str = COLORS[0]) -> Axes:
    """Draw D(tw) with its interval and the fitted power law on `ax`."""
    tw, d, a = result.waiting_times, result.coefficients.value, result.a.value
    ax.errorbar(tw, d, yerr=interval_bars(result.coefficients), fmt="o", color=color, capsize=2)
    intercept = np.nanmean(np.log(d) + a * np.log(tw)) if np.isfinite(d).any() else np.nan
    label = interval_text(r"$D \sim t_w^{-a}$, $a$", result.a)
    if np.isfinite(result.alpha.value):
        label += "\n" + rf"$\alpha$ = {result.alpha.value:z.2f}" + STATUS_MARKS.get(result.status, "")
    ax.plot(tw, np.exp(intercept - a * np.log(tw)), color=color, label=label)
    return _against_waiting_times(ax, tw, d, r"$D(t_w)$, $\Delta = D t^\alpha$")


def plot_forms(fit: Aging, forms: FormComparison, ax: Axes) -> Axes:
    """Draw t* against the waiting time and the four laws, with their AIC above the best, on `ax`.

    Only t* if the laws cannot be compared: the title says why.
    """
    bars = interval_bars(fit.t_star)
    ax.errorbar(fit.waiting_times, fit.t_star.value, yerr=bars, fmt="o", color=COLORS[-1], capsize=2)
    for k, (name, t_star, aic) in enumerate(zip(forms.names, forms.t_star, forms.aic, strict=True)):
        if np.isfinite(aic):
            label = rf"{name}: $\Delta$AIC {aic:.0f}, $p$ = {forms.p_value[k]:.1g}"
            ax.plot(fit.waiting_times, t_star, color=COLORS[k], label=label)
    if forms.status != Status.OK:
        ax.set_title(_why(forms.status), fontsize="medium")
    return _against_waiting_times(ax, fit.waiting_times, fit.t_star.value, f"{AVERAGES[fit.average]} (steps)")


def plot_what_moves(moves: WhatMoves, ax: Axes, control_t_star: ArrayLike | None = None) -> Axes:
    """Draw the measured t*, the ones predicted from the drift, and that of the control, on `ax`."""
    curves = {
        "measured": moves.t_star,
        r"$\sqrt{P \Delta^*} / |v|$, gradient": moves.t_star_gradient,
        r"$\sqrt{P \Delta^*} / |v|$, differences": moves.t_star_differences,
    }
    if control_t_star is not None:
        curves["control"] = np.asarray(control_t_star, dtype=np.float64)
    for k, (label, values) in enumerate(curves.items()):
        style: dict[str, Any] = {"color": COLORS[k], "marker": "osv^"[k], "linestyle": "-" if k else ""}
        if np.isfinite(values).any():
            ax.plot(moves.waiting_times, values, **style, label=label)
    shares = moves.drift_share.value
    share = np.nanmean(shares) if np.isfinite(shares).any() else np.nan
    said = f"{share:.2f}" if np.isfinite(share) else "not determined"
    ax.set_title(f"drift share of the displacement at $t^*$: {said}", fontsize="medium")
    return _against_waiting_times(ax, moves.waiting_times, np.concatenate(list(curves.values())), "$t^*$ (steps)")


ANALYSIS_PANELS = ("msd", "aging", "thresholds", "collapse", "slope", "diffusion", "laws", "drift")


def analysis_panels(
    analysis: AgingAnalysis, control_t_star: ArrayLike | None = None, later: Aging | None = None
) -> dict[str, Callable[[Axes], Axes]]:
    """What draws each of the `ANALYSIS_PANELS`."""
    threshold = rf"$\Delta^*$ = {analysis.fit.threshold:g}"

    def aging(ax: Axes) -> Axes:
        ax.set_title(threshold)
        return plot_aging(analysis.fit, ax, later=later)

    return {
        "msd": lambda ax: plot_msd(analysis.msd, ax, threshold=analysis.fit.threshold),
        "aging": aging,
        "thresholds": lambda ax: plot_threshold_scan(analysis.scan, ax),
        "collapse": lambda ax: plot_collapse(analysis.msd, analysis.collapse, ax),
        "slope": lambda ax: plot_local_slope(analysis.slope, ax),
        "diffusion": lambda ax: plot_diffusion(analysis.diffusion, ax),
        "laws": lambda ax: plot_forms(analysis.fit, analysis.forms, ax),
        "drift": lambda ax: plot_what_moves(analysis.moves, ax, control_t_star),
    }


def plot_analysis(
    analysis: AgingAnalysis,
    title: str = "",
    control_t_star: ArrayLike | None = None,
    *,
    later: Aging | None = None,
    panels: Sequence[str] = (),
    size: Size = "screen",
) -> Figure:
    """Make a figure of the whole analysis, eight panels, or of those of the `ANALYSIS_PANELS` that are named.

    The fit to `later` waiting times is drawn as well.

    Raises
    ------
    ValueError
        For a panel or a size that does not exist; see `landscape.plots.draw_panels`.
    """
    return draw_panels(analysis_panels(analysis, control_t_star, later), panels, columns=4, size=size, title=title)


def over_waiting_times(ax: Axes, waiting_times: ArrayLike) -> Axes:
    """Make the horizontal axis of a panel that of waiting times, with ticks at these."""
    ax.set(xscale="log", xlabel="waiting time $t_w$ (steps)")
    ax.xaxis.set_minor_locator(NullLocator())  # their labels would overlap
    ax.set_xticks(np.asarray(waiting_times), [str(t) for t in np.asarray(waiting_times)], rotation=45)
    return ax


def _against_waiting_times(ax: Axes, waiting_times: ArrayLike, values: ArrayLike, label: str) -> Axes:
    """Scales, ticks, labels and legend of a panel of positive values over the waiting time."""
    some = (np.nan_to_num(np.asarray(values)) > 0).any()  # an empty logarithmic axis cannot be drawn
    over_waiting_times(ax, waiting_times).set(yscale="log" if some else "linear", ylabel=label)
    if not some:
        ax.set_xlim(0.9 * np.min(waiting_times), 1.1 * np.max(waiting_times))
        ax.set_yticks([])
    if ax.get_legend_handles_labels()[0]:
        legend_beside(ax)
    return ax
