"""Source of the SGD kernel of one architecture: the loop over the steps with the gradient of this architecture in it.

What does not depend on the architecture is imported and compiled once: random numbers, exp and tanh, the functions of
the noise (`dynamics.noises`). Features that a run does not use (momentum, label noise, weights, kicks) are not in the
text, so they cost nothing and do not round.
"""

import textwrap
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from dynamics.kernels import _wide_layer
from dynamics.kernels._gradients import Plan, loop_functions, loops, write_out
from dynamics.kernels._updates import UPDATES
from dynamics.noises import Noise
from landscape.support import fingerprint

MAX_TILE = 128  # samples per pass: longer minibatches are cut into passes, so that the workspace stays in the L1 cache
MAX_WRITTEN_OUT = 210  # parameters: more would compile for more than some seconds

LIMITS = {"float32": 1e30, "float64": 1e150}  # of a parameter, before a run counts as diverged
PIXEL_SCALE = 255  # inputs of type uint8 count in units of one over this

IMPORTS = """
import numpy as np
from numba import njit, types

from dynamics.kernels._parts import FAST, add_multiple, affine, dot, gather, load, store
from dynamics.kernels._wide_parts import from_rows, prefetch_rows, to_rows
from dynamics.noises._random import LABELS, mislabel, stream
from landscape.losses._math import exp as exp_float64, exp_float32, tanh as tanh_float64, tanh_float32
from landscape.support import njit as cached_njit

U = np.uint64
"""

# Only in kernels of other activations than tanh.
ACTIVATION = """
from landscape.losses._units.{activation} import activate, activate_float32, slope


@njit(forceinline=True, fastmath=FAST)
def activate_float64(z):
    a, first, second = activate(z)
    return a, slope(a, first)

"""

ADVANCE = '''
# Compiled when the kernel is made, not at the first call; C-contiguous arrays only, writable but for the data.
REAL, VECTOR, MATRIX = types.{precision}, types.{precision}[::1], types.{precision}[:, ::1]
INPUT_ROWS = types.Array(types.{input_type}, 2, "C", readonly=True)
LABEL_LIST = types.Array(REAL, 1, "C", readonly=True)
SIGNATURE = types.int64(
    {vector_types}, INPUT_ROWS, LABEL_LIST, types.uint64, types.int64, types.int64, types.int64, {rate_types}, VECTOR,
    types.float64, types.float64[::1], types.int64[::1], MATRIX,
)


@cached_njit(nogil=True, cache={cache}, error_model="numpy", fastmath=FAST)
def advance(
    theta, {state}, inputs, labels, key, start, stop, batch_size, rates, {constants}, decay,
    label_noise, numbers, record_steps, records,
):
    """Advance {state_words} (P,) in place; see `dynamics.kernels.Kernel`."""
    work = np.zeros({work_size}, {dtype})
    gradient = np.zeros({n_parameters}, {dtype})
    weights = np.zeros({n_weights}, {dtype})
    kicks = np.zeros({n_kicks}, {dtype})
    order = np.empty({n_rows}, np.int32)
    members = np.empty({n_rows}, np.uint8)
    filled_count, filled_size, recorded = 0, 0, 0
{enter}
    for step in range(start, stop + 1):
        if recorded < record_steps.size and record_steps[recorded] == step:
{record}
            recorded += 1
        if step == stop:
            break
        {rates}
{draw}
{before}
        for p in range({n_parameters}):
            gradient[p] = 0
        for tile_start in range(0, size, {tile}):
            count = min({tile}, size - tile_start)
{gather}
{weigh}
{body}
        escaped = 0
        for p in range({n_parameters}):
{update}
            escaped += 0 if abs(theta[p]) <= {limit} else 1
        if escaped > 0:
{leave_early}
            return step + 1
{leave}
    return -1


advance.compile(SIGNATURE)
advance.disable_compile()
'''


RECORD = """\
for p in range({n_parameters}):
    records[recorded, p] = theta[p]"""

DRAW = "first, size = draw(order, members, step, step == start, batch_size, key, numbers)"
GATHER = "gather(work, inputs, labels, order, first + tile_start, count, {n_inputs}, {label_row}, {tile})"

# In kernels for several targets, after the other: `gathered` is the row of a sample of this pass.
GATHER_TARGETS = """
for b in range(count):
    for c in range({targets}):
        work[{label_row} + c * {tile} + b] = labels[{gathered} * {targets} + c]"""

WEIGH_EQUALLY = """\
if filled_count != count or filled_size != size:
    filled_count, filled_size = count, size
    for b in range({tile}):
        work[{weight_row} + b] = {dtype}(1) / {dtype}({divisor}) if b < count else {dtype}(0)"""

WEIGH_EACH = """\
for b in range({tile}):
    work[{weight_row} + b] = weights[tile_start + b] if b < count else {dtype}(0)"""

MISLABEL = "mislabel(work, {label_row}, count, stream(key, LABELS, step), tile_start, label_noise, {n_classes})"
DRAW_WEIGHTS = "weigh(weights, step, batch_size, key, numbers)"
DRAW_KICKS = "kick(kicks, step, key, learning_rate, momentum, numbers)"


# Indentation of the placeholders of `ADVANCE`.
DEPTHS = {
    "enter": 4,
    "record": 12,
    "draw": 8,
    "before": 8,
    "gather": 12,
    "weigh": 12,
    "body": 12,
    "update": 12,
    "leave_early": 12,
    "leave": 4,
}


