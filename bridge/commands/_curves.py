"""What `age` opens: runs, or curves of the displacement that others measured."""

from pathlib import Path

from dynamics.displacement import TABLES, MeanSquareDisplacement, mean_square_displacement, read_displacement
from dynamics.runs import Trajectories, load_trajectories


def open_runs_or_curves(path: Path) -> Trajectories | MeanSquareDisplacement:
    """Runs, or the curves in a table."""
    if path.is_file() and path.suffix.lower() in TABLES:
        return read_displacement(path)
    return load_trajectories(path)


def displacement_in(path: Path) -> MeanSquareDisplacement:
    """The displacement of the runs in a file, or the curves in a table."""
    found = open_runs_or_curves(path)
    return found if isinstance(found, MeanSquareDisplacement) else mean_square_displacement(found)


def check_runs(found: Trajectories | MeanSquareDisplacement, path: Path, option: str) -> Trajectories:
    """The runs; a ValueError if an option needs them and there are only curves."""
    if isinstance(found, Trajectories):
        return found
    msg = f"{option} needs files of runs; {path} is a table of displacements"
    raise ValueError(msg)
