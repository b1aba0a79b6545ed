"""The hand-written compiled pieces of the kernels for wide inputs; see `_parts`."""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

CACHE_LINE = 64  # bytes


@intrinsic
def prefetch(typing_context, array, row, column):
    """Prefetch the cache line of array[row, column]."""

    def code(context, builder, signature, arguments):
        kind, (values, *indices) = signature.args[0], arguments
        view = context.make_array(kind)(context, builder, values)
        pointer = cgutils.get_item_pointer(context, builder, kind, view, indices, wraparound=False)
        number, address = ir.IntType(32), ir.IntType(8).as_pointer()
        prototype = ir.FunctionType(ir.VoidType(), [address, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, prototype, "llvm.prefetch.p0")
        read, into_outer_caches, data = number(0), number(1), number(1)
        builder.call(function, [builder.bitcast(pointer, address), read, into_outer_caches, data])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), code


@njit(forceinline=True)
def prefetch_rows(inputs, rows, first, end):
    """Prefetch the rows `rows[first:end]` of the data, which are scattered in memory."""
    for b in range(first, end):
        for column in range(0, inputs.shape[1], CACHE_LINE // inputs.itemsize):
            prefetch(inputs, rows[b], column)  # pyright: ignore[reportCallIssue]


@njit
def to_rows(own, theta, n_in, n_out, width):
    """From the public order: the first kernel, (n_in, n_out), as n_out rows with a stride of `width`."""
    for j in range(n_out):
        for d in range(n_in):
            own[j * width + d] = theta[d * n_out + j]
    for p in range(n_in * n_out, theta.size):
        own[p + n_out * (width - n_in)] = theta[p]


@njit
def from_rows(theta, own, n_in, n_out, width):
    """Back to the public order: the inverse of `to_rows`."""
    for j in range(n_out):
        for d in range(n_in):
            theta[d * n_out + j] = own[j * width + d]
    for p in range(n_in * n_out, theta.size):
        theta[p] = own[p + n_out * (width - n_in)]
