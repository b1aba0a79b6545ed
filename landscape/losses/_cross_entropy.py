"""Losses as functions of the parameters of a network: the protocol, and the cross-entropy of a perceptron."""

from functools import cached_property
from numbers import Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.datasets import Dataset
from landscape.losses import _wide
from landscape.losses._rounding import Rounding, coarse_rounding, rounding_of_network
from landscape.losses._variants import kernels
from landscape.losses._zero_modes import zero_modes
from landscape.networks import MLP
from landscape.support import one_thread
from landscape.symmetry import PermutationSpec

Array = NDArray[np.float64]

WIDE = 64  # inputs: from here on matrix products through BLAS beat the compiled loops
LARGE = 1000  # parameters: above, BLAS makes Hessians 9 times as fast, and nothing needs a spectrum (crossover: 1012
# parameters, where quenches take 3.1 s with eigenproblems and 3.3 s without, certificates 0.2 s)


class Loss(Protocol):
    """The members that searches need: any object that has them can be explored."""

    @property
    def n_parameters(self) -> int:
        """Length P of the parameter vector."""
        ...

    @property
    def network(self) -> MLP | PermutationSpec | None:
        """The network whose unit symmetries leave the loss unchanged, or declared ones; None if none are known."""
        ...

    @property
    def zero_modes(self) -> Array:
        """Orthonormal directions (k, P) along which the loss is constant everywhere; usually k = 0.

        A loss may also have a method `rounding` (`CrossEntropyLoss.rounding`); otherwise norms of its Hessian are used.
        """
        ...

    def value_and_gradient(self, theta: ArrayLike) -> tuple[float, Array]:
        """Loss and its gradient (P,) at `theta` (P,)."""
        ...

    def value_gradient_hessian(self, theta: ArrayLike) -> tuple[float, Array, Array]:
        """Loss, gradient (P,) and exact Hessian (P, P) at `theta` (P,)."""
        ...


