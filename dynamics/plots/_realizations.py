"""Figures of an exponent on several realizations of a data set."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynamics.aging_times import ExponentSpread, Realizations
from dynamics.plots._aging import AVERAGES, interval_bars
from dynamics.plots._colors import COLORS
from landscape.plots import Size, draw_panels


def plot_spread(spread: ExponentSpread, ax: Axes, *, label: str = "", color: str = COLORS[0]) -> Axes:
    """Draw each realization's mu with its interval over runs; line and band are their mean and its interval."""
    number, mean = np.arange(len(spread.each.value)), spread.mean.value
    reach = interval_bars(spread.each)
    ax.errorbar(number, spread.each.value, yerr=reach, fmt="o", color=color, capsize=3, label=label or None)
    if np.isfinite(spread.mean.interval).all():
        ax.axhspan(*spread.mean.interval, color=color, alpha=0.15, linewidth=0)
    if np.isfinite(mean):
        ax.axhline(mean, color=color, linewidth=1)
    ax.set(xlabel="realization of the data set", ylabel=r"aging exponent $\mu$")
    ax.set_xticks(number, [str(k) for k in number])
    ax.set_xlim(-0.5, number.size - 0.5)
    if not np.isfinite(spread.each.value).any():
        ax.set_yticks([])
    ax.set_title(_said(spread), fontsize="medium")
    return ax


def _said(spread: ExponentSpread) -> str:
    if not np.isfinite(spread.mean.value):
        return "not determined"
    sd = rf" $\pm$ {spread.sd:.2f}" if np.isfinite(spread.sd) else ", one realization"
    within = f"; runs alone {spread.within_sd:.2f}" if np.isfinite(spread.within_sd) else ""
    return f"{spread.mean.value:z.2f}{sd}{within}"


EXPONENT_PANELS = ("all", "later")


def plot_exponents(result: Realizations, *, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Make a figure of mu over all waiting times and beyond the bend, or of one of these `EXPONENT_PANELS`.

    Raises
    ------
    ValueError
        For a panel or a size that does not exist; see `landscape.plots.draw_panels`.
    """
    later = f"beyond {result.from_waiting_time:.0f} steps"
    parts = (("all waiting times", result.mu, COLORS[0]), (later, result.later_mu, COLORS[1]))
    functions = {name: partial(_titled_spread, *part) for name, part in zip(EXPONENT_PANELS, parts, strict=True)}
    title = rf"{AVERAGES[result.average]}, $\Delta^*$ = {result.threshold:g}"
    return draw_panels(functions, panels, columns=2, panel=(4.2, 3.6), size=size, title=title)


def _titled_spread(title: str, spread: ExponentSpread, color: str, ax: Axes) -> None:
    plot_spread(spread, ax, color=color)
    ax.set_title(f"{title}: {ax.get_title()}")
