"""Command `import`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands._data_options import LossOptions
from bridge.commands._options import (
    AsJson,
    Jobs,
    NewDatabase,
    Seed,
    describe_metadata,
)
from bridge.commands._progress import progress_bar
from bridge.commands._results import Summary, Table, show
from bridge.commands._words import counted, data_in_words
from landscape import interchange
from landscape.database import Database

SQLITE = b"SQLite format 3\0"
MANY = 3  # points of which a file says another loss than it is: more are shown in JSON alone


def import_database(
    source: Annotated[
        Path,
        typer.Argument(
            help="F.npz written by export, a folder of PATHSAMPLE or topography-searcher, or a pele database."
        ),
    ],
    output: NewDatabase,
    hidden: Annotated[
        str | None,
        typer.Option(help="Units of each hidden layer, e.g. 5,5. Needed, like the data options, for all but npz."),
    ] = None,
    *,
    options: LossOptions,
    check_paths: Annotated[
        bool,
        typer.Option(
            help="Also follow the paths down from transition states; otherwise their ends count as unchecked. "
            "Not for npz."
        ),
    ] = False,
    seed: Seed = 0,
    jobs: Jobs = -1,
    as_json: AsJson = False,
) -> None:
    """Make a database from an npz file, or from another program's points, which are certified again."""
    read = _reader(source)
    if read is None:
        if hidden is not None:
            msg = f"{source} says which loss its points belong to; leave out --hidden"
            raise ValueError(msg)
        result = dataclasses.asdict(interchange.import_npz(source, output))
    else:
        if hidden is None:
            msg = f"{source} does not say which loss its points belong to: give --hidden, --dataset and so on"
            raise ValueError(msg)
        loss = options.loss(hidden)
        with progress_bar() as bar:
            found = read(
                source,
                loss,
                output,
                check_paths=check_paths,
                seed=seed,
                jobs=jobs,
                progress=lambda done, total: bar("certify", done, total),
            )
        result = dataclasses.asdict(found)
    del result["path"]
    with Database(output) as opened:
        result |= {"output": output, **describe_metadata(opened.provenance.dataset)}
    show(result, summarize(result), as_json=as_json)


def summarize(result: dict[str, Any]) -> Summary:
    """What a person reads of an import."""
    notes = []
    if unchecked := result.get("unchecked_ends"):
        notes.append(
            f"The ends of {counted(unchecked, 'transition state')} are those of the file and were not checked: "
            "import with --check-paths, or run agescape verify --paths."
        )
    lines = result.get("contradictions", ())
    if len(lines) > MANY:
        notes.append(f"{len(lines) - MANY} more points contradict the loss; --json lists all.")
    return Summary(
        verdict=f"{counted(result['minima'], 'minimum', 'minima')} and "
        f"{counted(result['transition_states'], 'transition state')} imported.",
        facts=data_in_words(result),
        tables=[
            *_outcomes(result),
            *([Table(("contradicts the loss",), [(line,) for line in lines[:MANY]])] if lines else []),
        ],
        notes=notes,
        files={"database": result["output"]},
    )


def _outcomes(result: dict[str, Any]) -> list[Table]:
    """What became of the points of the file, with how many of them; none for an npz file."""
    names = {"minimum_status": "minimum", "transition_state_status": "transition state"}
    rows = [
        (name, f"{n:,}", interchange.PointStatus[status].value)
        for kind, name in names.items()
        for status, n in result.get(kind, {}).items()
    ]
    return [Table(("candidate for a", "number", "outcome"), rows)] if rows else []


def _reader(source: Path) -> Any:
    """The function that reads points of some loss from there; None for a file that says of which."""
    if source.is_dir():
        texts = (source / "min.coords").is_file() and not (source / "points.min").is_file()
        return interchange.import_topsearch if texts else interchange.import_pathsample
    if not source.exists():
        msg = f"no file or folder at {source}"
        raise FileNotFoundError(msg)
    with source.open("rb") as file:
        start = file.read(len(SQLITE))
    if start == SQLITE:
        return interchange.import_pele
    if start[:2] == b"PK":
        return None
    msg = f"{source} is no npz file, PATHSAMPLE or topography-searcher folder, or pele database, and has no coordinates"
    raise ValueError(msg)
