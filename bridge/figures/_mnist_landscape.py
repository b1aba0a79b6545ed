"""Beyond the paper: the landscapes of its MNIST networks, with SGD on them.

The paper says that they are not known. For each network: minima and transition states, how many of them are known,
the minima of SGD's snapshots, the barriers against the temperature of its noise, and whether what holds for LJAT-like
data holds here: descent explains the displacement, and basins do not age (docs/findings/what-ages.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.explanation import descent_displacement
from bridge.figures import _mnist_landscape_panels as panels_of
from bridge.figures._barriers import Crossings, crossings
from bridge.figures._base import PaperFigure, panels_of_ensembles
from bridge.figures._curves import MNIST_HIDDEN
from bridge.figures._ensembles import WIDE, Ensemble, ScaleName
from bridge.figures._said_of_mnist import SAID_OF_MNIST_LANDSCAPE
from bridge.figures._work import Work
from bridge.mapping import QuenchedSnapshots, inherent_structures, quenched_snapshots
from bridge.plots import panel_name
from bridge.residence import Visits, compare_places, visits
from dynamics.aging_times import Aging, Agreement, aging, agreement
from dynamics.displacement import MeanSquareDisplacement, mean_square_displacement
from dynamics.runs import Trajectories
from dynamics.statistics import NOT_NEGATIVE, over_runs, share_of_runs
from landscape.database import Database
from landscape.losses import LARGE
from landscape.plots import Size, draw_panels
from landscape.search import Exploration, summarize
from landscape.support import Estimate

THRESHOLD = 1e-2
COMPONENTS, STAND_IN_ROWS = 10, 1000
RUNS = {"quick": (12, 30_000), "paper": (4, 300_000)}


@dataclass(frozen=True)
class Effort:
    """Searches of a landscape, searches at most that join SGD's minima, fresh random starts, and barriers measured."""

    searches: int
    joins: int
    starts: int
    barriers: int


SMALL, BIG = Effort(224, 32, 64, 24), Effort(32, 8, 24, 8)  # up to `LARGE` parameters, and above
# core seconds of a quench at P of some hundred and of some thousand, with the rows where the latter was measured
QUENCH_SMALL, QUENCH_BIG, ROWS_BIG = 0.15, 10.0, 1000


@dataclass(frozen=True, eq=False)
class Changes:
    """Changes of basin and displacement of R runs at one lag for W waiting times.

    Parameters
    ----------
    lag : int
        Steps.
    changed, known : (R, W) bool
        Whether the snapshots at tw and tw + lag are in different basins, and whether both have one.
    moved : (R, W) float64
        Mean square displacement per parameter.
    """

    lag: int
    changed: NDArray[np.bool_]
    known: NDArray[np.bool_]
    moved: NDArray[np.float64]

    @property
    def share(self) -> Estimate[NDArray[np.float64]]:
        """Share (W,) of the known runs that are in another basin."""
        return share_of_runs(self.changed.sum(axis=0), self.known.sum(axis=0))


@dataclass(frozen=True, eq=False)
class NetworkOnMnist:
    """One network: its landscape in the database at `path`, and the runs on it."""

    ensemble: Ensemble
    path: Path
    landscape: Exploration
    visited: Visits
    snapshots: int  # that were mapped
    mapped: int  # of them in a minimum
    new: int  # minima that only SGD found
    fit: Aging
    descent: Agreement
    changes: Changes
    crossings: Crossings


def ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """5, 5,5 and 5,5,5 on ten principal components of 1000 digits (quick), or on the pixels of all digits."""
    runs, steps = RUNS[scale]
    few: dict[str, Any] = {"rows": STAND_IN_ROWS, "pca": COMPONENTS} if scale == "quick" else {}
    return tuple(
        Ensemble(hidden, runs, steps, dataset="mnist", batch_size=50, snapshots="all", **few) for hidden in MNIST_HIDDEN
    )


def seconds(ensemble: Ensemble) -> float:
    """Core seconds of the searches, quenches, descents and temperatures of a network, within a factor of some."""
    big = ensemble.n_parameters > LARGE
    effort, quench = _effort(ensemble), QUENCH_BIG * ensemble.training_rows / ROWS_BIG if big else QUENCH_SMALL
    searches = 2.5 * effort.searches + 4 * effort.joins + effort.starts + 13 * ensemble.replicas + 2 * effort.barriers
    row = 0.6e-6 if ensemble.layer_sizes[0] > WIDE else 0.1e-6  # of a gradient
    return searches * quench + 6 * ensemble.replicas * 10_000 * row * ensemble.training_rows


