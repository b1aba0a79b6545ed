"""Losses of the outputs of a network, in NumPy: where rows change from call to call, or inputs are wide.

The compiled forms are in `_heads`. Outputs z are (N, K), before any softmax; labels (N,) are classes, whole numbers, or
for a squared error targets (N,) or (N, K), real numbers.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

Array = NDArray[Any]
Block = tuple[float, Array, Array]  # the sum of the losses, the deltas, and what `tangent` needs


class Head(Protocol):
    """A loss of the outputs of a network."""

    name: str  # as files and the command line have it
    module: str  # of `_heads`
    shifts: bool  # whether a common shift of all outputs changes nothing
    unit: str  # of the loss; empty: that of the labels squared

    def losses(self, z: Array, labels: Array) -> Array:
        """Loss (N,) of each row."""
        ...

    def deltas(self, z: Array, labels: Array) -> Array:
        """Derivatives (N, K) of each row's loss by its outputs."""
        ...

    def block(self, z: Array, labels: Array, n_samples: int) -> Block:
        """The summed loss and its derivatives, both over `n_samples`, and what `tangent` needs; changes `z`."""
        ...

    def tangent(self, state: Array, change: Array, n_samples: int) -> Array:
        """Derivative of the deltas of `block` along a change (N, K) of the outputs."""
        ...

    def steepness(self, z: Array) -> Array:
        """Bound (N,) on the second derivatives of each row's loss."""
        ...

    def predictions(self, z: Array) -> Array:
        """What the outputs (N, K) predict, (N, K): probabilities, or the outputs themselves."""
        ...

    def share_correct(self, z: Array, labels: Array) -> float:
        """Share of rows that are classified correctly; nan without rows or classes."""
        ...


class CrossEntropy:
    """Softmax cross-entropy."""

    name, module, shifts, unit = "cross-entropy", "cross_entropy", True, "nats"

    def losses(self, z: Array, labels: Array) -> Array:
        return np.logaddexp.reduce(z, axis=1) - z[np.arange(labels.size), labels]

    def deltas(self, z: Array, labels: Array) -> Array:
        delta = softmax(z, axis=1)
        delta[np.arange(labels.size), labels] -= 1.0
        return delta

    def block(self, z: Array, labels: Array, n_samples: int) -> Block:
        z -= z.max(axis=1, keepdims=True)
        exponentials = np.exp(z)
        totals = exponentials.sum(axis=1)
        rows = np.arange(len(labels))
        loss = float((np.log(totals) - z[rows, labels]).sum()) / n_samples
        probability = exponentials / (n_samples * totals[:, None])
        delta = probability.copy()
        delta[rows, labels] -= 1.0 / n_samples
        return loss, delta, probability

    def tangent(self, state: Array, change: Array, n_samples: int) -> Array:
        return state * (change - n_samples * (state * change).sum(axis=1, keepdims=True))

    def steepness(self, z: Array) -> Array:
        probability = np.exp(z - z.max(axis=1, keepdims=True))
        probability /= probability.sum(axis=1, keepdims=True)
        return 2.0 * (1.0 - probability.max(axis=1))

    def predictions(self, z: Array) -> Array:
        return softmax(z, axis=1)

    def share_correct(self, z: Array, labels: Array) -> float:
        return float((z.argmax(axis=1) == labels).mean()) if labels.size else float("nan")


class SquaredError:
    """Half the squared distance to the targets, or to the indicator of a class."""

    name, module, shifts, unit = "squared-error", "squared_error", False, ""

    def losses(self, z: Array, labels: Array) -> Array:
        return 0.5 * (self.deltas(z, labels) ** 2).sum(axis=1)

    def deltas(self, z: Array, labels: Array) -> Array:
        return z - wanted_outputs(labels, z.shape[1])

    def block(self, z: Array, labels: Array, n_samples: int) -> Block:
        delta = self.deltas(z, labels)
        return 0.5 * float((delta * delta).sum()) / n_samples, delta / n_samples, delta

    def tangent(self, state: Array, change: Array, n_samples: int) -> Array:
        return change / n_samples

    def steepness(self, z: Array) -> Array:
        return np.ones(len(z))

    def predictions(self, z: Array) -> Array:
        return z

    def share_correct(self, z: Array, labels: Array) -> float:
        return float("nan") if labels.dtype.kind == "f" else CrossEntropy().share_correct(z, labels)


class Logistic:
    """Binary cross-entropy of one output, the logit of class 1."""

    name, module, shifts, unit = "logistic", "logistic", False, "nats"

    def losses(self, z: Array, labels: Array) -> Array:
        return np.logaddexp(0.0, (1.0 - 2.0 * labels) * z[:, 0])

    def deltas(self, z: Array, labels: Array) -> Array:
        sign = (1.0 - 2.0 * labels)[:, None].astype(z.dtype)
        return sign * expit(sign * z)

    def block(self, z: Array, labels: Array, n_samples: int) -> Block:
        return (
            float(self.losses(z, labels).sum()) / n_samples,
            self.deltas(z, labels) / n_samples,
            expit(z) * expit(-z) / n_samples,
        )

    def tangent(self, state: Array, change: Array, n_samples: int) -> Array:
        return state * change

    def steepness(self, z: Array) -> Array:
        return (expit(z) * expit(-z))[:, 0]

    def predictions(self, z: Array) -> Array:
        return expit(z)

    def share_correct(self, z: Array, labels: Array) -> float:
        return float(((z[:, 0] > 0.0) == (labels > 0)).mean()) if labels.size else float("nan")


def wanted_outputs(labels: Array, n_outputs: int) -> Array:
    """What the outputs (N, K) should be: the targets, or the indicators of the classes."""
    rows = labels[:, None] if labels.ndim == 1 else labels
    return rows if labels.dtype.kind == "f" else np.arange(n_outputs) == rows


CROSS_ENTROPY: Head = CrossEntropy()
HEADS: dict[str, Head] = {each.name: each for each in (CROSS_ENTROPY, SquaredError(), Logistic())}
