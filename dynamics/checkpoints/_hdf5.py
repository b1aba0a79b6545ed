"""Weights in HDF5 files: Keras' .weights.h5, and any other file of datasets of numbers.

Keras 3 stores the variables of a layer as datasets "layers/NAME/vars/0", "1", ... and those of the optimizer below
"optimizer". It does not say which are trained: of batch normalization gamma and beta are, if there are any, but not the
moving averages that follow them.
Source: https://github.com/keras-team/keras/blob/master/keras/src/saving/saving_lib.py.
"""

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dynamics.checkpoints._tensors import FLOATS, InHDF5, Span, StoredTensor, natural

LARGEST_RATIO = 1100  # deflate cannot compress further
OPTIMIZER = re.compile(r"(?:^|/)(?:optimizer|optimizer_weights)(?:/|$)")
NORMALIZATION = re.compile(r"batch_normalization(?:_\d+)?")  # as Keras names the layer
MOVING = ("moving_mean", "moving_variance")  # the last variables of such a layer


def read_hdf5(path: Path) -> dict[str, StoredTensor]:
    """The datasets of an HDF5 file as tensors; "layers/dense/vars/0" is called "dense.0".

    Moving averages are called "batch_normalization.moving_mean" and "batch_normalization.moving_variance".
    """
    found: list[StoredTensor] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not OPTIMIZER.search(name):
            found.append(_tensor(path, name, item))

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return {tensor.name: tensor for tensor in sorted(found, key=lambda tensor: natural(tensor.name))}


def _variable(dataset: h5py.Dataset) -> str:
    """What a dataset is called in its layer: by its number, or as a moving average."""
    layer: Any = dataset.parent
    number = str(dataset.name).rpartition("/")[2]
    if not layer.name.endswith("/vars") or not number.isdecimal():
        return number
    known = {layer.name.split("/")[-2], str(layer.attrs.get("name", ""))}
    shapes = [getattr(one, "shape", None) or () for one in layer.values()]
    alike = len(shapes) == 4 and len(shapes[0]) == 1 and len(set(shapes)) == 1  # a layer of its own name
    if not alike and not any(NORMALIZATION.fullmatch(name) for name in known):
        return number
    place = int(number) - (len(shapes) - len(MOVING))
    return MOVING[place] if 0 <= place < len(MOVING) else number


def _tensor(path: Path, name: str, dataset: h5py.Dataset) -> StoredTensor:
    stored = dataset.id.get_storage_size()
    if dataset.shape is None or dataset.is_virtual or dataset.external or dataset.nbytes > LARGEST_RATIO * stored:
        msg = f"{name} should have shape {dataset.shape}, but only {stored} of its bytes exist"
        raise ValueError(msg)
    half = dataset.attrs.get("dtype") == "bfloat16" and dataset.dtype.itemsize == 2
    dtype = np.dtype("<u2") if half else dataset.dtype
    kind = "bfloat16" if half else dtype.name if dtype.name in FLOATS else str(dtype)
    offset = dataset.id.get_offset()
    source = InHDF5(path, name) if offset is None else Span(path, offset, dtype)
    parts = [part for part in name.split("/")[:-1] if part not in {"vars", "layers", "_layer_checkpoint_dependencies"}]
    return StoredTensor(path, ".".join([*parts, _variable(dataset)]), dataset.shape, kind, source)
