"""Command `info`."""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge import comparison
from bridge.commands._exploration import bounds_in_words, describe_exploration
from bridge.commands._exploration_summary import found_in_words
from bridge.commands._foreign_info import describe_checkpoint, describe_foreign, describe_landscape
from bridge.commands._options import AsJson, Target, describe, describe_metadata
from bridge.commands._parsing import columns_of
from bridge.commands._results import Summary, Table, show
from bridge.commands._tables import describe_description, scale_warnings, summarize_table
from bridge.commands._words import counted, data_in_words, number
from dynamics import runs
from dynamics.runs import optimizer_in_words
from landscape import database, datasets, interchange, losses, search
from landscape.datasets import SKLEARN, maker_of
from landscape.support import with_unit

SQLITE, HDF5 = b"SQLite format 3\0", b"\x89HDF\r\n\x1a\n"  # how the files begin


def info(
    file: Annotated[
        Path,
        typer.Argument(
            help="A database, a file of runs, a table (also sklearn:NAME), a table of displacements, a checkpoint, or "
            "a landscape of another program."
        ),
    ],
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Summarize a file: what is understood of it, and of files of other programs which command takes them."""
    if maker_of(str(file)) == SKLEARN:
        if target:
            msg = f"--target is for files; {file} has its own"
            raise ValueError(msg)
        _show_table(str(file), target, as_json=as_json)
        return
    found = _described(file, target)
    if found is None:
        _show_table(file, target, as_json=as_json)
        return
    result, summary = found
    if target is not None:
        msg = f"--target is for tables; {file} is a {result['kind']}"
        raise ValueError(msg)
    show(result, summary, as_json=as_json)


def _described(file: Path, target: list[str] | None) -> tuple[dict[str, Any], Summary] | None:
    """What a file is; None for a data set."""
    if not file.exists():
        runs.load_trajectories(file)  # says whether it is to hold the runs of an interrupted train
    start = b"" if file.is_dir() else _beginning(file)
    if start.startswith(HDF5):
        return _of_hdf5(file)
    if start == SQLITE:
        return _of_sqlite(file)
    if target is None and (found := describe_foreign(file)) is not None:
        return found
    if file.is_dir():
        runs_of = f": agescape import-runs {file} --output ... joins its runs" if file.suffix == ".recording" else ""
        msg = f"cannot read {file}: it is a folder{runs_of or ' without min.data and ts.data'}"
        raise IsADirectoryError(msg)
    return None


def _beginning(file: Path) -> bytes:
    with file.open("rb") as opened:
        start = opened.read(len(SQLITE))
    if not start:
        msg = f"{file} is empty"
        raise ValueError(msg)
    return start


def _of_sqlite(file: Path) -> tuple[dict[str, Any], Summary]:
    """A database of agescape, or else of pele."""
    try:
        return _of_database(file)
    except ValueError:
        if not interchange.is_foreign(file):
            raise
        return describe_landscape(file)


def _of_hdf5(file: Path) -> tuple[dict[str, Any], Summary]:
    """Runs, or else a checkpoint of Keras."""
    try:
        return _of_runs(file)
    except ValueError:
        if not file.name.endswith(".weights.h5"):
            raise
        return describe_checkpoint(file)


def _unit(result: dict[str, Any]) -> str:
    """Unit of the loss in words."""
    return losses.HEADS[_loss_name(result)].unit


def _loss_name(result: dict[str, Any]) -> str:
    return result.get("loss", "cross-entropy")  # files that name none are of cross-entropy


def _of_database(file: Path) -> tuple[dict[str, Any], Summary]:
    with database.Database(file) as opened:
        found = search.summarize(opened)
        provenance = dataclasses.asdict(opened.provenance)
        result = {
            "kind": "database of minima",
            **describe_exploration(found),
            **provenance,
            "data": provenance["dataset"],
            **describe_metadata(opened.provenance.dataset),
            "unchecked_ends": len(opened.unchecked_ends()),
            "found_by_runs": dict(Counter(one.run for one in opened.discoveries().values())),
            "set_aside": [dataclasses.asdict(row) for row in opened.set_aside],
        }
    return result, summarize_database(result, comparison.how_many(found))


def _of_runs(file: Path) -> tuple[dict[str, Any], Summary]:
    found = runs.load_trajectories(file)
    result = {
        "kind": "trajectories",
        "replicas": found.replicas,
        "steps": found.last_step,
        "snapshots": len(found.steps),
        "recorded": int(found.recorded.sum()),
        "waiting_times": found.waiting_times,
        "lags": found.lags,
        "layers": list(dict.fromkeys(one.layer for one in found.parameters)),
        "identity": found.identity,
        "parameters": found.n_parameters,
        **found.metadata,
        **describe_metadata(found.metadata.get("data", {})),
    }
    return result, summarize_runs(result, len(found.steps))


def _show_table(source: Path | str, target: list[str] | None, *, as_json: bool) -> None:
    """Print what is understood of a table, a file or sklearn:NAME, and of its data set unless values are missing."""
    column = columns_of(target)
    table = datasets.describe_table(source, target=column)
    result = describe_description(table)
    if not table.missing_values:
        regression = table.target_ranges is not None
        data = (
            datasets.sklearn_table(source)
            if isinstance(source, str)
            else datasets.table(source, target=column, regression=regression)
        )
        result |= {
            **describe(data),
            **_guess(data),
            "sha256": data.sha256,
            **scale_warnings(data),
        }
    show(result, summarize_table(table, result), as_json=as_json)


def _guess(data: datasets.Dataset) -> dict[str, Any]:
    """The loss of guessing, for the JSON."""
    if isinstance(data, datasets.RegressionDataset):
        return {"constant_error": data.constant_error}
    return {"class_counts": data.class_counts.tolist(), "constant_entropy": data.constant_entropy}


def summarize_database(result: dict[str, Any], there_are: str) -> Summary:
    """What a person reads of a database; `there_are` says how many minima exist."""
    states = counted(result["transition_states"], "transition state")
    notes = [text for text in (result["advice"],) if text]
    if unchecked := result["unchecked_ends"]:
        notes.append(f"The ends of {counted(unchecked, 'transition state')} were never checked: verify with --paths.")
    aside = [(f"{row['kind']} {row['id']}", row["why"]) for row in result["set_aside"]]
    if aside:
        notes.append("Rows that are set aside are not used; agescape verify --repair removes them.")
    by_runs = sum(result["found_by_runs"].values())
    return Summary(
        verdict=f"A database of {counted(result['minima'], 'minimum', 'minima')} and {states} in "
        f"{counted(result['components'], 'connected component')}, after "
        f"{counted(result['searches'], 'search', 'searches')}.",
        facts={
            "minima that exist": there_are,
            **found_in_words(result["found_share"]),
            "minima found by runs": f"{by_runs:,}",
            "lowest loss": number(result["lowest_loss"], _unit(result), 6),
            **bounds_in_words(result["bounds"]),
            **_network(result, result["n_parameters"]),
            **data_in_words(result),
            "penalty": _penalty(result),
            "seed": str(result["seed"]),
        },
        tables=[Table(("set aside", "reason"), aside)] if aside else [],
        notes=notes,
    )


def summarize_runs(result: dict[str, Any], snapshots: int) -> Summary:
    """What a person reads of a file of runs with a number of `snapshots` each."""
    known = {name: result[name] for name in ("noise", "learning_rate", "batch_size", "schedule") if name in result}
    facts = {
        name.replace("_", " "): f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in known.items()
    }
    complete = result["recorded"] == result["replicas"] * snapshots
    kept = (
        f"with {counted(snapshots, 'snapshot')} each"
        if complete
        else (f"with {counted(result['recorded'], 'snapshot')} at {counted(snapshots, 'step')}, not all in each run")
    )
    optimizer = optimizer_in_words(result)
    return Summary(
        verdict=f"{counted(result['replicas'], 'run')} of {counted(result['steps'], 'step')}, {kept}.",
        facts={
            **({"optimizer": optimizer} if optimizer else {}),
            **facts,
            **({} if result.get("layer_sizes") or not result["layers"] else {"layers": ", ".join(result["layers"])}),
            **_network(result, result["parameters"]),
            **data_in_words(result),
            "penalty": _penalty(result),
            "seed": str(result.get("seed", "unknown")),
        },
    )


def _network(result: dict[str, Any], parameters: int) -> dict[str, str]:
    layers = result.get("layer_sizes")
    text = counted(parameters, "parameter")
    if not layers:
        return {"network": f"{_module(result)}{text}"}
    return {
        "network": f"layers {', '.join(map(str, layers))}; {result.get('activation', 'tanh')} units; "
        f"{text}" + ("" if _loss_name(result) == "cross-entropy" else f"; {result['loss']} loss")
    }


def _module(result: dict[str, Any]) -> str:
    """Name and file of a torch module, if they are known."""
    described = result.get("module")
    known = described if isinstance(described, dict) else {key: result.get(f"module_{key}") for key in ("name", "file")}
    return f"module {known['name']} of {known['file']}; " if known["file"] else ""


def _penalty(result: dict[str, Any]) -> str:
    value = result.get("regularization")
    if value is None:
        return "unknown"
    return with_unit(f"{value:g} |theta|^2", _unit(result)) + (
        "" if result.get("regularize_biases", True) else ", biases excluded"
    )
