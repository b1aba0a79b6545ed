"""Figure A2: trace of the Hessian against the generalization error."""

from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import spearmanr

from bridge.figures._base import PaperFigure, ScaleName
from bridge.figures._ensembles import Ensemble
from bridge.figures._work import Work
from bridge.figures.curves import LJAT_HIDDEN
from dynamics.plots import COLORS
from landscape import CrossEntropyLoss
from landscape.workers import shared

Array = NDArray[np.float64]

ROWS = (316, 1000, 3162, 10_000)
MARKERS = "osv"


def ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Three depths, four numbers of rows."""
    replicas, steps = (20, 150_000) if scale == "paper" else (6, 30_000)
    return tuple(Ensemble(hidden, replicas, steps, rows=rows) for hidden in LJAT_HIDDEN for rows in ROWS)


@dataclass(frozen=True, eq=False)
class Generalization:
    """Where the runs of E ensembles end.

    Parameters
    ----------
    labels : tuple of str, (E,)
    rows, parameters : (E,) int64
        Training rows N and parameters P.
    trace : (E, R)
        Of the exact Hessian of the training loss at the last step, nats.
    error : (E, R)
        Test loss minus training loss, both without the penalty, nats.
    """

    labels: tuple[str, ...]
    rows: NDArray[np.int64]
    parameters: NDArray[np.int64]
    trace: Array
    error: Array


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> Generalization:
    """Trace and generalization error of the last snapshot of every run."""
    traces, errors = [], []
    for done, ensemble in enumerate(ensembles):
        runs, loss = work.runs(ensemble), work.loss(ensemble)
        last = np.stack([np.asarray(runs.snapshots[r], dtype=np.float64)[-1] for r in range(runs.replicas)])
        common = shared(loss)
        calls = (joblib.delayed(_trace)(common, theta) for theta in last)
        traces.append(joblib.Parallel(n_jobs=work.jobs, prefer="threads")(calls))
        train_loss = runs.loss[:, -1] - loss.regularization * (last**2).sum(axis=1)
        errors.append(runs.test_loss[:, -1] - train_loss)
        work.progress("traces", done + 1, len(ensembles))
    return Generalization(
        tuple(ensemble.label for ensemble in ensembles),
        np.array([work.data(ensemble).rows for ensemble in ensembles]),
        np.array([ensemble.n_parameters for ensemble in ensembles]),
        np.array(traces),
        np.array(errors),
    )


def _trace(loss: CrossEntropyLoss, theta: Array) -> float:
    return float(np.trace(loss.hessian(theta)))


def describe(result: Generalization) -> dict[str, Any]:
    """Means over the runs, and the rank correlation over the ensembles."""
    scaled = result.trace.mean(axis=1) / result.rows
    correlation = spearmanr(scaled, result.error.mean(axis=1))
    return {
        "hidden": result.labels,
        "rows": result.rows,
        "parameters": result.parameters,
        "replicas": result.trace.shape[1],
        "trace": result.trace.mean(axis=1),
        "trace_error": result.trace.std(axis=1, ddof=1) / np.sqrt(result.trace.shape[1]),
        "trace_per_row": scaled,
        "generalization_error": result.error.mean(axis=1),
        "generalization_error_error": result.error.std(axis=1, ddof=1) / np.sqrt(result.error.shape[1]),
        "rank_correlation": float(correlation.statistic),  # pyright: ignore
        "rank_correlation_p": float(correlation.pvalue),  # pyright: ignore
    }


def marker_size(rows: int) -> float:
    """Points, of an ensemble with so many training rows."""
    return 3.0 + 4.0 * np.log10(max(rows, ROWS[0]) / ROWS[0])


def draw(result: Generalization) -> Figure:
    """Trace(H) / N against the generalization error: color by depth, marker size by the number of rows."""
    figure = Figure(figsize=(5.8, 4.2), layout="constrained")
    ax = figure.subplots()
    names = list(dict.fromkeys(result.labels))
    for label, rows, trace, error in zip(result.labels, result.rows, result.trace, result.error, strict=True):
        k, size = names.index(label), marker_size(rows)
        ax.errorbar(
            error.mean(),
            trace.mean() / rows,
            xerr=error.std(ddof=1) / np.sqrt(error.size),
            yerr=trace.std(ddof=1) / np.sqrt(trace.size) / rows,
            fmt=MARKERS[k],
            markersize=size,
            color=COLORS[k],
            capsize=2,
            label=f"hidden layers {label}" if rows == result.rows[0] else None,
        )
    ax.set(yscale="log", xlabel="generalization error: test loss - training loss (nats)", ylabel=r"Tr$(H) / N$ (nats)")
    numbers = ", ".join(map(str, dict.fromkeys(result.rows.tolist())))
    ax.set_title(f"N = {numbers}: the larger N, the larger the marker", fontsize="medium")
    ax.legend(frameon=False)
    return figure


FIGA2 = PaperFigure(
    "figA2",
    "trace of the Hessian against the generalization error, LJAT-like data, three depths, four numbers of rows",
    {"rises_with_error": True},
    ensembles,
    compute,
    describe,
    draw,
    extra_seconds=lambda scale: 20.0,
)
