"""What follows from the outputs of a network and a loss of them, however the outputs are computed."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.datasets import Dataset
from landscape.losses._outputs import Head, wanted_outputs

Array = NDArray[np.float64]


class LossOfOutputs(ABC):
    """A mean loss of the outputs of a network over labeled rows: its kind, and scores of training and test rows."""

    head: Head  # the loss as a function of the outputs
    data: Dataset

    @abstractmethod
    def logits(self, theta: ArrayLike, inputs: ArrayLike) -> Array:
        """Outputs before any softmax, (N, K), for `inputs` (N, D) at `theta` (P,)."""

    @property
    def name(self) -> str:
        """Kind of the loss, as files and the command line have it."""
        return self.head.name

    @property
    def unit(self) -> str:
        """Unit of the loss in words: nats; empty for a squared error, which has that of its target squared."""
        return self.head.unit

    @property
    def beyond_cross_entropy(self) -> dict[str, str]:
        """What files say of the kind: nothing for cross-entropy, the only one that older versions know."""
        return {} if self.name == "cross-entropy" else {"loss": self.name}

    def accuracy(self, theta: ArrayLike, *, test: bool = False) -> float:
        """Share of training (or test) rows classified correctly at `theta` (P,); nan without test rows or classes."""
        inputs, labels = self._rows(test=test)
        return self.head.share_correct(self.logits(theta, inputs), labels)

    def data_loss(self, theta: ArrayLike, *, test: bool = False) -> float:
        """Mean loss over training (or test) rows at `theta` (P,), no penalty; nan without rows."""
        inputs, labels = self._rows(test=test)
        return mean_loss(self.head.losses(self.logits(theta, inputs), labels))

    def r_squared(self, theta: ArrayLike, *, test: bool = False) -> float:
        """Coefficient of determination over training (or test) rows at `theta` (P,): 1 - SSE / SST.

        Relative to the mean targets of the same rows, both summed over the targets; nan for classes and where no target
        varies.
        """
        inputs, targets = self._rows(test=test)
        if not self.data.is_regression or len(np.unique(targets, axis=0)) < 2:
            return float("nan")
        errors = self.logits(theta, inputs) - wanted_outputs(targets, 0)
        return 1.0 - float((errors**2).sum() / ((targets - targets.mean(axis=0)) ** 2).sum())

    def _rows(self, *, test: bool) -> tuple[Array, NDArray[Any]]:
        """Inputs and labels of the training or test rows."""
        data = self.data
        return (data.test_inputs, data.test_labels) if test else (data.inputs, data.labels)


def mean_loss(losses: Array) -> float:
    """Mean (nan of none)."""
    return float(losses.mean()) if losses.size else float("nan")
