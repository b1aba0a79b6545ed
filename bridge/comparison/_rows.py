"""The number of minima against mu, one row per study of an architecture."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import entropy

from bridge.mapping import ORIGIN, check_same_loss
from dynamics.aging_times import Aging, aging
from dynamics.displacement import mean_square_displacement
from dynamics.runs import Trajectories, check_control, load_trajectories
from landscape.database import Database
from landscape.graph import LandscapeGraph, funnelling
from landscape.search import summarize
from landscape.support import Estimate, Result, about, in_numbers

LANDSCAPE, RUNS, CONTROL = "landscape.db", "sgd.h5", "descent.h5"  # in the folder of each architecture


@dataclass(frozen=True)
class ComparisonRow(Result, shows=("hidden", "dataset", "rows", "minima", "replicas", "mu", "mu.status")):
    """Landscape and dynamics of one architecture on one data set; losses in nats, nan: unknown."""

    study: str
    hidden: str  # e.g. "5,5"; of a torch module its name
    parameters: int
    dataset: str
    dataset_seed: int | None
    rows: int
    searches: int
    minima: int
    transition_states: int
    components: int
    estimated_minima: Estimate[float]  # lower bound, see `landscape.search.summarize`
    minima_from_sgd: int  # first found by quenching snapshots
    lowest_loss: float
    replicas: int
    steps: int
    threshold: float
    mu: Estimate[float]  # its status says whether it can be trusted
    mu_runs_mean: float  # from the mean of the t* of single runs
    mu_control: float  # full-batch descent from the same starts
    funnelled: float = math.nan  # share of minima that reach the lowest with small climbs, see `funnelling`
    frustration: float = math.nan
    median_barrier: float = math.nan  # over minima: from it to its lowest transition state to another minimum
    median_climb: float = math.nan  # over minima connected to the lowest: minimax barrier minus the own loss
    visited_minima: int = 0  # whose gradient-flow basins contain mapped snapshots
    visited_entropy: float = math.nan  # entropy in nats of the shares of these snapshots in the minima

    @property
    def architecture(self) -> str:
        """The network, in words."""
        layers = all(part.isdecimal() for part in self.hidden.split(","))
        return f"hidden layers {self.hidden}" if layers else f"module {self.hidden}"


@dataclass(frozen=True)
class Comparison(Result):
    """Rows, one per architecture, in the order of their folders' names."""

    rows: tuple[ComparisonRow, ...]

    def _records(self) -> list[Mapping[str, Any]]:
        return [row_numbers(row) for row in self.rows]


def compare(directory: str | Path, *, threshold: float = 1e-2) -> Comparison:
    """Read each folder, up to two levels deep, with landscape.db and sgd.h5 (as written by `study`).

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the files of a folder do not belong to one loss.
    """
    directory = Path(directory)
    if not directory.is_dir():
        msg = f"{directory} is not a folder: it is a file" if directory.exists() else f"there is no folder {directory}"
        raise FileNotFoundError(msg)
    found = (path.parent for depth in ("", "*/", "*/*/") for path in directory.glob(depth + LANDSCAPE))
    folders = sorted(folder for folder in found if (folder / RUNS).is_file())
    if not folders:
        msg = f"{directory} holds no folder with {LANDSCAPE} and {RUNS}"
        raise FileNotFoundError(msg)
    rows = [replace(compare_one(folder, threshold=threshold), study=_name(folder, directory)) for folder in folders]
    return Comparison(tuple(sorted(rows, key=_depth_and_sizes)))


def _name(folder: Path, directory: Path) -> str:
    return folder.resolve().name if folder == directory else str(folder.relative_to(directory))


def _depth_and_sizes(row: ComparisonRow) -> tuple[int, tuple[int, ...], int, str]:
    sizes = tuple(int(n) for n in row.hidden.split(",") if n.isdecimal())
    return len(sizes), sizes, row.rows, row.study


def compare_one(
    folder: Path,
    *,
    threshold: float,
    replicas: int | None = None,
    control_replicas: int | None = None,
    fit: Aging | None = None,
) -> ComparisonRow:
    """The row of one architecture's folder, from all its runs or the first `replicas`; `fit` is their fit, if known."""
    with about(folder):
        return _row(folder, threshold, replicas, control_replicas, fit)


