"""Whether the inputs of a data set have a scale that suits networks of tanh units."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.datasets._dataset import Dataset
from landscape.datasets._layout import Column

Array = NDArray[np.float64]

FACTOR = 100.0  # factor by which sizes of columns may differ from one another, and from one
SHOWN = 3  # columns that are named


def scale_warning(data: Dataset) -> str | None:
    """Describe what is wrong with the scale of the columns, in one line that names them; None if nothing is wrong.

    The size of a column is half the range of its training values, its offset their mean. Sizes should differ from one
    another, and from one, by less than a factor of 100, and offsets should be below 100 and below 100 sizes (constant
    columns: below 100). Otherwise some hidden units are saturated from the start (their gradient is exactly zero), or
    small columns hardly matter. Pixels, whole multiples of 1/255, have one scale, and standardized columns, or their
    principal components, are fine.
    """
    if data.metadata.get("standardize") or data.pixels is not None:
        return None
    inputs, names = data.inputs, _names(data)
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    size, offset, varies = 0.5 * high - 0.5 * low, np.abs(_means(inputs)), high > low
    far = varies & ((size > FACTOR) | (size < 1.0 / FACTOR) | (offset / FACTOR > size)) | (offset > FACTOR)
    uneven = bool(varies.any() and size[varies].max() / FACTOR > size[varies].min())
    if not (uneven or far.any()):
        return None
    columns = np.flatnonzero(far).tolist()
    if not columns:
        columns = [int(np.argmin(np.where(varies, size, np.inf))), int(size.argmax())]
    shown = [f"{names[k]} from {low[k]:.6g} to {high[k]:.6g}" for k in columns[:SHOWN]]
    more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
    problem = "differ in scale by more than a factor of 100" if uneven else "are far from one"
    return f"inputs {problem}: {', '.join(shown)}{more}; units saturate or ignore such columns, so standardize them"


def target_warning(data: Dataset) -> str | None:
    """Describe what is wrong with the scale of the targets of a regression, in one line; None if nothing is wrong.

    Standard deviations of the training targets should differ from one another, and from one, by less than a factor of
    100. Otherwise the squared error is that of the largest target alone, or the penalty and the learning rate are for
    another scale than theirs.
    """
    if not data.is_regression:
        return None
    targets = data.labels.reshape(data.rows, -1)
    with np.errstate(over="ignore", invalid="ignore"):
        deviations = np.nan_to_num(targets.std(axis=0), nan=np.inf)
    varies = deviations > 0.0
    if not varies.any():
        return None
    least, largest = float(deviations[varies].min()), float(deviations.max())
    said = (
        f"standard deviation {largest:.3g}" if least == largest else f"standard deviations {least:.3g} to {largest:.3g}"
    )
    if largest > FACTOR * least:
        problem, effect = "differ in scale by more than a factor of 100", "the squared error is that of the largest"
    elif largest > FACTOR or least < 1.0 / FACTOR:
        problem, effect = "are far from one", "the penalty and the learning rate depend on their scale"
    else:
        return None
    return f"targets {problem} ({said}): {effect}, so shift and scale them in the table"


def _means(inputs: Array) -> Array:
    """Mean of each column, computed from halves so that sums of large numbers stay finite."""
    largest = np.abs(inputs).max(axis=0)
    scale = np.where(largest > 0.0, largest, 1.0)
    return (inputs / scale).mean(axis=0) * scale


def _names(data: Dataset) -> Sequence[Any]:
    """Names of the columns of a data set: from the table, or their positions from 0."""
    if data.metadata.get("pca"):
        return [f"principal component {k + 1}" for k in range(data.n_features)]
    described = () if data.description is None else data.description.columns
    if len(described) != data.n_features:
        return [Column(k) for k in range(data.n_features)]
    return [Column(column.position, column.name) for column in described]
