"""Beyond the paper: mu against generalization, for depths and numbers of rows, on several realizations of the data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.figures import _generalization
from bridge.figures._base import PaperFigure, panels_called
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._ranks import correlations_given, draw_correlations
from bridge.figures._said_of_trends import SAID_OF_MU_GENERALIZATION
from bridge.figures._work import Work
from dynamics.aging_times import Aging, aging
from dynamics.displacement import mean_square_displacement
from dynamics.plots import COLORS, mu_bars
from dynamics.statistics import mean_over_runs
from landscape.losses import held_out_loss
from landscape.plots import Size, draw_panels, legend_beside
from landscape.support import stacked

Array = NDArray[np.float64]

THRESHOLD = 1e-2
DRAWS = {"quick": 3, "paper": 8}
OTHER_REPLICAS = 6  # runs on each realization but the first


@dataclass(frozen=True, eq=False)
class MuGeneralization:
    """Aging and generalization of E networks.

    Parameters
    ----------
    labels : tuple of str, (E,)
        Hidden layers.
    depth, rows, realizations : (E,) int64
        Number of hidden layers, N, and the draw of the data.
    difference, error_bar : (E,)
        Test loss minus training loss at the last step, mean over the runs, and its standard error over runs and test
        rows (nats).
    reference : (E,)
        The same difference, on the same rows, of a network that was trained on others. Its mean over draws of the
        training rows is 0: it is what these rows are easier or harder than most. 0 if there is one realization.
    test_rows : (E,) int64
    fits : tuple of Aging, (E,)
    """

    labels: tuple[str, ...]
    depth: NDArray[np.int64]
    rows: NDArray[np.int64]
    realizations: NDArray[np.int64]
    difference: Array
    error_bar: Array
    reference: Array
    test_rows: NDArray[np.int64]
    fits: tuple[Aging, ...]

    @property
    def mu(self) -> Array:
        """Exponents (E,)."""
        return np.array([fit.mu.value for fit in self.fits])

    @property
    def error(self) -> Array:
        """Generalization error (E,), nats: `difference` less `reference`, a control variate."""
        return self.difference - self.reference


def ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Those of figure A2, and the same on further realizations with fewer runs."""
    first = _generalization.ensembles(scale)
    draws = range(1, DRAWS[scale])
    return (*first, *(replace(one.at_most(OTHER_REPLICAS), dataset_seed=draw) for draw in draws for one in first))


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> MuGeneralization:
    """Ends and aging of every network; each has as many runs as its realization."""
    ends = [_generalization.compute(work, (ensemble,)) for ensemble in ensembles]
    msds = (mean_square_displacement(work.runs(ensemble)) for ensemble in ensembles)
    return MuGeneralization(
        labels=tuple(ensemble.label for ensemble in ensembles),
        depth=np.array([len(ensemble.hidden) for ensemble in ensembles]),
        rows=np.array([one.rows[0] for one in ends]),
        realizations=np.array([ensemble.dataset_seed for ensemble in ensembles]),
        difference=np.array([one.mean_error[0] for one in ends]),
        error_bar=np.array([one.total_error[0] for one in ends]),
        reference=np.array([_reference(work, *pair, ensembles) for pair in zip(ensembles, ends, strict=True)]),
        test_rows=np.array([one.test_rows[0] for one in ends]),
        fits=tuple(aging(msd, THRESHOLD, rng=work.seed) for msd in msds),
    )


def _reference(
    work: Work, ensemble: Ensemble, ends: _generalization.Generalization, ensembles: tuple[Ensemble, ...]
) -> float:
    """Test loss minus training loss, on the rows of an ensemble, of a run with the most rows of another realization."""
    others = [e for e in ensembles if e.hidden == ensemble.hidden and e.dataset_seed != ensemble.dataset_seed]
    if not others:
        return 0.0
    other = max(others, key=lambda e: (work.data(e).rows, -e.dataset_seed))
    theta, loss = np.asarray(work.runs(other).snapshots[0], dtype=np.float64)[-1], work.loss(ensemble)
    test = held_out_loss(loss, theta[np.newaxis], most_rows=int(ends.test_rows[0]))  # the same rows as of `ends`
    return float(test.values[0] - loss.value(theta) + loss.regularization * theta @ theta)


def describe(result: MuGeneralization) -> dict[str, Any]:
    """Both for each network, and their rank correlations: alone, given N, given the depth, given both."""
    given = {"N": result.rows, "depth": result.depth}
    ranks = correlations_given(result.mu, result.error, result.realizations, given)
    return {
        "hidden": result.labels,
        "rows": result.rows,
        "realizations": result.realizations,
        "replicas": [len(fit.t_star_runs) for fit in result.fits],
        "generalization_error": result.error,
        "test_less_training_loss": result.difference,
        "of_a_network_of_other_rows": result.reference,
        "generalization_error_standard_error": result.error_bar,
        "test_rows": result.test_rows,
        "mu": result.mu,
        "mu_low": [fit.mu.low for fit in result.fits],
        "mu_high": [fit.mu.high for fit in result.fits],
        "means": _means(result),
        **ranks,
        "threshold": THRESHOLD,
    }


def _means(result: MuGeneralization) -> dict[str, Any]:
    """Means over the realizations for each depth and number of rows, with Student's intervals."""
    pairs = list(dict.fromkeys(zip(result.labels, result.rows.tolist(), strict=True)))
    labels = np.array(result.labels)
    parts = [(labels == label) & (result.rows == rows) for label, rows in pairs]
    found = {"hidden": [label for label, _ in pairs], "rows": [rows for _, rows in pairs]}
    for name, column in (("mu", result.mu), ("error", result.error)):
        means = stacked([mean_over_runs(column[part]) for part in parts])
        found |= {name: means.value, f"{name}_low": means.low, f"{name}_high": means.high}
    return found


def draw(result: MuGeneralization, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """The exponent against the generalization error, and their correlations given N and depth."""
    functions = {"mu": partial(_draw, result), "correlations": partial(draw_correlations, describe(result))}
    return draw_panels(functions, panels, columns=2, panel=(5.4, 4.2), size=size)


def _draw(result: MuGeneralization, ax: Axes) -> None:
    depths, numbers = (list(dict.fromkeys(values)) for values in (result.labels, result.rows.tolist()))
    for label, rows, error, bar, fit in zip(
        result.labels, result.rows.tolist(), result.error, result.error_bar, result.fits, strict=True
    ):
        ax.errorbar(
            error,
            fit.mu.value,
            xerr=bar,
            yerr=mu_bars([fit]),
            fmt=_generalization.ROW_MARKERS[numbers.index(rows) % len(_generalization.ROW_MARKERS)],
            color=COLORS[depths.index(label) % len(COLORS)],
            markersize=4,
            elinewidth=0.6,
        )
    ax.axhline(1.0, color="0.5", linestyle="--", linewidth=1)
    ax.set(
        xscale="log" if (result.error > 0).all() else "linear",
        xlabel="generalization error (nats)",
        ylabel=r"exponent $\mu$ (95 %)",
    )
    legend_beside(ax, handles=_generalization.handles(numbers, depths))


MU_GENERALIZATION = PaperFigure(
    "mu-generalization",
    "beyond the paper: the aging exponent against the generalization error, given N and given the depth",
    SAID_OF_MU_GENERALIZATION,
    ensembles,
    compute,
    describe,
    draw,
    panels_called("mu", "correlations"),
    extra_seconds=lambda scale: _generalization.FIGA2.extra_seconds(scale) * DRAWS[scale],
)
