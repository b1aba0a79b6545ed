"""Source of the SGD kernel of one architecture: one module, put together from three pieces.

The text of `dynamics._parts` (functions, random numbers, loops), the function that draws the minibatches
(`dynamics.noises`), and the loop over the steps with the gradient of this architecture in it (`dynamics._gradients`).
"""

import inspect
from pathlib import Path

from dynamics import _parts
from dynamics._gradients import Plan, loops, write_out
from dynamics.noises import Noise

MAX_TILE = 128  # samples a pass: longer minibatches are cut into passes, so that the workspace stays in the L1 cache
MAX_WRITTEN_OUT = 210  # parameters: beyond it compiling takes more than some seconds

ADVANCE = '''
from numba import types

# Compiled when the kernel is made, not at the first call; C-contiguous, writable arrays only.
REAL, VECTOR, MATRIX = types.{precision}, types.{precision}[::1], types.{precision}[:, ::1]
SIGNATURE = types.int64(
    VECTOR, MATRIX, VECTOR, types.uint64, types.int64, types.int64, types.int64, REAL, VECTOR, types.int64[::1], MATRIX
)


@njit(SIGNATURE, nogil=True, cache={cache}, error_model="numpy", fastmath=FAST)
def advance(theta, inputs, labels, key, start, stop, batch_size, learning_rate, decay, record_steps, records):
    """Advance `theta` (P,) in place; see `dynamics._kernels.Kernel`."""
    work = np.zeros({work_size}, {dtype})
    gradient = np.zeros({n_parameters}, {dtype})
    order = np.empty(labels.size, np.int32)
    filled_count, filled_size, recorded = 0, 0, 0
    for step in range(start, stop + 1):
        if recorded < record_steps.size and record_steps[recorded] == step:
            for p in range({n_parameters}):
                records[recorded, p] = theta[p]
            recorded += 1
        if step == stop:
            break
        first, size = draw(order, step, step == start, batch_size, key)
        for p in range({n_parameters}):
            gradient[p] = 0
        for tile_start in range(0, size, {tile}):
            count = min({tile}, size - tile_start)
            gather(work, inputs, labels, order, first + tile_start, count, {n_inputs}, {label_row}, {tile})
            if filled_count != count or filled_size != size:
                filled_count, filled_size = count, size
                for b in range({tile}):
                    work[{weight_row} + b] = {dtype}(1) / {dtype}(size) if b < count else {dtype}(0)
{body}
        escaped = 0
        for p in range({n_parameters}):
            theta[p] -= learning_rate * (gradient[p] + decay[p] * theta[p])
            escaped += 0 if abs(theta[p]) <= {limit} else 1
        if escaped > 0:
            return step + 1
    return -1
'''


def choose_tile(batch_size: int, precision: str) -> int:
    """Samples a pass: the minibatch in equal parts of at most `MAX_TILE`, padded to whole cache lines.

    A line of 64 bytes is two vectors of AVX2 or one of AVX-512. Padding to single vectors of AVX2 computes less and
    takes 8 % longer, because LLVM unrolls by two or four and does what remains one by one.
    """
    passes = -(-batch_size // MAX_TILE)
    lanes = 16 if precision == "float32" else 8
    return -(-batch_size // (passes * lanes)) * lanes


def generate(layer_sizes: tuple[int, ...], tile: int, precision: str, noise: Noise, *, cache: bool) -> str:
    """Text of a module that defines `advance`; see `dynamics._kernels.Kernel`."""
    plan = Plan(layer_sizes, tile, precision)
    written_out = plan.kernels[-1] <= MAX_WRITTEN_OUT
    lines = write_out(plan) if written_out else loops(plan)
    advance = ADVANCE.format(
        cache=cache,
        precision=precision,
        work_size=plan.deltas[-1],
        dtype=f"np.{precision}",
        n_parameters=plan.kernels[-1],
        n_inputs=layer_sizes[0],
        label_row=plan.labels,
        weight_row=plan.weights,
        tile=tile,
        limit=1e30 if precision == "float32" else 1e150,
        body="\n".join(" " * 12 + line for line in lines),
    )
    draw = inspect.getsource(noise.draw.py_func)
    return "\n".join([Path(_parts.__file__).read_text(), draw, f"\ndraw = {noise.draw.__name__}", advance])
