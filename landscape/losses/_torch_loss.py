"""The losses of any torch module."""

import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.datasets import Dataset
from landscape.losses._kinds import loss_kind
from landscape.losses._mlp_loss import MLPLoss, check_batch, check_regularization
from landscape.losses._module_source import LoadedModule, declared_spec, of_module
from landscape.losses._of_outputs import LossOfOutputs
from landscape.symmetry import PermutationSpec

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]
IN_CACHE = 1_500_000  # activations that points or columns of a Hessian have together, if evaluated side by side
ELSEWHERE = 100_000_000  # on other devices than the CPU, which have more to do at once


class TorchLoss(LossOfOutputs):
    """The same losses for any `torch.nn.Module` that maps inputs (N, D) to outputs (N, K), before any softmax.

    K is the number of classes, or of targets of a regression, and one for the logistic loss.

    Parameters are the module's trainable ones (``requires_grad``), flattened in the order of `named_parameters()`,
    each once, however many names it has; frozen ones and buffers are constants. The module is copied, in float64 and
    evaluation mode (no dropout, batch normalization with its running statistics), and never changed. `network` is the
    `landscape.symmetry.PermutationSpec` that the module declares by attributes ``axes_to_perm`` and ``sign_flips`` (see
    `load_module`), checked by evaluating the module; None if it declares none: images then count as distinct. Quenches
    and searches refuse modules with a kink (ReLU), where no minimum has a Hessian.

    At construction the outputs, torch's gradient and its second derivatives are checked on a few rows against finite
    differences and for symmetry, because torch's second derivatives of some operations are wrong
    (`torch._weight_norm`; weight normalization is replaced by operations with correct ones).

    Parameters
    ----------
    module : torch.nn.Module or LoadedModule
    data : Dataset
    regularization, regularize_biases
        As in `CrossEntropyLoss`; biases are the parameters whose name ends in "bias".
    zero_modes : (k, P) array, optional
        Orthonormal directions along which the loss is constant everywhere, for instance the common shift of
        the output biases if the penalty excludes them. Quenches need them; they are not detected automatically.
    kind : str
        Name of the loss (`LOSSES`): "cross-entropy", "squared-error" or "logistic", as of perceptrons.
    device : str
        Device of torch, such as "cuda"; numbers return as NumPy arrays.

    Raises
    ------
    ImportError
        If torch is not installed.
    ValueError
        If the loss is not defined for the data, or the module does not map each row by itself to K finite outputs, is
        random or changes itself in evaluation mode, has no trainable parameters, is not twice differentiable by torch,
        or declares symmetries that it does not have.
    """

    def __init__(
        self,
        module: "torch.nn.Module | LoadedModule",
        data: Dataset,
        regularization: float = 1e-4,
        *,
        regularize_biases: bool = True,
        zero_modes: ArrayLike | None = None,
        kind: str = "cross-entropy",
        device: str = "cpu",
    ) -> None:
        try:
            import torch  # noqa: PLC0415 (optional: only this class needs it)

            from landscape.losses._declared import check_declared  # noqa: PLC0415
            from landscape.losses._module_checks import check_outputs, derivative_problem  # noqa: PLC0415
            from landscape.losses._modules import FlatModule  # noqa: PLC0415
            from landscape.losses._torch_means import MEANS  # noqa: PLC0415
        except ImportError as error:
            msg = "TorchLoss needs torch: pip install 'agescape[torch]'"
            raise ImportError(msg) from error
        self._torch = torch
        outputs, self.head = loss_kind(kind).outputs_for(data), loss_kind(kind).head
        self._mean_loss = MEANS[kind]
        self.data = data
        self.regularization = check_regularization(regularization)
        self.regularize_biases = bool(regularize_biases)
        module, source = module if isinstance(module, LoadedModule) else (module, None)
        self._logits = FlatModule(module, data.inputs, torch.float64, device)
        check_outputs(self._logits, data, outputs)
        if problem := derivative_problem(self._logits, data, self._mean_loss, second=True):
            raise ValueError(problem)
        self.n_parameters = self._logits.n_parameters
        self.network: PermutationSpec | None = declared_spec(module, self._logits.shapes)
        if self.network is not None:
            check_declared(self._logits, self.network, data.inputs)
        self.source = of_module(module, source, self.network)
        held = self._logits.kernel_mask | regularize_biases
        self._penalty = self._logits.tensor(np.where(held, self.regularization, 0.0))
        self._inputs = self._logits.tensor(data.inputs)
        self._labels = self._logits.labels(data.labels)
        self._width = self._logits.width(self._inputs[:1])
        modes = np.zeros((0, self.n_parameters)) if zero_modes is None else np.array(zero_modes, dtype=np.float64)
        if (
            modes.ndim != 2
            or modes.shape[1] != self.n_parameters
            or not np.allclose(modes @ modes.T, np.eye(len(modes)))
        ):
            msg = f"zero_modes must be orthonormal rows of length {self.n_parameters}; got shape {modes.shape}"
            raise ValueError(msg)
        self.zero_modes = modes

    def __getstate__(self) -> dict[str, Any]:
        _ = self.kink, self._works_under_vmap  # once, and not by each worker
        return vars(self)

    def _of_rows(self, theta: "torch.Tensor", inputs: "torch.Tensor", labels: "torch.Tensor") -> "torch.Tensor":
        return self._mean_loss(self._logits(theta, inputs), labels)

    def _loss(self, theta: "torch.Tensor") -> "torch.Tensor":
        return self._of_rows(theta, self._inputs, self._labels) + (self._penalty * theta**2).sum()

    def check(self, theta: ArrayLike) -> Array:
        """`theta` as a float64 array of shape (P,), or a ValueError that says what it was."""
        theta = np.array(theta, dtype=np.float64)
        if theta.shape != (self.n_parameters,):
            msg = f"theta must have shape ({self.n_parameters},) for this module; got {theta.shape}"
            raise ValueError(msg)
        return theta

    def _tensor(self, theta: ArrayLike) -> "torch.Tensor":
        return self._logits.tensor(self.check(theta))

    @property
    def module(self) -> "torch.nn.Module | LoadedModule":
        """The module, with its source if that is known; a worker does not have it."""
        known = self.source is not None and self.source.sha256
        return LoadedModule(self._logits.original, self.source) if known and self.source else self._logits.original

    def kernel_mask(self) -> NDArray[np.bool_]:
        """Boolean (P,): False for parameters whose name ends in "bias"."""
        return self._logits.kernel_mask

    @cached_property
    def kink(self) -> str | None:
        """Why the loss is not twice continuously differentiable, in words; None if it seems to be."""
        from landscape.losses._kinks import kink_of  # noqa: PLC0415 (needs torch)

        return kink_of(self._logits, self.data, self._mean_loss)

    def random_point(self, *, rng: np.random.Generator) -> Array:
        """A random initialization (P,) by ``reset_parameters`` of the parts; normal numbers where they have none."""
        seed = int(rng.integers(2**63))
        try:
            return self._logits.random_start(seed)
        except ValueError:
            return rng.normal(size=self.n_parameters)

    def without_penalty(self) -> "TorchLoss":
        """The mean loss of the rows alone."""
        other = copy.copy(self)
        other.regularization, other._penalty = 0.0, self._torch.zeros_like(self._penalty)
        return other

    def on(self, data: Dataset) -> "TorchLoss":
        """The same module, loss and penalty on other rows with the same features and labels of the same kind."""
        other = copy.copy(self)
        other.data = data
        other._inputs = self._logits.tensor(data.inputs)
        other._labels = self._logits.labels(data.labels)
        return other

    def value(self, theta: ArrayLike) -> float:
        """Loss at `theta` (P,)."""
        return float(self._loss(self._tensor(theta)))

    def value_and_gradient(self, theta: ArrayLike) -> tuple[float, Array]:
        """Loss and its gradient (P,) at `theta` (P,)."""
        point = self._tensor(theta).requires_grad_()
        value = self._loss(point)  # by autograd itself: half the time of torch.func.grad, the same bits
        (gradient,) = self._torch.autograd.grad(value, point)
        return float(value.detach()), _numbers(gradient)

    def values_and_gradients(self, thetas: ArrayLike) -> tuple[Array, Array]:
        """Losses (M,) and gradients (M, P) at `thetas` (M, P): side by side by ``vmap`` if the module allows it.

        They are those of single calls up to rounding.
        """
        thetas = check_batch(thetas, self.n_parameters)
        if not self._works_under_vmap:
            found = [self.value_and_gradient(theta) for theta in thetas]
            values, gradients = zip(*found, strict=True) if found else ((), ())
            return np.array(values), np.array(gradients).reshape(thetas.shape)
        if not len(thetas):
            return np.empty(0), thetas
        func = self._torch.func
        together: Any = func.vmap(func.grad_and_value(self._loss), chunk_size=self._chunk)
        gradients, values = together(self._logits.tensor(thetas))
        return _numbers(values), _numbers(gradients)

    @property
    def _chunk(self) -> int:
        """How many points or columns are evaluated side by side."""
        most = IN_CACHE if self._inputs.device.type == "cpu" else ELSEWHERE
        return max(1, most // (self.data.rows * self._width))

    @cached_property
    def _works_under_vmap(self) -> bool:
        from landscape.losses._module_checks import check_vmap  # noqa: PLC0415 (needs torch)

        try:
            check_vmap(self._logits, self.data, self._mean_loss)
        except ValueError:
            return False
        return True

    def gradients_of_rows(self, theta: ArrayLike, inputs: Array, labels: NDArray[Any]) -> Array:
        """Gradients (M, P) of the loss of single rows, inputs (M, D) and labels (M,), at `theta` (P,)."""
        point, rows = self._tensor(theta), self._logits.tensor(inputs)[:, None]
        targets = self._logits.labels(labels)[:, None]
        gradient = self._torch.func.grad(self._of_rows)
        if self._works_under_vmap:
            return _numbers(self._torch.func.vmap(gradient, in_dims=(None, 0, 0))(point, rows, targets))
        found = [_numbers(gradient(point, row, target)) for row, target in zip(rows, targets, strict=True)]
        return np.array(found).reshape(len(rows), self.n_parameters)

    def value_gradient_hessian(self, theta: ArrayLike) -> tuple[float, Array, Array]:
        """Loss, gradient (P,) and exact Hessian (P, P) at `theta` (P,)."""
        return *self.value_and_gradient(theta), self.hessian(theta)

    def hessian(self, theta: ArrayLike) -> Array:
        """Exact Hessian (P, P) at `theta` (P,)."""
        # reverse over reverse: faster here than forward over reverse, for which torch uses its deprecated jit
        gradient: Any = self._torch.func.grad(self._loss)
        jacobian: Any = self._torch.func.jacrev(gradient, chunk_size=self._chunk)
        return _numbers(jacobian(self._tensor(theta)))

    def hessian_vector_product(self, theta: ArrayLike, vector: ArrayLike) -> Array:
        """Hessian times `vector` (P,) at `theta` (P,), by reverse over reverse because the Hessian is symmetric."""
        point, grad = self._tensor(theta).requires_grad_(), self._torch.autograd.grad
        (gradient,) = grad(self._loss(point), point, create_graph=True)
        (product,) = grad(gradient, point, self._tensor(vector), materialize_grads=True)
        return _numbers(product)

    def logits(self, theta: ArrayLike, inputs: ArrayLike) -> Array:
        """Outputs before any softmax, (N, K), for `inputs` (N, D) at `theta` (P,)."""
        return _numbers(self._logits(self._tensor(theta), self._logits.tensor(np.array(inputs, dtype=np.float64))))

    def row_losses(self, theta: ArrayLike, inputs: Array, labels: NDArray[Any]) -> Array:
        """Loss (M,) of each of these rows, inputs (M, D) and labels (M,), at `theta` (P,)."""
        return self.head.losses(self.logits(theta, inputs), labels)


def _numbers(tensor: "torch.Tensor") -> Array:
    return tensor.detach().cpu().numpy()


DataLoss = MLPLoss | TorchLoss  # a loss of labeled rows, whatever network it is of
