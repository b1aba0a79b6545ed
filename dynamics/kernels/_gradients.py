"""Source of the gradient of one architecture, over one tile of samples: written out unit by unit, or in loops.

Samples are innermost, so that the compiler vectorizes over them, and everything is in one flat workspace at literal
offsets, so that no alias checks remain. Small networks are written out: a sample goes forward and backward in
registers, and the sums over the samples are tiled. Wide layers are loops, because compiling them written out takes
minutes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

from dynamics.kernels import _loops

MAX_CLASSES = 32  # largest number of classes whose softmax is written out
MAX_ACCUMULATORS = 12  # of the 16 vector registers of AVX2; the rest hold the factors


@dataclass(frozen=True)
class Plan:
    """Memory layout: offsets in the parameter vector and rows of `tile` numbers in the workspace."""

    sizes: tuple[int, ...]
    tile: int
    precision: str
    wide: bool = False  # `_wide_layer` has the first layer; this is the rest
    activation: str = "tanh"
    loss: str = "cross-entropy"  # its kind
    targets: int = 1  # numbers of the label of a sample: several of a regression with several targets

    @cached_property
    def kernels(self) -> list[int]:
        """Offset of the kernel of each layer in theta; its bias follows it. The last entry is P."""
        return list(accumulate(((n_in + 1) * n_out for n_in, n_out in pairwise(self.sizes)), initial=0))

    @property
    def stored_inputs(self) -> int:
        """Rows of the workspace that hold inputs: wide inputs are elsewhere."""
        return 0 if self.wide else self.sizes[0]

    @property
    def layers(self) -> range:
        """The layers computed here."""
        return range(int(self.wide), len(self.sizes) - 1)

    @cached_property
    def activations(self) -> list[int]:
        """Offset in the workspace of the inputs and of the activations of each hidden layer."""
        labels_and_weights = self.targets + 1
        hidden = accumulate(self.sizes[1:-1], initial=self.stored_inputs + labels_and_weights)
        return [0, *(row * self.tile for row in hidden)][: len(self.sizes) - 1]

    @cached_property
    def deltas(self) -> list[int]:
        """Offset in the workspace of each layer's deltas (derivatives by the units' inputs); the last is the end."""
        first = self.stored_inputs + self.targets + 1 + sum(self.sizes[1:-1])
        return [row * self.tile for row in accumulate(self.sizes[1:], initial=first)]

    @property
    def labels(self) -> int:
        """Offset of the labels, a row for each target."""
        return self.stored_inputs * self.tile

    @property
    def weights(self) -> int:
        """Offset of the weights: one over the size of the minibatch, zero for the padding."""
        return self.labels + self.targets * self.tile

    @property
    def slopes(self) -> int:
        """Offset of the slopes at the activations, less that of the activations of the first hidden layer.

        Only loops keep slopes; those of tanh follow from the activations.
        """
        return self.deltas[-1] - self.activations[1] if len(self.sizes) > 2 else 0

    @property
    def end(self) -> int:
        """Size of the workspace."""
        return self.deltas[-1] + (0 if self.activation == "tanh" else sum(self.sizes[1:-1]) * self.tile)

    def sums(self, layer: int) -> int:
        """Offset in the workspace of a layer's affine map, which becomes its activations, or the deltas."""
        return self.activations[layer + 1] if layer + 2 < len(self.sizes) else self.deltas[layer]


def write_out(plan: Plan) -> list[str]:
    """Lines of the gradient, unit by unit."""
    parameters = [f"t{p} = theta[{p}]" for p in range(plan.kernels[plan.layers.start], plan.kernels[-1])]
    samples = forward_lines(plan) + output_lines(plan) + backward_lines(plan)
    constants = [f"zero, one = np.{plan.precision}(0), np.{plan.precision}(1)"]
    lines = [*constants, *parameters, f"for b in range({plan.tile}):", *("    " + line for line in samples)]
    for layer in plan.layers:
        lines += reduction_lines(plan, layer)
    return lines


