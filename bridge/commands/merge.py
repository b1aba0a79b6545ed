"""Command `merge`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands._options import AsJson, NewDatabase, describe_metadata
from bridge.commands._results import Summary, show
from bridge.commands._words import counted, data_in_words
from landscape.database import Database, merge as merge_databases


def merge(
    databases: Annotated[list[Path], typer.Argument(help="Databases of the same loss.")],
    output: NewDatabase,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Seed for continued exploration. [default: the smallest of the files]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Merge databases of the same loss.

    Points that are equal modulo symmetry become one, and their hits add up. Different transition states between the
    same two minima are kept.
    """
    found = dataclasses.asdict(merge_databases(databases, output, seed=seed))
    del found["path"]
    with Database(output) as opened:
        result = found | {
            "files": len(databases),
            "seed": opened.provenance.seed,
            "output": output,
            **describe_metadata(opened.provenance.dataset),
        }
    show(result, summarize(result), as_json=as_json)


def summarize(result: dict[str, Any]) -> Summary:
    """What a person reads of a merged database."""
    return Summary(
        verdict=f"{counted(result['files'], 'database')} merged: {counted(result['minima'], 'minimum', 'minima')} and "
        f"{counted(result['transition_states'], 'transition state')}.",
        facts={"seed for continued exploration": str(result["seed"]), **data_in_words(result)},
        files={"database": result["output"]},
    )
