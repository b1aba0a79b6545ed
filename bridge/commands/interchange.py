"""Commands that check databases, join them and carry them to other programs: export, import, merge, verify."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands._console import progress_bar, show
from bridge.commands._options import (
    AsJson,
    DataDir,
    DatasetName,
    DatasetSeed,
    InOrder,
    Jobs,
    LabelColumn,
    Regularization,
    RegularizeBiases,
    Rows,
    Seed,
    Standardize,
    data_options,
    describe_metadata,
    make_loss,
)
from landscape import interchange
from landscape.database import Database, merge as merge_databases, repair as repair_database, verify as verify_database

NewDatabase = Annotated[Path, typer.Option(help="Database to make; it must not exist.")]
SQLITE = b"SQLite format 3\0"
MANY = 3  # points of which a file says another loss than it is: more are shown in JSON alone


def export_database(
    database: Annotated[Path, typer.Argument(help="Database of minima.")],
    output: Annotated[Path, typer.Option(help="F.npz, F.graphml, or a folder for the files of PATHSAMPLE.")],
    seed: Seed = 0,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Write a database for other programs: npz, GraphML or PATHSAMPLE's files."""
    format_, write = _writer(output)
    with Database(database) as opened:
        write(opened, output)
        result = {
            "minima": len(opened.minima),
            "transition_states": len(opened.transition_states),
            "format": format_,
            "output": output,
            **describe_metadata(opened.provenance.dataset),
        }
    show(result, as_json=as_json)


def _writer(output: Path) -> tuple[str, Any]:
    if output.suffix == ".npz":
        return "npz", interchange.export_npz
    if output.suffix == ".graphml":
        return "graphml", interchange.export_graphml
    if output.suffix and not output.is_dir():
        msg = f"--output must end in .npz or .graphml, or be a folder; got {output}"
        raise ValueError(msg)
    return "pathsample", interchange.export_pathsample


def import_database(
    source: Annotated[Path, typer.Argument(help="F.npz of ours, a folder of PATHSAMPLE, or pele's database.")],
    output: NewDatabase,
    hidden: Annotated[
        str | None, typer.Option(help="Hidden layers, e.g. 5,5; this and the next options: not for npz.")
    ] = None,
    dataset: DatasetName = "ljat",
    rows: Rows = None,
    dataset_seed: DatasetSeed = 0,
    data_dir: DataDir = None,
    in_order: InOrder = False,
    standardize: Standardize = False,
    label_column: LabelColumn = None,
    regularization: Regularization = 1e-4,
    regularize_biases: RegularizeBiases = True,
    check_paths: Annotated[
        bool,
        typer.Option(
            help="Follow the paths down from transition states, too; else their ends count as not checked. Not for npz."
        ),
    ] = False,
    seed: Seed = 0,
    jobs: Jobs = -1,
    as_json: AsJson = False,
) -> None:
    """Make a database from a file of ours or of another program; the latter's points are certified anew."""
    read = _reader(source)
    if read is None:
        if hidden is not None:
            msg = f"--hidden is for files that do not say of which loss they are; {source} does"
            raise ValueError(msg)
        result = dataclasses.asdict(interchange.import_npz(source, output))
    else:
        if hidden is None:
            msg = f"{source} does not say of which loss its points are: give --hidden, --dataset and so on"
            raise ValueError(msg)
        options = data_options(in_order, standardize, label_column)
        loss = make_loss(hidden, dataset, rows, dataset_seed, data_dir, regularization, regularize_biases, **options)
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
        if not as_json:
            result["contradictions"] = _shortened(found.contradictions)
    del result["path"]
    with Database(output) as opened:
        result |= {"output": output, **describe_metadata(opened.provenance.dataset)}
    show(result, as_json=as_json)


def _shortened(lines: Sequence[str]) -> str:
    """The first lines, and that there are more."""
    shown = "; ".join(lines[:MANY])
    return f"{shown}; and {len(lines) - MANY} more" if len(lines) > MANY else shown or "none"


def _reader(source: Path) -> Any:
    """The function that reads points of some loss from there; None for a file that says of which."""
    if source.is_dir():
        return interchange.import_pathsample
    if not source.exists():
        msg = f"no file or folder at {source}"
        raise FileNotFoundError(msg)
    with source.open("rb") as file:
        start = file.read(len(SQLITE))
    if start == SQLITE:
        return interchange.import_pele
    if start[:2] == b"PK":
        return None
    msg = (
        f"{source} is no npz file, no folder of PATHSAMPLE and no database of pele, and holds no coordinates to import"
    )
    raise ValueError(msg)


def merge(
    databases: Annotated[list[Path], typer.Argument(help="Databases of one loss.")],
    output: NewDatabase,
    seed: Annotated[
        int | None, typer.Option(min=0, help="With which explore goes on. [default: the smallest of the files]")
    ] = None,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Join databases of one loss: hits add up, parallel transition states stay."""
    found = dataclasses.asdict(merge_databases(databases, output, seed=seed))
    del found["path"]
    with Database(output) as opened:
        result = found | {
            "files": len(databases),
            "seed": opened.provenance.seed,
            "output": output,
            **describe_metadata(opened.provenance.dataset),
        }
    show(result, as_json=as_json)


def verify(
    database: Annotated[Path, typer.Argument(help="Database of minima.")],
    paths: Annotated[
        bool, typer.Option("--paths", help="Follow the paths down from each transition state, too.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="First remove damaged rows, and what names them, from the file.")
    ] = False,
    seed: Seed = 0,
    jobs: Jobs = -1,
    as_json: AsJson = False,
) -> None:
    """Compute every certificate of a database again: ends with 1 if a point fails."""
    removed = repair_database(database) if repair else ()
    with progress_bar() as bar:
        found = verify_database(
            database, paths=paths, jobs=jobs, progress=lambda done, total: bar("verify", done, total)
        )
    with Database(database) as opened:
        described = describe_metadata(opened.provenance.dataset)
    result = {
        "minima": found.minima,
        "transition_states": found.transition_states,
        "failures": len({(failure.kind, failure.id) for failure in found.failures}),
        "paths": found.paths,
        "unchecked_ends": found.unchecked_ends,
        **described,
    }
    if as_json:
        result["failed"] = [dataclasses.asdict(failure) for failure in found.failures]
        result["removed"] = [dataclasses.asdict(row) for row in removed]
    else:
        for row in removed:
            result[f"removed {row.kind} {row.id}"] = row.why
        for failure in found.failures:
            name = f"{failure.kind} {failure.id}"
            result[name] = f"{result[name]}; {failure.what}" if name in result else failure.what
    show(result, as_json=as_json)
    if found.failures:
        raise typer.Exit(1)
