"""Matrices in groups of eight columns, and compiled pieces that take the eight numbers of a row at once.

By itself numba does not vectorize loops over eight numbers.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

Array = NDArray[np.float64]

LANES = 8  # columns that are taken together
NUMBER = ir.IntType(32)
EIGHT = ir.VectorType(ir.DoubleType(), LANES)


def lanes(columns: int) -> int:
    """Number of groups of `LANES` columns."""
    return -(-columns // LANES)


def in_lanes(matrix: Array) -> Array:
    """`matrix` (m, n) in groups of columns, (groups, m, LANES), zeros behind the last one."""
    n_rows, n_columns = matrix.shape
    padded = np.zeros((n_rows, lanes(n_columns) * LANES))
    padded[:, :n_columns] = matrix
    return np.ascontiguousarray(padded.reshape(n_rows, -1, LANES).transpose(1, 0, 2))


def from_lanes(groups: Array, columns: int) -> Array:
    """The matrix (m, columns) of such groups."""
    return groups.transpose(1, 0, 2).reshape(groups.shape[1], -1)[:, :columns]


def _pointer(context: Any, builder: Any, kind: Any, values: Any, row: Any) -> Any:
    """Where row `row` of an array (m, 8) begins, as a pointer to eight numbers."""
    view = context.make_array(kind)(context, builder, values)
    first = cgutils.get_item_pointer(context, builder, kind, view, [row, row.type(0)], wraparound=False)
    return builder.bitcast(first, EIGHT.as_pointer())


def _item(context: Any, builder: Any, kind: Any, values: Any, at: Any, to: Any) -> Any:
    """Number `at` of an array, converted."""
    view = context.make_array(kind)(context, builder, values)
    pointer = cgutils.get_item_pointer(context, builder, kind, view, [at], wraparound=False)
    return context.cast(builder, builder.load(pointer), kind.dtype, to)


def _add_product(builder: Any, target: Any, x: Any, source: Any) -> None:
    """Add x times the eight numbers at `source` to those at `target`."""
    lane = builder.insert_element(ir.Constant(EIGHT, ir.Undefined), x, NUMBER(0))
    factor = builder.shuffle_vector(lane, lane, ir.Constant(ir.VectorType(NUMBER, LANES), [0] * LANES))
    product = builder.fmul(factor, builder.load(source, align=8), flags=["contract"])
    builder.store(builder.fadd(builder.load(target, align=8), product, flags=["contract"]), target, align=8)


@intrinsic
def add_row(typing_context, sums, i, factor, rows, j):
    """sums[i] += factor * rows[j], of eight numbers at once: by itself numba does not vectorize eight."""

    def code(context, builder, signature, arguments):
        into, row, x, source, other = arguments
        target = _pointer(context, builder, signature.args[0], into, row)
        _add_product(builder, target, x, _pointer(context, builder, signature.args[3], source, other))
        return context.get_dummy_value()

    return types.void(sums, types.intp, types.float64, rows, types.intp), code


@intrinsic
def set_row(typing_context, sums, i, values, columns, begin, end, rows):
    """sums[i] = sum over e of values[e] * rows[columns[e]], two at a time, in registers."""

    def code(context, builder, signature, arguments):
        into, row, numbers, places, first, last, source = arguments
        totals = [cgutils.alloca_once(builder, EIGHT) for _ in range(2)]
        for total in totals:
            builder.store(ir.Constant(EIGHT, [0.0] * LANES), total, align=8)

        def add(e, total):
            x = _item(context, builder, signature.args[2], numbers, e, types.float64)
            c = _item(context, builder, signature.args[3], places, e, types.intp)
            _add_product(builder, total, x, _pointer(context, builder, signature.args[6], source, c))

        count = builder.sub(last, first)
        with cgutils.for_range(builder, builder.ashr(count, count.type(1))) as loop:
            e = builder.add(first, builder.shl(loop.index, count.type(1)))
            add(e, totals[0])
            add(builder.add(e, e.type(1)), totals[1])
        with builder.if_then(builder.trunc(count, ir.IntType(1))):
            add(builder.sub(last, last.type(1)), totals[0])
        total = builder.fadd(*(builder.load(one, align=8) for one in totals))
        builder.store(total, _pointer(context, builder, signature.args[0], into, row), align=8)
        return context.get_dummy_value()

    return types.void(sums, types.intp, values, columns, types.intp, types.intp, rows), code