def _effort(ensemble: Ensemble) -> Effort:
    return BIG if ensemble.n_parameters > LARGE else SMALL


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> tuple[NetworkOnMnist, ...]:
    """Each network in turn; all parts are stored, and finished ones are read."""
    return tuple(_network(work, ensemble) for ensemble in ensembles)


def _network(work: Work, ensemble: Ensemble) -> NetworkOnMnist:
    loss, runs, effort = work.loss(ensemble), work.runs(ensemble), _effort(ensemble)
    path, store = work.folder / f"landscape_{ensemble.landscape}.db", work.folder / f"explain_{ensemble.name}"
    work.explore(ensemble, path, searches=effort.searches)
    msd = mean_square_displacement(runs)
    fit = aging(msd, THRESHOLD, rng=work.seed)
    lag = _common_lag(runs, fit)
    quenching: dict[str, Any] = {
        "steps": np.unique([*runs.waiting_times, *(runs.waiting_times + lag), runs.steps[-1]]),
        "method": "lbfgs" if ensemble.n_parameters > LARGE else "flow",  # the flow would need an eigenproblem a step
        "path": store / "quenches",
        "jobs": work.jobs,
    }
    quenched = quenched_snapshots(runs, loss, **quenching, progress=_reported(work, "quench", ensemble))
    with Database(path) as database:
        structures = inherent_structures(runs, database, loss=loss, **quenching)
    work.estimate_minima(ensemble, path, starts=effort.starts)
    work.explore(ensemble, path, searches=effort.searches + effort.joins, connect="visited")
    with Database(path) as database:
        visited, landscape = visits(structures, database), summarize(database)
        crossed = crossings(
            loss, database, visited.minimum_ids, ensemble.optimizer, most=effort.barriers,
            path=store / "temperatures", jobs=work.jobs, progress=_reported(work, "noise", ensemble),
        )  # fmt: skip
    return NetworkOnMnist(
        ensemble, path, landscape, visited, structures.minimum_ids.size, structures.mapped, structures.new_ids.size,
        fit, _descent(work, ensemble, runs, msd, fit, store), changes(quenched, msd, lag), crossed,
    )  # fmt: skip


def _reported(work: Work, what: str, ensemble: Ensemble) -> Any:
    return lambda done, total, *_: work.progress(f"{what} {ensemble.label}", done, total or done)


def _common_lag(runs: Trajectories, fit: Aging) -> int:
    """The recorded lag next to the latest t*, within the runs for every waiting time."""
    lags = runs.lags[runs.waiting_times[-1] + runs.lags <= runs.steps[-1]]
    known = fit.t_star.value[np.isfinite(fit.t_star.value)]
    wanted = known[-1] if known.size else runs.waiting_times[-1]
    return int(lags[np.abs(np.log(lags / wanted)).argmin()])


def _descent(
    work: Work,
    ensemble: Ensemble,
    runs: Trajectories,
    msd: MeanSquareDisplacement,
    fit: Aging,
    store: Path,
) -> Agreement:
    """How well descent without noise from each theta(tw) predicts the displacement up to t*."""
    known = fit.t_star.value[np.isfinite(fit.t_star.value)]
    wanted = known.max() if known.size else runs.waiting_times[-1]
    longest = int(runs.lags[min(np.searchsorted(runs.lags, wanted, "right"), runs.lags.size - 1)])
    fallen = descent_displacement(
        runs,
        work.loss(ensemble),
        longest=longest,
        path=store / f"descent-{runs.replicas}-{longest}.h5",
        jobs=work.jobs,
        progress=_reported(work, "descend", ensemble),
    )
    return agreement(msd, fallen, THRESHOLD, rng=work.seed)


def changes(quenched: QuenchedSnapshots, msd: MeanSquareDisplacement, lag: int) -> Changes:
    """Compare the basins at tw and tw + `lag`, for all waiting times of `msd`."""
    start, end = (np.searchsorted(quenched.steps, msd.waiting_times + later) for later in (0, lag))
    same, changed = compare_places(quenched.basins[:, start], quenched.basins[:, end])
    return Changes(lag, changed, same | changed, msd.values[:, :, np.searchsorted(msd.lags, lag)])