def _row(
    folder: Path, threshold: float, replicas: int | None, control_replicas: int | None, fit: Aging | None
) -> ComparisonRow:
    runs = load_trajectories(folder / RUNS).at_most(replicas)
    fit = aging(mean_square_displacement(runs), threshold) if fit is None else fit
    control, mu_control = None, math.nan
    if (folder / CONTROL).is_file():
        control = load_trajectories(folder / CONTROL).at_most(control_replicas)
        check_control(runs, control)
        mu_control = aging(mean_square_displacement(control), threshold).mu.value
    with Database(folder / LANDSCAPE) as database:
        for ensemble in (runs, control):
            if ensemble is not None:
                check_same_loss(ensemble, database)
        found = summarize(database)
        shape = describe_landscape(database)
        data = database.provenance.dataset
        return ComparisonRow(
            study=folder.name,
            hidden=",".join(str(n) for n in runs.layer_sizes[1:-1]) if runs.module is None else runs.module.name,
            parameters=runs.n_parameters,
            dataset=str(data.get("name")),
            dataset_seed=data.get("seed"),
            rows=_rows_of(runs),
            searches=found.searches,
            minima=found.minima,
            transition_states=found.transition_states,
            components=found.components,
            estimated_minima=found.estimated_minima or Estimate(math.nan, math.nan, math.nan),
            minima_from_sgd=sum(minimum.origin == ORIGIN for minimum in database.minima),
            lowest_loss=found.lowest_loss,
            replicas=runs.replicas,
            steps=int(runs.steps[-1]),
            threshold=threshold,
            mu=fit.mu,
            mu_runs_mean=fit.mu_runs_mean.value,
            mu_control=mu_control,
            **shape,
        )


def _rows_of(runs: Trajectories) -> int:
    """Number of training rows that runs say."""
    rows = runs.metadata.get("rows")
    if not isinstance(rows, int):
        msg = f"{runs.source} do not say how many rows they train on: their metadata have the rows {rows!r}"
        raise ValueError(msg)
    return rows


def describe_landscape(database: Database) -> dict[str, Any]:
    """Barriers, funnels and visits: the last fields of a `ComparisonRow`, as far as the database has them."""
    graph = database.graph()
    visited = Counter(number for number in database.inherent_structures("flow").values() if number)
    result: dict[str, Any] = {"visited_minima": len(visited)}
    if visited:
        result["visited_entropy"] = float(entropy(list(visited.values())))
    if graph.n_minima == 0:
        return result
    funnels = funnelling(graph)
    climbs = np.delete(funnels.climbs, funnels.global_minimum)
    climbs, barriers = climbs[np.isfinite(climbs)], lowest_barriers(graph)
    for name, values in (("median_climb", climbs), ("median_barrier", barriers[np.isfinite(barriers)])):
        if values.size:
            result[name] = float(np.median(values))
    return result | {"funnelled": funnels.share, "frustration": funnels.frustration}


def lowest_barriers(graph: LandscapeGraph) -> NDArray[np.float64]:
    """Loss (n,) of the lowest transition state from each minimum to another one, minus its own; inf without one."""
    barriers = np.full(graph.n_minima, np.inf)
    between = graph.edges[:, 0] != graph.edges[:, 1]
    for end in (0, 1):
        ends, losses = graph.edges[between, end], graph.transition_losses[between]
        np.minimum.at(barriers, ends, losses - graph.losses[ends])
    return barriers


def row_numbers(row: ComparisonRow) -> dict[str, Any]:
    """A row of a table: NAME, NAME_low and NAME_high of an estimate, and the status of mu."""
    return in_numbers(vars(row)) | {"mu_status": str(row.mu.status)}


def row_dict(row: ComparisonRow) -> dict[str, Any]:
    """A row for JSON: the number of minima as value, low, high."""
    values = row_numbers(row)
    del values["estimated_minima_low"], values["estimated_minima_high"]
    return values | {"estimated_minima": row.estimated_minima.parts}
