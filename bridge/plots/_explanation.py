"""Figures of what ages: relaxation and hops compared with the measured displacement."""

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.explanation import Explanation, HoppingComparison, changed_at_t_star, mean_of_covered, nearest_lags
from bridge.plots._sentences import say
from dynamics.plots import COLORS, interval_bars, mu_text, over_waiting_times
from landscape.plots import Size, draw_panels, legend_beside

STYLES = {
    "descent": ("descent from $\\theta(t_w)$", "--", COLORS[0]),
    "local": ("quadratic at $\\theta(t_w)$", ":", COLORS[2]),
    "own_minimum": ("harmonic, own minimum", "-.", COLORS[1]),
    "last_minimum": ("harmonic, last minimum", (0, (5, 1, 1, 1)), COLORS[4]),
}
MEASURED = "#000000"
HOPPING = {"curved": ("T near the minimum", "-", COLORS[5]), "unstable": ("T at the transition state", ":", "#8c564b")}
PART_NAMES = {"hop": "hop", "image": "images", "soft": "soft modes", "stiff": "stiff modes", "cross": "cross term"}
WITHOUT_CLOCK = {"intra": "inside the basin"}
MOST_PANELS = 3
NOT_COVERED = "No run is in a minimum that\nthe database connects to another."
DISPLACEMENT = r"$\Delta(t_w, t)$"
LEGEND_COLUMN = 2.3  # inches
NO_DEPARTURES = "No departure is predicted: the barriers are\ntoo high for the temperature of the noise."
LARGEST_SHARE = 2.0  # that is drawn


EXPLANATION_PANELS = (
    "displacement-first", "displacement-middle", "displacement-last",
    "same-minimum", "aging", "shares", "parts", "dwells",
)  # fmt: skip


def explanation_panels(explanation: Explanation) -> dict[str, Callable[[Axes], Any]]:
    """What draws each of the `EXPLANATION_PANELS`.

    Displacements at the first, the middle and the last waiting time, t*, shares and parts; with predicted hops (if a
    database was given) also how long runs stay in the same minimum, observed and predicted.
    """
    waiting = explanation.msd.waiting_times
    chosen = np.unique(np.linspace(0, waiting.size - 1, min(MOST_PANELS, waiting.size)).round().astype(int))
    which = {1: EXPLANATION_PANELS[:1], 2: EXPLANATION_PANELS[:3:2]}.get(chosen.size, EXPLANATION_PANELS[:3])
    panels: dict[str, Callable[[Axes], Any]] = {
        name: partial(plot_displacement, explanation, w) for name, w in zip(which, chosen.tolist(), strict=True)
    }
    if (hopping := explanation.hopping) is not None:
        panels["same-minimum"] = lambda ax: plot_same_minimum(hopping, chosen, ax)
    panels["aging"] = lambda ax: plot_t_star(explanation, ax)
    panels["shares"] = lambda ax: plot_shares(explanation, ax)
    panels["parts"] = lambda ax: plot_parts(explanation, ax)
    if hopping is not None and hopping.predicted:
        panels["dwells"] = lambda ax: plot_dwell_times(hopping, ax)
    return panels


