"""Merge several databases of one loss, from several machines or seeds."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from landscape import symmetry
from landscape.database._merged_searches import OneFile, OneSearch, together, was_merged_before
from landscape.database._new_databases import check_new, new_database
from landscape.database._records import (
    Bound,
    Find,
    Provenance,
    RandomStart,
    SearchOrigin,
    StoredMinimum,
    StoredTransitionState,
    loss_difference,
)
from landscape.database._store import Database
from landscape.support import Result

Ids = dict[tuple[int, int | None], int | None]  # (number of the file, id there) to id in the new file
StateIds = dict[tuple[int, int], int]


@dataclass(frozen=True)
class Merged(Result):
    """Contents of a merged database."""

    path: Path
    minima: int
    transition_states: int
    searches: int
    repeated_searches: int  # searches with the same seed and number in several files: kept once, as are their hits


def merge(paths: Sequence[str | Path], output: str | Path, *, seed: int | None = None) -> Merged:
    """Merge databases of one loss into a new file, which does not depend on their order.

    - Points that are the same modulo symmetry become one, represented by that with the lowest loss. Ids follow
      the losses.
    - Different transition states between the same two minima are kept.
    - A search that several files hold (the same seed, number, kind and initial minima) is kept once, and so are
      its hits: merging a file with itself, a copy, or a shorter exploration of the same seed changes nothing. Hits come
      from searches; those of a file without searches are dropped. Files written before agescape stored what each search
      found count conservatively where they overlap (`landscape.database`).
    - Attempts are renumbered from 0, so `explore` continues with the search whose number is the number of attempts.
      No point keeps the number of the search that found it, because all later searches know all points.
    - Fresh random starts (`estimate_minima`) are kept, each once.
    - Quench results of points of trajectories are kept, and the snapshot that found the minimum that represents others.
    - Of upper bounds on barriers the lowest are kept (`Database.remove_superseded_bounds`).

    Parameters
    ----------
    paths : sequence of paths
        Databases with the same network, data set, lambda and choice of penalty; their seeds may differ.
    output : path
        The new file.
    seed : int, optional
        Seed for continued exploration; by default the smallest seed of the files.

    Raises
    ------
    ValueError
        If there is no path, a file is damaged, or two belong to different losses: the message names what differs.
    FileExistsError
        If `output` exists.
    FileNotFoundError
        If one of the databases does not exist.
    """
    if not paths:
        msg = "paths must name at least one database; got none"
        raise ValueError(msg)
    check_new(output)
    with ExitStack() as stack:
        files = [stack.enter_context(Database(path)) for path in paths]
        _check_same_loss(files)
        with new_database(output, _provenance(files, seed)) as merged:
            ids, state_ids = _add_points(files, merged)
            searches, repeated = _add_attempts(files, merged, ids, state_ids)
            _add_random_starts(files, merged, ids)
            _add_inherent_structures(files, merged, ids)
            _add_bounds(files, merged, ids)
            counts = len(merged.minima), len(merged.transition_states)
        return Merged(Path(output), *counts, searches, repeated)


def _check_same_loss(files: Sequence[Database]) -> None:
    first = files[0]
    for other in files[1:]:
        if found := loss_difference(first.provenance, other.provenance):
            its = f"its {found.name} is {found.other!r}, not {found.own!r}"
            msg = f"{other.path} belongs to a different loss than {first.path}: {its}"
            raise ValueError(msg)


def _provenance(files: Sequence[Database], seed: int | None) -> Provenance:
    all_of_them = [file.provenance for file in files]
    versions: dict[str, set[str]] = {}
    for provenance in all_of_them:
        for name, version in provenance.versions.items():
            versions.setdefault(name, set()).update(version.split(" or "))  # a file may itself be the result of a merge
    return replace(
        all_of_them[0],
        dataset=min((provenance.dataset for provenance in all_of_them), key=_preference),
        seed=min(provenance.seed for provenance in all_of_them) if seed is None else seed,
        versions={name: " or ".join(sorted(found)) for name, found in sorted(versions.items())},
    )


def _preference(dataset: object) -> tuple[bool, str]:
    """Among several ways to make the data again, prefer one whose file is on this machine."""
    path = dataset.get("path") if isinstance(dataset, dict) else None
    return path is not None and not Path(path).exists(), json.dumps(dataset, sort_keys=True)


def _add_points(files: Sequence[Database], merged: Database) -> tuple[Ids, StateIds]:
    """Add all points, without hits, in an order that does not depend on that of the files; return the new ids."""
    ids: Ids = {(k, None): None for k in range(len(files))}
    for file in files:
        _check_isolated(file)
    minima = [(k, minimum) for k, file in enumerate(files) for minimum in file.minima]
    for k, minimum in sorted(minima, key=_point_key):
        ids[k, minimum.id], _ = merged.add_minimum(
            minimum.point, origin=minimum.origin, hits=0, discovery=minimum.discovery
        )
    state_ids: StateIds = {}
    states = [(k, state) for k, file in enumerate(files) for state in file.transition_states]
    unchecked = [file.unchecked_ends() for file in files]
    for k, state in sorted(states, key=_point_key):
        first, second = (ids[k, number] or 0 for number in state.minimum_ids)
        state_ids[k, state.id], _ = merged.add_transition_state(
            state.point, (first, second), origin=state.origin, hits=0, ends_checked=state.id not in unchecked[k]
        )
    return ids, state_ids


def _check_isolated(file: Database) -> None:
    """Raise a ValueError if a file of an older version holds points whose index rounding decides."""
    for stored in (*file.minima, *file.transition_states):
        if flat := stored.point.flat:
            what = "minimum" if isinstance(stored, StoredMinimum) else "transition state"
            msg = (
                f"{file.path}: {what} {stored.id} is degenerate, flat along {flat} directions within rounding, and "
                "cannot be distinguished; `agescape verify` names all such points"
            )
            raise ValueError(msg)


def _point_key(entry: tuple[int, StoredMinimum | StoredTransitionState]) -> tuple:
    _, stored = entry
    discovery = repr(stored.discovery) if isinstance(stored, StoredMinimum) else ""
    return stored.point.value, stored.point.coordinates.tobytes(), stored.origin, stored.hits, discovery


def _add_attempts(files: Sequence[Database], merged: Database, ids: Ids, state_ids: StateIds) -> tuple[int, int]:
    """Add all attempts and their hits; return their number, and how many shared ones were dropped."""
    each = [_searches_of(k, file, ids, state_ids) for k, file in enumerate(files)]
    found = together(each)
    for number, one in enumerate(found.searches):
        finds = [Find(number, *point, count) for point, count in sorted((one.finds or {}).items())]
        origin = None if one.identity is None else SearchOrigin(number, *one.identity, one.finds is not None)
        merged.add_attempt(replace(one.attempt, search=number), origin, finds)
    for (point, number), count in sorted(found.hits.items()):
        merged.add_hits(point, number, count)
    return len(found.searches), sum(len(file.searches) for file in each) - len(found.searches)


def _searches_of(k: int, file: Database, ids: Ids, state_ids: StateIds) -> OneFile:
    """The searches of file number k, and its hits."""
    origins = {origin.search: origin for origin in file.search_origins()}
    finds: dict[int, Counter[tuple[str, int]]] = {number: Counter() for number, o in origins.items() if o.finds_known}
    for find in file.finds():
        new = ids.get((k, find.point_id)) if find.point == "minimum" else state_ids.get((k, find.point_id))
        if new is not None and find.search in finds:
            finds[find.search][find.point, new] += find.hits
    points = [*file.minima, *file.transition_states]
    merged_before = was_merged_before((point.origin, point.search) for point in points)
    searches = []
    for attempt in file.attempts():
        origin = origins.get(attempt.search)
        identity = None if merged_before else (file.provenance.seed, attempt.search)
        mapped = replace(attempt, minimum_ids=tuple(ids.get((k, number)) for number in attempt.minimum_ids))
        searches.append(
            OneSearch(mapped, identity if origin is None else (origin.seed, origin.number), finds.get(attempt.search))
        )
    hits: Counter[tuple[str, int]] = Counter()
    for minimum in file.minima:
        hits["minimum", ids[k, minimum.id] or 0] += minimum.hits
    for state in file.transition_states:
        hits["transition state", state_ids[k, state.id]] += state.hits
    return OneFile(searches, hits)


def _add_bounds(files: Sequence[Database], merged: Database, ids: Ids) -> None:
    for k, file in enumerate(files):
        for pair in file.bounds()[0].tolist():
            bound = file.bound(pair)
            first, second = (ids[k, number] or 0 for number in bound.minimum_ids)
            if first != second:
                merged.add_bound(_between(merged, first, second, bound))
    merged.remove_superseded_bounds()


def _between(merged: Database, first: int, second: int, bound: Bound) -> Bound:
    """A bound of a file between minima (ids) of the merged one, which may be other images, known more precisely."""
    minima = [merged.minimum(number).point for number in (first, second)]
    points = bound.points.copy()
    for at, minimum in zip((0, -1), minima, strict=True):
        points[at] = symmetry.nearest_image(merged.network, minimum.coordinates, points[at])
    value = max(bound.value, *(minimum.value for minimum in minima))
    order = 1 if first < second else -1
    return Bound((min(first, second), max(first, second)), value, points[::order])


def _add_random_starts(files: Sequence[Database], merged: Database, ids: Ids) -> None:
    """Add all fresh random starts, each once; if machines differ, the one that found a minimum, then the lowest id."""
    found: dict[tuple[int, int], RandomStart] = {}
    for k, file in enumerate(files):
        for start in file.random_starts():
            mapped = replace(start, minimum_id=ids.get((k, start.minimum_id)))
            known = found.setdefault((start.seed, start.number), mapped)
            found[start.seed, start.number] = min(known, mapped, key=_start_key)
    for _, start in sorted(found.items()):
        merged.add_random_start(start)


def _start_key(start: RandomStart) -> tuple[bool, int, str]:
    return start.minimum_id is None, start.minimum_id or 0, start.status


def _add_inherent_structures(files: Sequence[Database], merged: Database, ids: Ids) -> None:
    for method in sorted({method for file in files for method in file.quench_methods()}):
        found: dict[str, int | None] = {}
        reasons: dict[str, str] = {}
        for k, file in enumerate(files):
            for point, number in file.inherent_structures(method).items():
                # on another machine the same quench may end elsewhere, or nowhere
                candidates = [new for new in (ids[k, number], found.get(point)) if new is not None]
                found[point] = min(candidates, default=None)
            for point, reason in file.unmapped(method).items():
                reasons[point] = min(reason, reasons.get(point, reason))
        for point in sorted(found):
            merged.add_inherent_structure(point, method, found[point], reasons.get(point))
