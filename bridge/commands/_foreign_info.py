"""What `info` says of files that are neither runs nor databases nor data sets, and which command takes them."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bridge.commands._network_words import describe_network, source_notes
from bridge.commands._results import Summary
from bridge.commands._words import between, counted, number, some_of
from dynamics import checkpoints, displacement
from landscape import datasets, graph, interchange

if TYPE_CHECKING:
    from dynamics.checkpoints import Checkpoints
    from dynamics.displacement import MeanSquareDisplacement
    from landscape.interchange import KineticNetwork

ZIP = b"PK\x03\x04"
BINARY = (b"\x93NUMPY", b"\x80\x02\x8a\x0a")  # npy, torch before its zip format
OF_FOLDER = ("min.data", "ts.data")
LON_COLUMNS = ("run", "fit1", "node1", "fit2", "node2")  # of a trace
Said = tuple[dict[str, Any], Summary]


def describe_foreign(file: Path) -> Said | None:
    """What a file is and which command takes it; None for what may be a data set."""
    if displacement.is_displacement_table(file):
        return _of_curves(file, displacement.read_displacement(file))
    if _is_network(file):
        return describe_landscape(file)
    if _is_checkpoint(file):
        return describe_checkpoint(file)
    return None


def describe_checkpoint(file: Path) -> Said:
    """The parameters in a checkpoint."""
    return _of_checkpoint(file, checkpoints.single_checkpoint(file))


def describe_landscape(file: Path) -> Said:
    """The minima and transition states of another program."""
    return _of_network(file, interchange.read_network(file))


def _is_network(file: Path) -> bool:
    """Whether a file or folder is a landscape of another program; databases are not looked at."""
    if file.is_dir():
        return any((file / name).is_file() for name in OF_FOLDER) or any(file.glob("*.nodes"))
    if file.suffix == ".csv":
        return _names(file) == LON_COLUMNS
    begin = _begins(file)
    if begin == ZIP:
        return any(name.startswith("minima_") for name in _members(file))
    return file.name in OF_FOLDER or file.suffix in {".nodes", ".edges"} or begin.startswith(b"<")


def _is_checkpoint(file: Path) -> bool:
    begin = b"" if file.is_dir() else _begins(file)
    if begin == ZIP:
        names = _members(file)
        of_keras = "model.weights.h5" in names
        return not {"inputs.npy", "labels.npy"} & set(names) and (
            of_keras or any(n.endswith((".npy", "/data.pkl")) for n in names)
        )
    return file.suffix == ".safetensors" or any(each.startswith(begin) for each in BINARY if begin)


def _begins(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(len(ZIP))


def _members(file: Path) -> list[str]:
    try:
        with zipfile.ZipFile(file) as opened:
            return opened.namelist()
    except zipfile.BadZipFile:
        return []


def _names(file: Path) -> tuple[str, ...]:
    try:
        return datasets.read_fields(file, most=1).names
    except (ValueError, OSError):
        return ()


def _of_curves(file: Path, msd: "MeanSquareDisplacement") -> Said:
    pairs = int((msd.runs_per_pair > 0).sum())
    result = {
        "kind": "table of displacements",
        "replicas": msd.replicas,
        "waiting_times": msd.waiting_times,
        "lags": msd.lags,
        "pairs": pairs,
        "displacement": [float(np.nanmin(msd.values)), float(np.nanmax(msd.values))],
    }
    waiting, lags = counted(msd.waiting_times.size, "waiting time"), counted(msd.lags.size, "lag")
    return result, Summary(
        verdict=f"{file.name} is a table of displacements of {counted(msd.replicas, 'run')}, at {waiting} and {lags}.",
        facts={
            "waiting times": between(msd.waiting_times, "steps"),
            "lags": between(msd.lags, "steps"),
            "pairs of waiting time and lag": number(pairs),
            "displacement": between(result["displacement"]),
        },
        notes=["Measure its aging with agescape age; a threshold lies between the displacements."],
    )


def _of_network(file: Path, network: "KineticNetwork") -> Said:
    columns, energies = sorted(network.columns), network.graph.losses.tolist()
    sets = {name: len(minima) for name, minima in network.sets.items()}
    sizes = {
        "minima": network.graph.n_minima,
        "transition_states": network.graph.n_transition_states,
        "components": int(graph.components(network.graph).max(initial=-1)) + 1,
    }
    result = {"kind": "landscape", **describe_network(network), **sizes, "energies": [min(energies), max(energies)],
              "columns": columns, "sets": sets}  # fmt: skip
    states = counted(sizes["transition_states"], "transition state")
    parts = counted(sizes["components"], "connected component")
    return result, Summary(
        verdict=f"{file} is a landscape ({network.format}) of {counted(sizes['minima'], 'minimum', 'minima')} "
        f"and {states} in {parts}.",
        facts={
            "energies of the minima": between(energies),
            "known of the minima": ", ".join(name.replace("_", " ") for name in columns) or "their energies alone",
            **({"sets": ", ".join(f"{name} ({n:,})" for name, n in sets.items())} if sets else {}),
        },
        notes=[
            *source_notes(result),
            "Draw it with agescape graph, ask for pathways with agescape path and for rates with agescape kinetics; "
            "agescape import makes a database of it where there is a loss.",
        ],
    )


def _of_checkpoint(file: Path, found: "Checkpoints") -> Said:
    layers = list(dict.fromkeys(one.layer for one in found.parameters))
    result = {
        "kind": "checkpoint",
        "n_parameters": found.n_parameters,
        "dtype": str(found.dtype),
        "parameters": {one.name: list(one.shape) for one in found.parameters},
        "layers": layers,
        "left_out": {why: list(names) for why, names in found.left_out.items()},
    }
    left_out = "; ".join(f"{why}: {some_of(names)}" for why, names in found.left_out.items())
    return result, Summary(
        verdict=f"{file.name} is a checkpoint of {counted(found.n_parameters, 'parameter')} in "
        f"{counted(len(found.parameters), 'tensor')}.",
        facts={
            "numbers": str(found.dtype),
            "layers": f"{counted(len(layers), 'layer')}: {some_of(layers)}",
            **({"left out": left_out} if left_out else {}),
        },
        notes=["Make runs of the checkpoints of a training with agescape import-runs 'PATTERN' --output F.h5."],
    )
