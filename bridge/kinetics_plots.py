"""Figures of what explains the aging: relaxation and hops beside the measured displacement."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bridge.decomposition import PARTS
from bridge.explanation import Explanation, changed_at_t_star, nearest_lags
from dynamics.plots import COLORS

STYLES = {
    "descent": ("descent from $\\theta(t_w)$", "--", COLORS[0]),
    "local": ("quadratic at $\\theta(t_w)$", ":", COLORS[2]),
    "own_minimum": ("harmonic, own minimum", "-.", COLORS[1]),
    "last_minimum": ("harmonic, last minimum", (0, (5, 1, 1, 1)), COLORS[4]),
}
MEASURED = "#000000"
PART_NAMES = {"hop": "hop", "image": "images", "soft": "soft modes", "stiff": "stiff modes", "cross": "cross term"}
MOST_PANELS = 3
LARGEST_SHARE = 2.0  # that is drawn


def plot_explanation(explanation: Explanation, title: str = "") -> Figure:
    """Make the figure: displacement at a few waiting times, t* of all explanations, and the shares at t*."""
    figure = Figure(figsize=(16.5, 7.6), layout="constrained")
    axes = figure.subplots(2, MOST_PANELS)
    waiting = explanation.msd.waiting_times
    chosen = np.unique(np.linspace(0, waiting.size - 1, min(MOST_PANELS, waiting.size)).round().astype(int))
    for ax, w in zip(axes[0], chosen, strict=False):
        plot_displacement(explanation, int(w), ax)
    axes[0][0].legend(frameon=False, loc="lower right", fontsize="small")  # the same in all three
    for ax in axes[0][chosen.size :]:
        ax.set_axis_off()
    plot_t_star(explanation, axes[1][0])
    plot_shares(explanation, axes[1][1])
    plot_parts(explanation, axes[1][2])
    figure.suptitle(title)
    return figure


def plot_displacement(explanation: Explanation, w: int, ax: Axes) -> Axes:
    """Draw the measured displacement of waiting time number `w` and all its predictions on `ax`."""
    msd = explanation.msd
    top = np.nanmax(msd.mean)
    ax.plot(msd.lags, msd.mean[w], color=MEASURED, linewidth=2, label="measured")
    for name, predicted in explanation.predictions.items():
        label, style, color = STYLES[name]
        ax.plot(predicted.lags, predicted.mean[w], color=color, linestyle=style, label=label)
    hop = explanation.decomposition.hop
    positive = np.where(hop.mean[w] > 0, hop.mean[w], np.nan)
    ax.plot(hop.lags, positive, color=COLORS[3], marker="o", markersize=3, label="hops of inherent structures")
    _plot_rates(explanation, w, ax)
    ax.axhline(explanation.fit.threshold, color="0.5", linestyle="--", linewidth=1)
    ax.set(xscale="log", yscale="log", xlabel="lag $t$ (steps)", ylabel=r"$\Delta(t_w, t)$")
    ax.set_ylim(np.nanmin(msd.mean[w]) / 10, 10 * top)
    ax.set_title(f"$t_w$ = {msd.waiting_times[w]}")
    return ax


def _plot_rates(explanation: Explanation, w: int, ax: Axes) -> None:
    """The displacement that Kramers-Langer rates give, where the database knows exits."""
    predicted, lags = explanation.predicted_jumps, explanation.msd.lags
    if predicted is None:
        return
    step = int(np.searchsorted(explanation.quenched.steps, explanation.msd.waiting_times[w]))
    speed = max((rates[step] for rates in predicted.displacement_rates.values()), default=np.nan)
    if np.isfinite(speed) and speed > 0:
        ax.plot(lags, speed * lags, color=COLORS[5], label="hops, Kramers-Langer rates")


def plot_t_star(explanation: Explanation, ax: Axes) -> Axes:
    """Draw t* against the waiting time: measured, by relaxation, and of the hops, with mu and its interval, on `ax`."""
    hop = explanation.parts["hop"]
    rows = [("measured", "-", MEASURED, explanation.fit)]
    rows += [(*STYLES[name], both.predicted) for name, both in explanation.agreements.items()]
    rows += [(rf"hops, $\Delta^*$ = {hop.threshold:.2g}", "-", COLORS[3], hop)]
    some = False
    for label, style, color, fit in rows:
        mu = rf"$\mu$ = {fit.mu:.2f} [{fit.mu_low:.2f}, {fit.mu_high:.2f}]" if np.isfinite(fit.mu) else "no $\\mu$"
        errors = np.nan_to_num(np.abs(fit.t_star_interval.T - fit.t_star))
        ax.errorbar(fit.waiting_times, fit.t_star, yerr=errors, linestyle=style, color=color, marker="o", markersize=3,
                    capsize=2, label=f"{label}: {mu}")  # fmt: skip
        some = some or bool(np.isfinite(fit.t_star).any())
    _over_waiting_times(explanation, ax)
    ax.set(yscale="log" if some else "linear", ylabel="$t^*$ (steps)")
    _legend_above(ax, 2)
    return ax


def plot_shares(explanation: Explanation, ax: Axes) -> Axes:
    """Draw the share of the displacement at t* that each explanation carries, with intervals, on `ax`."""
    for name, both in explanation.agreements.items():
        label, style, color = STYLES[name]
        if np.nanmin(both.share, initial=np.inf) > LARGEST_SHARE:
            label += " (above the scale)"
        errors = np.nan_to_num(np.abs(both.share_interval.T - both.share))
        ax.errorbar(both.measured.waiting_times, both.share, yerr=errors, linestyle=style, color=color, marker="o",
                    markersize=3, capsize=2, label=label)  # fmt: skip
    ax.plot(explanation.msd.waiting_times, changed_at_t_star(explanation), color=COLORS[3], marker="s", markersize=3,
            label="of runs that changed basins by $t^*$")  # fmt: skip
    ax.axhline(1.0, color="0.5", linewidth=1)
    _over_waiting_times(explanation, ax)
    ax.set(ylabel="share of the displacement at $t^*$", ylim=(0.0, LARGEST_SHARE))
    _legend_above(ax, 2)
    return ax


def plot_parts(explanation: Explanation, ax: Axes) -> Axes:
    """Draw the parts of the displacement at the lag nearest to t*, over the measured, on `ax`."""
    shares, at = explanation.decomposition.shares, nearest_lags(explanation)
    rows = np.arange(at.size)
    for k, name in enumerate(PARTS):
        values = np.where(at >= 0, shares[name][rows, at], np.nan)
        ax.plot(explanation.msd.waiting_times, values, color=COLORS[k], marker="osv^D"[k], label=PART_NAMES[name])
    ax.axhline(0.0, color="0.5", linewidth=1)
    _over_waiting_times(explanation, ax)
    ax.set_yscale("symlog", linthresh=0.1)
    ax.set(ylabel="part / measured displacement at $t^*$")
    _legend_above(ax, 3)
    return ax


def _over_waiting_times(explanation: Explanation, ax: Axes) -> None:
    waiting = explanation.msd.waiting_times
    ax.set(xscale="log", xlabel="waiting time $t_w$ (steps)")
    ax.minorticks_off()
    ax.set_xticks(waiting, [str(t) for t in waiting], rotation=45)


def _legend_above(ax: Axes, columns: int) -> None:
    """The legend outside: there is no place in a panel that is free for all data."""
    ax.legend(frameon=False, fontsize="x-small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns)
