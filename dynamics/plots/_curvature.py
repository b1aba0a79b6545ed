"""Figures of the curvature along trajectories, on the caller's axes."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dynamics.plots._colors import COLORS
from dynamics.spectra import Curvature, CurvatureEstimates
from landscape.plots import Size, draw_panels, legend_beside
from landscape.support import labeled

Array = NDArray[np.float64]
Result = Curvature | CurvatureEstimates

UP, DOWN = COLORS[0], COLORS[3]
LINEAR_DECADES = 3  # below the largest magnitude the axis of the eigenvalues becomes linear
LARGEST_DISK = 60.0  # area in points squared of a node with all the weight


def plot_spectra(result: Result, ax: Axes) -> Axes:
    """Draw the eigenvalues of all runs against the step on `ax`, negative ones in another color.

    For estimates: the nodes of the quadrature, with areas proportional to their weights. The axis of the eigenvalues is
    linear below a thousandth of the largest magnitude, logarithmic beyond.
    """
    values, sizes = _dots(result)
    for k in range(result.steps.size):
        column, area = values[:, k].ravel(), sizes[:, k].ravel()
        for sign, color in ((column >= 0, UP), (column < 0, DOWN)):
            ax.scatter(np.full(sign.sum(), k), column[sign], s=area[sign], c=color, alpha=0.5, lw=0, rasterized=True)
    ax.set_xticks(range(result.steps.size), [str(step) for step in result.steps], rotation=45)
    ax.set(xlabel="time (steps)", ylabel=labeled("eigenvalues of the Hessian", result.loss_unit))
    if isinstance(result, CurvatureEstimates):
        ax.set_title("area: weight in the spectrum")
    return symmetric_log(ax, values)


def symmetric_log(ax: Axes, values: Array, decades: int = LINEAR_DECADES) -> Axes:
    """Give `ax` a vertical axis that is linear so many decades below the largest magnitude, logarithmic beyond."""
    threshold = int(np.floor(np.log10(float(np.nanmax(np.abs(values))) or 1.0))) - decades
    powers = 10.0 ** np.arange(threshold + 1, threshold + decades + 2)  # labels of the threshold would overlap
    ax.set_yscale("symlog", linthresh=10.0**threshold)
    ax.set_yticks([*-powers[::-1], 0.0, *powers])
    ax.axhline(0.0, color="0.5", linewidth=0.5)
    return ax


def plot_negative(result: Result, ax: Axes) -> Axes:
    """Draw the number of negative eigenvalues against the step on `ax`: every run, and their mean.

    For estimates also the bounds of the quadrature, as a band, and the certain lower bound.
    """
    if isinstance(result, CurvatureEstimates):
        counts, errors = result.negative_eigenvalues
        low, high = (bound.mean(axis=0) for bound in result.negative_bounds)
        ax.fill_between(result.steps, low, high, color=COLORS[0], alpha=0.15, lw=0, label="left open by the quadrature")
        ax.plot(result.steps, result.negative_at_least.mean(axis=0), ":", color=COLORS[3], label="at least")
        _draw_runs(result.steps, counts, errors if len(counts) == 1 else None, ax)
    else:
        _draw_runs(result.steps, result.negative_eigenvalues.astype(np.float64), None, ax)
    ax.set(ylabel="negative eigenvalues", ylim=(0, None))
    return ax


def plot_gradient(result: Result, ax: Axes) -> Axes:
    """Draw the rms of the full gradient, |grad L| / sqrt(P), against the step on `ax`: every run, and their mean."""
    _draw_runs(result.steps, result.gradient_rms, None, ax)
    ax.set(ylabel=labeled(r"rms gradient $|\nabla L| / \sqrt{P}$", result.loss_unit), yscale="log")
    return ax


def _dots(result: Result) -> tuple[Array, Array]:
    """Eigenvalues or nodes (R, S, ...) and their areas."""
    if isinstance(result, Curvature):
        return result.eigenvalues, np.full(result.eigenvalues.shape, 4.0)
    return result.nodes, LARGEST_DISK * result.weights


def _draw_runs(steps: NDArray[np.int64], values: Array, errors: Array | None, ax: Axes) -> None:
    """Every run (R, S) as a faint line, and the mean with its standard error over the runs, or with `errors`."""
    ax.plot(steps, values.T, color=COLORS[0], alpha=0.25, linewidth=0.8)
    if len(values) > 1:
        errors = values.std(axis=0, ddof=1)[None] / np.sqrt(len(values))
    bars = None if errors is None else errors[0]
    label = f"mean of {len(values)} runs" if len(values) > 1 else "one run"
    ax.errorbar(steps, values.mean(axis=0), yerr=bars, fmt="o-", ms=3, color=COLORS[0], capsize=2, label=label)
    later = steps[steps > 0]
    if later.size:
        ax.set_xscale("symlog", linthresh=float(later[0]))
    ax.set_xlabel("time (steps)")
    legend_beside(ax)


CURVATURE_PANELS: Mapping[str, Callable[[Result, Axes], Axes]] = {
    "spectra": plot_spectra, "negative": plot_negative, "gradient": plot_gradient
}  # fmt: skip


def plot_curvature(result: Result, title: str = "", *, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Make a figure of spectra, negative eigenvalues and gradient, or of those `CURVATURE_PANELS` that are named.

    Raises
    ------
    ValueError
        For a panel or a size that does not exist; see `landscape.plots.draw_panels`.
    """
    functions = {name: partial(draw, result) for name, draw in CURVATURE_PANELS.items()}
    return draw_panels(functions, panels, columns=3, panel=(4.4, 4.0), size=size, title=title)
