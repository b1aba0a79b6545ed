"""The hand-written compiled pieces of the kernels.

Several of the intrinsics take many numbers at once, as tuples: numba types and lowers a call in the time of a single
addition, so a gradient that is written out compiles twice as fast as with an operator for each of its terms. Their
instructions have the order of the operators, which decides how LLVM reorders sums, and so every rounding.
"""

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

# Sums may be reordered (otherwise nothing vectorizes), but infinities and NaNs keep their meaning, to detect
# divergence. An intrinsic has the flags of the function that calls it.
FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(forceinline=True, fastmath=FAST)
def gather(work, inputs, labels, order, start, count, n_inputs, label_row, tile):
    """Copy rows `order[start : start + count]` of the data into columns of the workspace."""
    for b in range(count):
        n = order[start + b]
        for d in range(n_inputs):
            work[d * tile + b] = inputs[n, d]
        work[label_row + b] = labels[n]


@intrinsic
def dot(typing_context, a, b):
    """a[0] * b[0] + a[1] * b[1] + ..., of two tuples."""

    def code(context, builder, signature, arguments):
        products = [builder.fmul(x, y) for x, y in zip(*(_elements(builder, each) for each in arguments), strict=True)]
        return _total(builder, products)

    return a.dtype(a, b), code


@intrinsic
def affine(typing_context, bias, a, b):
    """Bias + a[0] * b[0] + a[1] * b[1] + ..., of two tuples."""

    def code(context, builder, signature, arguments):
        factors = zip(*(_elements(builder, each) for each in arguments[1:]), strict=True)
        return _total(builder, [arguments[0], *(builder.fmul(x, y) for x, y in factors)])

    return bias(bias, a, b), code


@intrinsic
def add_multiple(typing_context, sums, factor, others):
    """The tuple sums[0] + factor * others[0], sums[1] + factor * others[1], ..."""

    def code(context, builder, signature, arguments):
        pairs = zip(_elements(builder, arguments[0]), _elements(builder, arguments[2]), strict=True)
        found = [builder.fadd(total, builder.fmul(arguments[1], other)) for total, other in pairs]
        return context.make_tuple(builder, signature.return_type, found)

    return sums(sums, factor, others), code


@intrinsic
def load(typing_context, array, index, offsets):
    """The tuple array[offsets[0] + index], array[offsets[1] + index], ..."""

    def code(context, builder, signature, arguments):
        found = [builder.load(pointer) for pointer in _pointers(context, builder, signature, arguments)]
        return context.make_tuple(builder, signature.return_type, found)

    return types.UniTuple(array.dtype, len(offsets))(array, index, offsets), code


@intrinsic
def store(typing_context, array, index, offsets, values):
    """Write array[offsets[k] + index] = values[k] for each k."""

    def code(context, builder, signature, arguments):
        values = _elements(builder, arguments[3])
        for pointer, value in zip(_pointers(context, builder, signature, arguments), values, strict=True):
            builder.store(value, pointer)
        return context.get_dummy_value()

    return types.void(array, index, offsets, types.UniTuple(array.dtype, len(offsets))), code


def _elements(builder: ir.IRBuilder, values: Any) -> list[Any]:
    """The numbers of a tuple of one type."""
    return [builder.extract_value(values, k) for k in range(values.type.count)]


def _total(builder: ir.IRBuilder, terms: list[Any]) -> Any:
    total, *others = terms
    for term in others:
        total = builder.fadd(total, term)
    return total


def _pointers(context, builder, signature, arguments) -> list[Any]:
    """Addresses of array[offset + index] for each offset, none of them negative."""
    kind, (values, index, offsets) = signature.args[0], arguments[:3]
    view = context.make_array(kind)(context, builder, values)
    places = [builder.add(offset, index) for offset in _elements(builder, offsets)]
    return [cgutils.get_item_pointer(context, builder, kind, view, [place], wraparound=False) for place in places]
