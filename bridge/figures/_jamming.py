"""Beyond the paper: the end of the underparametrized phase, alpha = P/N up to and across 1, on fewer and fewer rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.figures._base import PaperFigure, panels_called
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._said_of_trends import SAID_OF_JAMMING
from bridge.figures._work import Work
from dynamics.aging_times import Aging, aging
from dynamics.displacement import mean_square_displacement
from dynamics.noises import Replacement
from dynamics.plots import COLORS, interval_bars
from dynamics.runs import Trajectories
from dynamics.spectra import curvature
from dynamics.statistics import mean_over_runs
from landscape.losses import CrossEntropyLoss
from landscape.plots import Size, draw_panels, legend_beside
from landscape.support import Estimate, stacked

Array = NDArray[np.float64]

# N: the paper's first, and down to alpha = P/N of 4 and 8, where the loss reaches zero
LJAT_ROWS = {"quick": (1000, 345, 138, 69, 35, 17), "paper": (3162, 1000, 345, 138, 98, 69, 49, 35, 24, 17)}
MNIST_ROWS = {"quick": (12_000, 4800, 2407, 1200, 600, 300), "paper": (60_000, 20_000, 8000, 4015, 2000, 1000, 500)}
MNIST_HIDDEN = {"quick": (3, 3), "paper": (5, 5)}
DRAWS = {"ljat": {"quick": 3, "paper": 8}, "mnist": {"quick": 1, "paper": 3}}
REPLICAS = {"ljat": {"quick": 6, "paper": 40}, "mnist": {"quick": 3, "paper": 20}}
STEPS = {"quick": 30_000, "paper": 300_000}
SPECTRA = {"ljat": 3, "mnist": 1}  # runs with exact Hessians of each draw
BATCHES = {"ljat": 10, "mnist": 50}  # below all N, so that the batch is the same for all
THRESHOLDS = {"ljat": 1e-2, "mnist": 1e-3}
ZERO_LOSS = 0.05  # nats without the penalty, which keeps the loss from vanishing
PENALTY = 1e-4  # of the paper: it adds twice that to the curvature of every direction
NEAR_ZERO = 10.0 * 2 * PENALTY  # nats: ten times what the penalty adds
TINY = 1e-12


def ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Two hidden layers on subsets of the rows, minibatches with replacement: N changes no length of an epoch."""
    ljat = [("ljat", (5, 5), rows, draw) for rows in LJAT_ROWS[scale] for draw in range(DRAWS["ljat"][scale])]
    hidden = MNIST_HIDDEN[scale]
    mnist = [("mnist", hidden, rows, draw) for rows in MNIST_ROWS[scale] for draw in range(DRAWS["mnist"][scale])]
    return tuple(
        Ensemble(
            hidden, REPLICAS[name][scale], STEPS[scale], name, rows, draw, BATCHES[name], Replacement()
        )
        for name, hidden, rows, draw in (*ljat, *mnist)
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Network:
    """One network on one draw of its rows; R runs.

    Parameters
    ----------
    fit : Aging
    loss : (R,)
        Training loss at the last step without its penalty, nats.
    accuracy : (R,)
        On the training rows, at the last step.
    eigenvalues : (r, P)
        Of the Hessian at the last step of some of the runs, nats.
    """

    ensemble: Ensemble
    fit: Aging
    loss: Array
    accuracy: Array
    eigenvalues: Array


@dataclass(frozen=True, eq=False)
class RowScan:
    """One architecture on A numbers of rows of one data set, alpha rising; means over runs, then over D draws.

    Parameters
    ----------
    label : str
        Hidden layers.
    parameters, draws, replicas : int
    rows, alpha : (A,)
        N, and P / N.
    mu : Estimate of (A,)
        Student's interval over the draws, or over the runs if there is one draw.
    misfit : (A,)
        Largest relative distance of t* from the power law, in the draw where it is largest.
    waiting_times : (W,) int64
    t_star : (A, W)
        Steps, geometric mean over the draws.
    loss, accuracy : (A,)
        At the last step, the loss without its penalty.
    fitted : (A,)
        Share of the runs that have all rows right.
    negative, near_zero : (A,)
        Numbers of eigenvalues of the Hessian below zero, and of those within `NEAR_ZERO` of zero.
    """

    label: str
    parameters: int
    draws: int
    replicas: int
    rows: NDArray[np.int64]
    mu: Estimate[Array]
    misfit: Array
    waiting_times: NDArray[np.int64]
    t_star: Array
    loss: Array
    accuracy: Array
    fitted: Array
    negative: Array
    near_zero: Array

    @property
    def alpha(self) -> Array:
        """Parameters per training row."""
        return self.parameters / self.rows


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> dict[str, RowScan]:
    """The scan of each data set."""
    networks = [_network(work, ensemble) for ensemble in ensembles]
    names = dict.fromkeys(ensemble.dataset for ensemble in ensembles)
    return {name: row_scan([one for one in networks if one.ensemble.dataset == name]) for name in names}


def _network(work: Work, ensemble: Ensemble) -> Network:
    runs, loss = work.runs(ensemble), work.loss(ensemble)
    fit = aging(mean_square_displacement(runs), THRESHOLDS[ensemble.dataset], rng=work.seed)
    eigenvalues = _eigenvalues(work, ensemble, runs, loss)
    return Network(ensemble, fit, _bare_loss(runs, loss), np.asarray(runs.accuracy)[:, -1], eigenvalues)


def _bare_loss(runs: Trajectories, loss: CrossEntropyLoss) -> Array:
    """Training loss (R,) at the last step without its penalty."""
    last = np.stack([np.asarray(runs.snapshots[r], dtype=np.float64)[-1] for r in range(runs.replicas)])
    return np.asarray(runs.loss, dtype=np.float64)[:, -1] - loss.regularization * (last**2).sum(axis=1)


def _eigenvalues(work: Work, ensemble: Ensemble, runs: Trajectories, loss: CrossEntropyLoss) -> Array:
    found = curvature(
        runs.at_most(SPECTRA[ensemble.dataset]),
        loss,
        steps=[int(runs.steps[-1])],
        path=work.folder / f"{ensemble.name}.last.curvature",
        jobs=1 if ensemble.dataset == "mnist" else work.jobs,  # BLAS distributes the large matrices over the processors
        progress=lambda done, total: work.progress(f"Hessians {ensemble.name}", done, total),
    )
    return found.eigenvalues[:, 0]


def row_scan(networks: Sequence[Network]) -> RowScan:
    """The means of one data set: `networks` that differ in their rows and draws alone."""
    first = networks[0].ensemble
    rows = np.array(sorted({one.ensemble.rows or 0 for one in networks}, reverse=True))
    by_rows = [[one for one in networks if one.ensemble.rows == number] for number in rows]
    return RowScan(
        first.label,
        first.n_parameters,
        len(by_rows[0]),
        first.replicas,
        rows,
        stacked([_mu(part) for part in by_rows]),
        np.array([np.max([one.fit.worst_misfit for one in part]) for part in by_rows]),
        networks[0].fit.waiting_times,
        np.array([np.exp(np.mean([np.log(one.fit.t_star.value) for one in part], axis=0)) for part in by_rows]),
        _means(by_rows, lambda one: one.loss),
        _means(by_rows, lambda one: one.accuracy),
        _means(by_rows, lambda one: one.accuracy >= 1.0),
        _means(by_rows, lambda one: (one.eigenvalues < 0).sum(axis=1)),
        _means(by_rows, lambda one: (np.abs(one.eigenvalues) < NEAR_ZERO).sum(axis=1)),
    )


def _means(by_rows: Sequence[Sequence[Network]], measure: Any) -> Array:
    return np.array([np.mean([np.mean(measure(one)) for one in part]) for part in by_rows], dtype=np.float64)


def _mu(draws: Sequence[Network]) -> Estimate[float]:
    if len(draws) == 1:
        return draws[0].fit.mu
    values = np.array([one.fit.mu.value for one in draws])
    found = mean_over_runs(values)
    return Estimate(float(found.value), float(found.low), float(found.high), str(found.status))


def reaches(alpha: Array, values: Array, level: float) -> tuple[float, float, float]:
    """The alpha from which on `values` (A,) stay at or below `level`: interpolated, and the two between which it is.

    Both logarithmically, `alpha` ascending. If the first is at or below already, there is an upper bound alone; nan and
    a lower bound if the last is above.
    """
    above = np.flatnonzero(~(values <= level))
    if not above.size:
        return np.nan, np.nan, float(alpha[0])
    at = int(above[-1])
    if at == len(alpha) - 1:
        return np.nan, float(alpha[-1]), np.nan
    ends = np.log(np.maximum(values[[at + 1, at]], TINY))
    found = np.exp(np.interp(np.log(level), ends, np.log(alpha[[at + 1, at]])))
    return float(found), float(alpha[at]), float(alpha[at + 1])


def describe(scans: Mapping[str, RowScan]) -> dict[str, Any]:
    """All curves over alpha for each data set, and where the training loss reaches zero."""
    return {name: _describe(scan, THRESHOLDS[name]) for name, scan in scans.items()}


def _describe(scan: RowScan, threshold: float) -> dict[str, Any]:
    zero = reaches(scan.alpha, scan.loss, ZERO_LOSS)
    right = reaches(scan.alpha, 1.0 - scan.fitted, 0.5)
    return {
        "hidden": scan.label,
        "parameters": scan.parameters,
        "draws": scan.draws,
        "replicas": scan.replicas,
        "rows": scan.rows,
        "alpha": scan.alpha,
        "threshold": threshold,
        "mu": scan.mu.value,
        "mu_low": scan.mu.low,
        "mu_high": scan.mu.high,
        "misfit": scan.misfit,
        "waiting_times": scan.waiting_times,
        "t_star": scan.t_star,
        "loss_without_penalty": scan.loss,
        "accuracy": scan.accuracy,
        "runs_with_all_rows_right": scan.fitted,
        "negative_eigenvalues": scan.negative,
        "near_zero_eigenvalues": scan.near_zero,
        "near_zero_below": NEAR_ZERO,
        "zero_loss": ZERO_LOSS,
        "alpha_of_zero_loss": zero[0],
        "alpha_of_zero_loss_between": zero[1:],
        "alpha_of_all_rows_right": right[0],
        "alpha_of_all_rows_right_between": right[1:],
    }


def draw(scans: Mapping[str, RowScan], panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Each quantity against alpha, both data sets in each panel."""
    functions = {
        "mu": partial(_draw_mu, scans),
        "t-star": partial(_draw_t_star, scans),
        "loss": partial(_draw_loss, scans),
        "accuracy": partial(_draw_accuracy, scans),
        "eigenvalues": partial(_draw_eigenvalues, scans),
    }
    return draw_panels(functions, panels, columns=3, panel=(4.4, 3.8), size=size)


def _each(scans: Mapping[str, RowScan], ax: Axes) -> Iterator[tuple[str, RowScan, dict[str, Any]]]:
    """Name, scan and look of each data set; then the axis of alpha."""
    for k, (name, scan) in enumerate(scans.items()):
        yield f"{name} {scan.label}", scan, {"color": COLORS[k % len(COLORS)], "marker": "os"[k % 2]}
    ax.axvline(1.0, color="0.5", linestyle="--", linewidth=1)
    ax.set(xscale="log", xlabel=r"parameters per training row $\alpha = P / N$")


def _draw_mu(scans: Mapping[str, RowScan], ax: Axes) -> None:
    for label, scan, look in _each(scans, ax):
        ax.errorbar(scan.alpha, scan.mu.value, interval_bars(scan.mu), capsize=2, label=label, **look)
    ax.set(ylabel=r"exponent $\mu$ (95 %)")
    legend_beside(ax)


def _draw_t_star(scans: Mapping[str, RowScan], ax: Axes) -> None:
    for label, scan, look in _each(scans, ax):
        for w, line in ((0, ":"), (-1, "-")):
            ax.plot(scan.alpha, scan.t_star[:, w], linestyle=line, label=f"{label}, {scan.waiting_times[w]}", **look)
    known = any(np.isfinite(scan.t_star[:, [0, -1]]).any() for scan in scans.values())
    ax.set(yscale="log" if known else "linear", ylabel="$t^*$ (steps)", title="by waiting time (steps)")
    legend_beside(ax)


def _draw_loss(scans: Mapping[str, RowScan], ax: Axes) -> None:
    for label, scan, look in _each(scans, ax):
        ax.plot(scan.alpha, scan.loss, label=label, **look)
    ax.axhline(ZERO_LOSS, color="0.5", linestyle=":", linewidth=1, label=f"{ZERO_LOSS:g} nats: counts as zero")
    ax.set(yscale="log", ylabel="training loss without penalty (nats)")
    legend_beside(ax)


def _draw_accuracy(scans: Mapping[str, RowScan], ax: Axes) -> None:
    for label, scan, look in _each(scans, ax):
        ax.plot(scan.alpha, scan.accuracy, linestyle="-", label=label, **look)
        ax.plot(
            scan.alpha, scan.fitted, linestyle=":", fillstyle="none", label=f"{label}: runs, all rows right", **look
        )
    ax.set(ylabel="training accuracy, share of runs")
    legend_beside(ax)


def _draw_eigenvalues(scans: Mapping[str, RowScan], ax: Axes) -> None:
    for label, scan, look in _each(scans, ax):
        ax.plot(scan.alpha, scan.near_zero / scan.parameters, linestyle="-", label=f"{label}: near zero", **look)
        ax.plot(
            scan.alpha, scan.negative / scan.parameters, linestyle=":", fillstyle="none", label=f"{label}: negative",
            **look,
        )  # fmt: skip
    ax.set(ylabel="share of the eigenvalues", title=f"near zero: below {NEAR_ZERO:g} nats in size")
    legend_beside(ax)


JAMMING = PaperFigure(
    "jamming",
    "beyond the paper: the end of the underparametrized phase, aging, loss and spectrum against alpha = P/N across 1",
    SAID_OF_JAMMING,
    ensembles,
    compute,
    describe,
    draw,
    panels_called("mu", "t-star", "loss", "accuracy", "eigenvalues"),
    extra_seconds=lambda scale: 7200.0 if scale == "paper" else 90.0,
)