def choose_tile(batch_size: int, precision: str) -> int:
    """Samples per pass: the minibatch in equal parts of at most `MAX_TILE`, padded to whole cache lines.

    A line of 64 bytes is two vectors of AVX2 or one of AVX-512. Padding to single vectors of AVX2 computes less and
    takes 8 % longer, because LLVM unrolls by two or four and processes the rest one by one.
    """
    passes = -(-batch_size // MAX_TILE)
    lanes = 16 if precision == "float32" else 8
    return -(-batch_size // (passes * lanes)) * lanes


def generate(
    layer_sizes: tuple[int, ...],
    tile: int,
    precision: str,
    noise: type[Noise],
    *,
    update: str,
    label_noise: bool,
    pixels: bool,
    cache: bool,
    activation: str = "tanh",
    loss: str = "cross-entropy",
    targets: int = 1,
) -> str:
    """Text of a module that defines `advance`, given `noise_functions`; see `dynamics.kernels.Kernel`."""
    wide = is_wide(layer_sizes)
    width = _wide_layer.padded(layer_sizes[0], precision) if wide else layer_sizes[0]
    plan = Plan((width, *layer_sizes[1:]), tile, precision, wide, activation, loss, targets)
    n_rows = "labels.size" if targets == 1 else "inputs.shape[0]"
    rule = UPDATES[update]
    number = f"np.{precision}"
    shape = f"{layer_sizes[0]}, {layer_sizes[1]}, {width}"
    scale = f"{number}({1 / PIXEL_SCALE if pixels else 1})"
    places = {
        "cache": cache,
        "precision": precision,
        "input_type": "uint8" if pixels else precision,
        "dtype": number,
        "tile": tile,
        "width": width,
        "shape": shape,
        "work_size": plan.end,
        "label_row": plan.labels,
        "targets": targets,
        "gathered": "rows[tile_start + b]" if wide else "order[first + tile_start + b]",
        "weight_row": plan.weights,
        "n_inputs": layer_sizes[0],
        "n_classes": 2 if loss == "logistic" else layer_sizes[-1],
        "n_parameters": plan.kernels[-1],
        "n_rows": n_rows,
        "n_weights": n_rows if noise.weigh else 0,
        "n_kicks": plan.kernels[-1] if noise.kick else 0,
        "n_public_kicks": "theta.size" if noise.kick else 0,
        "divisor": "batch_size" if noise.divides_by_batch_size else "size",
        "limit": LIMITS[precision],
        **rule.places(f"np.zeros({plan.kernels[-1]}, {number})", shape),
    }
    pieces = _wide_pieces(plan) if wide else _pieces(plan)
    pieces["gather"] += [GATHER_TARGETS] * (targets > 1)
    draw_kicks = pieces.pop("draw_kicks")
    weigh = [WEIGH_EQUALLY if noise.weigh is None else WEIGH_EACH] + [MISLABEL] * label_noise
    pieces |= {
        "before": [DRAW_WEIGHTS] * (noise.weigh is not None) + draw_kicks * (noise.kick is not None),
        "weigh": weigh,
        "update": [(rule.kicked or "") if noise.kick else rule.rule],
    }
    filled = {name: _filled(text, DEPTHS[name], places) for name, text in pieces.items()}
    functions = [] if is_written_out(plan) else loop_functions(plan)
    functions += [_wide_layer.functions(plan, layer_sizes[0], scale)] if wide else []
    given = [f"# {name}: {call.__name__} {fingerprint(call)}" for name, call in noise_functions(noise).items()]
    imports = [IMPORTS] + [ACTIVATION.format(activation=activation)] * (activation != "tanh")
    return "\n".join([*given, *imports, *functions, ADVANCE.format(**filled, **places)])


def is_wide(layer_sizes: tuple[int, ...]) -> bool:
    """Whether the kernel for wide inputs is used: where it beats loops, except for networks that are written out."""
    n_parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise(layer_sizes))
    return layer_sizes[0] >= _wide_layer.WIDE and n_parameters > MAX_WRITTEN_OUT


def is_written_out(plan: Plan) -> bool:
    """Whether the gradient (except for a wide first layer) is written out unit by unit."""
    return plan.kernels[-1] - plan.kernels[plan.layers.start] <= MAX_WRITTEN_OUT


def _pieces(plan: Plan) -> dict[str, list[str]]:
    """Contents of the placeholders of `ADVANCE`, each a list of texts with placeholders of their own."""
    return {
        "enter": [],
        "record": [RECORD],
        "draw": [DRAW],
        "draw_kicks": [DRAW_KICKS],
        "gather": [GATHER],
        "body": write_out(plan) if is_written_out(plan) else loops(plan),
        "leave_early": [],
        "leave": [],
    }


def _wide_pieces(plan: Plan) -> dict[str, list[str]]:
    """The same for wide inputs."""
    body = write_out(plan) if is_written_out(plan) else loops(plan)
    return {
        "enter": [_wide_layer.ENTER],
        "record": [_wide_layer.RECORD],
        "draw": [_wide_layer.DRAW],
        "draw_kicks": [_wide_layer.DRAW_KICKS],
        "gather": [_wide_layer.GATHER],
        "body": [_wide_layer.FORWARD, *body, _wide_layer.BACKWARD],
        "leave_early": [_wide_layer.LEAVE],
        "leave": [_wide_layer.LEAVE],
    }


def _filled(texts: list[str], depth: int, places: Mapping[str, Any]) -> str:
    return textwrap.indent("\n".join(texts).format(**places), " " * depth)


def noise_functions(noise: type[Noise]) -> dict[str, Any]:
    """The compiled functions of a noise under the names `draw`, `weigh` and `kick`, without those that it lacks."""
    roles = {"draw": noise.draw, "weigh": noise.weigh, "kick": noise.kick}
    return {name: function for name, function in roles.items() if function is not None}
