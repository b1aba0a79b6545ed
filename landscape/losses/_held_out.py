"""The loss on rows that were not used for training, with its error; generated data sets supply enough rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.datasets import CHUNK, Dataset, fresh_rows, is_generated
from landscape.losses._mlp_loss import MLPLoss
from landscape.support import Result

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldOutLoss(Result, axes={"K": "point"}, units={"values": "nats", "errors": "nats", "mean_error": "nats"}):
    """Loss without penalty of K points on the same M rows, in nats unless it is a squared error.

    Attributes
    ----------
    values : (K,)
        Mean over the rows; nan without rows.
    errors : (K,)
        Standard error of each value over the rows.
    rows : int
        The number M.
    mean_error : float
        Standard error, over the rows, of the mean of `values`. More points do not reduce it.
    loss_unit : str
        Unit of the losses in words; empty for a squared error, which has that of its target squared.
    """

    values: Floats
    errors: Floats
    rows: int
    mean_error: float
    loss_unit: str = "nats"


def held_out_loss(
    loss: MLPLoss,
    points: Sequence[ArrayLike] | Floats,
    *,
    enough: float = 0.0,
    most_rows: int | None = None,
) -> HeldOutLoss:
    """Loss without penalty at `points` (K, P) on rows that were not used for training.

    Parameters
    ----------
    loss : MLPLoss
        If its data set is generated, further rows are drawn (19 microseconds each) until `mean_error` is at most
        `enough`, or there are `most_rows`; otherwise only its test rows are used.
    enough : float
        In the unit of the loss.
    most_rows : int, optional
        By default only the test rows of a generated data set are used, too.
    """
    thetas = np.array(points, dtype=np.float64)
    total, square, means, rows = np.zeros(len(thetas)), np.zeros(len(thetas)), np.zeros(2), 0
    error = np.inf
    for part in _parts(loss.data, most_rows):
        each = np.array([loss.row_losses(theta, part.inputs, part.labels) for theta in thetas])
        average = each.mean(axis=0)
        total += each.sum(axis=1)
        square += (each**2).sum(axis=1)
        means += [average.sum(), (average**2).sum()]
        rows += part.rows
        error = float(_standard_error(means[0], means[1], rows))
        if error <= enough:
            break
    if rows == 0:
        unknown = np.full(len(thetas), np.nan)
        return HeldOutLoss(unknown, unknown.copy(), 0, float("nan"), loss.unit)
    return HeldOutLoss(total / rows, _standard_error(total, square, rows), rows, error, loss.unit)


def _parts(data: Dataset, most_rows: int | None) -> Iterator[Dataset]:
    """Test rows in parts."""
    if most_rows is None or not is_generated(data):
        if data.test_labels.size:
            yield replace(
                data,
                inputs=data.test_inputs,
                labels=data.test_labels,
                test_inputs=data.inputs[:0],
                test_labels=data.labels[:0],
            )
        return
    yield from (fresh_rows(data, chunk) for chunk in range(max(1, most_rows // CHUNK)))


def _standard_error(total: Floats | float, square: Floats | float, rows: int) -> Floats:
    """Standard error of a mean from the sums of values and squares; infinite for one row."""
    if rows < 2:
        return np.full(np.shape(total), np.inf)
    variance = np.maximum(0.0, np.asarray(square) - np.square(total) / rows) / (rows - 1)
    return np.sqrt(variance / rows)