def late_over_early(values: NDArray[Any], known: NDArray[np.bool_], rng: int = 0) -> Estimate[float]:
    """Mean of `values` (R, W) over the later half of the waiting times, over that of the earlier half."""
    half = known.shape[1] // 2
    parts = [
        (np.where(known[:, chosen], values[:, chosen], 0.0).sum(axis=1), known[:, chosen].sum(axis=1))
        for chosen in (slice(half), slice(known.shape[1] - half, None))
    ]

    def ratio(drawn: NDArray[np.int64]) -> float:
        early, late = ((drawn @ total) / max(float(drawn @ number), 1.0) for total, number in parts)
        return float(late / early) if early > 0 else float("nan")

    return over_runs(ratio, len(known), within=NOT_NEGATIVE, rng=rng)


def describe(result: Sequence[NetworkOnMnist]) -> dict[str, Any]:
    """Landscape, motion and barriers, a list over the networks for each number."""
    rows = [_landscape(one) | _motion(one) | one.crossings.numbers() for one in result]
    first = result[0].ensemble
    common = {"rows": first.training_rows, "inputs": first.layer_sizes[0], "steps": first.steps, "threshold": THRESHOLD}
    return common | {
        "waiting_times": result[0].fit.waiting_times,
        **{name: [row[name] for row in rows] for name in rows[0]},
    }


def _ends(name: str, estimate: Estimate[Any]) -> dict[str, Any]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _landscape(one: NetworkOnMnist) -> dict[str, Any]:
    found, estimate = one.landscape, one.landscape.estimated_minima
    return {
        "hidden": one.ensemble.label,
        "parameters": one.ensemble.n_parameters,
        "searches": found.searches,
        "minima": found.minima,
        "transition_states": found.transition_states,
        "components": found.components,
        "lowest_loss": found.lowest_loss,
        "random_starts": found.random_starts,
        "random_minima": found.random_minima,
        "estimated_minima": np.nan if estimate is None else estimate.value,
        "estimated_minima_low": np.nan if estimate is None else estimate.low,
        "found_share": found.found_share,
        **_ends("coverage", found.coverage),
        "visited_minima": one.visited.minimum_ids.size,
        "snapshots": one.snapshots,
        "mapped": one.mapped,
        "new_minima": one.new,
    }


def _motion(one: NetworkOnMnist) -> dict[str, Any]:
    changed = one.changes
    everything = np.ones_like(changed.known)
    return {
        "replicas": len(changed.known),
        **_ends("mu", one.fit.mu),
        "t_star": one.fit.t_star.value,
        **_ends("descent_share", one.descent.share),
        "descent_t_star_ratio": one.descent.t_star_ratio.value,
        "descent_deviation": one.descent.deviation,
        **_ends("mu_difference", one.descent.mu_difference),
        "lag": changed.lag,
        **_ends("changed_share", changed.share),
        "known": changed.known.sum(axis=0),
        "displacement": changed.moved.mean(axis=0),
        **_ends("changed_late_over_early", late_over_early(changed.changed, changed.known)),
        **_ends("displacement_late_over_early", late_over_early(changed.moved, everything)),
    }


def draw(result: Sequence[NetworkOnMnist], panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """The disconnectivity graphs with visits, numbers of minima, barriers, descent and changes of basin."""
    functions = {panel_name(one.ensemble.label): partial(panels_of.draw_graph, one) for one in result}
    functions |= {
        "minima": partial(panels_of.draw_minima, result),
        "barriers": partial(panels_of.draw_barriers, result),
        "descent": partial(panels_of.draw_descent, result),
        "basins": partial(panels_of.draw_basins, result),
    }
    return draw_panels(functions, panels, columns=3, panel=(5.2, 4.4), size=size)


MNIST_LANDSCAPE = PaperFigure(
    "mnist-landscape",
    "beyond the paper: landscapes of the MNIST networks, minima, barriers, and what ages",
    SAID_OF_MNIST_LANDSCAPE,
    ensembles,
    compute,
    describe,
    draw,
    panels_of_ensembles("minima", "barriers", "descent", "basins"),
    ensemble_seconds=seconds,
    said="our finding for LJAT-like data",
)
