"""Figures of observables other than the displacement, on the caller's axes."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynamics.aging_times import CurveScaling, SecondRegime
from dynamics.displacement import (
    LayerDisplacement,
    NonGaussian,
    Susceptibility,
    SymmetricDisplacement,
    VanHove,
    known_mean,
)
from dynamics.observables import (
    OBSERVABLES,
    GradientMagnitudes,
    NoiseTails,
    Onset,
    Onsets,
    ReplicaOverlap,
    UpdateAlignment,
)
from dynamics.plots._aging import plot_known, plot_msd
from dynamics.plots._colors import COLORS, ordered_colors
from dynamics.runs import Parameter, Trajectories
from landscape.plots import Size, draw_panels, legend_beside
from landscape.support import labeled


def plot_layers(displacement: LayerDisplacement, ax: Axes, waiting_time: int = -1) -> Axes:
    """Draw the mean displacement of every parameter against the lag, at waiting time number `waiting_time`.

    A layer has one color; its biases are dotted.
    """
    for name in displacement.names:
        mean = displacement.group(name).mean[waiting_time]
        color = COLORS[displacement.layers.index(Parameter(name, ()).layer) % len(COLORS)]
        style = ":" if "bias" in name.removeprefix(Parameter(name, ()).layer) else "-"
        plot_known(ax, displacement.lags, mean, linestyle=style, color=color, label=name)
    ax.set(xscale="log", yscale="log", xlabel="lag $t$ (steps)", ylabel=r"mean square displacement $\Delta_g(t_w, t)$")
    ax.set_title(f"$t_w$ = {displacement.waiting_times[waiting_time]}", fontsize="medium")
    legend_beside(ax)
    return ax


def plot_alpha_2(moments: NonGaussian, ax: Axes) -> Axes:
    """Draw alpha_2 against the lag, one line per waiting time, with a band of one standard error."""
    colors = ordered_colors(moments.waiting_times.size)
    for waiting, values, error, color in zip(
        moments.waiting_times, moments.alpha_2, moments.standard_error, colors, strict=True
    ):
        ax.fill_between(moments.lags, values - error, values + error, color=color, alpha=0.2, linewidth=0)
        plot_known(ax, moments.lags, values, color=color, label=f"$t_w$ = {waiting}")
    ax.axhline(0.0, color="0.5", linestyle="--", linewidth=1)
    ax.set(xscale="log", xlabel="lag $t$ (steps)", ylabel=r"non-Gaussian parameter $\alpha_2(t_w, t)$")
    legend_beside(ax)
    return ax


def plot_second_regime(regime: SecondRegime, ax: Axes) -> Axes:
    """Draw D(tw, t) against the lag, one line per waiting time; a circle where the curve leaves the first regime."""
    colors = ordered_colors(regime.waiting_times.size)
    for waiting, values, departure, color in zip(
        regime.waiting_times, regime.diffusion.value, regime.departure.value, colors, strict=True
    ):
        plot_known(ax, regime.lags, values, color=color, label=f"$t_w$ = {waiting}")
        if np.isfinite(departure):
            known = np.isfinite(values)
            level = np.exp(np.interp(np.log(departure), np.log(regime.lags[known]), np.log(values[known])))
            ax.plot(departure, level, "o", color=color, markerfacecolor="white")
    ax.set(xscale="log", yscale="log", xlabel="lag $t$ (steps)", ylabel=r"$D(t_w, t) = \frac{1}{2} d\Delta / dt$")
    legend_beside(ax)
    return ax


def plot_scaling(scaling: CurveScaling, ax: Axes) -> Axes:
    """Draw the error with which each form predicts a curve that it has not seen; gray, that of a true form."""
    rows = np.arange(len(scaling.names))
    error = scaling.error
    reach = np.nan_to_num(np.maximum(np.stack([error.value - error.low, error.high - error.value]), 0.0))
    ax.barh(rows, scaling.noise, color="0.8", label="noise of the runs")
    ax.errorbar(error.value, rows, xerr=reach, fmt="o", color=COLORS[0], label="error of the form")
    ax.set_yticks(rows, scaling.names)
    ax.invert_yaxis()
    ax.set(xlabel=r"error of predicted curves (in $\ln \Delta$)", ylabel="scaling form")
    if np.isfinite(error.value).any():
        ax.set_xscale("log")
    legend_beside(ax)
    return ax


def plot_chi_4(found: Susceptibility, ax: Axes) -> Axes:
    """Draw chi_4 against the lag, one line per waiting time, with its interval."""
    colors = ordered_colors(found.waiting_times.size)
    for k, (waiting, values, color) in enumerate(zip(found.waiting_times, found.chi.value, colors, strict=True)):
        ax.fill_between(found.lags, found.chi.low[k], found.chi.high[k], color=color, alpha=0.15, linewidth=0)
        plot_known(ax, found.lags, values, color=color, label=f"$t_w$ = {waiting}")
    of = "displacement" if np.isnan(found.cutoff) else f"overlap, a = {found.cutoff:g}"
    ax.set(xscale="log", yscale="log", xlabel="lag $t$ (steps)", ylabel=rf"$\chi_4(t_w, t)$ of the {of}")
    legend_beside(ax)
    return ax


def plot_van_hove(found: VanHove, ax: Axes, waiting_time: int = -1) -> Axes:
    """Draw the distribution of displacements at four lags of waiting time number `waiting_time`; dashed, a Gaussian."""
    known = np.flatnonzero(np.isfinite(found.tail.value[waiting_time]))
    middle = 0.5 * (found.edges[1:] + found.edges[:-1])
    for color, k in zip(COLORS, known[np.unique(np.linspace(0, known.size - 1, 4).astype(int))], strict=False):
        ax.plot(middle, found.density.value[waiting_time, k], color=color, label=f"t = {found.lags[k]}")
    ax.plot(middle, found.gaussian, "--", color="0.4", label="Gaussian")
    ax.set(yscale="log", xlabel="displacement of a parameter / rms", ylabel="density", ylim=(1e-5, None))
    ax.set_title(f"$t_w$ = {found.waiting_times[waiting_time]}", fontsize="medium")
    legend_beside(ax)
    return ax


def plot_overlap(overlap: ReplicaOverlap, ax: Axes) -> Axes:
    """Draw the median distance between the runs of two ensembles, and the range of their middle 80 %."""
    later = overlap.steps > 0
    for values, color, label in (
        (overlap.distance, COLORS[0], "as they are"),
        (overlap.distance_modulo, COLORS[1], "modulo symmetry"),
    ):
        if np.isfinite(values).all():
            low, middle, high = np.percentile(values[:, later], [10, 50, 90], axis=0)
            ax.fill_between(overlap.steps[later], low, high, color=color, alpha=0.2, linewidth=0)
            ax.plot(overlap.steps[later], middle, color=color, label=label)
    ax.set(xscale="log", xlabel="time (steps)", ylabel="mean square distance of two runs")
    legend_beside(ax)
    return ax


def plot_alignment(alignment: UpdateAlignment, ax: Axes) -> Axes:
    """Draw the mean cosine of updates against time, one line per separation, with standard errors."""
    colors = ordered_colors(len(alignment.separations))
    for m, separation in enumerate(alignment.separations):
        there = np.isfinite(alignment.mean[m]) & (alignment.steps > 0)
        errors = np.nan_to_num(alignment.standard_error[m, there])
        label = f"{separation} step{'s' * int(separation > 1)} apart"
        color = colors[m]
        ax.plot(alignment.steps[there], alignment.mean[m, there], "o-", markersize=3, color=color, label=label)
        ax.errorbar(alignment.steps[there], alignment.mean[m, there], yerr=errors, fmt="none", color=color)
    ax.axhline(0.5, color="0.5", linestyle="--", linewidth=1, label="level of the onset")
    ax.set(xscale="log", xlabel="time (steps)", ylabel="cosine of two updates")
    legend_beside(ax)
    return ax


def plot_test_loss(runs: Trajectories, ax: Axes) -> Axes:
    """Draw the median training and test loss of the runs; only the training loss includes its penalty."""
    later = runs.curve_steps > 0
    for values, color, label in (
        (runs.loss, COLORS[0], "training, with penalty"),
        (runs.test_loss, COLORS[1], "test"),
    ):
        ax.plot(runs.curve_steps[later], np.median(values[:, later], axis=0), color=color, label=label)
    ax.set(xscale="log", xlabel="time (steps)", ylabel=labeled("loss", runs.loss_unit))
    legend_beside(ax)
    return ax


def plot_symmetric(displacement: SymmetricDisplacement, ax: Axes) -> Axes:
    """Draw the mean displacement modulo symmetry against the lag; dashed, the plain one."""
    plain = displacement.plain
    for values, color in zip(plain.mean, ordered_colors(plain.waiting_times.size), strict=True):
        plot_known(ax, plain.lags, values, linestyle="--", color=color, linewidth=1)
    plot_msd(displacement.modulo, ax)
    ax.set_ylabel(r"to the nearest image, $\Delta_{sym}(t_w, t)$")
    ax.set_title("exact" if displacement.exact else "upper bound", fontsize="medium")
    return ax


def plot_onsets(onsets: Onsets, ax: Axes) -> Axes:
    """Draw the curves whose fall below a level marks the onset of the slow phase, and the onset."""
    named = {"rate of the loss": onsets.loss, "cosine of updates": onsets.alignment}
    for k, (name, onset) in enumerate(named.items()):
        if isinstance(onset, Onset) and onset.steps.size:
            said = f"onset at {onset.step.value:.0f} steps" if np.isfinite(onset.step.value) else "onset not determined"
            ax.plot(onset.steps, onset.curve, color=COLORS[k], marker=".", label=f"{name}: {said}")
            ax.axhline(onset.level, color="0.5", linestyle="--", linewidth=1, label=None if k else "level of the onset")
            if np.isfinite(onset.step.interval).all():
                ax.axvspan(*onset.step.interval, color=COLORS[k], alpha=0.15, linewidth=0)
    ax.set(xscale="log", xlabel="time (steps)", ylabel="rate of the loss (of its largest), cosine")
    legend_beside(ax)
    return ax


def plot_gradients(gradients: GradientMagnitudes, ax: Axes) -> Axes:
    """Draw the mean norms of the full and of minibatch gradients against time, and that of their difference."""
    later = gradients.steps > 0
    for k, (name, label) in enumerate((("full", "all rows"), ("minibatch", "minibatch"), ("noise", "difference"))):
        mean = known_mean(getattr(gradients, name))
        ax.plot(gradients.steps[later], mean[later], color=COLORS[k], marker=".", label=label)
    ax.set(
        xscale="log", yscale="log", xlabel="time (steps)", ylabel=labeled("norm of the gradient", gradients.loss_unit)
    )
    legend_beside(ax)
    return ax


def plot_tails(tails: NoiseTails, ax: Axes) -> Axes:
    """Draw the tail index of the minibatch noise against time, a line per batch size; dashed, a Gaussian."""
    index = tails.index()
    later = tails.steps > 0
    colors = ordered_colors(len(tails.batch_sizes))
    for b, size in enumerate(tails.batch_sizes):
        color, label = colors[b], f"{size} row{'s' * int(size > 1)} per minibatch"
        ax.plot(tails.steps[later], index.value[b, later], "o-", color=color, label=label)
        ax.fill_between(tails.steps[later], index.low[b, later], index.high[b, later], color=color, alpha=0.2)
    ax.axhline(2.0, color="0.5", linestyle="--", linewidth=1, label="Gaussian")
    ax.set(xscale="log", xlabel="time (steps)", ylabel=r"tail index $\alpha$")
    legend_beside(ax)
    return ax


def plot_outputs(displacement: Any, ax: Axes) -> Axes:
    """Draw the mean square displacement of the outputs against the lag."""
    plot_msd(displacement, ax).set_ylabel("mean square change of the outputs")
    return ax


def plot_observables(results: Mapping[str, Any], *, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Make a figure with a panel for each result of `observe`, four in a row, or for those that are named.

    Raises
    ------
    ValueError
        For a panel or a size that does not exist; see `landscape.plots.draw_panels`.
    """
    room: Any = sys.modules[__package__ or ""]
    functions = {name: partial(getattr(room, str(OBSERVABLES[name].plot)), found) for name, found in results.items()}
    return draw_panels(functions, panels, columns=4, panel=(4.3, 3.8), size=size)
