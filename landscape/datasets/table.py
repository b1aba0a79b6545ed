"""Data sets from files: CSV, npz, and the MLPdata lines of the Wales group's programs."""

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from landscape.datasets._arguments import standardized, whole_number
from landscape.datasets._readers import Content, read
from landscape.datasets.dataset import Dataset
from landscape.files import new_file
from landscape.reading import reading

Array = NDArray[np.float64]

MAX_CLASSES = 65_536  # a larger label is a feature taken for one


def table(
    path: str | os.PathLike[str],
    *,
    rows: int | None = None,
    standardize: bool = False,
    label_column: str | int | None = None,
) -> Dataset:
    """Read a data set; the suffix decides the format.

    - ``.csv``: commas, one row a line, with or without a line of column names.
    - ``.npz``: arrays ``inputs`` (n, D), ``labels`` (n,) and optionally ``test_inputs``,
      ``test_labels``, ``n_classes``; never pickled objects.
    - anything else: ``MLPdata``, numbers separated by white space, the outcome first.

    Parameters
    ----------
    path : path
        The file.
    rows : int, optional
        The first `rows` rows train, the rest tests. By default all rows train, but for an npz file
        with test arrays its ``inputs``.
    standardize : bool
        Shift and scale both parts by the mean and standard deviation of the training rows.
    label_column : str or int, optional
        Name or position (from 0; negative from the end) of the labels in a CSV or MLPdata file. By
        default the first column named label, outcome or class, else the last; in MLPdata the first.

    Notes
    -----
    Labels are integers 0 ... K-1. In CSV and MLPdata files they may also be 1 ... K: when the smallest
    is 1 all are lowered by 1, and ``metadata["first_label"]`` is 1. A CSV column called ``label[K]``
    (as `write_table` calls it where it matters) has K classes counted from 0.

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
        labels, n_classes, first_label = _class_indices(path, content, shift=path.suffix.lower() != ".npz")
    n = content.training_rows if rows is None else whole_number("rows", rows, 1)
    if n > len(labels):
        msg = f"{path}: rows must be at most the {len(labels)} rows of the file; got {n}"
        raise ValueError(msg)
    train, test = content.inputs[:n], content.inputs[n:]
    if standardize:
        train, test = standardized(train, test)
    metadata = {
        "name": "table",
        "path": str(path),
        "rows": n,
        "seed": None,
        "standardize": bool(standardize),
        "label_column": label_column,
        "first_label": first_label,
    }
    return Dataset(train, labels[:n], n_classes, test, labels[n:], metadata)


def write_table(dataset: Dataset, path: str | os.PathLike[str]) -> None:
    """Write all rows of `dataset`, training rows first, as ``.csv`` or ``.npz``.

    `table(path, rows=dataset.rows)` gives the same arrays bit for bit. The file appears whole or not
    at all.

    Raises
    ------
    ValueError
        If the suffix is another one.
    FileNotFoundError
        If the directory does not exist.
    """
    path = Path(path).absolute()
    writer = {".csv": _write_csv, ".npz": _write_npz}.get(path.suffix.lower())
    if writer is None:
        msg = f"path must end in .csv or .npz; got {path}"
        raise ValueError(msg)
    if not path.parent.is_dir():
        msg = f"path must lie in an existing directory; got {path}"
        raise FileNotFoundError(msg)
    with new_file(path) as unfinished, unfinished.open("xb") as file:
        writer(dataset, file)


def _class_indices(path: Path, content: Content, *, shift: bool) -> tuple[NDArray[np.int64], int, int]:
    """Labels from 0, the number of classes, and what the smallest label stood for in the file."""
    if (content.n_classes or 0) > MAX_CLASSES:
        msg = f"{path}: expected at most {MAX_CLASSES} classes, found {content.n_classes}"
        raise ValueError(msg)
    finite = np.isfinite(content.inputs).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise content.wrong(path, row, f"expected finite numbers, found {content.inputs[row]}")
    largest = (content.n_classes or MAX_CLASSES) - 1
    good = (content.labels >= 0) & (content.labels <= largest) & (content.labels == np.floor(content.labels))
    if not good.all():
        row = int(np.argmin(good))
        raise content.wrong(path, row, f"expected a whole label 0 ... {largest}, found {content.labels[row]}")
    labels = content.labels.astype(np.int64)
    if content.n_classes is not None:
        return labels, content.n_classes, 0
    row = int(labels.argmin())
    if labels[row] > int(shift):
        expected = "0 or 1" if shift else "0 (or an array n_classes)"
        raise content.wrong(path, row, f"expected the smallest label to be {expected}, found {labels[row]}")
    return labels - labels[row], int(labels.max() - labels[row]) + 1, int(labels[row])


def _write_csv(dataset: Dataset, file: BinaryIO) -> None:
    labels = np.concatenate([dataset.labels, dataset.test_labels])
    plain = labels.min() == 0 and labels.max() == dataset.n_classes - 1
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
