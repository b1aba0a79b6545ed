"""What commands ask of the files that they are given, before they start."""

from pathlib import Path
from typing import Protocol

DATABASE, RUNS = b"SQLite format 3\0", b"\x89HDF\r\n\x1a\n"  # how the files begin


class HoldsMinima(Protocol):
    """A database, or the network in a file."""

    @property
    def n_minima(self) -> int: ...
    @property
    def path(self) -> Path: ...


def check_minima(database: HoldsMinima, fewest: int) -> None:
    """Raise a ValueError if a database holds fewer minima."""
    if (number := database.n_minima) < fewest:
        held = {0: "no minimum", 1: "only one minimum"}[number]
        msg = f"{database.path} holds {held}; explore it further"
        raise ValueError(msg)


def check_order(database: Path, trajectories: Path) -> None:
    """Raise a ValueError if a file of runs is given in place of a database, and the database in place of the runs."""
    if _begins_with(RUNS, database) and _begins_with(DATABASE, trajectories):
        msg = f"{database} holds runs and {trajectories} is a database: exchange the two arguments"
        raise ValueError(msg)


def _begins_with(mark: bytes, path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(mark)) == mark
