"""Command `verify`."""

import dataclasses
from typing import Annotated, Any

import typer

from bridge.commands._module_options import ModuleOptions
from bridge.commands._options import AsJson, DatabaseFile, DataDir, Jobs, describe_metadata
from bridge.commands._progress import progress_bar
from bridge.commands._results import Summary, Table, show
from bridge.commands._words import counted, data_in_words
from landscape.database import Database, loss_of, repair as repair_database, verify as verify_database


def verify(
    database: DatabaseFile,
    paths: Annotated[
        bool, typer.Option("--paths", help="Also follow the paths down from each transition state.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="First remove damaged rows, and what refers to them, from the file.")
    ] = False,
    data_dir: DataDir = None,
    *,
    modules: ModuleOptions,
    jobs: Jobs = -1,
    as_json: AsJson = False,
) -> None:
    """Recompute every certificate of a database; the exit code is 1 if a point fails."""
    removed = repair_database(database) if repair else ()
    with Database(database) as opened:
        module = modules.loaded()
        named = module is not None or data_dir is not None
        loss = loss_of(opened, module=module, data_dir=data_dir) if named else None
        described = describe_metadata(opened.provenance.dataset)
    with progress_bar() as bar:
        found = verify_database(
            database, loss, paths=paths, jobs=jobs, progress=lambda done, total: bar("verify", done, total)
        )
    result = {
        "minima": found.minima,
        "transition_states": found.transition_states,
        "failures": len({(failure.kind, failure.id) for failure in found.failures}),
        "paths": found.paths,
        "unchecked_ends": found.unchecked_ends,
        **described,
        "failed": [dataclasses.asdict(failure) for failure in found.failures],
        "removed": [dataclasses.asdict(row) for row in removed],
    }
    show(result, summarize(result), as_json=as_json)
    if found.failures:
        raise typer.Exit(1)


def summarize(result: dict[str, Any]) -> Summary:
    """What a person reads of a verification."""
    points = f"{counted(result['minima'], 'minimum', 'minima')} and " + counted(
        result["transition_states"], "transition state"
    )
    failures = result["failures"]
    verdict = f"All certificates hold: {points}."
    if failures:
        verdict = f"{counted(failures, 'point fails', 'points fail')} of {points}."
    unchecked = result["unchecked_ends"]
    notes = []
    if unchecked:
        notes.append(f"The ends of {counted(unchecked, 'transition state')} were never checked: verify with --paths.")
    rows = [("removed", f"{row['kind']} {row['id']}", row["why"]) for row in result["removed"]]
    rows += [("fails", f"{row['kind']} {row['id']}", row["what"]) for row in result["failed"]]
    return Summary(
        verdict=verdict,
        facts=({"paths followed": f"{result['paths']:,}"} if result["paths"] else {}) | data_in_words(result),
        tables=[Table(("", "point", "reason"), rows)] if rows else [],
        notes=notes,
    )
