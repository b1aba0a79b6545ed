"""Load data sets by name, or again from their metadata."""

import inspect
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from landscape.datasets._dataset import Dataset
from landscape.datasets._frames import SKLEARN, TABLES, maker_of
from landscape.datasets._ljat import ljat
from landscape.datasets._mnist import mnist
from landscape.datasets._older_tables import older_table
from landscape.datasets._table import sklearn_table, table
from landscape.datasets._teacher import NAME, teacher, teacher_of_name
from landscape.support import NOT_SETTINGS, present_names

log = logging.getLogger(__name__)

MAKERS: dict[str, Callable[..., Dataset]] = {
    "ljat": ljat,
    "mnist": mnist,
    NAME: teacher,
    "table": table,
    SKLEARN: sklearn_table,
}
# metadata that are not arguments of a maker, or not allowed: reading a file downloads nothing
NOT_ARGUMENTS = (*NOT_SETTINGS, "download")
PATHS = {"path": str | os.PathLike, "data_dir": str | os.PathLike | None}  # metadata that are paths
OLDER_TABLE = ("path", "rows", "standardize", "label_column")  # metadata of a table from older versions
KNOWN_TABLES = ", ".join(f"{SKLEARN}:{table}" for table in TABLES)
DEFAULT_LJAT_ROWS = 1000
REGRESSION_TEACHER: Any = (5, 3, 1)


def load(
    name: str | os.PathLike[str],
    *,
    rows: int | None = None,
    seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Dataset:
    """Load a data set by name, or from a file.

    Parameters
    ----------
    name : str or path
        ``"ljat"``, ``"mnist"``, ``"teacher"``, ``"teacher:10,4,1"`` with layers of its own and perhaps an activation
        (``"teacher:10,4,1:gelu"``), the path of a file (see `table`), or one of scikit-learn's tables:
        ``"sklearn:iris"``, ``"sklearn:wine"``, ``"sklearn:breast_cancer"``, ``"sklearn:digits"``.
    rows : int, optional
        Training rows. By default 1000 for ljat and teacher, all rows for the others.
    seed : int
        Seed of ljat, mnist and teacher; for a table, the seed that draws the training rows.
    data_dir : path, optional
        Directory of the MNIST files.
    **options
        Further keyword arguments of `ljat`, `mnist`, `teacher` or `table`.

    Raises
    ------
    ValueError
        If the name or an option does not exist, or an argument is invalid.
    FileNotFoundError
        If a file is missing.
    """
    if name == "ljat":
        given = {"rows": DEFAULT_LJAT_ROWS if rows is None else rows}
        return _all_classes(_make("ljat", {**given, "seed": seed, **options}))
    if maker_of(str(name)) == NAME:
        given = {} if rows is None else {"rows": rows}
        usual = {"teacher_layers": REGRESSION_TEACHER} if options.get("regression") else {}
        return _all_classes(_make(NAME, {**given, **usual, **teacher_of_name(str(name)), "seed": seed, **options}))
    if name == "mnist":
        given = {} if rows is None else {"rows": rows}
        return _all_classes(_make("mnist", {**given, "seed": seed, "data_dir": data_dir, **options}))
    if maker_of(str(name)) == SKLEARN:
        return _make(SKLEARN, {"name": str(name), "rows": rows, "seed": seed, **options})
    path = Path(name)
    if not path.exists() and not path.suffix and len(path.parts) == 1:
        msg = f"unknown data set {str(name)!r}: expected ljat, mnist, teacher, {KNOWN_TABLES} or the path of a file"
        raise ValueError(msg)
    return _make("table", {"source": path, "rows": rows, "seed": seed, **options})


def reload(
    metadata: Mapping[str, Any], sha256: str | None = None, *, data_dir: str | os.PathLike[str] | None = None
) -> Dataset:
    """Make a data set again from its `metadata`.

    Parameters
    ----------
    metadata : mapping
        ``Dataset.metadata``, possibly read back from JSON.
    sha256 : str, optional
        The ``Dataset.sha256`` that the data set must have.
    data_dir : path, optional
        Folder of the MNIST files, if they lie elsewhere now; other data sets have none.

    Raises
    ------
    ValueError
        If the metadata name no known data set or an argument is invalid, or the digest differs: a file has changed.
    """
    name = metadata.get("name")
    if not isinstance(name, str) or (maker := maker_of(name)) not in MAKERS:
        msg = f"metadata must have a name among {', '.join(MAKERS)}; got {name!r:.200}"
        raise ValueError(msg)
    if metadata.get("name") == "table" and "path" in metadata and metadata["path"] is None:
        msg = "these data came from a pandas frame, not from a file: make the loss of the same frame and pass it"
        raise ValueError(msg)
    for key, kinds in PATHS.items():
        if key in metadata and not isinstance(metadata[key], kinds):
            msg = f"metadata must have a path as {key}; got {metadata[key]!r:.200}"
            raise ValueError(msg)
    if name == "table" and "in_order" not in metadata and all(key in metadata for key in OLDER_TABLE):
        dataset = older_table(**{key: metadata[key] for key in OLDER_TABLE})
    else:
        dataset = _make(maker, _arguments(maker, metadata, data_dir))
    if sha256 is not None and dataset.sha256 != sha256:
        source = metadata.get("path", name)
        msg = f"{source}: the data have changed: sha256 is {dataset.sha256}, expected {sha256}"
        raise ValueError(msg)
    return dataset


def _arguments(maker: str, metadata: Mapping[str, Any], data_dir: str | os.PathLike[str] | None) -> Mapping[str, Any]:
    """Arguments of a maker that the metadata describe."""
    given = {key: value for key, value in present_names(metadata).items() if key not in NOT_ARGUMENTS}
    if maker != SKLEARN:
        del given["name"]
    if maker == "table" and "path" in given:
        given["source"] = given.pop("path")
    return given | ({"data_dir": data_dir} if data_dir is not None and maker == "mnist" else {})


def _all_classes(dataset: Dataset) -> Dataset:
    """The data set itself, with a warning that names classes without training rows."""
    if missing := [] if dataset.is_regression else np.flatnonzero(dataset.class_counts == 0).tolist():
        shown = ", ".join(map(str, missing))
        name = dataset.metadata["name"]
        log.warning("%s: none of the %d training rows is of class %s", name, dataset.rows, shown)
    return dataset


def _make(name: str, arguments: Mapping[str, Any]) -> Dataset:
    """Call a maker after checking the names of its arguments."""
    parameters = inspect.signature(MAKERS[name]).parameters
    unknown = [key for key in arguments if key not in parameters]
    missing = [key for key, p in parameters.items() if p.default is p.empty and key not in arguments]
    if unknown or missing:
        problem = f"has no option {unknown[0]!r}" if unknown else f"needs {missing[0]!r}"
        msg = f"data set {name!r} {problem}; its options are {', '.join(parameters)}"
        raise ValueError(msg)
    return MAKERS[name](**arguments)
