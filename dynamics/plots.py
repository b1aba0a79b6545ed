"""Drawings of ensembles, on axes that the caller owns. Nothing here changes global settings."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from dynamics.aging import Aging
from dynamics.displacement import MeanSquareDisplacement
from dynamics.trajectories import Trajectories

# Okabe and Ito's palette, told apart with any color vision
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")


def plot_msd(msd: MeanSquareDisplacement, ax: Axes, threshold: float | None = None) -> Axes:
    """Draw the mean over the runs of the displacement against the lag, one line per waiting time, on `ax`."""
    for k, (waiting, values) in enumerate(zip(msd.waiting_times, msd.mean, strict=True)):
        ax.plot(msd.lags, values, color=COLORS[k % len(COLORS)], label=f"$t_w$ = {waiting}")
    if threshold is not None:
        ax.axhline(threshold, color="0.5", linestyle="--", linewidth=1)
    ax.set(xscale="log", yscale="log", xlabel="lag $t$ (steps)", ylabel=r"mean square displacement $\Delta(t_w, t)$")
    ax.legend(frameon=False)
    return ax


def plot_aging(fit: Aging, ax: Axes, label: str | None = None, color: str = COLORS[0]) -> Axes:
    """Draw t* against the waiting time with bootstrap intervals, and the fitted power law, on `ax`.

    The legend gives mu with its interval. Interval ends beyond the recorded lags are left out.
    """
    tw, t_star = fit.waiting_times, fit.t_star
    errors = np.nan_to_num(np.abs(fit.t_star_interval.T - t_star))
    ax.errorbar(tw, t_star, yerr=errors, fmt="o", color=color, capsize=2)
    mu = rf"$\mu$ = {fit.mu:.2f} [{fit.mu_low:.2f}, {fit.mu_high:.2f}]"
    ax.plot(tw, np.exp(fit.intercept + fit.mu * np.log(tw)), color=color, label=f"{label}: {mu}" if label else mu)
    some = np.isfinite(t_star).any()  # an empty logarithmic axis cannot be drawn
    ax.set(
        xscale="log", yscale="log" if some else "linear", xlabel="waiting time $t_w$ (steps)", ylabel="$t^*$ (steps)"
    )
    ax.xaxis.set_minor_locator(NullLocator())  # their labels would overlap
    ax.set_xticks(tw, [str(t) for t in tw], rotation=45)
    ax.legend(frameon=False)
    return ax


def plot_loss(runs: Trajectories, ax: Axes, color: str = COLORS[0]) -> Axes:
    """Draw the median training loss of the runs, and the range of their middle 80 %, on `ax`."""
    later = runs.curve_steps > 0
    steps = runs.curve_steps[later]
    low, middle, high = np.percentile(runs.loss[:, later], [10, 50, 90], axis=0)
    ax.fill_between(steps, low, high, color=color, alpha=0.2, linewidth=0)
    ax.plot(steps, middle, color=color, label=f"median of {runs.replicas} runs, middle 80 %")
    ax.set(xscale="log", xlabel="time (steps)", ylabel="training loss (nats)")
    ax.legend(frameon=False)
    return ax
