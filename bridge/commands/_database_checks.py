"""What commands ask of a database before they draw it."""

from pathlib import Path
from typing import Protocol


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
