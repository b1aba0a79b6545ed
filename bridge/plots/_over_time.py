"""The minima of an ensemble over time: one panel per question, on the caller's axes."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.mapping import InherentStructures
from bridge.plots._sentences import UNKNOWN_MINIMA, say
from bridge.residence import (
    History,
    Overlaps,
    Persistence,
    ResidualDwells,
    SuperbasinHistory,
    dwells,
    history,
    overlaps,
    persistence,
    residual_dwells,
    superbasin_history,
)
from dynamics.plots import COLORS, sequential_colors
from dynamics.runs import Trajectories
from landscape.database import Database
from landscape.plots import Size, draw_panels, legend_beside
from landscape.support import labeled, with_unit

Floats = NDArray[np.float64]

MOST_AGES = 5  # curves to draw: more would be hard to distinguish
MOST_SUPERBASINS = 5  # with a color of their own
BAND = {"alpha": 0.22, "linewidth": 0}
REST, ABOVE, NONE = "0.55", "0.8", "0.95"  # grays: other superbasins, minima above the level, no minimum


OVER_TIME_PANELS = ("losses", "minima", "overlap", "persistence", "dwells", "superbasins")


def over_time_panels(
    runs: Trajectories, structures: InherentStructures, database: Database
) -> dict[str, Callable[[Axes], Axes]]:
    """Functions that draw each of the `OVER_TIME_PANELS` against the step, or the time since an age."""
    past, stays = history(structures), dwells(structures)
    ages = _ages(runs.waiting_times, structures.steps)
    return {
        "losses": lambda ax: plot_losses(past, ax, runs),
        "minima": lambda ax: plot_distinct_minima(past, ax),
        "overlap": lambda ax: plot_overlaps(overlaps(structures), ax),
        "persistence": lambda ax: plot_persistence(persistence(structures, ages), ax, past.return_probability.value),
        "dwells": lambda ax: plot_residual_dwells(residual_dwells(stays, ages), ax),
        "superbasins": lambda ax: plot_superbasin_history(superbasin_history(structures, database), ax),
    }


def plot_over_time(
    runs: Trajectories,
    structures: InherentStructures,
    database: Database,
    *,
    panels: Sequence[str] = (),
    size: Size = "screen",
) -> Figure:
    """Draw six panels against the step, or the time since an age, or those of the `OVER_TIME_PANELS` that are named.

    Loss of runs and inherent structures, distinct minima, overlap of what runs visit, persistence and returns,
    residual dwell times and shares of the superbasins.

    Raises
    ------
    ValueError
        For a panel or a size that does not exist; see `landscape.plots.draw_panels`.
    """
    title = (
        f"{len(structures.minimum_ids)} runs, {structures.steps.size} snapshots each, "
        f"mapped by {MAPS[structures.method]}"
    )
    functions = over_time_panels(runs, structures, database)
    return draw_panels(functions, panels, columns=3, size=size, title=title)


MAPS = {"flow": "the gradient flow", "lbfgs": "the fast quench (L-BFGS)"}


def _ages(waiting_times: NDArray[np.int64], steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most `MOST_AGES` ages, evenly among the mapped waiting times; otherwise among the steps."""
    mapped = np.intersect1d(waiting_times, steps)
    candidates = mapped if mapped.size else steps[:-1] if steps.size > 1 else steps
    places = np.linspace(0, candidates.size - 1, min(candidates.size, MOST_AGES))
    return candidates[np.unique(np.rint(places).astype(np.int64))]


def plot_losses(past: History, ax: Axes, runs: Trajectories | None = None) -> Axes:
    """Draw the loss of the inherent structures against the step, and that of the runs above it, if there are `runs`."""
    if runs is not None and runs.loss.size:
        shown = runs.curve_steps >= past.steps[past.steps > 0].min(initial=runs.curve_steps[-1])
        low, high = np.percentile(runs.loss[:, shown], [10, 90], axis=0)
        ax.fill_between(runs.curve_steps[shown], low, high, color=COLORS[1], **BAND)
        ax.plot(runs.curve_steps[shown], runs.loss[:, shown].mean(axis=0), color=COLORS[1], label="of the runs")
    if np.isfinite(past.mean_loss).any():
        ax.fill_between(past.steps, past.low_loss, past.high_loss, color=COLORS[0], **BAND)
        ax.plot(past.steps, past.mean_loss, ".-", markersize=3, color=COLORS[0], label="of their minima")
    _against_steps(ax, past.steps)
    ax.set(ylabel=labeled("training loss", past.loss_unit), title="Loss: mean and middle 80 % of the runs")
    if ax.lines:
        legend_beside(ax)
    else:
        say(ax, UNKNOWN_MINIMA)
    return ax


def plot_distinct_minima(past: History, ax: Axes) -> Axes:
    """Draw the number of distinct minima seen up to a step: of all runs (first-visit curve), and of one."""
    low, high = np.percentile(past.distinct, [10, 90], axis=0)
    top = int(past.distinct_of_all.max(initial=0))
    ax.set(ylabel="distinct minima so far", title="First visits", xlabel="time (steps)")
    if not top:
        say(ax, UNKNOWN_MINIMA)
        return ax
    ax.plot(past.steps, past.distinct_of_all, ".-", markersize=3, color=COLORS[3], label="of all runs")
    ax.fill_between(past.steps, low, high, color=COLORS[2], **BAND)
    ax.plot(past.steps, past.distinct.mean(axis=0), ".-", markersize=3, color=COLORS[2], label="of one run, mean")
    ax.set(yscale="log", ylim=(0.8, 3.0 * top))
    legend_beside(ax)
    return _against_steps(ax, past.steps)


