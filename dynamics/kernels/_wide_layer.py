"""Source of the first layer of networks with wide inputs, which has nearly all of the work.

Inside the kernel the first layer's kernel has one row per unit, padded to whole cache lines, and the minibatch one row
per sample, in the kernel's precision: all loops run along the inputs. `SAMPLES` samples and `UNITS` units form a
block, so that loaded numbers are used several times: forward their sums are in registers, backward their deltas. All
indices are unsigned: numba checks signed ones for negative values, which prevents vectorization.

Rows of the data are scattered in memory, and waiting for them takes as long as all the rest. Minibatches are therefore
drawn one step ahead, and their rows prefetched while the step before is computed.
"""

import textwrap
from collections.abc import Callable

from dynamics.kernels._gradients import Plan
from dynamics.kernels._loops import in_blocks

WIDE = 32  # inputs from which on this is faster than loops over all layers: 1.5 times, with 64 inputs twice
SAMPLES, UNITS = 4, 3  # 12 sums, of the 16 vector registers of AVX2; SAMPLES divides all tiles

FUNCTIONS = '''
@njit
def draw_ahead(rows, order, members, step, fresh, batch_size, key, numbers):
    """Leave the rows of the minibatch of `step` in `rows`; how many there are."""
    first, size = draw(order, members, step, fresh, batch_size, key, numbers)
    for b in range(size):
        rows[b] = order[first + b]
    return size


@njit
def fetch(samples, work, inputs, labels, rows, start, count):
    """Copy `rows[start : start + count]` of the data into `samples`."""
    for b in range(count):
        n = rows[start + b]
        for d in range({n_inputs}):
            samples[b * {width} + d] = {scale} * np.{precision}(inputs[n, d])
        work[{label_row} + b] = labels[n]


@njit(forceinline=True, fastmath=FAST)
def first_forward(work, theta, samples, count, inputs, later, later_start, later_end):
    """Affine map of the first layer into the workspace; meanwhile ask for the rows `later` of the data."""
    for b in range(U(0), U(count), U({n_samples})):
        asked = later_start + int(b)
        prefetch_rows(inputs, later, min(asked, later_end), min(asked + {n_samples}, later_end))
        x = b * U({width})
{forward}


@njit(forceinline=True, fastmath=FAST)
def first_backward(work, gradient, samples, count):
    """Add this pass's sums over the samples to the gradient of the first layer."""
    for b in range(U(0), U(count), U({n_samples})):
        x = b * U({width})
{backward}
    for j in range({n_units}):
        total = np.{precision}(0)
        for b in range({tile}):
            total += work[{deltas} + j * {tile} + b]
        gradient[{biases} + j] += total
'''

# Contents of these placeholders of `dynamics.kernels._codegen.ADVANCE`.
ENTER = """\
public_theta, {public_state}, public_kicks = theta, {state}, np.zeros({n_public_kicks}, {dtype})
theta, {state} = np.zeros({n_parameters}, {dtype}), {state_zeros}
to_rows(theta, public_theta, {shape})
{state_to_rows}
public_decay, decay = decay, np.zeros({n_parameters}, {dtype})
to_rows(decay, public_decay, {shape})
samples = np.zeros({tile} * {width}, {dtype})
rows, upcoming, ahead = np.empty({n_rows}, np.int32), np.empty({n_rows}, np.int32), 0"""

RECORD = "from_rows(records[recorded], theta, {shape})"

DRAW = """\
if step == start:
    ahead = draw_ahead(upcoming, order, members, step, True, batch_size, key, numbers)
rows, upcoming, size = upcoming, rows, ahead
if step + 1 < stop:
    ahead = draw_ahead(upcoming, order, members, step + 1, False, batch_size, key, numbers)"""

DRAW_KICKS = """\
kick(public_kicks, step, key, learning_rate, momentum, numbers)
to_rows(kicks, public_kicks, {shape})"""

GATHER = "fetch(samples, work, inputs, labels, rows, tile_start, count)"

FORWARD = """\
last = tile_start + {tile} >= size
later, later_start, later_end = (upcoming, 0, ahead) if last else (rows, tile_start + {tile}, size)
first_forward(work, theta, samples, count, inputs, later, later_start, later_end)"""

BACKWARD = "first_backward(work, gradient, samples, count)"

LEAVE = """\
from_rows(public_theta, theta, {shape})
{state_from_rows}"""


def padded(n_inputs: int, precision: str) -> int:
    """Length of a row: whole cache lines."""
    lanes = 16 if precision == "float32" else 8
    return -(-n_inputs // lanes) * lanes


def functions(plan: Plan, n_inputs: int, scale: str) -> str:
    """Text of the compiled functions of the first layer; `scale` multiplies the inputs."""
    width, n_units = plan.sizes[:2]
    return FUNCTIONS.format(
        n_samples=SAMPLES,
        n_units=n_units,
        n_inputs=n_inputs,
        scale=scale,
        label_row=plan.labels,
        width=width,
        tile=plan.tile,
        precision=plan.precision,
        deltas=plan.deltas[0],
        biases=width * n_units,
        forward=_in_blocks(plan, forward_lines),
        backward=_in_blocks(plan, backward_lines),
    )


def _in_blocks(plan: Plan, lines: Callable[[Plan, int], list[str]]) -> str:
    """The lines of a block of units, in loops over the blocks."""
    start = f"w = j * U({plan.sizes[0]})"
    text = in_blocks("j", plan.sizes[1], lambda units: [start, *lines(plan, units)], UNITS)
    return textwrap.indent("\n".join(text), " " * 8)


def forward_lines(plan: Plan, units: int) -> list[str]:
    """`SAMPLES` samples times `units` units, from j on."""
    width, tile, pairs = plan.sizes[0], plan.tile, [(i, s) for i in range(units) for s in range(SAMPLES)]
    lines = [f"s{i}_{s} = np.{plan.precision}(0)" for i, s in pairs]
    lines += [f"for k in range(U({width})):"]
    lines += [f"    x{s} = samples[x + U({s * width}) + k]" for s in range(SAMPLES)]
    for i in range(units):
        lines += [f"    a = theta[w + U({i * width}) + k]", *(f"    s{i}_{s} += a * x{s}" for s in range(SAMPLES))]
    for i in range(units):
        lines += [f"z = U({plan.sums(0)}) + (j + U({i})) * U({tile}) + b"]
        lines += [f"bias = theta[U({width * plan.sizes[1] + i}) + j]"]
        lines += [f"work[z + U({s})] = s{i}_{s} + bias" for s in range(SAMPLES)]
    return lines


def backward_lines(plan: Plan, units: int) -> list[str]:
    """The contribution of the same block to the gradient."""
    width, tile = plan.sizes[0], plan.tile
    lines = []
    for i in range(units):
        lines += [f"z = U({plan.deltas[0]}) + (j + U({i})) * U({tile}) + b"]
        lines += [f"d{i}_{s} = work[z + U({s})]" for s in range(SAMPLES)]
    lines += [f"for k in range(U({width})):"]
    lines += [f"    x{s} = samples[x + U({s * width}) + k]" for s in range(SAMPLES)]
    for i in range(units):
        products = " + ".join(f"d{i}_{s} * x{s}" for s in range(SAMPLES))
        lines += [f"    gradient[w + U({i * width}) + k] += {products}"]
    return lines
