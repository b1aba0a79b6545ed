"""Figures of an exponent on several realizations of a data set."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynamics.aging_times import ExponentSpread, Realizations
from dynamics.plots._aging import COLORS, interval_bars


def plot_spread(spread: ExponentSpread, ax: Axes, *, label: str = "", color: str = COLORS[0]) -> Axes:
    """Draw each realization's mu with its interval over runs; line and band are their mean and its interval."""
    number, mean = np.arange(len(spread.each.value)), spread.mean.value
    reach = interval_bars(spread.each)
    ax.errorbar(number, spread.each.value, yerr=reach, fmt="o", color=color, capsize=3, label=label or None)
    if np.isfinite(spread.mean.interval).all():
        ax.axhspan(*spread.mean.interval, color=color, alpha=0.15, linewidth=0)
    if np.isfinite(mean):
        ax.axhline(mean, color=color, linewidth=1)
    ax.set(xlabel="realization of the data set", ylabel=r"aging exponent $\mu$", xticks=number)
    ax.set_title(_said(spread), fontsize="medium")
    return ax


def _said(spread: ExponentSpread) -> str:
    if not np.isfinite(spread.mean.value):
        return "not determined"
    sd = rf" $\pm$ {spread.sd:.2f}" if np.isfinite(spread.sd) else ", one realization"
    within = f"; runs alone {spread.within_sd:.2f}" if np.isfinite(spread.within_sd) else ""
    return f"{spread.mean.value:.2f}{sd}{within}"


def plot_exponents(result: Realizations) -> Figure:
    """Make a figure of mu over all waiting times and beyond the bend."""
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_spread(result.mu, left).set_title("all waiting times: " + left.get_title(), fontsize="medium")
    plot_spread(result.later_mu, right, color=COLORS[1])
    right.set_title(f"beyond {result.from_waiting_time:.0f} steps: {right.get_title()}", fontsize="medium")
    return figure