def plot_overlaps(found: Overlaps, ax: Axes) -> Axes:
    """Draw the mean overlap of the sets that two runs have visited, and how often two are in the same minimum."""
    ax.set(ylabel="Jaccard index, or share of pairs", title="Overlap of two runs", xlabel="time (steps)")
    if not np.isfinite(found.visited).any():
        say(ax, "No two runs were observed in a known minimum.")
        return ax
    ax.plot(found.steps, found.visited, ".-", markersize=3, color=COLORS[0], label="of their minima so far (Jaccard)")
    if np.isfinite(found.together).any():
        ax.plot(found.steps, found.together, ".--", markersize=3, color=COLORS[3], label="in the same minimum (share)")
    top = 1.4 * max(float(np.nan_to_num([found.visited, found.together]).max(initial=0.0)), 0.05)
    ax.set(ylim=(-0.03 * top, top))
    legend_beside(ax)
    return _against_steps(ax, found.steps)


def plot_persistence(later: Persistence, ax: Axes, return_probability: float | None = None) -> Axes:
    """Draw the share of runs in the minimum of age tw against the time since then: all, and returned ones (dashed)."""
    colors = sequential_colors(later.waiting_times.size)
    for w, age in enumerate(later.waiting_times.tolist()):
        after = (later.steps > age) & np.isfinite(later.same[w])
        if not after.any():
            continue
        time = later.steps[after] - age
        ax.plot(time, later.same[w, after], ".-", markersize=3, color=colors[w], label=f"$t_w$ = {age}")
        ax.plot(time, later.returned[w, after], "--", linewidth=1, color=colors[w])
    title = "In the minimum of age $t_w$ (dashed: returned)"
    if return_probability is not None and np.isfinite(return_probability):
        title += f"\n{return_probability:.0%} of all departures are followed by a return"
    ax.set(ylim=(-0.03, 1.03), xlabel="time $t$ since $t_w$ (steps)", ylabel="share of the runs")
    ax.set_title(title)
    if ax.lines:
        ax.set_xscale("log")
        legend_beside(ax)
    else:
        say(ax, "No run is in a known minimum at an age $t_w$\nand at a later step.")
    return ax


def plot_residual_dwells(left: ResidualDwells, ax: Axes) -> Axes:
    """Draw the probability that a run of age tw stays longer in its minimum (Kaplan-Meier)."""
    ages = left.waiting_times.size
    colors, curves = sequential_colors(ages), [left.survival(w) for w in range(ages)]
    known = left.times[left.times > 0]
    first, last = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    for color, age, (times, probabilities) in zip(colors, left.waiting_times.tolist(), curves, strict=True):
        if times.size and last > 0:
            x, y = [first / 2, *times, last], [1.0, *probabilities, probabilities[-1]]
            ax.step(x, y, where="post", color=color, label=f"$t_w$ = {age:g}")
    ax.set(ylim=(-0.03, 1.03), xlabel="time $t$ since $t_w$ (steps)", ylabel="probability of staying longer")
    ax.set_title("Residual dwell time at age $t_w$")
    if ax.lines:
        ax.set_xscale("log")
        legend_beside(ax)
    else:
        say(ax, "No run is known to stay in a minimum after an age $t_w$.")
    return ax


def plot_superbasin_history(found: SuperbasinHistory, ax: Axes) -> Axes:
    """Draw the share of the runs in each superbasin as layers, the most visited lowest; gray: above the level."""
    order = np.argsort(-found.shares.sum(axis=1), kind="stable")
    first, rest = order[:MOST_SUPERBASINS], order[MOST_SUPERBASINS:]
    layers = [*found.shares[first], found.shares[rest].sum(axis=0), found.above, found.unmapped]
    names = [f"no. {number}" for number in found.superbasins[first].tolist()]
    names += ["others", "above the level", "no minimum"]
    colors = [*COLORS[: first.size], REST, ABOVE, NONE]
    drawn = [k for k, layer in enumerate(layers) if layer.any()]
    bands = ax.stackplot(found.steps, *(layers[k] for k in drawn), colors=[colors[k] for k in drawn], step="mid")
    for k, band in zip(drawn, bands, strict=True):
        band.set_label(names[k])
    ax.set(ylim=(0.0, 1.0), ylabel="share of the runs")
    level = with_unit(f"{found.level:.4f}", found.loss_unit)
    ax.set_title(f"Superbasins at {level} ({found.n_superbasins} in total)")
    legend_beside(ax)
    return _against_steps(ax, found.steps)


def _against_steps(ax: Axes, steps: NDArray[np.int64]) -> Axes:
    positive = steps[steps > 0]
    if positive.size > 1:
        ax.set(xscale="log", xlim=(positive[0], positive[-1]))
    ax.set_xlabel("time (steps)")
    return ax
