"""The losses of perceptrons: what they have in common."""

from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.datasets import Dataset
from landscape.losses import _wide
from landscape.losses._of_outputs import LossOfOutputs, mean_loss
from landscape.losses._rounding import Rounding, coarse_rounding, rounding_of_network
from landscape.losses._sizes import LARGE, WIDE
from landscape.losses._sparse import wide_rows
from landscape.losses._variants import kernels
from landscape.losses._zero_modes import zero_modes
from landscape.networks import MLP
from landscape.support import one_thread

Array = NDArray[np.float64]


class MLPLoss(LossOfOutputs):
    """A mean loss of the outputs of a perceptron plus `regularization` * |theta|^2, compiled, with exact derivatives.

    Use one of its kinds: `CrossEntropyLoss`, `SquaredErrorLoss`, `LogisticLoss`.
    """

    def __init__(
        self, network: MLP, data: Dataset, regularization: float = 1e-4, *, regularize_biases: bool = True
    ) -> None:
        outputs = self.outputs_for(data)
        if network.layer_sizes[0] != data.n_features or network.layer_sizes[-1] != outputs:
            msg = (
                f"network must have {data.n_features} inputs and {outputs} outputs to match the data; "
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
        self._inputs = wide_rows(data.inputs) if self._wide else np.array(data.inputs.T, order="C")
        self._labels = data.labels if self._wide else self._compiled(data.labels)
        self._penalty = np.where(network.kernel_mask() | regularize_biases, self.regularization, 0.0)

    @classmethod
    def outputs_for(cls, data: Dataset) -> int:
        """How many outputs a network needs for these data; ValueError if the loss is not defined for them."""
        if data.is_regression:
            msg = f"{cls.head.name} needs classes; these data are a regression: choose squared-error"
            raise ValueError(msg)
        return data.n_classes

    def _compiled(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Labels in the layout of the compiled loops."""
        return np.array(labels, dtype=np.float64)

    @property
    def zero_modes(self) -> Array:
        """Orthonormal directions (k, P) along which the loss is constant everywhere."""
        return self._zero_modes

    @cached_property
    def _zero_modes(self) -> Array:
        return zero_modes(self.network, self.data.inputs, self._penalty, shifts=self.head.shifts)

    @property
    def n_parameters(self) -> int:
        """Length P of the parameter vector."""
        return self.network.n_parameters

    def value(self, theta: ArrayLike) -> float:
        """Loss at `theta` (P,)."""
        return self.value_and_gradient(theta)[0]

    def value_and_gradient(self, theta: ArrayLike) -> tuple[float, Array]:
        """Loss and its gradient (P,) at `theta` (P,)."""
        theta = self.network.check(theta)
        if self._wide:
            return self._call("value_gradient", theta)
        # without another call: one in thirty of the time of a small network
        return self._kernels["value_gradient"](theta, self._sizes, self._inputs, self._labels, self._penalty)

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
            return getattr(_wide, name)(*points, *rows, self.network.units, self.head)
        return self._kernels[name](*points, *rows)

    @property
    def _kernels(self) -> dict[str, Any]:
        return kernels(self.network.activation, self.head.module)

    def rounding(self, theta: ArrayLike, eigenvalues: Array, *, coarse: bool = False) -> Rounding:
        """Norms below which rounding leaves gradient and Hessian at `theta` (P,) undecided; see `_rounding`.

        `eigenvalues` are those of the Hessian. A `coarse` bound does not use the rows, and is larger.
        """
        theta = self.network.check(theta)
        if coarse:
            return coarse_rounding(
                self.network,
                theta,
                self._largest_inputs,
                self.data.rows,
                self._penalty,
                eigenvalues,
                self._largest_label,
            )
        return rounding_of_network(
            self.network, theta, self.data.inputs, self.data.labels, self._penalty, eigenvalues, self.head
        )

    @property
    def _largest_label(self) -> float | None:
        """Where the derivatives by the outputs are as large as these and the labels: the largest label."""
        return None

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

    def logits(self, theta: ArrayLike, inputs: ArrayLike) -> Array:
        """Outputs before any softmax, (N, K), for `inputs` (N, D) at `theta` (P,)."""
        return self.network.logits(theta, inputs)

    def row_losses(self, theta: ArrayLike, inputs: Array, labels: NDArray[Any]) -> Array:
        """Loss (M,) of each of these rows, inputs (M, D) and labels (M,), at `theta` (P,)."""
        theta = self.network.check(theta)
        if self._wide or not labels.size:
            with one_thread():  # more threads would change the last bits
                return self.head.losses(self.network.logits(theta, inputs), labels)
        compiled = self._kernels["row_losses"]
        return compiled(theta, self._sizes, np.ascontiguousarray(inputs.T), self._compiled(labels))

    def scores(self, theta: ArrayLike, *, test: bool = False) -> tuple[float, float]:
        """`data_loss` and `accuracy` at `theta` (P,) in one compiled pass, several times as fast."""
        theta = self.network.check(theta)
        inputs, labels = self._rows(test=test)
        if self._wide or not labels.size:
            with one_thread():  # more threads would change the last bits
                outputs = self.network.logits(theta, inputs)
            return mean_loss(self.head.losses(outputs, labels)), self.head.share_correct(outputs, labels)
        inputs, labels = self._test_rows if test else (self._inputs, self._labels)
        return self._kernels["scores"](theta, self._sizes, inputs, labels)

    @cached_property
    def _test_rows(self) -> tuple[Array, NDArray[Any]]:
        """Test inputs (D, M) and labels in the layout of the compiled loops."""
        return np.ascontiguousarray(self.data.test_inputs.T), self._compiled(self.data.test_labels)


def check_batch(thetas: ArrayLike, n_parameters: int) -> Array:
    """`thetas` as a contiguous float64 array of shape (M, P), or a ValueError with its actual shape."""
    thetas = np.array(thetas, dtype=np.float64, order="C")
    if thetas.ndim != 2 or thetas.shape[1] != n_parameters:
        msg = f"thetas must have shape (M, {n_parameters}); got {thetas.shape}"
        raise ValueError(msg)
    return thetas


def check_regularization(value: Any) -> float:
    """`value` as a float >= 0, or a ValueError."""
    number = float(value) if isinstance(value, Real) else np.nan
    if not (np.isfinite(number) and number >= 0.0):
        msg = f"regularization must be a finite number >= 0; got {value!r:.200}"
        raise ValueError(msg)
    return number
