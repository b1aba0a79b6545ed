"""Figure A2: trace of the Hessian against the generalization error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import joblib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr, t as student

from bridge.figures._base import PaperFigure, panels_called
from bridge.figures._curves import LJAT_HIDDEN
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._said_of_curvature import SAID_OF_FIGA2
from bridge.figures._scatter import draw_networks, with_error
from bridge.figures._work import Work
from landscape.datasets import CHUNK
from landscape.losses import CrossEntropyLoss, held_out_loss
from landscape.plots import Size, draw_panels
from landscape.support import shared

Array = NDArray[np.float64]

ROWS = (316, 1000, 3162, 10_000)
MOST_TEST_ROWS = {"quick": 2**18, "paper": 2**22}  # 5 and 80 seconds of one core
ROUNDING = 1e-12
CORRELATIONS = (
    "rank_correlation",
    "rank_correlation_p",
    "rank_correlation_of_rows_alone",
    "rank_correlation_given_rows",
    "rank_correlation_given_rows_p",
)


def ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Three depths, four numbers of rows."""
    replicas, steps = (20, 150_000) if scale == "paper" else (6, 30_000)
    return tuple(Ensemble(hidden, replicas, steps, rows=rows) for hidden in LJAT_HIDDEN for rows in ROWS)


@dataclass(frozen=True, eq=False)
class Generalization:
    """Final points of the runs of E ensembles.

    Parameters
    ----------
    labels : tuple of str, (E,)
    rows : (E,) int64
        Training rows N.
    parameters : (E,) int64
        Parameters P.
    trace : (E, R)
        Of the exact Hessian of the training loss at the last step, nats.
    error : (E, R)
        Test loss minus training loss, both without the penalty, nats.
    test_rows : (E,) int64
        Number of test rows, shared by all ensembles with the same seed of the data set.
    test_error : (E,)
        Standard error, from these rows, of the mean of `error` over the runs, in nats. The training loss has none,
        because it covers all training rows.
    """

    labels: tuple[str, ...]
    rows: NDArray[np.int64]
    parameters: NDArray[np.int64]
    trace: Array
    error: Array
    test_rows: NDArray[np.int64]
    test_error: Array

    @property
    def mean_error(self) -> Array:
        """Generalization error (E,): the mean over the runs."""
        return self.error.mean(axis=1)

    @property
    def run_error(self) -> Array:
        """Standard error (E,) of the mean from the spread of the runs."""
        return self.error.std(axis=1, ddof=1) / np.sqrt(self.error.shape[1])

    @property
    def total_error(self) -> Array:
        """Both (E,), added in quadrature."""
        return np.hypot(self.run_error, self.test_error)


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> Generalization:
    """Trace and generalization error of the last snapshot of every run.

    Test rows are generated until their error is below that of the runs, at most `MOST_TEST_ROWS`.
    """
    traces, errors, tests = [], [], []
    for done, ensemble in enumerate(ensembles):
        runs, loss = work.runs(ensemble), work.loss(ensemble)
        last = np.stack([np.asarray(runs.snapshots[r], dtype=np.float64)[-1] for r in range(runs.replicas)])
        common = shared(loss)
        calls = (joblib.delayed(_trace)(common, theta) for theta in last)
        traces.append(joblib.Parallel(n_jobs=work.jobs, prefer="threads")(calls))
        train_loss = runs.loss[:, -1] - loss.regularization * (last**2).sum(axis=1)
        spread = _spread(loss, last, train_loss) / np.sqrt(len(last))
        tests.append(held_out_loss(loss, last, enough=spread, most_rows=MOST_TEST_ROWS[work.scale]))
        errors.append(tests[-1].values - train_loss)
        work.progress("traces", done + 1, len(ensembles))
    return Generalization(
        tuple(ensemble.label for ensemble in ensembles),
        np.array([work.data(ensemble).rows for ensemble in ensembles]),
        np.array([ensemble.n_parameters for ensemble in ensembles]),
        np.array(traces),
        np.array(errors),
        np.array([test.rows for test in tests]),
        np.array([test.mean_error for test in tests]),
    )


def _spread(loss: CrossEntropyLoss, last: Array, train_loss: Array) -> float:
    """Standard deviation over the runs of the generalization error, on the existing test rows."""
    tests = held_out_loss(loss, last, most_rows=CHUNK).values - train_loss
    return float(tests.std(ddof=1)) if len(tests) > 1 else 0.0


