"""Command `export`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

from bridge.commands._graph_sources import LandscapePath
from bridge.commands._network_words import source_in_words, source_notes
from bridge.commands._options import AsJson, describe_metadata
from bridge.commands._results import Summary, show
from bridge.commands._words import counted, data_in_words
from landscape import interchange
from landscape.database import Database

Format = Literal["npz", "graphml", "pathsample", "pygt", "topsearch", "lon"]


class Writer(NamedTuple):
    """A format: what people call it, and what writes a whole database, or any network."""

    name: str
    of_database: Callable[[Database, Path], None] | None = None
    of_network: Callable[..., None] | None = None


FORMATS = {
    "npz": Writer("npz", of_database=interchange.export_npz),
    "graphml": Writer("GraphML", of_database=interchange.export_graphml),
    "pathsample": Writer("PATHSAMPLE", of_database=interchange.export_pathsample),
    "topsearch": Writer("topography-searcher", of_database=interchange.export_topsearch),
    "pygt": Writer("PyGT", of_network=interchange.export_pygt),
    "lon": Writer("a local optima network", of_network=interchange.export_lon),
}
SUFFIXES = {".npz": "npz", ".graphml": "graphml", ".csv": "lon", ".nodes": "lon"}


def export_landscape(
    path: LandscapePath,
    output: Annotated[Path, typer.Option(help="F.npz, F.graphml, F.csv, F.nodes, or a folder.")],
    format_: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="pygt and lon also from files of other programs. [default: by the name: npz, graphml, lon for F.csv "
            "(lonkit's trace) and F.nodes (with F.edges); pathsample for a folder]",
        ),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Of the rates that --format pygt writes. [default: no rates]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a landscape for other programs.

    Formats: npz, GraphML, PATHSAMPLE, PyGT, topography-searcher, local optima network.
    """
    name = format_ or _format_of(output)
    writer = FORMATS[name]
    if temperature is not None and name != "pygt":
        msg = f"--temperature is only for --format pygt; got --format {name}"
        raise ValueError(msg)
    if writer.of_network is not None:
        options = {} if temperature is None else {"temperature": temperature}
        result = _export_network(path, output, partial(writer.of_network, **options))
    elif interchange.is_foreign(path):
        msg = f"{path} is no database of agescape: --format {name} needs one; others can become pygt or lon"
        raise ValueError(msg)
    else:
        result = _export_database(path, output, writer)
    result |= {"format": name, "output": output}
    show(result, summarize(result), as_json=as_json)


def _format_of(output: Path) -> str:
    if output.suffix and not output.is_dir():
        if output.suffix not in SUFFIXES:
            msg = f"--output must end in {', '.join(SUFFIXES)}, or be a folder; got {output}"
            raise ValueError(msg)
        return SUFFIXES[output.suffix]
    return "pathsample"


def _export_database(path: Path, output: Path, writer: Writer) -> dict[str, Any]:
    assert writer.of_database is not None
    with Database(path) as opened:
        writer.of_database(opened, output)
        kept = len(opened.bounds()[1])
        bounds = (kept, 0) if writer.name == "npz" else (0, kept)
        return {
            "minima": len(opened.minima),
            "transition_states": len(opened.transition_states),
            "bounds": bounds[0],
            "bounds_left_out": bounds[1],
            **describe_metadata(opened.provenance.dataset),
        }


def _export_network(path: Path, output: Path, write: Callable[..., None]) -> dict[str, Any]:
    network = interchange.read_network(path)
    write(network, output)
    return {
        "minima": network.graph.n_minima,
        "transition_states": network.graph.n_transition_states,
        "bounds": 0,
        "bounds_left_out": len(network.graph.bounds),
        "source_format": network.format,
        "left_out": dict(network.left_out),
        **(describe_metadata(network.metadata) if network.metadata else {}),
    }


def summarize(result: dict[str, Any]) -> Summary:
    """What a person reads of an export."""
    left_out = result["bounds_left_out"]
    bounds = [f"{counted(left_out, 'upper bound')} on barriers left out: only npz holds them."] if left_out else []
    return Summary(
        verdict=f"{counted(result['minima'], 'minimum', 'minima')} and "
        f"{counted(result['transition_states'], 'transition state')} written as {FORMATS[result['format']].name}.",
        facts=data_in_words(result) | source_in_words({"format": result.get("source_format")}),
        notes=[*bounds, *source_notes(result)],
        files={"output": result["output"]},
    )
