"""The parameters of a model as named arrays, whatever library it is of."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamics.runs import Parameter


def named_values(model: Any) -> Iterator[tuple[Parameter, Any]]:
    """Its parameters in order, those without elements left out.

    Of a torch module these are its `named_parameters`, without buffers; of a mapping its values; anything else is one
    array, whose name is empty.

    Raises
    ------
    TypeError
        If a value is no array of real numbers.
    """
    if hasattr(model, "named_parameters"):
        pairs = model.named_parameters()
    else:
        pairs = model.items() if isinstance(model, Mapping) else [("", model)]
    for name, values in pairs:
        shape = _shape(name, values)
        parameter = Parameter(str(name), shape if name else (math.prod(shape),))
        if parameter.size:
            yield parameter, values


def flat_values(parameter: Parameter, values: Any, dtype: np.dtype) -> NDArray[Any]:
    """The elements of a parameter in C order; FloatingPointError if one of them is not finite."""
    if hasattr(values, "detach"):  # a torch tensor, perhaps on another device or of a type that NumPy lacks
        values = values.detach().cpu()
        values = (values.double() if dtype.itemsize == 8 else values.float()).numpy()
    flat = np.ascontiguousarray(values, dtype).reshape(-1)
    if not np.isfinite(flat).all():
        msg = f"{parameter.name or 'its array'} is not finite"
        raise FloatingPointError(msg)
    return flat


def _shape(name: Any, values: Any) -> tuple[int, ...]:
    try:
        array = values if hasattr(values, "shape") else np.asarray(values)
        kind = getattr(array.dtype, "kind", "f")  # a type of torch has none
        shape = tuple(int(n) for n in array.shape)
    except (TypeError, ValueError, AttributeError):
        kind, shape = "O", ()
    if kind in "cOSUMm":
        what = f"the value of {name!r}" if name else "model"
        msg = f"{what} must be a torch module, an array of numbers or a mapping of names to arrays; got {values!r:.200}"
        raise TypeError(msg)
    return shape
