"""What searches need of a loss, and the loss of any torch module."""

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.datasets import Dataset
from landscape.losses._mlp_loss import check_batch, check_regularization
from landscape.losses._outputs import CROSS_ENTROPY
from landscape.networks import MLP

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]


class Loss(Protocol):
    """The members that searches need: any object that has them can be explored."""

    @property
    def n_parameters(self) -> int:
        """Length P of the parameter vector."""
        ...

    @property
    def network(self) -> MLP | None:
        """The network whose unit symmetries leave the loss unchanged; None if there are none."""
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


class TorchLoss:
    """The same loss for any `torch.nn.Module` that maps inputs (N, D) to logits (N, n_classes).

    Parameters are the module's trainable ones (``requires_grad``), flattened in the order of `named_parameters()`,
    each once, however many names it has; frozen ones and buffers are constants. The module is copied, in float64 and
    evaluation mode (no dropout, batch normalization with its running statistics), and never changed. Unit symmetries
    are unknown: `network` is None. With piecewise linear units (ReLU) a minimum may be on a kink, where no quench
    converges.

    At construction the outputs, torch's gradient and its second derivatives are checked on a few rows against finite
    differences and for symmetry, because torch's second derivatives of some operations are wrong
    (`torch._weight_norm`; weight normalization is replaced by operations with correct ones).

    Parameters
    ----------
    module : torch.nn.Module
    data : Dataset
    regularization, regularize_biases
        As in `CrossEntropyLoss`; biases are the parameters whose name ends in "bias".
    zero_modes : (k, P) array, optional
        Orthonormal directions along which the loss is constant everywhere, for instance the common shift of
        the output biases if the penalty excludes them. Quenches need them; they are not detected automatically.

    Raises
    ------
    ImportError
        If torch is not installed.
    ValueError
        If the module does not map each row by itself to one finite output per class, is random or changes itself in
        evaluation mode, has no trainable parameters, or is not twice differentiable by torch.
    """

    network: MLP | None = None

    def __init__(
        self,
        module: "torch.nn.Module",
        data: Dataset,
        regularization: float = 1e-4,
        *,
        regularize_biases: bool = True,
        zero_modes: ArrayLike | None = None,
    ) -> None:
        try:
            import torch  # noqa: PLC0415 (optional: only this class needs it)

            from landscape.losses._module_checks import check_outputs, derivative_problem  # noqa: PLC0415
            from landscape.losses._modules import FlatModule  # noqa: PLC0415
        except ImportError as error:
            msg = "TorchLoss needs torch: pip install 'agescape[torch]'"
            raise ImportError(msg) from error
        self._torch = torch
        self.data = data
        self.regularization = check_regularization(regularization)
        self.regularize_biases = bool(regularize_biases)
        self._logits = FlatModule(module, data.inputs, torch.float64)
        check_outputs(self._logits, data)
        if problem := derivative_problem(self._logits, data, second=True):
            raise ValueError(problem)
        self.n_parameters = self._logits.n_parameters
        held = self._logits.kernel_mask | regularize_biases
        self._penalty = torch.from_numpy(np.where(held, self.regularization, 0.0))
        self._inputs = torch.from_numpy(data.inputs.copy())
        self._labels = torch.from_numpy(data.labels.copy())
        modes = np.zeros((0, self.n_parameters)) if zero_modes is None else np.array(zero_modes, dtype=np.float64)
        if (
            modes.ndim != 2
            or modes.shape[1] != self.n_parameters
            or not np.allclose(modes @ modes.T, np.eye(len(modes)))
        ):
            msg = f"zero_modes must be orthonormal rows of length {self.n_parameters}; got shape {modes.shape}"
            raise ValueError(msg)
        self.zero_modes = modes

    def _loss(self, theta: "torch.Tensor") -> "torch.Tensor":
        logits = self._logits(theta, self._inputs)
        return self._torch.nn.functional.cross_entropy(logits, self._labels) + (self._penalty * theta**2).sum()

    def _tensor(self, theta: ArrayLike) -> "torch.Tensor":
        theta = np.array(theta, dtype=np.float64)
        if theta.shape != (self.n_parameters,):
            msg = f"theta must have shape ({self.n_parameters},) for this module; got {theta.shape}"
            raise ValueError(msg)
        return self._torch.from_numpy(theta)

    def value(self, theta: ArrayLike) -> float:
        """Loss in nats at `theta` (P,)."""
        return float(self._loss(self._tensor(theta)))

    def value_and_gradient(self, theta: ArrayLike) -> tuple[float, Array]:
        """Loss in nats and its gradient (P,) at `theta` (P,)."""
        gradient, value = self._torch.func.grad_and_value(self._loss)(self._tensor(theta))
        return float(value), gradient.numpy()

    def values_and_gradients(self, thetas: ArrayLike) -> tuple[Array, Array]:
        """Losses (M,) and gradients (M, P) at `thetas` (M, P), one by one."""
        thetas = check_batch(thetas, self.n_parameters)
        values, gradients = np.empty(len(thetas)), np.empty_like(thetas)
        for i, theta in enumerate(thetas):
            values[i], gradients[i] = self.value_and_gradient(theta)
        return values, gradients

    def value_gradient_hessian(self, theta: ArrayLike) -> tuple[float, Array, Array]:
        """Loss, gradient (P,) and exact Hessian (P, P) at `theta` (P,)."""
        return *self.value_and_gradient(theta), self.hessian(theta)

    def hessian(self, theta: ArrayLike) -> Array:
        """Exact Hessian (P, P) at `theta` (P,)."""
        # reverse over reverse: faster here than forward over reverse, for which torch uses its deprecated jit
        return self._torch.func.jacrev(self._torch.func.grad(self._loss))(self._tensor(theta)).numpy()

    def hessian_vector_product(self, theta: ArrayLike, vector: ArrayLike) -> Array:
        """Hessian times `vector` (P,) at `theta` (P,), by reverse over reverse because the Hessian is symmetric."""
        transposed: Any = self._torch.func.vjp(self._torch.func.grad(self._loss), self._tensor(theta))[1]
        return transposed(self._tensor(vector))[0].numpy()

    def accuracy(self, theta: ArrayLike, *, test: bool = False) -> float:
        """Share of training (or test) rows classified correctly at `theta` (P,); nan without test rows."""
        inputs, labels = (
            (self.data.test_inputs, self.data.test_labels) if test else (self.data.inputs, self.data.labels)
        )
        return CROSS_ENTROPY.share_correct(
            self._logits(self._tensor(theta), self._torch.from_numpy(inputs.copy())).numpy(), labels
        )

    def data_loss(self, theta: ArrayLike, *, test: bool = False) -> float:
        """Mean cross-entropy in nats over training (or test) rows at `theta` (P,), no penalty; nan without rows."""
        data = self.data
        inputs, labels = (data.test_inputs, data.test_labels) if test else (data.inputs, data.labels)
        return float(self.row_losses(theta, inputs, labels).mean()) if labels.size else float("nan")

    def row_losses(self, theta: ArrayLike, inputs: Array, labels: NDArray[np.int64]) -> Array:
        """Cross-entropy (M,) in nats of each of these rows, inputs (M, D) and labels (M,), at `theta` (P,)."""
        logits = self._logits(self._tensor(theta), self._torch.from_numpy(inputs.copy()))
        return CROSS_ENTROPY.losses(logits.numpy(), labels)
