"""Panels of the landscapes of MNIST networks."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bridge.figures._barriers import COLDEST
from bridge.plots import plot_visits, say
from dynamics.plots import COLORS, over_waiting_times
from landscape.database import Database
from landscape.plots import legend_beside

MARKERS = "osv"


def draw_graph(one: Any, ax: Axes) -> None:
    """Disconnectivity graph of a network, with the visits of its runs."""
    with Database(one.path) as database:
        plot_visits(database, one.visited, ax)
    ax.set_title(f"hidden layers {one.ensemble.label}, P = {one.ensemble.n_parameters}\n{ax.get_title()}")


def draw_minima(result: Sequence[Any], ax: Axes) -> None:
    """Minima and transition states found, and how many minima there are at least."""
    places = np.arange(len(result))
    found = [one.landscape for one in result]
    ax.plot(places, [one.minima for one in found], "o", color=COLORS[0], label="minima found")
    ax.plot(places, [one.transition_states for one in found], "s", color=COLORS[1], label="transition states found")
    ax.plot(places, [one.visited.minimum_ids.size for one in result], "v", color=COLORS[2], label="minima of SGD")
    first = True
    for k, one in enumerate(found):
        estimate = one.estimated_minima
        if estimate is None or not math.isfinite(estimate.value):
            continue
        bar = [[estimate.value - estimate.low], [0.0]]
        label = "minima at least (Chao1; bar: 95 %)" if first else None
        ax.errorbar(k, estimate.value, yerr=bar, fmt="o", color=COLORS[0], mfc="white", capsize=3, label=label)
        first = False
    ax.set_xticks(places, [one.ensemble.label for one in result])
    ax.margins(x=0.15)
    ax.set(yscale="log", xlabel="hidden layers", ylabel="number")
    legend_beside(ax)


def draw_barriers(result: Sequence[Any], ax: Axes) -> None:
    """Barrier against temperature, near the minimum (filled) and along the unstable mode (open)."""
    drawn = False
    for k, one in enumerate(result):
        heights = one.crossings.heights
        for name, t, face in (
            ("near the minimum", one.crossings.near_minimum, COLORS[k]),
            ("unstable mode", one.crossings.unstable, "none"),
        ):
            shown = (t > COLDEST) & (heights > 0)
            if shown.any():
                label = f"{one.ensemble.label}, {name}"
                ax.plot(t[shown], heights[shown], MARKERS[k], color=COLORS[k], mfc=face, ms=4, label=label)
                drawn = True
    if not drawn:
        say(ax, "No transition state is known.")
        return
    ends = np.array(ax.get_xlim())
    ax.set(xscale="log", yscale="log", xlabel="temperature of the noise (nats)", ylabel="barrier (nats)")
    ends = np.array(ax.get_xlim())
    ax.autoscale(False)
    ax.plot(ends, ends, "--", color="0.5", linewidth=1, label="barrier = temperature")
    legend_beside(ax)


def draw_descent(result: Sequence[Any], ax: Axes) -> None:
    """Share of the displacement at t* that descent without noise has."""
    for k, one in enumerate(result):
        share = one.descent.share
        bars = np.nan_to_num(np.maximum([share.value - share.low, share.high - share.value], 0.0))
        if np.isfinite(share.value).any():
            label = f"hidden layers {one.ensemble.label}"
            ax.errorbar(
                one.fit.waiting_times,
                share.value,
                yerr=bars,
                fmt=f"{MARKERS[k]}-",
                color=COLORS[k],
                capsize=2,
                label=label,
            )
    ax.axhline(1.0, color="0.5", linestyle="--", linewidth=1)
    ax.set(ylabel="displacement of descent / SGD, at $t^*$")
    over_waiting_times(ax, result[0].fit.waiting_times)
    if ax.get_legend_handles_labels()[0]:
        legend_beside(ax)


def draw_basins(result: Sequence[Any], ax: Axes) -> None:
    """Share of runs in another basin after one lag, and the displacement by then in units of the first one."""
    for k, one in enumerate(result):
        times, share = one.fit.waiting_times, one.changes.share
        bars = np.nan_to_num(np.maximum([share.value - share.low, share.high - share.value], 0.0))
        label = f"{one.ensemble.label}: in another basin after {one.changes.lag} steps"
        ax.errorbar(times, share.value, yerr=bars, fmt=f"{MARKERS[k]}-", color=COLORS[k], capsize=2, label=label)
        moved = one.changes.moved.mean(axis=0)
        ax.plot(
            times,
            moved / moved[0],
            ":",
            color=COLORS[k],
            label=f"{one.ensemble.label}: displacement / that at first tw",
        )
    ax.set(ylabel="share of runs, or of the displacement")
    over_waiting_times(ax, result[0].fit.waiting_times)
    legend_beside(ax)
