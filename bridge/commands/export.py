"""Command `export`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands._options import AsJson, DatabaseFile, describe_metadata
from bridge.commands._results import Summary, show
from bridge.commands._words import counted, data_in_words
from landscape import interchange
from landscape.database import Database


def export_database(
    database: DatabaseFile,
    output: Annotated[Path, typer.Option(help="F.npz, F.graphml, or a folder for PATHSAMPLE files.")],
    as_json: AsJson = False,
) -> None:
    """Write a database for other programs: npz, GraphML or PATHSAMPLE files."""
    format_, write = _writer(output)
    with Database(database) as opened:
        write(opened, output)
        result = {
            "minima": len(opened.minima),
            "transition_states": len(opened.transition_states),
            "bounds": len(opened.bounds()[1]) if format_ == "npz" else 0,
            "bounds_left_out": 0 if format_ == "npz" else len(opened.bounds()[1]),
            "format": format_,
            "output": output,
            **describe_metadata(opened.provenance.dataset),
        }
    show(result, summarize(result), as_json=as_json)


def _writer(output: Path) -> tuple[str, Any]:
    if output.suffix == ".npz":
        return "npz", interchange.export_npz
    if output.suffix == ".graphml":
        return "graphml", interchange.export_graphml
    if output.suffix and not output.is_dir():
        msg = f"--output must end in .npz or .graphml, or be a folder; got {output}"
        raise ValueError(msg)
    return "pathsample", interchange.export_pathsample


NAMES = {"npz": "npz", "graphml": "GraphML", "pathsample": "PATHSAMPLE"}


def summarize(result: dict[str, Any]) -> Summary:
    """What a person reads of an export."""
    left_out = result["bounds_left_out"]
    return Summary(
        verdict=f"{counted(result['minima'], 'minimum', 'minima')} and "
        f"{counted(result['transition_states'], 'transition state')} written as {NAMES[result['format']]}.",
        facts=data_in_words(result),
        notes=[f"{counted(left_out, 'upper bound')} on barriers left out: only npz holds them."] if left_out else [],
        files={"output": result["output"]},
    )
