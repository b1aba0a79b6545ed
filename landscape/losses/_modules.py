"""Any torch module as a function of one flat vector of its trainable parameters."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import RLock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import UninitializedParameter, is_lazy
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import _WeightNorm
from torch.nn.utils.weight_norm import WeightNorm

Array = NDArray[np.float64]

AT_ONCE = 2  # rows of the passes that materialize lazy parameters

ONE_CALL = RLock()  # a call exchanges the parameters of the module, which threads share: they take turns


class FlatModule:
    """A copy of a module, in evaluation mode, as a function of theta (P,) and inputs; the module is never changed.

    theta holds the parameters with ``requires_grad`` in the order of `named_parameters()`, each once: parameters and
    submodules with several names are one. All others, and the buffers, are constants. The copy computes weight
    normalization and attention by operations with correct second derivatives.

    Parameters
    ----------
    module : torch.nn.Module
    rows : (n, D) array
        Inputs that shape lazy parameters.
    dtype : torch.dtype
        Of the copy's floating-point numbers.
    device : str

    Raises
    ------
    ValueError
        If the module cannot be copied, is on the meta device or has no trainable parameters.
    """

    def __init__(self, module: torch.nn.Module, rows: Array, dtype: torch.dtype, device: str = "cpu") -> None:
        self.original = _materialized(module, rows)
        trainable = [name for name, p in self.original.named_parameters() if p.requires_grad]
        if not trainable:
            msg = "module must have parameters with requires_grad; got none"
            raise ValueError(msg)
        try:
            self._module = copy_of(self.original).to(device, dtype).eval().requires_grad_(False)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            msg = f"device must be one that torch has here, such as cpu or cuda; got {device!r} ({error})"
            raise ValueError(msg) from error
        _adapt(self._module)
        self._constant = {(name, attribute) for name, _, attribute, _ in _tensor_attributes(self._module)}
        self._dtype, self._device = dtype, device
        named = dict(self._module.named_parameters())
        self.shapes = {name: named[name].shape for name in trainable}
        self._sizes = [named[name].numel() for name in trainable]
        self._slots = _slots(self._module, trainable)
        self.n_parameters = sum(self._sizes)
        self.kernel_mask = np.repeat([not name.endswith("bias") for name in trainable], self._sizes)

    def in_double(self) -> "FlatModule":
        """The same in float64."""
        whole = copy.copy(self)
        self._forget()
        whole.original = self.original
        whole._module, whole._dtype = copy.deepcopy(self._module).double(), torch.float64
        return whole

    def __getstate__(self) -> dict[str, Any]:
        self._forget()
        return self.__dict__ | {"original": None}  # workers need only the copy

    def _forget(self) -> None:
        """Delete tensors that passes left in attributes; they belong to completed derivatives."""
        for name, part, attribute, _ in _tensor_attributes(self._module):
            if (name, attribute) not in self._constant:
                part.__dict__[attribute] = None

    def __call__(self, theta: torch.Tensor, inputs: torch.Tensor) -> Any:
        """Output of the module for `inputs` at `theta` (P,)."""
        values = self.unflatten(theta)
        parameters = {slot: values[name] for slot, name in self._slots.items()}
        with ONE_CALL, sdpa_kernel(SDPBackend.MATH):  # the fused kernels have no second derivative
            # shared parameters are already in every place; torch's own method leaves its tensors in the module
            return functional_call(self._module, parameters, (inputs,), tie_weights=False)

    def width(self, inputs: torch.Tensor) -> int:
        """Numbers that the parts without parts of their own give out for inputs (1, D), and these."""
        counts = [inputs.numel()]

        def count(_part: torch.nn.Module, _inputs: Any, output: Any) -> None:
            counts.append(output.numel() if isinstance(output, torch.Tensor) else 0)

        leaves = (part for part in self._module.modules() if not any(part.children()))
        hooks = [part.register_forward_hook(count) for part in leaves]
        self(self.tensor(self.point()), inputs)
        for hook in hooks:
            hook.remove()
        return sum(counts)

    def unflatten(self, theta: torch.Tensor) -> dict[str, torch.Tensor]:
        """Parameters by name."""
        parts = torch.split(theta, self._sizes)
        return {name: part.reshape(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def tensor(self, numbers: NDArray[Any]) -> torch.Tensor:
        """A copy in the precision and on the device of this module."""
        return torch.tensor(numbers, dtype=self._dtype, device=self._device)

    def labels(self, labels: NDArray[Any]) -> torch.Tensor:
        """A copy of labels on the device: targets in the precision of this module, classes as whole numbers."""
        return self.tensor(labels) if labels.dtype.kind == "f" else torch.tensor(labels, device=self._device)

    def point(self, module: torch.nn.Module | None = None) -> Array:
        """The vector theta (P,) of the parameters of `module`, by default of the original one."""
        known = self._module if self.original is None else self.original  # a worker has the copy alone
        named = dict((known if module is None else module).named_parameters())
        return np.concatenate([named[name].detach().double().cpu().numpy().ravel() for name in self.shapes])

    def random_start(self, seed: int) -> Array:
        """A random initialization (P,) by the `reset_parameters` of its parts; ValueError if some have none."""
        with ONE_CALL:  # torch has one generator for all threads
            return self.point(initialized(self._module, list(self.shapes), seed))

    def parts(self) -> list[tuple[str, torch.nn.Module]]:
        """The submodules and their names."""
        return [(name or "itself", part) for name, part in self._module.named_modules()]

    def constants(self) -> dict[str, NDArray[Any]]:
        """Values of the frozen parameters and of the buffers."""
        everything = [*self.original.named_parameters(), *self.original.named_buffers()]
        return {name: value.detach().cpu().numpy() for name, value in everything if name not in self.shapes}

    def buffers(self) -> dict[str, torch.Tensor]:
        """Copies of the buffers as they are now."""
        return {name: value.detach().clone() for name, value in self._module.named_buffers()}

    def names_at(self, places: NDArray[np.bool_]) -> list[str]:
        """Names of the parameters that have a true entry in `places` (P,)."""
        owners = np.repeat(np.array(list(self.shapes)), self._sizes)
        return list(dict.fromkeys(owners[places].tolist()))


def copy_of(module: torch.nn.Module) -> torch.nn.Module:
    """A deep copy; tensors that hooks left behind, which torch refuses to copy, become constants."""
    tensors = [tensor for *_, tensor in _tensor_attributes(module) if not tensor.is_leaf]
    return copy.deepcopy(module, {id(tensor): tensor.detach().clone() for tensor in tensors})


def initialized(module: torch.nn.Module, names: list[str], seed: int) -> torch.nn.Module:
    """A copy on the CPU whose parameters of these names are drawn again by the `reset_parameters` of its parts.

    Raises
    ------
    ValueError
        If a part with such a parameter has no such method, or it leaves the parameter alone.
    """
    fresh = copy_of(module).cpu()
    named = dict(fresh.named_parameters())
    drawn = {id(named[name]) for name in names}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for name in names:
            named[name].fill_(torch.nan)
        for part in fresh.modules():
            getattr(part, "reset_parameters", lambda: None)()
    for part in fresh.modules():
        for name, parameter in part.named_parameters(recurse=False):
            if id(parameter) in drawn and not parameter.isfinite().all():
                problem = f"but {'its' if hasattr(part, 'reset_parameters') else 'no'} reset_parameters()"
                problem += f" leaves {name} alone" if hasattr(part, "reset_parameters") else ""
                msg = f"start must be given: {type(part).__name__} has parameters, {problem}"
                raise ValueError(msg)
    return fresh


def _tensor_attributes(module: torch.nn.Module) -> list[tuple[str, torch.nn.Module, str, torch.Tensor]]:
    """Attributes that are tensors but neither parameters nor buffers: (name of the part, part, attribute, tensor)."""
    return [
        (name, part, attribute, value)
        for name, part in module.named_modules()
        for attribute, value in vars(part).items()
        if isinstance(value, torch.Tensor)
    ]


def _materialized(module: torch.nn.Module, rows: Array) -> torch.nn.Module:
    """The module, or a copy with parameters in place of lazy ones."""
    tensors = [*module.parameters(), *module.buffers()]
    if any(tensor.is_meta for tensor in tensors if not isinstance(tensor, UninitializedParameter)):
        msg = "module must hold numbers; got parameters on the meta device"
        raise ValueError(msg)
    if any(tensor.is_complex() for tensor in tensors):
        msg = "module must have real parameters and buffers; got complex ones"
        raise ValueError(msg)
    if not any(map(is_lazy, tensors)):
        return module
    module = copy.deepcopy(module).cpu()
    training = {part: part.training for part in module.modules()}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        module.eval()(torch.tensor(rows[:AT_ONCE], dtype=torch.float32))
    for part, mode in training.items():
        part.training = mode
    return module


def _slots(module: torch.nn.Module, trainable: list[str]) -> dict[str, str]:
    """Every place that holds a trainable parameter, once, and the first name of that parameter."""
    first = {id(parameter): name for name, parameter in module.named_parameters()}
    slots, seen = {}, set()
    for name, parameter in module.named_parameters(remove_duplicate=False):
        prefix, _, attribute = name.rpartition(".")
        place = id(module.get_submodule(prefix)), attribute
        if first[id(parameter)] in trainable and place not in seen:
            seen.add(place)
            slots[name] = first[id(parameter)]
    return slots


def _adapt(module: torch.nn.Module) -> None:
    """Compute weight norms by differentiable operations, also those of the older hooks; let the module be pickled.

    The backward pass of ``torch._weight_norm`` is wrong when differentiated again: the Hessian is not symmetric.
    """
    for part in list(module.modules()):
        if parametrize.is_parametrized(part):
            _allow_pickling(part)
        if isinstance(part, parametrize.ParametrizationList):
            for k, child in enumerate(part):
                if isinstance(child, _WeightNorm):
                    part[k] = _DifferentiableWeightNorm(child.dim)
        for hook in part._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm):
                hook.compute_weight = partial(_hook_weight, hook.name, hook.dim)
                part.__dict__[hook.name] = None  # until the hook is called


def _allow_pickling(part: Any) -> None:
    """Make a part with parametrizations picklable: torch forbids it because it creates the class on the fly."""
    kind = type(part)
    members = {name: value for name, value in vars(kind).items() if name == "__deepcopy__"} | {"__module__": __name__}
    tensors = {name: property(partial(_parametrized, name)) for name in part.parametrizations}
    part.__class__ = type(kind.__name__, kind.__bases__, members | tensors)


def _parametrized(name: str, part: Any) -> torch.Tensor:
    return part.parametrizations[name]()


class _DifferentiableWeightNorm(torch.nn.Module):
    """g v / |v|, the norm over all dimensions but one."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, weight_g: torch.Tensor, weight_v: torch.Tensor) -> torch.Tensor:
        return _weight_normed(weight_v, weight_g, self.dim)


def _hook_weight(name: str, dim: int, module: torch.nn.Module) -> torch.Tensor:
    return _weight_normed(getattr(module, f"{name}_v"), getattr(module, f"{name}_g"), dim)


def _weight_normed(v: torch.Tensor, g: torch.Tensor, dim: int) -> torch.Tensor:
    others = tuple(range(v.dim())) if dim == -1 else tuple(k for k in range(v.dim()) if k != dim % v.dim())
    return v * (g / v.square().sum(dim=others, keepdim=dim != -1).sqrt())


@contextmanager
def untouched_random_numbers() -> Iterator[None]:
    """Context manager that restores torch's global random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