def _trace(loss: CrossEntropyLoss, theta: Array) -> float:
    return float(np.trace(loss.hessian(theta)))


def describe(result: Generalization) -> dict[str, Any]:
    """Means over the runs, and rank correlations over the ensembles: of Tr(H) / N, of 1 / N alone, and given N."""
    scaled = result.trace.mean(axis=1) / result.rows
    correlations = rank_correlations_given(scaled, result.mean_error, result.rows)
    return {
        "hidden": result.labels,
        "rows": result.rows,
        "parameters": result.parameters,
        "replicas": result.trace.shape[1],
        "trace": result.trace.mean(axis=1),
        "trace_error": result.trace.std(axis=1, ddof=1) / np.sqrt(result.trace.shape[1]),
        "trace_per_row": scaled,
        "generalization_error": result.mean_error,
        "generalization_error_standard_error": result.total_error,
        "generalization_error_standard_error_runs": result.run_error,
        "generalization_error_standard_error_test_rows": result.test_error,
        "test_rows": result.test_rows,
        **correlations,
    }


def rank_correlations_given(x: Array, y: Array, rows: NDArray[np.int64]) -> dict[str, float]:
    """Spearman's correlation of x and y over ensembles, of 1 / N and y, and the partial one of x and y given N.

    The partial correlation is (r_xy - r_xn r_yn) / sqrt((1 - r_xn^2) (1 - r_yn^2)) of the ranks, i.e. the correlation
    of the residuals of both after a line through the ranks of 1 / N; its p is that of Student's t with n - 3 degrees
    of freedom. Derived here, tested against these residuals. nan for fewer than four ensembles, or ranks without
    spread.
    """
    ranks = [rankdata(values) for values in (x, y, 1.0 / rows)]
    if len(x) < 3 or any(np.ptp(rank) == 0.0 for rank in ranks[:2]):
        return dict.fromkeys(CORRELATIONS, float("nan"))
    plain, alone = spearmanr(x, y), float("nan")
    partial, p = float("nan"), float("nan")
    if np.ptp(rows) > 0 and len(x) > 3:
        (_, r_xy, r_xn), (_, _, r_yn), _ = np.corrcoef(ranks)
        alone, left = float(r_yn), (1.0 - r_xn**2) * (1.0 - r_yn**2)
        if left > ROUNDING:
            partial = float(np.clip((r_xy - r_xn * r_yn) / np.sqrt(left), -1.0, 1.0))
            freedom = len(x) - 3
            p = float(2.0 * student.sf(abs(partial) * np.sqrt(freedom / max(ROUNDING, 1.0 - partial**2)), freedom))
    values = (plain.statistic, plain.pvalue, alone, partial, p)  # pyright: ignore
    return dict(zip(CORRELATIONS, map(float, values), strict=True))


def describe_ranks(ranks: Mapping[str, float]) -> str:
    """The correlations as a line of a figure."""
    names = ("rank_correlation", "rank_correlation_of_rows_alone", "rank_correlation_given_rows")
    every, rows, given = (f"{ranks[name]:z.2f}" if np.isfinite(ranks[name]) else "not determined" for name in names)
    return rf"Spearman's $\rho$ = {every}; of 1/N alone {rows}; given N {given}"


def draw(result: Generalization, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Trace(H) / N against the generalization error: a marker for each number of rows, color by depth."""
    return draw_panels({"traces": partial(_draw, result)}, panels, panel=(5.8, 4.2), size=size)


def _draw(result: Generalization, ax: Axes) -> None:
    traces = (result.trace / result.rows[:, np.newaxis]).T
    trace = with_error(traces.mean(axis=0), traces.std(axis=0, ddof=1) / np.sqrt(len(traces)))
    ax.set(yscale="log", xlabel="generalization error: test loss - training loss (nats)", ylabel=r"Tr$(H) / N$ (nats)")
    ax.set_title(
        describe_ranks(rank_correlations_given(trace.value, result.mean_error, result.rows)), fontsize="medium"
    )
    draw_networks(result.labels, result.rows, with_error(result.mean_error, result.total_error), trace, ax, capsize=2)


FIGA2 = PaperFigure(
    "figA2",
    "trace of the Hessian against the generalization error, LJAT-like data, three depths, four numbers of rows",
    SAID_OF_FIGA2,
    ensembles,
    compute,
    describe,
    draw,
    panels_called("traces"),
    extra_seconds=lambda scale: {"quick": 30.0, "paper": 500.0}[scale],
)
