"""Minima to be joined with the global minimum by transition states."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from landscape.database import Database
from landscape.support import whole_number

VISITED, LOWEST = "visited", "lowest"


class Targets:
    """Minima to join with the global minimum: `"visited"`, `"lowest:N"` or ids.

    Parameters
    ----------
    named : str or sequence of int
        `"visited"`: those that snapshots of SGD belong to (`bridge.inherent_structures` stores them); `"lowest:50"`:
        the 50 lowest, whichever they are at the time; or ids of minima, also as a text, `"3,7,12"`.

    Raises
    ------
    ValueError
        If it is none of these.
    """

    def __init__(self, named: str | Sequence[int]) -> None:
        self._lowest: int | None = None
        self._ids: NDArray[np.int64] | None = None
        if isinstance(named, str):
            self._parse(named)
        else:
            self._ids = np.array([whole_number("connect", number, 0) for number in named], dtype=np.int64)

    def _parse(self, named: str) -> None:
        if match := re.fullmatch(rf"{LOWEST}:([1-9]\d{{0,8}})", named):
            self._lowest = int(match[1])
        elif re.fullmatch(r"\d{1,18}(,\d{1,18})*", named):
            self._ids = np.array(named.split(","), dtype=np.int64)
        elif named != VISITED:
            msg = (
                f"connect must be {VISITED}, {LOWEST}:N (such as {LOWEST}:50) or ids of minima (3,7,12); got {named!r}"
            )
            raise ValueError(msg)

    def check(self, database: Database) -> None:
        """Raise a ValueError if a database holds none of them, or lacks one."""
        known = database.minimum_ids()
        if self._ids is not None and not len(self._ids):
            msg = "connect must name at least one minimum; got none"
            raise ValueError(msg)
        missing = [] if self._ids is None else np.setdiff1d(self._ids, known).tolist()
        if missing:
            msg = f"connect must name minima of {database.path}; it does not hold {', '.join(map(str, missing))}"
            raise ValueError(msg)
        if not len(known):
            msg = f"connect must name minima of {database.path}, which holds none; explore without it first"
            raise ValueError(msg)
        if not len(self.among(known, database)):
            msg = (
                f"connect must name minima that runs visited, but no snapshots are mapped in {database.path} yet; "
                "agescape overlay maps them"
            )
            raise ValueError(msg)

    def among(self, ids: NDArray[np.int64], database: Database) -> NDArray[np.int64]:
        """Positions (t,) of the targets in the ids of minima (n,), lowest first."""
        if self._lowest is not None:
            return np.arange(min(self._lowest, len(ids)))
        wanted = self._ids
        if wanted is None:
            maps = [database.inherent_structures(method) for method in database.quench_methods()]
            wanted = np.array([number for ends in maps for number in ends.values() if number is not None], np.int64)
        return np.flatnonzero(np.isin(ids, wanted))
