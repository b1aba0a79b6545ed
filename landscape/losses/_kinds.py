"""The losses of perceptrons: cross-entropy, squared error, logistic."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.datasets import Dataset, RegressionDataset
from landscape.losses._mlp_loss import MLPLoss
from landscape.losses._outputs import HEADS, wanted_outputs

Array = NDArray[np.float64]


class CrossEntropyLoss(MLPLoss):
    """Mean softmax cross-entropy in nats plus `regularization` * |theta|^2, compiled, with exact derivatives.

    Networks with many inputs or parameters use BLAS instead of the compiled loops (from `WIDE` or above `LARGE`), or
    sparse products if most of the inputs are zero. For activations with a kink (relu) the derivatives are those on one
    side of it.
    Equation 1 of Herrera Segura, Montoya and Tapias (arXiv 2209.02517).

    Parameters
    ----------
    network : MLP
    data : Dataset
        Its training rows define the loss.
    regularization : float
        lambda >= 0; the gradient of the penalty is 2 lambda theta.
    regularize_biases : bool
        False excludes the biases from the penalty; the common shift of the outputs is then a zero mode. Without any
        penalty, duplicate and constant features are zero modes as well (see `zero_modes`).

    Raises
    ------
    ValueError
        If the network's inputs or outputs do not match the data, or lambda is negative or not finite.
    """

    head = HEADS["cross-entropy"]

    def _compiled(self, labels: NDArray[Any]) -> NDArray[np.int64]:
        return np.array(labels)


class SquaredErrorLoss(MLPLoss):
    """Mean over the rows of half the squared error, |z - y|^2 / 2, plus `regularization` * |theta|^2.

    Compiled, with exact derivatives. For a regression (`landscape.datasets.RegressionDataset`) the network has one
    output z for each target y, whose unit squared the loss has; for classes it has one output per class, and y is
    one for the row's class and zero for the others. It is half of what ``torch.nn.MSELoss`` gives for one output, and
    minus the log-likelihood (nats, without its constant) of normal errors of variance one. Without a penalty on the
    biases there is no zero mode of the outputs, unlike for `CrossEntropyLoss`.

    Parameters
    ----------
    network, data, regularization, regularize_biases
        As for `CrossEntropyLoss`.

    Raises
    ------
    ValueError
        If the network's inputs or outputs do not match the data, or lambda is negative or not finite.
    """

    head = HEADS["squared-error"]

    @classmethod
    def outputs_for(cls, data: Dataset) -> int:
        """The number of targets of a regression, or of classes."""
        return data.n_targets if isinstance(data, RegressionDataset) else data.n_classes

    def _compiled(self, labels: NDArray[Any]) -> Array:
        """What the outputs should be, one output after the other, (K N,)."""
        wanted = wanted_outputs(labels, self.network.layer_sizes[-1])
        return np.array(wanted.T, dtype=np.float64, order="C").reshape(-1)

    def scores(self, theta: ArrayLike, *, test: bool = False) -> tuple[float, float]:
        """As of every loss; there is no accuracy of a regression."""
        value, share = super().scores(theta, test=test)
        return value, float("nan") if self.data.is_regression else share

    @property
    def _largest_label(self) -> float:
        return float(np.abs(self.data.labels).max()) if self.data.is_regression else 1.0


class LogisticLoss(MLPLoss):
    """Mean binary cross-entropy in nats of one output z, log(1 + e^z) - y z, plus `regularization` * |theta|^2.

    Compiled, with exact derivatives. z is the logit of class 1 of two classes; it equals a softmax whose other logit is
    zero, without the zero mode of two logits.

    Parameters
    ----------
    network, data, regularization, regularize_biases
        As for `CrossEntropyLoss`; the data have two classes and the network one output.

    Raises
    ------
    ValueError
        If the network's inputs or outputs do not match the data, or lambda is negative or not finite.
    """

    head = HEADS["logistic"]

    @classmethod
    def outputs_for(cls, data: Dataset) -> int:
        """One, if there are two classes."""
        if super().outputs_for(data) != 2:
            msg = f"logistic needs two classes; these data have {data.n_classes}: choose cross-entropy"
            raise ValueError(msg)
        return 1


LOSSES: dict[str, type[MLPLoss]] = {kind.head.name: kind for kind in (CrossEntropyLoss, SquaredErrorLoss, LogisticLoss)}


def loss_kind(name: str) -> type[MLPLoss]:
    """The class of the loss with this name, or a ValueError that lists them."""
    if name not in LOSSES:
        msg = f"loss must be one of {', '.join(LOSSES)}; got {name!r}"
        raise ValueError(msg)
    return LOSSES[name]