def forward_lines(plan: Plan) -> list[str]:
    """One sample forward: unit i of layer l is the local `h{l}_{i}`, the logits are those of the last layer."""
    last = len(plan.sizes) - 1
    lines = first_lines(plan)
    for layer in plan.layers:
        n_in, n_out, kernel = plan.sizes[layer], plan.sizes[layer + 1], plan.kernels[layer]
        for j in range(n_out):
            weights = numbers(f"t{kernel + i * n_out + j}" for i in range(n_in))
            units = numbers(f"h{layer}_{i}" for i in range(n_in))
            total = f"affine(t{kernel + n_in * n_out + j}, {weights}, {units})"
            unit = f"h{layer + 1}_{j}"
            lines.append(f"{unit} = {total}" if layer + 1 == last else _activated(plan, unit, total))
    return lines


def _activated(plan: Plan, unit: str, total: str) -> str:
    """The activation of one unit `h...`, and its slope, `slope_h...`; tanh's follows from the activation."""
    if plan.activation == "tanh":
        return f"{unit} = tanh_{plan.precision}({total})"
    return f"{unit}, slope_{unit} = activate_{plan.precision}({total})"


def _slope(plan: Plan, unit: str) -> str:
    return f"(one - {unit} * {unit})" if plan.activation == "tanh" else f"slope_{unit}"


def first_lines(plan: Plan) -> list[str]:
    """The inputs of one sample, or the units of a wide first layer, whose affine map is in the workspace."""
    if not plan.wide:
        return [f"h0_{i} = work[{i * plan.tile} + b]" for i in range(plan.sizes[0])]
    units, *behind = plan.sizes[1:]
    totals = [f"work[{plan.sums(0) + j * plan.tile} + b]" for j in range(units)]
    if not behind:
        return [f"h1_{j} = ({total})" for j, total in enumerate(totals)]
    return [_activated(plan, f"h1_{j}", total) for j, total in enumerate(totals)]


def output_lines(plan: Plan) -> list[str]:
    """Weighted derivative of the loss with respect to the outputs: `d{last}_{c}`."""
    if plan.loss == "cross-entropy":
        return softmax_lines(plan)
    last, n_outputs = len(plan.sizes) - 1, plan.sizes[-1]
    lines = [f"weight = work[{plan.weights} + b]", f"label = work[{plan.labels} + b]"]
    zero, one = (f"np.{plan.precision}({k})" for k in (0, 1))
    if plan.loss == "logistic":  # e^-|z|, and the probability of class 1
        lines += [f"e0 = exp_{plan.precision}(-abs(h{last}_0))", f"p0 = {one} / ({one} + e0)"]
        lines.append(f"d{last}_0 = weight * ((p0 if h{last}_0 >= {zero} else e0 * p0) - label)")
    elif n_outputs == 1:
        lines.append(f"d{last}_0 = weight * (h{last}_0 - label)")
    elif plan.targets > 1:
        rows = (plan.labels + c * plan.tile for c in range(n_outputs))
        lines += [f"d{last}_{c} = weight * (h{last}_{c} - work[{row} + b])" for c, row in enumerate(rows)]
    else:
        for c in range(n_outputs):
            wanted = f"({one} if label == np.{plan.precision}({c}) else {zero})"
            lines.append(f"d{last}_{c} = weight * (h{last}_{c} - {wanted})")
    offsets = numbers(plan.deltas[last - 1] + c * plan.tile for c in range(n_outputs))
    return [*lines, f"store(work, b, {offsets}, {numbers(f'd{last}_{c}' for c in range(n_outputs))})"]


