"""The text files of IBM's topography-searcher in one folder.

``min.data`` has a line per minimum: number and energy. ``ts.data`` has a line per transition state: the numbers of its
two minima, energy. ``min.coords`` and ``ts.coords`` hold their coordinates, a line per point. ``pairlist`` has the
pairs of minima between which connections were attempted.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landscape.database import Database, StoredMinimum, StoredTransitionState, edges_of
from landscape.interchange._certification import Candidates, Imported, Progress, Said, import_candidates
from landscape.interchange._kinetic_network import KineticNetwork
from landscape.interchange._text_tables import (
    Floats,
    Integers,
    Line,
    check_widths,
    coarsest_digit,
    floats,
    floats_or_nothing,
    integers,
    last_digit,
    read_lines,
)
from landscape.losses import Loss
from landscape.support import new_file

FILES = ("min.coords", "ts.coords", "pairlist", "ts.data", "min.data")  # in the order in which they are written


def export_topsearch(database: Database, folder: str | Path) -> None:
    """Write the five files into `folder`, creating it: minima are numbered from 0, lowest first.

    topography-searcher keeps one transition state for two minima: of parallel ones the last line counts there, so the
    lowest is last. Existing files are replaced; ``min.data`` is removed first and written last.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    minima, states = database.minima, database.transition_states[::-1]
    ends = edges_of(minima, states)
    writers: dict[str, Callable[[], list[str]]] = {
        "min.coords": lambda: _coordinates(minima),
        "ts.coords": lambda: _coordinates(states),
        "pairlist": lambda: [f"{a} {b}" for a, b in np.unique(np.sort(ends, axis=1), axis=0).tolist()],
        "ts.data": lambda: [f"{a} {b} {s.point.value!r}" for (a, b), s in zip(ends.tolist(), states, strict=True)],
        "min.data": lambda: [f"{k} {one.point.value!r}" for k, one in enumerate(minima)],
    }
    (folder / "min.data").unlink(missing_ok=True)
    for name in FILES:
        with new_file(folder / name) as unfinished:
            unfinished.write_text("".join(f"{line}\n" for line in writers[name]()), encoding="ascii", newline="\n")


def _coordinates(points: Sequence[StoredMinimum | StoredTransitionState]) -> list[str]:
    return [" ".join(map(repr, stored.point.coordinates.tolist())) for stored in points]


# ---------------------------------------------------------------- reading


def import_topsearch(
    folder: str | Path,
    loss: Loss,
    output: str | Path,
    *,
    check_paths: bool = False,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Imported:
    """Make a database from topography-searcher's files, with those points that are stationary points of `loss`.

    All numbers except the coordinates and the minima that a transition state connects are computed again (see
    `import_candidates`, also for the arguments); points whose energy in the file differs from the loss at their
    coordinates, beyond the last digit, are rejected.

    Raises
    ------
    FileNotFoundError
        If one of the files with energies and coordinates is missing.
    ValueError
        If a file is not as described, with its path and line; or as for `import_candidates`.
    """
    candidates = read_topsearch(folder)
    return import_candidates(candidates, loss, output, check_paths=check_paths, seed=seed, jobs=jobs, progress=progress)


def read_topsearch(folder: str | Path) -> Candidates:
    """Read coordinates (n, P) and (m, P), energies and edges; raises the errors of `import_topsearch`."""
    folder = Path(folder)
    minima, states = read_lines(folder / "min.data"), read_lines(folder / "ts.data")
    _, ends = _numbered(minima, states)
    points = _points(folder / "min.coords", len(minima)), _points(folder / "ts.coords", len(states))
    return Candidates(folder, *points, ends, _said(minima, 1), _said(states, 2))


def read_topsearch_network(folder: Path) -> KineticNetwork:
    """Read ``min.data`` and ``ts.data`` alone."""
    minima, states = read_lines(folder / "min.data"), read_lines(folder / "ts.data")
    ids, ends = _numbered(minima, states)
    rounding = max(coarsest_digit(minima, 1), coarsest_digit(states, 2))
    return KineticNetwork.of(
        folder, "topography-searcher", floats(minima, 1), floats(states, 2), ends, ids=ids, rounding=rounding
    )


def _numbered(minima: list[Line], states: list[Line]) -> tuple[Integers, Integers]:
    """Numbers (n,) of the minima, and positions (m, 2) of the two of each transition state."""
    check_widths(minima, 2, "number, energy")
    check_widths(states, 3, "two minima, energy")
    ids = integers(minima, 0)
    position = {number: k for k, number in enumerate(ids.tolist())}
    if len(position) < ids.size:
        msg = f"{minima[0][0]}: the numbers of the minima must differ"
        raise ValueError(msg)
    ends = np.stack([integers(states, column) for column in (0, 1)], axis=1)
    for (where, _), pair in zip(states, ends.tolist(), strict=True):
        if not (pair[0] in position and pair[1] in position):
            msg = f"{where}: expected two of the minima in min.data, found {pair[0]} and {pair[1]}"
            raise ValueError(msg)
    places = [[position[end] for end in pair] for pair in ends.tolist()]
    return ids, np.array(places, np.int64).reshape(-1, 2)


def _points(path: Path, n: int) -> Floats:
    lines = read_lines(path)
    points = floats_or_nothing(lines, slice(None))
    if len(lines) != n or points is None:
        msg = f"{path}: expected {n} lines of as many numbers, one for each of the points; found {len(lines)} lines"
        raise ValueError(msg)
    return points


def _said(lines: list[Line], column: int) -> Said:
    return Said(
        losses=floats(lines, column),
        rounding=np.array([0.5 * last_digit(words[column]) for _, words in lines]),
        valid=_all(len(lines)),
        names=[where for where, _ in lines],
    )


def _all(n: int) -> NDArray[np.bool_]:
    return np.ones(n, dtype=np.bool_)
