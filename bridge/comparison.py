"""Does the number of minima go with mu? One row per study of an architecture."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from bridge._files import write_text
from bridge.inherent import ORIGIN, check_same_loss
from dynamics import aging, load_trajectories, mean_square_displacement
from landscape import Database, summarize

LANDSCAPE, RUNS, CONTROL = "landscape.db", "sgd.h5", "descent.h5"  # in the folder of each architecture


@dataclass(frozen=True)
class ComparisonRow:
    """Landscape and dynamics of one architecture on one data set; losses in nats, nan: not known."""

    study: str
    hidden: str  # e.g. "5,5"
    parameters: int
    dataset: str
    dataset_seed: int | None
    rows: int
    searches: int
    minima: int
    transition_states: int
    components: int
    estimated_minima: float  # Chao1 over the hits of searches: a lower bound
    estimated_minima_low: float
    estimated_minima_high: float
    minima_from_sgd: int  # first found by quenching snapshots
    lowest_loss: float
    replicas: int
    steps: int
    threshold: float
    mu: float
    mu_low: float
    mu_high: float
    mu_runs_mean: float  # from the mean of the t* of single runs
    mu_control: float  # full-batch descent from the same starts


@dataclass(frozen=True)
class Comparison:
    """Rows, one per architecture, in the order of their folders' names."""

    rows: tuple[ComparisonRow, ...]


def compare(directory: str | Path, *, threshold: float = 1e-2) -> Comparison:
    """Read each folder, two levels deep, that holds landscape.db and sgd.h5 (as `study` makes them).

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the files of a folder do not belong to one loss.
    """
    directory = Path(directory)
    found = (path.parent for depth in ("", "*/", "*/*/") for path in directory.glob(depth + LANDSCAPE))
    folders = sorted(folder for folder in found if (folder / RUNS).is_file())
    if not folders:
        msg = f"{directory} holds no folder with {LANDSCAPE} and {RUNS}"
        raise FileNotFoundError(msg)
    rows = [replace(compare_one(folder, threshold=threshold), study=_name(folder, directory)) for folder in folders]
    return Comparison(tuple(sorted(rows, key=_depth_and_sizes)))


def _name(folder: Path, directory: Path) -> str:
    return folder.resolve().name if folder == directory else str(folder.relative_to(directory))


def _depth_and_sizes(row: ComparisonRow) -> tuple[int, tuple[int, ...], str]:
    sizes = tuple(int(n) for n in row.hidden.split(",") if n)
    return len(sizes), sizes, row.study


def compare_one(
    folder: Path, *, threshold: float, replicas: int | None = None, control_replicas: int | None = None
) -> ComparisonRow:
    """The row of one architecture's folder, from all its runs or the first so many."""
    runs = load_trajectories(folder / RUNS).at_most(replicas)
    fit = aging(mean_square_displacement(runs), threshold)
    control, mu_control = None, math.nan
    if (folder / CONTROL).is_file():
        control = load_trajectories(folder / CONTROL).at_most(control_replicas)
        mu_control = aging(mean_square_displacement(control), threshold).mu
    with Database(folder / LANDSCAPE) as database:
        for ensemble in (runs, control):
            if ensemble is not None:
                check_same_loss(ensemble, database)
        found = summarize(database)
        data = database.provenance.dataset
        estimate = found.estimated_minima
        return ComparisonRow(
            study=folder.name,
            hidden=",".join(str(n) for n in runs.layer_sizes[1:-1]),
            parameters=runs.n_parameters,
            dataset=str(data.get("name")),
            dataset_seed=data.get("seed"),
            rows=int(runs.metadata["rows"]),
            searches=found.searches,
            minima=found.minima,
            transition_states=found.transition_states,
            components=found.components,
            estimated_minima=estimate.value if estimate else math.nan,
            estimated_minima_low=estimate.low if estimate else math.nan,
            estimated_minima_high=estimate.high if estimate else math.nan,
            minima_from_sgd=sum(minimum.origin == ORIGIN for minimum in database.minima),
            lowest_loss=found.lowest_loss,
            replicas=runs.replicas,
            steps=int(runs.steps[-1]),
            threshold=threshold,
            mu=fit.mu,
            mu_low=fit.mu_low,
            mu_high=fit.mu_high,
            mu_runs_mean=fit.mu_runs_mean,
            mu_control=mu_control,
        )


def row_dict(row: ComparisonRow) -> dict[str, Any]:
    """A row as JSON shows it: the estimate as value, low, high."""
    values = asdict(row)
    low, high = values.pop("estimated_minima_low"), values.pop("estimated_minima_high")
    return values | {"estimated_minima": {"value": row.estimated_minima, "low": low, "high": high}}


def write_csv(rows: Sequence[ComparisonRow], path: Path) -> None:
    """Write the table, atomically."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(ComparisonRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_text(path, text.getvalue())
