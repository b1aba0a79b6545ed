"""Tables that `table` reads back bit for bit."""

import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from landscape.datasets._dataset import Dataset
from landscape.support import new_file


def write_table(dataset: Dataset, path: str | os.PathLike[str]) -> None:
    """Write all rows of `dataset`, training rows first, as ``.csv`` or ``.npz``.

    `table(path, rows=dataset.rows, in_order=True)` gives the same arrays bit for bit; that of a regression needs
    ``regression=True``, and its K > 1 targets in a ``.csv``, the last columns, are ``target=["target1", ...]``. The
    file is written completely or not at all.

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
    if dataset.is_regression:
        labels = labels.reshape(len(labels), -1)
        last = ["target"] if labels.shape[1] == 1 else [f"target{k + 1}" for k in range(labels.shape[1])]
    else:
        last = ["label" if len(np.unique(labels)) == dataset.n_classes else f"label[{dataset.n_classes}]"]
        labels = labels[:, None]
    names = [f"x{i + 1}" for i in range(dataset.n_features)]
    file.write(",".join([*names, *last]).encode() + b"\n")
    for row, label in zip(np.concatenate([dataset.inputs, dataset.test_inputs]), labels, strict=True):
        file.write(",".join(map(repr, [*row.tolist(), *label.tolist()])).encode() + b"\n")


def _write_npz(dataset: Dataset, file: BinaryIO) -> None:
    announced: dict[str, Any] = {} if dataset.is_regression else {"n_classes": np.int64(dataset.n_classes)}
    np.savez_compressed(
        file,
        inputs=dataset.inputs,
        labels=dataset.labels,
        test_inputs=dataset.test_inputs,
        test_labels=dataset.test_labels,
        **announced,
    )