class CrossEntropyLoss:
    """Mean cross-entropy in nats plus `regularization` * |theta|^2, compiled, with exact derivatives.

    Networks with many inputs or parameters use BLAS instead of the compiled loops (from `WIDE` or above `LARGE`). For
    activations with a kink (relu) the derivatives are those on one side of it.
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

    def __init__(
        self, network: MLP, data: Dataset, regularization: float = 1e-4, *, regularize_biases: bool = True
    ) -> None:
        if network.layer_sizes[0] != data.n_features or network.layer_sizes[-1] != data.n_classes:
            msg = (
                f"network must have {data.n_features} inputs and {data.n_classes} outputs to match the data; "
                f"got layer sizes {network.layer_sizes}"
            )
            raise ValueError(msg)
        self.network = network
        self.data = data
        self.regularization = check_regularization(regularization)
        self.regularize_biases = bool(regularize_biases)
        self._sizes = np.array(network.layer_sizes, dtype=np.int64)
        self._wide = network.layer_sizes[0] >= WIDE or network.n_parameters > LARGE
        # a copy even of a single row or feature: kernels are compiled again for arrays that cannot be written
        self._inputs = np.ascontiguousarray(data.inputs) if self._wide else np.array(data.inputs.T, order="C")
        self._labels = np.array(data.labels)
        self._penalty = np.where(network.kernel_mask() | regularize_biases, self.regularization, 0.0)

    @property
    def zero_modes(self) -> Array:
        """Orthonormal directions (k, P) along which the loss is constant everywhere."""
        return self._zero_modes

    @cached_property
    def _zero_modes(self) -> Array:
        return zero_modes(self.network, self.data.inputs, self._penalty)

    @property
    def n_parameters(self) -> int:
        """Length P of the parameter vector."""
        return self.network.n_parameters

    def value(self, theta: ArrayLike) -> float:
        """Loss in nats at `theta` (P,)."""
        return self.value_and_gradient(theta)[0]

    def value_and_gradient(self, theta: ArrayLike) -> tuple[float, Array]:
        """Loss in nats and its gradient (P,) at `theta` (P,)."""
        return self._call("value_gradient", self.network.check(theta))

    def values_and_gradients(self, thetas: ArrayLike) -> tuple[Array, Array]:
        """Losses (M,) and gradients (M, P) at `thetas` (M, P) in one call, bit for bit equal to single calls."""
        return self._call("values_gradients", check_batch(thetas, self.n_parameters))

    def value_gradient_hessian(self, theta: ArrayLike) -> tuple[float, Array, Array]:
        """Loss, gradient (P,) and exact Hessian (P, P) at `theta` (P,)."""
        return self._call("value_gradient_hessian", self.network.check(theta))

    def _call(self, name: str, *points: Array) -> Any:
        """The function of this name, compiled or, for wide inputs, of `_wide`, at points."""
        rows = self._sizes, self._inputs, self._labels, self._penalty
        if self._wide:
            return getattr(_wide, name)(*points, *rows, self.network.units)
        return kernels(self.network.activation)[name](*points, *rows)

    def rounding(self, theta: ArrayLike, eigenvalues: Array, *, coarse: bool = False) -> Rounding:
        """Norms below which rounding leaves gradient and Hessian at `theta` (P,) undecided; see `_rounding`.

        `eigenvalues` are those of the Hessian. A `coarse` bound does not use the rows, and is larger.
        """
        theta = self.network.check(theta)
        if coarse:
            return coarse_rounding(
                self.network, theta, self._largest_inputs, self.data.rows, self._penalty, eigenvalues
            )
        return rounding_of_network(self.network, theta, self.data.inputs, self._labels, self._penalty, eigenvalues)

    @cached_property
    def _largest_inputs(self) -> Array:
        """Largest magnitude (D,) of each feature."""
        return np.abs(self.data.inputs).max(axis=0, initial=0.0)

    def hessian(self, theta: ArrayLike) -> Array:
        """Exact Hessian (P, P) at `theta` (P,)."""
        return self.value_gradient_hessian(theta)[2]

    def hessian_vector_product(self, theta: ArrayLike, vector: ArrayLike) -> Array:
        """Hessian times `vector` (P,) at `theta` (P,), without the Hessian."""
        return self._call("hessian_vector_product", self.network.check(theta), self.network.check(vector))

    def accuracy(self, theta: ArrayLike, *, test: bool = False) -> float:
        """Share of training (or test) rows classified correctly at `theta` (P,); nan without test rows."""
        inputs, labels = (
            (self.data.test_inputs, self.data.test_labels) if test else (self.data.inputs, self.data.labels)
        )
        return share_correct(self.network.logits(theta, inputs), labels)

    def cross_entropy(self, theta: ArrayLike, *, test: bool = False) -> float:
        """Mean cross-entropy in nats over training (or test) rows at `theta` (P,), no penalty; nan without rows."""
        data = self.data
        inputs, labels = (data.test_inputs, data.test_labels) if test else (data.inputs, data.labels)
        return mean_cross_entropy(self.network.logits(theta, inputs), labels)

    def row_cross_entropies(self, theta: ArrayLike, inputs: Array, labels: NDArray[np.int64]) -> Array:
        """Cross-entropy (M,) in nats of each of these rows, inputs (M, D) and labels (M,), at `theta` (P,)."""
        theta = self.network.check(theta)
        if self._wide or not labels.size:
            with one_thread():  # more threads would change the last bits
                return row_cross_entropies(self.network.logits(theta, inputs), labels)
        compiled = kernels(self.network.activation)["cross_entropies"]
        return compiled(theta, self._sizes, np.ascontiguousarray(inputs.T), np.array(labels))

    def scores(self, theta: ArrayLike, *, test: bool = False) -> tuple[float, float]:
        """`cross_entropy` and `accuracy` at `theta` (P,) in one compiled pass, several times as fast."""
        theta = self.network.check(theta)
        labels = self.data.test_labels if test else self.data.labels
        if self._wide or not labels.size:
            with one_thread():  # more threads would change the last bits
                logits = self.network.logits(theta, self.data.test_inputs if test else self.data.inputs)
            return mean_cross_entropy(logits, labels), share_correct(logits, labels)
        inputs, labels = self._test_rows if test else (self._inputs, self._labels)
        return kernels(self.network.activation)["scores"](theta, self._sizes, inputs, labels)

    @cached_property
    def _test_rows(self) -> tuple[Array, NDArray[np.int64]]:
        """Test inputs (D, M) and labels in the layout of the compiled loops."""
        return np.ascontiguousarray(self.data.test_inputs.T), np.array(self.data.test_labels)


def row_cross_entropies(logits: Array, labels: NDArray[np.int64]) -> Array:
    """-log softmax (N,) of the logits (N, K) at the labels (N,), in nats."""
    return np.logaddexp.reduce(logits, axis=1) - logits[np.arange(labels.size), labels]


def share_correct(logits: Array, labels: NDArray[np.int64]) -> float:
    """Share of rows whose largest logit (N, K) is at the label (N,); nan for no rows."""
    return float((logits.argmax(axis=1) == labels).mean()) if labels.size else float("nan")


def check_batch(thetas: ArrayLike, n_parameters: int) -> Array:
    """`thetas` as a contiguous float64 array of shape (M, P), or a ValueError with its actual shape."""
    thetas = np.array(thetas, dtype=np.float64, order="C")
    if thetas.ndim != 2 or thetas.shape[1] != n_parameters:
        msg = f"thetas must have shape (M, {n_parameters}); got {thetas.shape}"
        raise ValueError(msg)
    return thetas


def mean_cross_entropy(logits: Array, labels: NDArray[np.int64]) -> float:
    """Mean of -log softmax of the logits (N, K) at the label (N,), in nats; nan for no rows."""
    if not labels.size:
        return float("nan")
    return float(row_cross_entropies(logits, labels).mean())


def check_regularization(value: Any) -> float:
    """`value` as a float >= 0, or a ValueError."""
    number = float(value) if isinstance(value, Real) else np.nan
    if not (np.isfinite(number) and number >= 0.0):
        msg = f"regularization must be a finite number >= 0; got {value!r:.200}"
        raise ValueError(msg)
    return number