def softmax_lines(plan: Plan) -> list[str]:
    """Weighted derivative of the cross-entropy with respect to the logits: `d{last}_{c}`."""
    last, n_classes = len(plan.sizes) - 1, plan.sizes[-1]
    lines = [f"top = h{last}_0"] + [f"top = max(top, h{last}_{c})" for c in range(1, n_classes)]
    lines += [f"e{c} = exp_{plan.precision}(h{last}_{c} - top)" for c in range(n_classes)]
    lines += [f"weight = work[{plan.weights} + b]", f"label = work[{plan.labels} + b]"]
    lines.append("scale = weight / (" + " + ".join(f"e{c}" for c in range(n_classes)) + ")")
    zero = f"np.{plan.precision}(0)"
    for c in range(n_classes):
        lines.append(f"d{last}_{c} = e{c} * scale - (weight if label == np.{plan.precision}({c}) else {zero})")
    offsets = numbers(plan.deltas[last - 1] + c * plan.tile for c in range(n_classes))
    return [*lines, f"store(work, b, {offsets}, {numbers(f'd{last}_{c}' for c in range(n_classes))})"]


def backward_lines(plan: Plan) -> list[str]:
    """One sample backward: derivatives with respect to the inputs of the hidden units, stored with the activations."""
    lines = []
    for layer in range(len(plan.sizes) - 2, 0, -1):
        n_in, n_out = plan.sizes[layer], plan.sizes[layer + 1]
        for i in range(n_in):
            weights = numbers(f"t{plan.kernels[layer] + i * n_out + j}" for j in range(n_out))
            above = numbers(f"d{layer + 1}_{j}" for j in range(n_out))
            lines.append(f"d{layer}_{i} = dot({weights}, {above}) * {_slope(plan, f'h{layer}_{i}')}")
            places = f"({plan.deltas[layer - 1] + i * plan.tile}, {plan.activations[layer] + i * plan.tile})"
            lines.append(f"store(work, b, {places}, (d{layer}_{i}, h{layer}_{i}))")
    return lines


def numbers(each: Iterable[object]) -> str:
    """Text of a tuple."""
    return f"({', '.join(map(str, each))},)"


def reduction_lines(plan: Plan, layer: int) -> list[str]:
    """Sums over the samples for one layer, a block of (inputs and bias) x outputs at a time."""
    n_in, n_out = plan.sizes[layer], plan.sizes[layer + 1]
    height, width = block_shape(n_in + 1, n_out)
    lines = []
    for top in range(0, n_in + 1, height):
        for left in range(0, n_out, width):
            rows = range(top, min(top + height, n_in + 1))
            columns = range(left, min(left + width, n_out))
            lines += block_lines(plan, layer, rows, columns)
    return lines


def block_lines(plan: Plan, layer: int, rows: range, columns: range) -> list[str]:
    """One block of sums; row n_in is the bias."""
    n_in, n_out, tile = plan.sizes[layer], plan.sizes[layer + 1], plan.tile
    lines = [f"s{i} = {numbers(['zero'] * len(columns))}" for i in rows]
    lines.append(f"for b in range({tile}):")
    lines.append(f"    q = load(work, b, {numbers(plan.deltas[layer] + j * tile for j in columns)})")
    for i in rows:
        factor = "one" if i == n_in else f"work[{plan.activations[layer] + i * tile} + b]"
        lines.append(f"    s{i} = add_multiple(s{i}, {factor}, q)")
    for i in rows:
        entries = numbers(plan.kernels[layer] + i * n_out + j for j in columns)
        lines.append(f"store(gradient, 0, {entries}, add_multiple(load(gradient, 0, {entries}), one, s{i}))")
    return lines


