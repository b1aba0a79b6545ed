"""t*(tw) as the paper averages it, beside ours: numbers and panels of figures 2, 5 and 6.

The paper's t* is the mean over the runs of the times of single runs (`Aging.t_star_runs_mean`); ours by default is the
time of the mean displacement (`Aging.t_star`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from dynamics.aging_times import Aging
from dynamics.displacement import MeanSquareDisplacement
from dynamics.plots import COLORS, interval_text, over_waiting_times
from landscape.plots import legend_beside

PAPERS, OURS = "mean over the runs (paper)", "of the mean displacement (ours)"
MARKERS = "osv^D<"


def later_part(msd: MeanSquareDisplacement, first: int) -> MeanSquareDisplacement:
    """Displacements from waiting time `first` on; the last two waiting times if there are fewer."""
    late = msd.waiting_times >= first
    late[-2:] = True
    recorded = None if msd.recorded is None else msd.recorded[:, late]
    return replace(msd, waiting_times=msd.waiting_times[late], values=msd.values[:, late], recorded=recorded)


def averages(fits: Sequence[Aging]) -> dict[str, Any]:
    """t* and mu of both averages, for JSON: names with runs_mean are the paper's."""
    return {
        "t_star_runs_mean": [fit.t_star_runs_mean.value for fit in fits],
        "t_star_runs_mean_error": [standard_error(fit) for fit in fits],
        "mu_runs_mean": [fit.mu_runs_mean.value for fit in fits],
        "mu_runs_mean_low": [fit.mu_runs_mean.low for fit in fits],
        "mu_runs_mean_high": [fit.mu_runs_mean.high for fit in fits],
        "t_star": [fit.t_star.value for fit in fits],
        "mu": [fit.mu.value for fit in fits],
        "mu_low": [fit.mu.low for fit in fits],
        "mu_high": [fit.mu.high for fit in fits],
    }


def standard_error(fit: Aging) -> NDArray[np.float64]:
    """Standard error of the mean over the runs of t*, (W,); nan for one run."""
    runs = len(fit.t_star_runs)
    if runs < 2:
        return np.full(fit.waiting_times.size, np.nan)
    return fit.t_star_runs.std(axis=0, ddof=1) / np.sqrt(runs)


def draw_t_star(
    labels: Sequence[str],
    fits: Sequence[Aging],
    ax: Axes,
    *,
    slope: float | None = None,
    later: Sequence[Aging] | None = None,
) -> None:
    """t* against the waiting time: filled and joined the paper's average, open ours.

    Parameters
    ----------
    labels, fits
        One of each for every ensemble.
    ax : Axes
    slope : float, optional
        Exponent of a dash-dotted line set by hand below the points.
    later : sequence of Aging, optional
        Fits of the later waiting times, whose exponents the legend then gives as well.
    """
    for k, (label, fit) in enumerate(zip(labels, fits, strict=True)):
        color, marker = COLORS[k % len(COLORS)], MARKERS[k % len(MARKERS)]
        mu = interval_text(r"$\mu$", fit.mu_runs_mean)
        if later is not None and np.isfinite(later[k].mu_runs_mean.value):
            mu += f"; from {later[k].waiting_times[0]} on {later[k].mu_runs_mean:.2f}"
        bars, times = np.nan_to_num(standard_error(fit)), fit.waiting_times
        look = f"{marker}-"
        ax.errorbar(times, fit.t_star_runs_mean.value, bars, fmt=look, color=color, capsize=2, label=f"{label}: {mu}")
        ax.plot(times, fit.t_star.value, marker, color=color, fillstyle="none")
    known = bool(np.isfinite([fit.t_star.value for fit in fits]).any())
    if slope is not None and known:
        _draw_slope(slope, fits, ax)
    over_waiting_times(ax, fits[0].waiting_times).set(yscale="log" if known else "linear")
    ax.set_ylabel(rf"$t^*$ at $\Delta^*$ = {fits[0].threshold:g} (steps)")
    ax.set_title("filled: mean over the runs, open: of the mean displacement")
    legend_beside(ax)


def _draw_slope(slope: float, fits: Sequence[Aging], ax: Axes) -> None:
    times = fits[0].waiting_times
    lowest = np.nanmin([fit.t_star.value / times**slope for fit in fits])
    ax.plot(
        times, 0.8 * lowest * times**slope, "-.", color="0.4", label=rf"$t_w^{{{slope:g}}}$, set by hand in the paper"
    )