def plot_explanation(
    explanation: Explanation, title: str = "", *, panels: Sequence[str] = (), size: Size = "screen"
) -> Figure:
    """Draw all panels, or those of the `EXPLANATION_PANELS` that are named.

    Raises
    ------
    ValueError
        For a panel or a size that does not exist; see `landscape.plots.draw_panels`.
    """
    functions = explanation_panels(explanation)
    columns = -(-len(functions) // 2)
    return draw_panels(
        functions, panels, columns=columns, panel=(5.5, 3.8), size=size, title=title, common=_share_legend
    )


def _share_legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """Below all panels one legend of the displacements, if several panels show these."""
    alike = [k for k, ax in enumerate(axes) if ax.get_ylabel() == DISPLACEMENT]
    if len(alike) < 2:
        return
    entries = {}
    for k in alike:
        entries |= {label: handle for handle, label in zip(*axes[k].get_legend_handles_labels(), strict=True)}
        axes[k].get_legend().remove()  # pyright: ignore[reportOptionalMemberAccess]
    title = f"panels {', '.join(chr(ord('a') + k) for k in alike)}"
    columns = max(1, int(figure.get_figwidth() / LEGEND_COLUMN))
    style: dict[str, Any] = {"frameon": False, "fontsize": "small", "title_fontsize": "small"}
    handles, labels = list(entries.values()), list(entries)
    figure.legend(handles, labels, title=title, loc="outside lower center", ncols=columns, **style)


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
    for name, hopping in {} if explanation.hopping is None else explanation.hopping.predicted.items():
        predicted = mean_of_covered(hopping.displacement.values, hopping.covered)[w]
        if (predicted > 0).any():
            label, style, color = HOPPING[name]
            ax.plot(hopping.lags, predicted, color=color, linestyle=style, label=f"predicted hops, {label}")
    threshold = explanation.fit.threshold
    ax.axhline(threshold, color="0.5", linestyle="--", linewidth=1, label=rf"$\Delta^*$ = {threshold:.3g}")
    ax.set(xscale="log", yscale="log", xlabel="lag $t$ (steps)", ylabel=DISPLACEMENT)
    ax.set_ylim(np.nanmin(msd.mean[w]) / 10, 10 * top)
    ax.set_title(f"$t_w$ = {msd.waiting_times[w]}")
    legend_beside(ax)
    return ax


def plot_same_minimum(found: HoppingComparison, chosen: NDArray[np.int64], ax: Axes) -> Axes:
    """Draw the two-time correlation of the `chosen` waiting times (indices), observed and predicted, on `ax`."""
    seen = found.observed
    ax.set(xlabel="lag $t$ (steps)", ylabel="$C(t_w, t)$: in the same minimum", ylim=(-0.03, 1.03))
    known = seen.same.value, *(hopping.same for hopping in found.predicted.values())
    if not any(np.isfinite(same).any() for same in known):
        say(ax, NOT_COVERED)
        return ax
    for k, w in enumerate(chosen.tolist()):
        same = seen.same.map(itemgetter(w))
        ax.errorbar(seen.lags, same.value, yerr=interval_bars(same), color=COLORS[k], marker="os^"[k % 3], markersize=4,
                    linestyle="none", capsize=2, label=f"observed, $t_w$ = {seen.waiting_times[w]}")  # fmt: skip
        for name, hopping in found.predicted.items():
            label, style, _ = HOPPING[name]
            ax.plot(hopping.lags, hopping.same[w], color=COLORS[k], linestyle=style,
                    label=f"predicted, {label}" if k == 0 else None)  # fmt: skip
    ax.set_xscale("log")
    legend_beside(ax)
    return ax


def plot_dwell_times(found: HoppingComparison, ax: Axes) -> Axes:
    """Draw the observed mean dwell time in each minimum against the predicted one, on `ax`."""
    seen, predicted = found.observed, found.predicted["curved"].dwell_times
    ax.set(xlabel="predicted mean dwell time, T near the minimum (steps)", ylabel="observed mean dwell time (steps)")
    if not np.isfinite(predicted).any():
        say(ax, NO_DEPARTURES if np.isposinf(predicted).any() else NOT_COVERED)
        return ax
    left = seen.departures > 0
    observed = seen.dwell_times.map(itemgetter(left))
    color = HOPPING["curved"][2]
    if left.any():
        ax.errorbar(predicted[left], observed.value, yerr=interval_bars(observed), color=color, marker="o",
                    markersize=3, linestyle="none", capsize=2, elinewidth=0.5, label="95 % interval")  # fmt: skip
    if not left.all():
        ax.scatter(predicted[~left], seen.stays[~left], marker="^", s=12, color="0.6", label="not left: lower bound")
    span = np.array([predicted.min(), max(seen.stays.max(), 1.0)])
    ax.plot(span, span, color="0.5", linewidth=1, label="equal")
    ax.set(xscale="log", yscale="log")
    legend_beside(ax)
    return ax


def plot_t_star(explanation: Explanation, ax: Axes) -> Axes:
    """Draw t* against the waiting time: measured, by relaxation, and of the hops, with mu and its interval, on `ax`."""
    hop = explanation.parts["hop"]
    rows = [("measured", "-", MEASURED, explanation.fit)]
    rows += [(*STYLES[name], both.predicted) for name, both in explanation.agreements.items()]
    rows += [(rf"hops, $\Delta^*$ = {hop.threshold:.2g}", "-", COLORS[3], hop)]
    fits = {} if explanation.hopping is None else explanation.hopping.fits
    rows += [
        (f"predicted hops, {HOPPING[name][0]}", *HOPPING[name][1:], fits[name]) for name in HOPPING if name in fits
    ]
    some = False
    for label, style, color, fit in rows:
        mu = mu_text(fit) if np.isfinite(fit.mu.value) else "$\\mu$ not determined"
        errors = interval_bars(fit.t_star)
        ax.errorbar(fit.waiting_times, fit.t_star.value, yerr=errors, linestyle=style, color=color, marker="o",
                    markersize=3, capsize=2, label=f"{label}: {mu}")  # fmt: skip
        some = some or bool(np.isfinite(fit.t_star.value).any())
    over_waiting_times(ax, explanation.msd.waiting_times)
    ax.set(yscale="log" if some else "linear", ylabel="$t^*$ (steps)")
    legend_beside(ax)
    return ax


def plot_shares(explanation: Explanation, ax: Axes) -> Axes:
    """Draw the share of the displacement at t* that each explanation carries, with intervals, on `ax`."""
    for name, both in explanation.agreements.items():
        label, style, color = STYLES[name]
        away = explanation.ran_away.get(name, np.zeros(1)) > 0
        if np.isfinite(both.share.value).any() and np.nanmin(both.share.value) > LARGEST_SHARE:
            label += " (above the scale)"
        if away.any():
            label += f" (ran away at {away.sum()} $t_w$)"
        tw, share, errors = both.measured.waiting_times, both.share.value, interval_bars(both.share)
        ax.errorbar(tw, share, yerr=errors, linestyle=style, color=color, marker="o",
                    markersize=3, capsize=2, label=label)  # fmt: skip
    changed = changed_at_t_star(explanation).value
    ax.plot(explanation.msd.waiting_times, changed, color=COLORS[3], marker="s", markersize=3,
            label="of runs that changed basins by $t^*$")  # fmt: skip
    ax.axhline(1.0, color="0.5", linewidth=1)
    over_waiting_times(ax, explanation.msd.waiting_times)
    ax.set(ylabel="share of the displacement at $t^*$", ylim=(0.0, LARGEST_SHARE))
    legend_beside(ax)
    return ax


def plot_parts(explanation: Explanation, ax: Axes) -> Axes:
    """Draw the parts of the displacement at the lag nearest to t*, over the measured, on `ax`."""
    shares, at = explanation.decomposition.shares, nearest_lags(explanation)
    rows = np.arange(at.size)
    names = PART_NAMES | WITHOUT_CLOCK
    for k, (name, share) in enumerate(shares.items()):
        values = np.where(at >= 0, share[rows, at], np.nan)
        ax.plot(explanation.msd.waiting_times, values, color=COLORS[k], marker="osv^D"[k], label=names[name])
    ax.axhline(0.0, color="0.5", linewidth=1)
    over_waiting_times(ax, explanation.msd.waiting_times)
    ax.set_yscale("symlog", linthresh=0.1)
    ax.set(ylabel="part / measured displacement at $t^*$")
    legend_beside(ax)
    return ax