def block_shape(n_rows: int, n_columns: int) -> tuple[int, int]:
    """Shape of at most `MAX_ACCUMULATORS` sums that loads the fewest rows of the workspace."""

    def loads(shape: tuple[int, int]) -> int:
        down, across = -(-n_rows // shape[0]), -(-n_columns // shape[1])
        return 2 * down * across + down * n_columns + across * n_rows

    shapes = [(h, w) for h in range(1, n_rows + 1) for w in range(1, n_columns + 1) if h * w <= MAX_ACCUMULATORS]
    return min(shapes, key=loads)


def loops(plan: Plan) -> list[str]:
    """Lines of the gradient as calls of the functions that `loop_functions` defines."""
    last = len(plan.sizes) - 2
    lines = []
    for k in range(last + 1):
        if k in plan.layers:
            lines.append(f"affine_{k}(work, theta)")
        if k < last:
            start = plan.activations[k + 1]
            end = start + plan.sizes[k + 1] * plan.tile
            what = f"work[b] = tanh_{plan.precision}(work[b])"
            if plan.activation != "tanh":
                what = f"work[b], work[b + {plan.slopes}] = activate_{plan.precision}(work[b])"
            lines += [f"for b in range({start}, {end}):", f"    {what}"]
    lines += output_loop(plan)
    lines += [f"backward_{k}(work, theta)" for k in range(last, 0, -1)]
    return lines + [f"outer_{k}(work, gradient)" for k in plan.layers]


def loop_functions(plan: Plan) -> list[str]:
    """Texts of the compiled functions that `loops` calls."""
    texts, tile, number = [], plan.tile, f"np.{plan.precision}"
    for k, (n_in, n_out) in enumerate(pairwise(plan.sizes)):
        kernel, above, below = plan.kernels[k], plan.deltas[k], plan.activations[k]
        if k in plan.layers:
            lines = _loops.affine_lines(kernel, below, plan.sums(k), n_in, n_out, tile)
            texts.append(_loops.function(f"affine_{k}(work, theta)", lines))
            lines = _loops.outer_lines(kernel, below, above, n_in, n_out, tile, number)
            texts.append(_loops.function(f"outer_{k}(work, gradient)", lines))
        if k > 0:
            slopes = None if plan.activation == "tanh" else below + plan.slopes
            lines = _loops.backward_lines(kernel, above, plan.deltas[k - 1], below, slopes, n_in, n_out, tile, number)
            texts.append(_loops.function(f"backward_{k}(work, theta)", lines))
    return texts


def output_loop(plan: Plan) -> list[str]:
    """Turn the outputs into weighted derivatives with respect to them, in place; many classes one sample at a time."""
    first, tile, number = plan.deltas[-2], plan.tile, f"np.{plan.precision}"
    if plan.sizes[-1] <= MAX_CLASSES:
        last = len(plan.sizes) - 1
        logits = [f"h{last}_{c} = work[{first + c * tile} + b]" for c in range(plan.sizes[-1])]
        return [f"for b in range({tile}):", *("    " + line for line in logits + output_lines(plan))]
    if plan.targets > 1:
        return [
            f"for b in range({tile}):",
            f"    for c in range(b, {plan.targets * tile}, {tile}):",
            f"        work[{first} + c] = work[{plan.weights} + b] * (work[{first} + c] - work[{plan.labels} + c])",
        ]
    if plan.loss == "squared-error":
        return [
            f"for b in range({tile}):",
            f"    for c in range({first} + b, {plan.deltas[-1]}, {tile}):",
            f"        work[c] *= work[{plan.weights} + b]",
            f"    work[{first} + int(work[{plan.labels} + b]) * {tile} + b] -= work[{plan.weights} + b]",
        ]
    return [
        f"for b in range({tile}):",
        f"    top = work[{first} + b]",
        f"    for c in range({first} + b, {plan.deltas[-1]}, {tile}):",
        "        top = max(top, work[c])",
        f"    total = {number}(0)",
        f"    for c in range({first} + b, {plan.deltas[-1]}, {tile}):",
        f"        work[c] = exp_{plan.precision}(work[c] - top)",
        "        total += work[c]",
        f"    scale = work[{plan.weights} + b] / total",
        f"    for c in range({first} + b, {plan.deltas[-1]}, {tile}):",
        "        work[c] *= scale",
        f"    work[{first} + int(work[{plan.labels} + b]) * {tile} + b] -= work[{plan.weights} + b]",
    ]
