"""A labeled data set, split into training and test rows."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Dataset:
    """Training rows and test rows of a classification problem. Its arrays are read-only.

    Parameters
    ----------
    inputs : (N, D) float64
        Training inputs.
    labels : (N,) int64
        Training labels, 0 ... n_classes - 1.
    n_classes : int
        Number of classes.
    test_inputs, test_labels : (M, D) float64, (M,) int64
        Rows not trained on; M may be 0.
    metadata : mapping
        How to make this data set again: ``name``, ``rows``, ``seed`` and what else the maker needs
        (see `landscape.datasets.load`). Values are what JSON can hold.

    Raises
    ------
    ValueError
        If shapes do not match, inputs are not finite, or a label is out of range.
    """

    inputs: NDArray[np.float64]
    labels: NDArray[np.int64]
    n_classes: int
    test_inputs: NDArray[np.float64]
    test_labels: NDArray[np.int64]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for prefix in ("", "test_"):
            inputs = np.array(getattr(self, f"{prefix}inputs"), dtype=np.float64, order="C")
            labels = np.array(getattr(self, f"{prefix}labels"), dtype=np.int64)
            if inputs.ndim != 2 or labels.shape != inputs.shape[:1]:
                msg = (
                    f"{prefix}inputs must have shape (N, D) and {prefix}labels (N,); "
                    f"got {inputs.shape} and {labels.shape}"
                )
                raise ValueError(msg)
            if not np.isfinite(inputs).all():
                row = int(np.flatnonzero(~np.isfinite(inputs).all(axis=1))[0])
                msg = f"{prefix}inputs must be finite; row {row} is {inputs[row]}"
                raise ValueError(msg)
            if labels.size and not (0 <= labels.min() and labels.max() < self.n_classes):
                msg = f"{prefix}labels must lie in 0 ... {self.n_classes - 1}; got {labels.min()} ... {labels.max()}"
                raise ValueError(msg)
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
    def rows(self) -> int:
        """Number N of training rows."""
        return self.inputs.shape[0]

    @property
    def n_features(self) -> int:
        """Number D of input features."""
        return self.inputs.shape[1]

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
    def sha256(self) -> str:
        """Digest of the training and test arrays: the same data give the same digest."""
        digest = hashlib.sha256(f"{self.n_classes}".encode())
        for array in (self.inputs, self.labels, self.test_inputs, self.test_labels):
            digest.update(f"{array.shape}{array.dtype.str}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()
