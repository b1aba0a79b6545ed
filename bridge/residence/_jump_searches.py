"""Search the transition states of jumps from the ridges between the snapshots before and after them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.mapping import InherentStructures
from bridge.residence._jumps import Jumps, jumps
from dynamics.runs import Trajectories
from dynamics.snapshots import Measurement, loss_identity, measure_all
from landscape.database import Database, loss_of
from landscape.descent import LARGEST_FOLLOWED
from landscape.losses import DataLoss
from landscape.search import search_ridges, store_connections
from landscape.stationary import Inertia, Minimum, StationaryPoint, TransitionState
from landscape.support import Result

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

ORIGIN = "jump"
MOST_RIDGES = 4  # between the snapshots before and after a jump
OF_A_POINT = ("coordinates", "value", "rms_gradient", "eigenvalues", "hessian_rounding")


@dataclass(frozen=True, eq=False)
class JumpSearch(Result, shows=("searched", "transition_states", "minima")):
    """What the searches from jumps found.

    Attributes
    ----------
    searched : int
        Jumps whose ridges were searched.
    transition_states : int
        New ones in the database.
    minima : int
        New ones in the database, at the ends of these transition states.
    """

    searched: int
    transition_states: int
    minima: int


def unexplained(hops: Jumps) -> Integers:
    """Positions (k,) of the first jump between each two minima that no transition state connects."""
    pairs = np.sort(np.column_stack([hops.sources, hops.targets]), axis=1)
    unknown = np.flatnonzero(hops.transition_states == 0)
    _, first = np.unique(pairs[unknown], axis=0, return_index=True)
    return np.sort(unknown[first])


def search_jumps(
    structures: InherentStructures,
    runs: Trajectories,
    database: Database,
    *,
    loss: DataLoss | None = None,
    most: int | None = None,
    path: str | PathLike[str] | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> JumpSearch:
    """Search the transition states of jumps that the database does not explain, and add them to it.

    For the first jump between each two minima that no transition state connects, the ridges that the straight line
    between the snapshots before and after it crosses are searched, the first four (`landscape.search.search_ridges`).
    All transition states found on the way are kept. They are stored when all searches have ended, so that an
    interrupted call with a `path` loses little, and gives what an uninterrupted one does.

    Parameters
    ----------
    structures : InherentStructures
        Of these runs.
    runs : Trajectories
    database : Database
    loss : MLPLoss or TorchLoss, optional
        As in `bridge.mapping.inherent_structures`.
    most : int, optional
        Number of jumps to search, the first ones; by default all.
    path : path, optional
        Folder of finished searches.
    jobs : int
        Number of workers; it does not change the result.
    progress : callable (done, total), optional

    Raises
    ------
    ValueError
        If `most` is negative, the loss has too many parameters, or a file in the folder cannot be read.
    """
    if most is not None and most < 0:
        msg = f"most must be at least 0; got {most}"
        raise ValueError(msg)
    loss = loss_of(database) if loss is None else loss
    if loss.n_parameters > LARGEST_FOLLOWED:
        msg = (
            f"loss must have at most {LARGEST_FOLLOWED} parameters, because ridges are followed with the Hessians of "
            f"their steps; got {loss.n_parameters}: explore between the visited minima instead"
        )
        raise ValueError(msg)
    hops = jumps(structures, database)
    chosen = unexplained(hops)[:most]
    found = measure_all(
        partial(_search, loss),
        [_snapshots(runs, hops, k) for k in chosen.tolist()],
        loss_identity(loss) | {"measurement": "ridges", "version": 1, "most": MOST_RIDGES},
        path=None if path is None else Path(path),
        jobs=jobs,
        progress=progress,
    )
    connections = [each for one in found for each in _connections(one)]
    known = len(database.minimum_ids())
    transition_states = store_connections(database, connections, origin=ORIGIN)
    return JumpSearch(len(chosen), transition_states, len(database.minimum_ids()) - known)


def _snapshots(runs: Trajectories, hops: Jumps, jump: int) -> Array:
    """Snapshots (2 P,) before and after a jump."""
    places = np.searchsorted(runs.steps, [hops.left[jump], hops.entered[jump]])
    return np.asarray(runs.snapshots[int(hops.runs[jump])], dtype=np.float64)[places].ravel()


def _search(loss: DataLoss, snapshots: Array) -> Measurement:
    """The transition states between two snapshots (2 P,) and the two ends of each, as arrays."""
    ridges = search_ridges(loss, *snapshots.reshape(2, -1), most=MOST_RIDGES)
    searches = [search for ridge in ridges for search in ridge.searches if search.converged]
    states = [search.transition_state for search in searches if search.transition_state is not None]
    vectors = np.array([state.eigenvector for state in states])
    ends = [end for search in searches for end in search.minima]
    return {**_stacked("state", states), "state_eigenvector": vectors, **_stacked("end", ends)}


def _stacked(name: str, points: list[StationaryPoint] | list[TransitionState] | list[Minimum]) -> Measurement:
    found = {f"{name}_{field}": np.array([getattr(point, field) for point in points]) for field in OF_A_POINT}
    inertias = [point.inertia.to_array() for point in points if point.inertia is not None]
    return found | ({f"{name}_inertia": np.array(inertias)} if inertias else {})  # all or none of a loss


def _connections(found: Measurement) -> Iterator[tuple[TransitionState, tuple[Minimum, Minimum]]]:
    for k, vector in enumerate(found["state_eigenvector"]):
        values, more = _unstacked("state", found, k)
        ends = [_unstacked("end", found, number) for number in (2 * k, 2 * k + 1)]
        first, second = (Minimum(*values, **more) for values, more in ends)
        yield TransitionState(*values, eigenvector=vector, **more), (first, second)


def _unstacked(name: str, found: Measurement, k: int) -> tuple[tuple[Array, float, float, Array], dict[str, Any]]:
    coordinates, value, rms_gradient, eigenvalues, rounding = (found[f"{name}_{field}"][k] for field in OF_A_POINT)
    inertia = Inertia.from_array(found[f"{name}_inertia"][k]) if f"{name}_inertia" in found else None
    more = {"hessian_rounding": float(rounding), "inertia": inertia}
    return (coordinates, float(value), float(rms_gradient), eigenvalues), more
