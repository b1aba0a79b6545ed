"""Data sets in npz files: arrays with fixed names."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.datasets._arguments import FEWEST_CLASSES
from landscape.datasets._content import Content
from landscape.datasets._layout import Column
from landscape.support import read_arrays, whole_number

Array = NDArray[np.float64]

NAMES = ("inputs", "labels", "test_inputs", "test_labels", "n_classes")
EXPECTED = (
    "a data set has inputs (n, D), labels (n,) or targets (n, K), and perhaps test_inputs, test_labels, n_classes"
)


def read_npz(path: Path) -> Content:
    """Inputs and labels of all rows, training rows first."""
    arrays = read_arrays(path, NAMES)
    prefixes = ("", "test_") if {"test_inputs", "test_labels"} & arrays.keys() else ("",)
    inputs, labels = zip(*[_part(path, arrays, prefix) for prefix in prefixes], strict=True)
    widths = [part.shape[1] for part in inputs]
    if len(set(widths)) != 1 or not len(inputs[0]):
        msg = f"{path}: expected rows, and as many columns in test_inputs; got shapes {[part.shape for part in inputs]}"
        raise ValueError(msg)
    if len({part.dtype.kind in "SU" for part in labels if part.size}) > 1:
        msg = f"{path}: expected labels and test_labels of one kind; got {' and '.join(str(p.dtype) for p in labels)}"
        raise ValueError(msg)
    n_classes = arrays.get("n_classes")
    if n_classes is not None:
        n_classes = whole_number(
            f"{path}: n_classes", n_classes.item() if n_classes.size == 1 else n_classes, FEWEST_CLASSES
        )
    if len({part.shape[1:] for part in labels}) > 1:
        msg = f"{path}: expected as many targets in test_labels; got shapes {[part.shape for part in labels]}"
        raise ValueError(msg)
    rows = np.concatenate([part for part in labels if part.size])
    first, further = (rows, None) if rows.ndim == 1 else (rows[:, 0], rows[:, 1:].astype(np.float64))
    values, codes = np.unique(first, return_inverse=True)
    return Content(
        np.concatenate(inputs), values.tolist(), codes.ravel().astype(np.int64), "row", range(len(codes)),
        len(labels[0]) if len(prefixes) > 1 else None, n_classes, [Column(k) for k in range(widths[0])],
        kind="npz", header=False, further=further,
    )  # fmt: skip


def _part(path: Path, arrays: dict[str, NDArray[Any]], prefix: str) -> tuple[Array, NDArray[Any]]:
    names = f"{prefix}inputs", f"{prefix}labels"
    for name in names:
        if name not in arrays:
            msg = f"{path}: expected an array {name}; it has {_listed(path)}: {EXPECTED}"
            raise ValueError(msg)
    inputs, labels = (arrays[name] for name in names)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    right = inputs.dtype.kind in "fiub" and labels.dtype.kind in ("fiubU" if labels.ndim == 1 else "fiub")
    fits = labels.ndim in (1, 2) and len(labels) == len(inputs) and 0 not in labels.shape[1:]
    if not right or inputs.ndim != 2 or inputs.shape[1] == 0 or not fits:
        described = [f"{array.dtype} {array.shape}" for array in (inputs, labels)]
        msg = f"{path}: expected numbers {names[0]} (n, D) and {names[1]} (n,) or (n, K); got {' and '.join(described)}"
        raise ValueError(msg)
    return inputs.astype(np.float64), labels


def _listed(path: Path) -> str:
    """Names of all arrays in the file, of many the first."""
    with zipfile.ZipFile(path) as file:
        names = [name.removesuffix(".npy") for name in file.namelist()]
    return (", ".join(names[:10]) + (" ..." if len(names) > 10 else "")) or "no array"
