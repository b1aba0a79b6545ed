"""What `graph` and `kinetics` open: a database of agescape, or the network in a file of another program."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from bridge.commands._network_words import describe_network
from bridge.commands._options import describe_metadata
from landscape.database import PROPERTIES, Database, Property, loss_of, minimum_property
from landscape.graph import LandscapeGraph, components
from landscape.interchange import KineticNetwork, is_foreign, read_network
from landscape.losses import DataLoss, LoadedModule

LandscapePath = Annotated[
    Path,
    typer.Argument(
        help="Database of agescape or pele, npz or GraphML file, folder with min.data and ts.data (PATHSAMPLE, PyGT, "
        "topography-searcher), or local optima network (F.csv, F.nodes)."
    ),
]
STORED = ("hits", "trace", "log-determinant", "orbit")  # columns that a database knows without its data
OUR_NAMES = {"log-determinant": "log_product", "orbit": "orbit_size"}  # of columns, as properties of a database


class NetworkFile:
    """A network in a file, with those methods of a `Database` that drawings use."""

    def __init__(self, network: KineticNetwork) -> None:
        self.network = network
        self.path = network.source

    @property
    def n_minima(self) -> int:
        return self.network.graph.n_minima

    @property
    def n_transition_states(self) -> int:
        return self.network.graph.n_transition_states

    def graph(self) -> LandscapeGraph:
        return self.network.graph

    def minimum_ids(self) -> NDArray[Any]:
        """Ids of the minima (n,), in the order of the graph."""
        return self.network.ids

    def positions(self, numbers: Any) -> NDArray[np.int64]:
        return self.network.positions(numbers)

    def unchecked_ends(self) -> frozenset[int]:
        """None: no file of another program says what was checked."""
        return frozenset()


Source = Database | NetworkFile


@contextmanager
def open_landscape(path: Path) -> Iterator[Source]:
    """A database of agescape, or any other landscape."""
    if is_foreign(path):
        yield NetworkFile(read_network(path))
    else:
        with Database(path) as opened:
            yield opened


def named_loss(source: Source, module: LoadedModule | None, data_dir: Path | None) -> DataLoss | None:
    """The loss of a database whose module or data are named; None without them, ValueError if there is no module."""
    if isinstance(source, Database):
        return None if module is None and data_dir is None else loss_of(source, module=module, data_dir=data_dir)
    if module is None:
        return None
    msg = f"{source.path} is no database of agescape: it belongs to no module, leave --module out"
    raise ValueError(msg)


def property_of(source: Source, name: str, option: str, *, loss: DataLoss | None = None, jobs: int = 1) -> Property:
    """A number for each minimum, by which the graph is colored or labeled; ValueError if it is not known."""
    known: Mapping[str, Any] = {} if isinstance(source, Database) else _properties(source.network)
    names = PROPERTIES if isinstance(source, Database) else known
    if name not in names:
        msg = f"--{option} must be one of {', '.join(names)}, which {source.path} knows of its minima; got {name!r}"
        raise ValueError(msg)
    if isinstance(source, Database):
        return minimum_property(source, name, loss=loss, jobs=jobs)
    return Property(name, known[name], "energy" if name == "loss" else name.replace("-", " "), False)


def column_names(source: Source) -> tuple[str, ...]:
    """Columns that are known without computing anything, beside loss and id."""
    if isinstance(source, Database):
        return STORED
    return tuple(name for name in _properties(source.network) if name not in {"loss", "id"})


def _properties(network: KineticNetwork) -> dict[str, NDArray[np.float64]]:
    """What a file says of each minimum, by the name on the command line."""
    found = {"loss": network.graph.losses}
    if network.ids.dtype.kind == "i":
        found["id"] = network.ids.astype(np.float64)
    columns = {name: values for name, values in network.columns.items() if values.ndim == 1}
    ours = {ours: columns[name] for ours, name in OUR_NAMES.items() if name in columns}
    return found | ours | {name.replace("_", "-"): v for name, v in columns.items() if name not in OUR_NAMES.values()}


def sizes_of(source: Source) -> dict[str, int]:
    """Minima, transition states, components and upper bounds."""
    graph = source.graph()
    return {
        "minima": graph.n_minima,
        "transition_states": graph.n_transition_states,
        "components": int(components(graph).max(initial=-1)) + 1,
        "bounds": len(graph.bounds),
    }


def describe_source(source: Source) -> dict[str, Any]:
    """What the JSON of anything made from it says of the data, or of the file of another program."""
    if isinstance(source, Database):
        return describe_metadata(source.provenance.dataset)
    return describe_network(source.network)
