"""Local geometry and generalization of minima."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from joblib import delayed
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata, t

from landscape.datasets import Dataset
from landscape.stationary._points import Minimum
from landscape.support import Estimate, Result, worker_pool

Floats = NDArray[np.float64]

CHUNK = 64  # minima per task


class Classifier(Protocol):
    """The members of a loss that are needed here; `MLPLoss` and `TorchLoss` have them."""

    def data_loss(self, theta: ArrayLike, *, test: bool = False) -> float:
        """Mean loss over training (or test) rows, without penalty."""
        ...

    def accuracy(self, theta: ArrayLike, *, test: bool = False) -> float:
        """Share of training (or test) rows classified correctly."""
        ...

    def row_losses(self, theta: ArrayLike, inputs: Floats, labels: NDArray[np.int64]) -> Floats:
        """Loss of each of these rows, without penalty."""
        ...

    @property
    def data(self) -> Dataset:
        """Training and test rows."""
        ...

    @property
    def unit(self) -> str:
        """Unit of the loss in words."""
        ...


@dataclass(frozen=True, eq=False)
class LocalGeometry(Result, shows=("losses", "traces", "generalization_errors"), axes={"n": "minimum"}):
    """Curvature and generalization of n minima.

    Attributes
    ----------
    losses : (n,) float64
        Training loss, penalty included (nats, unless it is a squared error).
    traces, log_determinants : (n,) float64
        Sum of the eigenvalues of the exact Hessian of the training loss, and of their logarithms, without zero modes.
    lowest_eigenvalues, highest_eigenvalues : (n,) float64
        The smallest and the largest of them; the largest of a certificate without a spectrum is good to a percent.
    train_data_losses, test_data_losses : (n,) float64
        Mean loss of the rows without penalty (nats, unless it is a squared error); nan without test rows.
    train_accuracies, test_accuracies : (n,) float64
        Share of rows classified correctly; nan without test rows.
    test_errors : (n,) float64
        Standard error of each test loss, from the spread over the test rows. All minima share these rows, so
        differences between minima have smaller errors. It is also the error of the generalization error, because the
        training loss covers all rows of the loss.
    test_rows : int
        Number of test rows.
    loss_unit : str
        Unit of the losses in words; empty for a squared error, which has that of its target squared.
    """

    losses: Floats
    traces: Floats
    log_determinants: Floats
    lowest_eigenvalues: Floats
    highest_eigenvalues: Floats
    train_data_losses: Floats
    test_data_losses: Floats
    train_accuracies: Floats
    test_accuracies: Floats
    test_errors: Floats = field(default_factory=lambda: np.empty(0))
    test_rows: int = 0
    loss_unit: str = "nats"

    @property
    def generalization_errors(self) -> Floats:
        """Test minus training loss (n,), without penalty."""
        return self.test_data_losses - self.train_data_losses

    @property
    def generalization(self) -> Estimate[Floats]:
        """The same with its 95 % interval (n,) over test rows, Student's; nan for fewer than two test rows."""
        error, rows = self.generalization_errors, self.test_rows
        reach = t.isf(0.025, rows - 1) * self.test_errors if rows > 1 else np.full(error.shape, np.nan)
        return Estimate(error, error - reach, error + reach)

    @property
    def rank_correlation(self) -> float:
        """Spearman's rank correlation of trace and generalization error over minima that have both.

        nan for fewer than three minima or if one quantity is constant. Minima are not independent draws, so there is
        no level of significance.
        """
        error = self.generalization_errors
        kept = np.isfinite(error)
        ranks = [rankdata(values[kept]) for values in (self.traces, error)]
        if kept.sum() < 3 or any(np.ptp(r) == 0.0 for r in ranks):
            return float("nan")
        return float(np.corrcoef(*ranks)[0, 1])


def local_geometry(loss: Classifier, minima: Sequence[Minimum], *, jobs: int = 1) -> LocalGeometry:
    """Collect curvature and generalization of certified minima.

    Parameters
    ----------
    loss : Classifier
        The loss that the minima belong to. No Hessian is evaluated: the certificates hold what is needed.
    minima : sequence of Minimum
    jobs : int
        Number of workers; it does not change the result.

    Raises
    ------
    ValueError
        If there is no minimum, or the loss has no rows.
    """
    if not minima:
        msg = "minima must hold at least one minimum; got none"
        raise ValueError(msg)
    if not hasattr(loss, "data_loss"):
        msg = f"loss must have the methods data_loss and accuracy; got {type(loss).__name__}"
        raise ValueError(msg)
    points = [minimum.coordinates for minimum in minima]
    with worker_pool(jobs) as parallel:
        chunks: Any = parallel(
            delayed(_measure)(loss, points[begin : begin + CHUNK]) for begin in range(0, len(points), CHUNK)
        )
        measured = np.concatenate(list(chunks))
    return LocalGeometry(
        np.array([minimum.value for minimum in minima]),
        np.array([minimum.trace for minimum in minima]),
        np.array([minimum.log_determinant for minimum in minima]),
        np.array([minimum.eigenvalues[0] for minimum in minima]),
        np.array([minimum.largest for minimum in minima]),
        *measured.T.copy(),
        test_rows=len(loss.data.test_labels),
        loss_unit=loss.unit,
    )


def _measure(loss: Classifier, points: Sequence[Floats]) -> Floats:
    """Loss and accuracy of training and test rows, and the error of the test loss, (k, 5)."""
    measures = (loss.data_loss, loss.accuracy)
    scores = [[measure(p, test=test) for measure in measures for test in (False, True)] for p in points]
    return np.column_stack([scores, [_test_error(loss, p) for p in points]])


def _test_error(loss: Classifier, point: Floats) -> float:
    """Standard error of the test loss; nan for fewer than two rows."""
    data = loss.data
    if len(data.test_labels) < 2:
        return float("nan")
    rows = loss.row_losses(point, data.test_inputs, data.test_labels)
    return float(rows.std(ddof=1) / np.sqrt(rows.size))
