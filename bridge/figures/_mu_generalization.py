"""Beyond the paper: mu against generalization, for depths and numbers of rows, on several realizations of the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.figures import _generalization, _sweep
from bridge.figures._base import PaperFigure, panels_called
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._ranks import correlations_given
from bridge.figures._said_of_trends import SAID_OF_MU_GENERALIZATION
from bridge.figures._scatter import with_error
from bridge.figures._sweep import Sweep, on_realizations, sweep
from bridge.figures._work import Work
from dynamics.statistics import mean_over_runs
from landscape.losses import held_out_loss
from landscape.plots import Size
from landscape.support import stacked

Array = NDArray[np.float64]

DRAWS = {"quick": 3, "paper": 8}


@dataclass(frozen=True, eq=False)
class MuGeneralization:
    """Aging and generalization of E networks.

    Parameters
    ----------
    networks : Sweep
    difference, error_bar : (E,)
        Test loss minus training loss at the last step, mean over the runs, and its standard error over runs and test
        rows (nats).
    reference : (E,)
        The same difference, on the same rows, of a network that was trained on others. Its mean over draws of the
        training rows is 0: it is what these rows are easier or harder than most. 0 if there is one realization.
    test_rows : (E,) int64
    """

    networks: Sweep
    difference: Array
    error_bar: Array
    reference: Array
    test_rows: NDArray[np.int64]

    @property
    def error(self) -> Array:
        """Generalization error (E,), nats: `difference` less `reference`, a control variate."""
        return self.difference - self.reference


def ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Those of figure A2, and the same on further realizations with fewer runs."""
    return on_realizations(_generalization.ensembles(scale), DRAWS[scale])


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> MuGeneralization:
    """Ends and aging of every network; each has as many runs as its realization."""
    ends = [_generalization.compute(work, (ensemble,)) for ensemble in ensembles]
    return MuGeneralization(
        networks=sweep(work, ensembles),
        difference=np.array([one.mean_error[0] for one in ends]),
        error_bar=np.array([one.total_error[0] for one in ends]),
        reference=np.array([_reference(work, *pair, ensembles) for pair in zip(ensembles, ends, strict=True)]),
        test_rows=np.array([one.test_rows[0] for one in ends]),
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
    networks = result.networks
    return _sweep.describe(networks) | {
        "generalization_error": result.error,
        "test_less_training_loss": result.difference,
        "of_a_network_of_other_rows": result.reference,
        "generalization_error_standard_error": result.error_bar,
        "test_rows": result.test_rows,
        "means": _means(result),
        **correlations_given(networks.mu.value, result.error, networks.realizations, networks.given),
    }


def _means(result: MuGeneralization) -> dict[str, Any]:
    """Means over the realizations for each depth and number of rows, with Student's intervals."""
    networks = result.networks
    pairs = list(dict.fromkeys(zip(networks.labels, networks.rows.tolist(), strict=True)))
    labels = np.array(networks.labels)
    parts = [(labels == label) & (networks.rows == rows) for label, rows in pairs]
    found = {"hidden": [label for label, _ in pairs], "rows": [rows for _, rows in pairs]}
    for name, column in (("mu", networks.mu.value), ("error", result.error)):
        means = stacked([mean_over_runs(column[part]) for part in parts])
        found |= {name: means.value, f"{name}_low": means.low, f"{name}_high": means.high}
    return found


def draw(result: MuGeneralization, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """The exponent against the generalization error, and their correlations given N and depth."""
    error = with_error(result.error, result.error_bar)
    return _sweep.draw(result.networks, "mu", error, "generalization error (nats)", describe(result), panels, size)


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
