"""Data sets from files: CSV, npz, and the MLPdata lines of the Wales group's programs."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from landscape.datasets._arguments import standardized
from landscape.datasets._classes import classes_of
from landscape.datasets._dataset import Dataset
from landscape.datasets._older_tables import read_older, standardized as standardized_before
from landscape.datasets._readers import Content, read
from landscape.datasets._split import stratified_order
from landscape.support import new_file, reading, whole_number

Array = NDArray[np.float64]

log = logging.getLogger(__name__)


def table(
    path: str | os.PathLike[str],
    *,
    rows: int | None = None,
    standardize: bool = False,
    label_column: str | int | None = None,
    in_order: bool = False,
    seed: int | None = 0,
) -> Dataset:
    """Read a data set from a file.

    - ``.npz``: arrays ``inputs`` (n, D), ``labels`` (n,) and optionally ``test_inputs``,
      ``test_labels``, ``n_classes``; never pickled objects.
    - ``.csv``, ``.tsv`` and all other files whose fields are separated by commas, semicolons, tabs or bars: one row
      per line, with or without a line of column names, the labels last.
    - anything else: ``MLPdata``, numbers separated by white space without column names, the outcome first.

    The delimiter is detected. Empty lines and comments (``#``, ``%``) are skipped. A first line 0, 1, 2 and so on that
    is not a row, and a first column that numbers or names the rows (pandas' index, R's row names, ``id``), are
    recognized, and a warning is logged.

    Parameters
    ----------
    path : path
        The file.
    rows : int, optional
        Number of training rows; the rest are test rows. By default all rows train; for an npz file with test arrays,
        its ``inputs``. They are drawn in proportion to the classes, at least one row of each if there are enough; for
        an npz file with test arrays, from its ``inputs`` as long as these suffice. More rows with the same seed extend
        the same set.
    standardize : bool
        Shift and scale both parts by the mean and standard deviation of the training rows.
    label_column : str or int, optional
        Name or position (from 0; negative from the end) of the labels in a text file. By default the column named
        label, outcome, class or target, else the last; in MLPdata the first.
    in_order : bool
        Train on the first `rows` rows of the file.
    seed : int, optional
        Seed that draws the rows; None is 0.

    Notes
    -----
    Labels are whole numbers, booleans or words. The distinct ones are the classes 0 ... K-1, in numerical or
    alphabetical order; ``metadata["classes"]`` are their names unless these are 0 ... K-1 or 1 ... K (``first_label``
    says which). A column called ``label[K]`` (as `write_table` names it if needed) has K classes counted from 0,
    including those without rows. A warning and ``metadata["classes_without_training_rows"]`` name classes without
    training rows.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the content is not as described; the message names the file and the line.
    """
    path = Path(path).absolute()
    with reading(path):
        content = read(path, label_column)
        classes = classes_of(path, content)
    n, seed = _training_rows(path, content, rows), whole_number("seed", seed or 0, 0)
    drawn = _drawn(classes.labels, content.training_rows, n, None if in_order else seed)
    metadata = {
        "name": "table",
        "path": str(path),
        "rows": n,
        "seed": None if drawn is None else seed,
        "standardize": bool(standardize),
        "label_column": label_column,
        "first_label": _first(classes.names),
        "in_order": bool(in_order),
        "classes": _irregular(classes.names),
    }
    order = slice(None) if drawn is None else drawn
    inputs, labels = content.inputs[order], classes.labels[order]
    return _dataset(path, content, inputs, labels, classes.names, metadata)


def _dataset(
    path: Path, content: Content, inputs: Array, labels: NDArray[np.int64], names: Sequence[Any], metadata: dict
) -> Dataset:
    n = metadata["rows"]
    train, test = inputs[:n], inputs[n:]
    if metadata["standardize"]:
        train, test = standardized(train, test, [f"{path}, {column}" for column in content.columns])
    counts = np.bincount(labels[:n], minlength=len(names))
    missing = [names[k] for k in np.flatnonzero(counts == 0).tolist()]
    if missing:
        shown = ", ".join(map(str, missing[:10])) + (" ..." if len(missing) > 10 else "")
        log.warning("%s: none of the %d training rows is of class %s", path, n, shown)
    metadata = {**metadata, "classes_without_training_rows": missing}
    return Dataset(train, labels[:n], len(names), test, labels[n:], metadata)


def older_table(path: str, rows: int, standardize: bool, label_column: str | int | None) -> Dataset:
    """The data set as an older version read it: the first rows train, and labels up to the largest are classes."""
    where, rows = Path(path), whole_number("rows", rows, 0)
    with reading(where):
        content, labels, n_classes = read_older(where, label_column)
    if rows > len(labels):
        msg = f"{where}: rows must be at most the {len(labels)} rows of the file; got {rows}"
        raise ValueError(msg)
    train, test = content.inputs[:rows], content.inputs[rows:]
    if standardize:
        train, test = standardized_before(train, test)
    metadata = {
        "name": "table", "path": path, "rows": rows, "seed": None, "standardize": standardize,
        "label_column": label_column, "first_label": int(min(content.values)),
    }  # fmt: skip
    return Dataset(train, labels[:rows], n_classes, test, labels[rows:], metadata)


def _training_rows(path: Path, content: Content, rows: int | None) -> int:
    there = len(content.codes)
    if rows is None:
        return there if content.training_rows is None else content.training_rows
    n = whole_number("rows", rows, 1)
    if n > there:
        msg = f"{path}: rows must be at most the {there} rows of the file; got {n}"
        raise ValueError(msg)
    return n


def _drawn(labels: NDArray[np.int64], own: int | None, n: int, seed: int | None) -> NDArray[np.int64] | None:
    """All rows, training rows first; None if they stay in order, on request or because nothing is split."""
    pool = own if own is not None and n <= own else len(labels)
    if seed is None or n == pool:
        return None
    return np.concatenate([stratified_order(labels[:pool], seed), np.arange(pool, len(labels))])


def _first(names: Sequence[Any]) -> int | None:
    """The smallest label if labels are whole numbers."""
    return names[0] if type(names[0]) is int else None


def _irregular(names: Sequence[Any]) -> list[Any] | None:
    """Names of the classes unless they are 0 ... K-1 or 1 ... K."""
    plain = type(names[0]) is int and list(names) in [list(range(k, k + len(names))) for k in (0, 1)]
    return None if plain else list(names)


def write_table(dataset: Dataset, path: str | os.PathLike[str]) -> None:
    """Write all rows of `dataset`, training rows first, as ``.csv`` or ``.npz``.

    `table(path, rows=dataset.rows, in_order=True)` gives the same arrays bit for bit. The file is written completely
    or not at all.

    Raises
    ------
    ValueError
        If the suffix is neither.
    FileNotFoundError
        If the directory does not exist.
    """
    path = Path(path).absolute()
    writer = {".csv": _write_csv, ".npz": _write_npz}.get(path.suffix.lower())
    if writer is None:
        msg = f"path must end in .csv or .npz; got {path}"
        raise ValueError(msg)
    if not path.parent.is_dir():
        msg = f"path must be in an existing directory; got {path}"
        raise FileNotFoundError(msg)
    with new_file(path) as unfinished, unfinished.open("xb") as file:
        writer(dataset, file)


def _write_csv(dataset: Dataset, file: BinaryIO) -> None:
    labels = np.concatenate([dataset.labels, dataset.test_labels])
    plain = len(np.unique(labels)) == dataset.n_classes
    names = [f"x{i + 1}" for i in range(dataset.n_features)]
    file.write(",".join([*names, "label" if plain else f"label[{dataset.n_classes}]"]).encode() + b"\n")
    for row, label in zip(np.concatenate([dataset.inputs, dataset.test_inputs]), labels, strict=True):
        file.write(",".join(map(repr, [*row.tolist(), int(label)])).encode() + b"\n")


def _write_npz(dataset: Dataset, file: BinaryIO) -> None:
    np.savez_compressed(
        file,
        inputs=dataset.inputs,
        labels=dataset.labels,
        test_inputs=dataset.test_inputs,
        test_labels=dataset.test_labels,
        n_classes=np.int64(dataset.n_classes),
    )
