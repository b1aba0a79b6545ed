"""A labeled data set, split into training and test rows."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from landscape.datasets._arguments import FEWEST_CLASSES
from landscape.support import Result, whole_number

if TYPE_CHECKING:
    from landscape.datasets._description import TableDescription

CHUNK = 1000  # rows that are checked together


@dataclass(frozen=True)
class Dataset(Result, shows=("n_classes", "labels"), axes={"N": "row", "D": "feature", "M": "test_row"}):
    """Training rows and test rows of a classification problem. Its arrays are read-only.

    Parameters
    ----------
    inputs : (N, D) float64
        Training inputs.
    labels : (N,) int64
        Training labels, 0 ... n_classes - 1.
    n_classes : int
        Number of classes, at least two: with one there is nothing to learn. Some may have no rows.
    test_inputs : (M, D) float64
        Inputs of the rows that are not used for training; M may be 0.
    test_labels : (M,) int64
        Their labels.
    metadata : mapping
        How to make this data set again: ``name``, ``rows``, ``seed`` and other arguments of its maker
        (see `landscape.datasets.load`). Values must be serializable to JSON.
    description : TableDescription, optional
        What was understood of the table that it was read from.

    Raises
    ------
    ValueError
        If shapes do not match, inputs are not finite, a label is not whole or out of range, or there is one class only.
    """

    inputs: NDArray[np.float64]
    labels: NDArray[np.int64]
    n_classes: int
    test_inputs: NDArray[np.float64]
    test_labels: NDArray[np.int64]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    description: "TableDescription | None" = None

    def __post_init__(self) -> None:
        self._check_classes()
        for prefix in ("", "test_"):
            inputs = _frozen(getattr(self, f"{prefix}inputs"))
            labels = self._as_labels(getattr(self, f"{prefix}labels"), f"{prefix}labels")
            if inputs.ndim != 2 or labels.ndim > self._most_axes or labels.shape[:1] != inputs.shape[:1]:
                shape = "(N,)" + " or (N, K)" * (self._most_axes > 1)
                msg = (
                    f"{prefix}inputs must have shape (N, D) and {prefix}labels {shape}; "
                    f"got {inputs.shape} and {labels.shape}"
                )
                raise ValueError(msg)
            if not np.isfinite(inputs).all():
                row = int(np.flatnonzero(~np.isfinite(inputs).all(axis=1))[0])
                msg = f"{prefix}inputs must be finite; row {row} is {inputs[row]}"
                raise ValueError(msg)
            self._check_range(labels, f"{prefix}labels")
            for name, array in ((f"{prefix}inputs", inputs), (f"{prefix}labels", labels)):
                array.flags.writeable = False
                object.__setattr__(self, name, array)
        if self.inputs.shape[0] == 0:
            msg = "inputs must have at least one row; got 0"
            raise ValueError(msg)
        if self.test_inputs.shape[1] != self.n_features:
            msg = f"test_inputs must have {self.n_features} columns like inputs; got {self.test_inputs.shape[1]}"
            raise ValueError(msg)

    @property
    def is_regression(self) -> bool:
        """Whether labels are real-valued targets (`RegressionDataset`), not classes."""
        return False

    _most_axes: ClassVar[int] = 1  # of the labels

    @property
    def rows(self) -> int:
        """Number N of training rows."""
        return self.inputs.shape[0]

    @property
    def n_features(self) -> int:
        """Number D of input features."""
        return self.inputs.shape[1]

    def _check_classes(self) -> None:
        whole_number("n_classes", self.n_classes, FEWEST_CLASSES)

    def _as_labels(self, labels: Any, name: str) -> NDArray[Any]:
        return _whole(labels, name)

    def _check_range(self, labels: NDArray[Any], name: str) -> None:
        if labels.size and not (0 <= labels.min() and labels.max() < self.n_classes):
            msg = f"{name} must be in 0 ... {self.n_classes - 1}; got {labels.min()} ... {labels.max()}"
            raise ValueError(msg)

    @cached_property
    def class_counts(self) -> NDArray[np.int64]:
        """Training rows per class, (n_classes,)."""
        return np.bincount(self.labels, minlength=self.n_classes)

    @cached_property
    def constant_entropy(self) -> float:
        """Cross-entropy in nats of the constant predictor: the entropy of the training labels."""
        p = self.class_counts[self.class_counts > 0] / self.rows
        return float(-(p * np.log(p)).sum())

    @cached_property
    def pixels(self) -> NDArray[np.uint8] | None:
        """The whole numbers k (N, D), if all training inputs are exactly k / 255; they need an eighth of the memory."""
        return _as_pixels(self.inputs)

    @cached_property
    def test_pixels(self) -> NDArray[np.uint8] | None:
        """The same for the test inputs, (M, D)."""
        return _as_pixels(self.test_inputs)

    @cached_property
    def sha256(self) -> str:
        """Digest of the training and test arrays: the same data give the same digest."""
        digest = hashlib.sha256(f"{self.n_classes}".encode())
        for array in (self.inputs, self.labels, self.test_inputs, self.test_labels):
            digest.update(f"{array.shape}{array.dtype.str}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class RegressionDataset(Dataset, shows=("labels",), axes={"N": "row", "D": "feature", "M": "test_row"}):
    """Training rows and test rows of a regression: its labels are real numbers, the targets; it has no classes.

    Parameters
    ----------
    inputs : (N, D) float64
    labels : (N,) or (N, K) float64
        Targets of the training rows; K columns are K targets of each row, and one column is as (N,).
    test_inputs : (M, D) float64
    test_labels : (M,) or (M, K) float64
    metadata, description
        As for `Dataset`.

    Raises
    ------
    ValueError
        If shapes do not match, or inputs or targets are not finite.
    """

    labels: NDArray[Any]
    n_classes: int = field(init=False, default=0)
    test_labels: NDArray[Any]

    @property
    def is_regression(self) -> bool:
        """True."""
        return True

    _most_axes: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.test_labels.shape[1:] != self.labels.shape[1:]:
            msg = f"test_labels must have {self.n_targets} targets like labels; got {self.test_labels.shape}"
            raise ValueError(msg)

    @property
    def n_targets(self) -> int:
        """Number K of targets of each row."""
        return 1 if self.labels.ndim == 1 else self.labels.shape[1]

    @cached_property
    def constant_error(self) -> float:
        """Half the mean squared error of the constant predictor: half the variance of the training targets, summed."""
        return 0.5 * float(self.labels.var(axis=0).sum())

    def _check_classes(self) -> None:
        pass

    def _as_labels(self, labels: Any, name: str) -> NDArray[Any]:
        targets = np.array(labels, dtype=np.float64, order="C")
        if targets.size == 0 and name == "test_labels" and targets.ndim == 1 and self.labels.ndim == 2:
            return np.empty((0, self.n_targets))
        return targets[:, 0].copy() if targets.ndim == 2 and targets.shape[1] == 1 else targets

    def _check_range(self, labels: NDArray[Any], name: str) -> None:
        if not np.isfinite(labels).all():
            row = int(np.argwhere(~np.isfinite(labels))[0, 0])
            msg = f"{name} must be finite; row {row} is {labels[row]}"
            raise ValueError(msg)


def _whole(labels: Any, name: str) -> NDArray[np.int64]:
    """A copy of labels as whole numbers; ValueError if one is not a whole number."""
    given = np.array(labels)
    if given.dtype.kind == "f" or not given.size:  # an empty list has no type of its own
        wrong = ~np.isfinite(given) | (given != np.rint(given)) if given.size else np.zeros(given.shape, bool)
        if wrong.any():
            row = int(np.argwhere(wrong)[0, 0])
            msg = f"{name} must be whole numbers, the classes; row {row} is {given[row]}"
            raise ValueError(msg)
    elif given.dtype.kind not in "iub":
        msg = f"{name} must be whole numbers 0, 1, ..., the classes; got an array of {given.dtype}"
        raise ValueError(msg)
    return given.astype(np.int64)


def _frozen(inputs: Any) -> NDArray[np.float64]:
    """A read-only copy of `inputs`, or `inputs` itself if it is read-only already: MNIST's are 376 MB."""
    if type(inputs) is np.ndarray and inputs.dtype == np.float64 and inputs.flags.c_contiguous:
        own = inputs.flags.owndata and not inputs.flags.writeable
        return inputs if own else inputs.copy()
    return np.array(inputs, dtype=np.float64, order="C")


def _as_pixels(inputs: NDArray[np.float64]) -> NDArray[np.uint8] | None:
    pixels = np.empty(inputs.shape, np.uint8)
    for start in range(0, len(inputs), CHUNK):
        part = inputs[start : start + CHUNK]
        if part.size and (part.min() < 0 or part.max() > 1):
            return None
        whole = np.rint(255.0 * part)
        if (whole / 255.0 != part).any():
            return None
        pixels[start : start + CHUNK] = whole
    pixels.flags.writeable = False
    return pixels
