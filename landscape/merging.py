"""Several databases of one loss as one: what several machines, or several seeds, have found."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from landscape._new_databases import check_new, new_database
from landscape.database import Database
from landscape.records import Attempt, Provenance, StoredMinimum, StoredTransitionState, differing_field

Ids = dict[tuple[int, int | None], int | None]  # (number of the file, id there) to id in the new file


@dataclass(frozen=True)
class Merged:
    """What a merged database holds."""

    path: Path
    minima: int
    transition_states: int
    searches: int
    repeated_searches: int  # the same search of the same seed in several files: kept once, though its hits add up


def merge(paths: Sequence[str | Path], output: str | Path, *, seed: int | None = None) -> Merged:
    """Join databases of one loss into a new file, which does not depend on their order.

    - Points that are the same modulo symmetry are one: their hits add up, and the one with the lowest loss
      stands for them. Ids follow the losses.
    - Transition states between the same two minima stay apart unless they are the same point.
    - All attempts are kept, so that no pair is tried again, and numbered anew from 0. So `explore` goes on with
      the search whose number is the number of attempts: no file has that one. No point keeps the
      number of the search that found it: all searches to come know all points.
    - Where points of trajectories were quenched to is kept, and which snapshot found the minimum that stands for
      others.

    Parameters
    ----------
    paths : sequence of paths
        Databases with the same network, data set, lambda and choice of penalty; their seeds may differ.
    output : path
        The new file.
    seed : int, optional
        With which `explore` goes on; by default the smallest of those of the files.

    Raises
    ------
    ValueError
        If there is no path, a file is damaged, or two belong to different losses: the message names what differs.
    FileExistsError
        If `output` exists.
    FileNotFoundError
        If one of the databases does not.
    """
    if not paths:
        msg = "paths must name at least one database; got none"
        raise ValueError(msg)
    check_new(output)
    with ExitStack() as stack:
        files = [stack.enter_context(Database(path)) for path in paths]
        _check_same_loss(files)
        with new_database(output, _provenance(files, seed)) as merged:
            ids = _add_points(files, merged)
            searches, repeated = _add_attempts(files, merged, ids)
            _add_inherent_structures(files, merged, ids)
            counts = len(merged.minima), len(merged.transition_states)
        return Merged(Path(output), *counts, searches, repeated)


def _check_same_loss(files: Sequence[Database]) -> None:
    first = files[0]
    for other in files[1:]:
        if name := differing_field(first.provenance, other.provenance):
            ours, theirs = (getattr(file.provenance, name) for file in (first, other))
            msg = f"{other.path} belongs to another loss than {first.path}: its {name} is {theirs!r}, not {ours!r}"
            raise ValueError(msg)


def _provenance(files: Sequence[Database], seed: int | None) -> Provenance:
    all_of_them = [file.provenance for file in files]
    versions: dict[str, set[str]] = {}
    for provenance in all_of_them:
        for name, version in provenance.versions.items():
            versions.setdefault(name, set()).update(version.split(" or "))  # one file may have been merged before
    return replace(
        all_of_them[0],
        dataset=min((provenance.dataset for provenance in all_of_them), key=_preference),
        seed=min(provenance.seed for provenance in all_of_them) if seed is None else seed,
        versions={name: " or ".join(sorted(found)) for name, found in sorted(versions.items())},
    )


def _preference(dataset: object) -> tuple[bool, str]:
    """Of several ways to make the data again, that first whose file is on this machine."""
    path = dataset.get("path") if isinstance(dataset, dict) else None
    return path is not None and not Path(path).exists(), json.dumps(dataset, sort_keys=True)


def _add_points(files: Sequence[Database], merged: Database) -> Ids:
    """Add all points in an order that does not depend on that of the files: the new ids of the minima."""
    ids: Ids = {(k, None): None for k in range(len(files))}
    for file in files:
        _check_isolated(file)
    minima = [(k, minimum) for k, file in enumerate(files) for minimum in file.minima]
    for k, minimum in sorted(minima, key=_point_key):
        ids[k, minimum.id], _ = merged.add_minimum(
            minimum.point, origin=minimum.origin, hits=minimum.hits, discovery=minimum.discovery
        )
    states = [(k, state) for k, file in enumerate(files) for state in file.transition_states]
    unchecked = [file.unchecked_ends() for file in files]
    for k, state in sorted(states, key=_point_key):
        first, second = (ids[k, number] or 0 for number in state.minimum_ids)
        merged.add_transition_state(
            state.point,
            (first, second),
            origin=state.origin,
            hits=state.hits,
            ends_checked=state.id not in unchecked[k],
        )
    return ids


def _check_isolated(file: Database) -> None:
    """Raise a ValueError if a file of an older version holds points whose index rounding decides."""
    for stored in (*file.minima, *file.transition_states):
        if flat := stored.point.flat:
            what = "minimum" if isinstance(stored, StoredMinimum) else "transition state"
            msg = (
                f"{file.path}: {what} {stored.id} is degenerate, flat along {flat} directions within rounding, and "
                "cannot be told from others; `agescape verify` names all such points"
            )
            raise ValueError(msg)


def _point_key(entry: tuple[int, StoredMinimum | StoredTransitionState]) -> tuple:
    _, stored = entry
    discovery = repr(stored.discovery) if isinstance(stored, StoredMinimum) else ""
    return stored.point.value, stored.point.coordinates.tobytes(), stored.origin, stored.hits, discovery


def _add_attempts(files: Sequence[Database], merged: Database, ids: Ids) -> tuple[int, int]:
    """Add all attempts: how many, and how many more there would be without those that several files share.

    Two copies of one file that went their own ways have their first searches in common.
    """
    kept: Counter[tuple[int, Attempt]] = Counter()
    total = 0
    for k, file in enumerate(files):
        attempts = [replace(a, minimum_ids=tuple(ids[k, number] for number in a.minimum_ids)) for a in file.attempts()]
        kept |= Counter((file.provenance.seed, attempt) for attempt in attempts)
        total += len(attempts)
    in_order = sorted(kept.elements(), key=lambda entry: (entry[1].search, entry[0], repr(entry[1])))
    for number, (_, attempt) in enumerate(in_order):
        merged.add_attempt(replace(attempt, search=number))
    return len(in_order), total - len(in_order)


def _add_inherent_structures(files: Sequence[Database], merged: Database, ids: Ids) -> None:
    for method in sorted({method for file in files for method in file.quench_methods()}):
        found: dict[str, int | None] = {}
        reasons: dict[str, str] = {}
        for k, file in enumerate(files):
            for point, number in file.inherent_structures(method).items():
                # the same quench on another machine may end elsewhere, or nowhere
                candidates = [new for new in (ids[k, number], found.get(point)) if new is not None]
                found[point] = min(candidates, default=None)
            for point, reason in file.unmapped(method).items():
                reasons[point] = min(reason, reasons.get(point, reason))
        for point in sorted(found):
            merged.add_inherent_structure(point, method, found[point], reasons.get(point))
