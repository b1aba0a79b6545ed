"""Source of the gradient of layers that are too wide to be written out: loops over blocks of inputs and outputs.

A block of weights, sums or deltas stays in registers while the loop runs over the samples, which are innermost. All
indices are unsigned: numba checks signed ones for negative values, which vectorizes less.
"""

from collections.abc import Callable

BLOCK = 4  # inputs and outputs per block

Lines = list[str]


def blocks(count: int, most: int = BLOCK) -> list[tuple[int, int, int]]:
    """(first, end, size): the loops over 0 ... `count` - 1 in blocks of at most `most`, as equal as possible."""
    parts = -(-count // most)
    size, more = divmod(count, parts)
    end = more * (size + 1)
    return [loop for loop in ((0, end, size + 1), (end, count, size)) if loop[0] < loop[1]]


def in_blocks(index: str, count: int, body: Callable[[int], Lines], most: int = BLOCK) -> Lines:
    """Loops over blocks, with `body` of their size inside; `index` is the first of a block."""
    lines = []
    for first, end, size in blocks(count, most):
        lines += [f"for {index} in range(U({first}), U({end}), U({size})):", *indented(body(size))]
    return lines


def indented(lines: Lines) -> Lines:
    """One level deeper."""
    return ["    " + line for line in lines]


def function(head: str, lines: Lines) -> str:
    """Text of a compiled function."""
    return "\n".join(["@njit(forceinline=True, fastmath=FAST)", f"def {head}:", *indented(lines), ""])


def product_lines(weight: Callable[[int, int], str], source: int, target: int, n_in: int, n_out: int, tile: int):
    """Add to the rows at `target` the rows at `source` times weights; `weight(i, o)` is one of the block at (i, o)."""

    def block(outs: int, ins: int) -> Lines:
        names = [(i, o) for i in range(ins) for o in range(outs)]
        lines = [f"a = U({source}) + i * U({tile})", *(f"w{i}_{o} = {weight(i, o)}" for i, o in names)]
        lines += [f"for b in range(U({tile})):", *(f"    x{i} = work[a + U({i * tile}) + b]" for i in range(ins))]
        for o in range(outs):
            total = " + ".join(f"w{i}_{o} * x{i}" for i in range(ins))
            lines.append(f"    work[z + U({o * tile}) + b] += {total}")
        return lines

    def column(outs: int) -> Lines:
        place = f"z = U({target}) + o * U({tile})"
        return [place, *in_blocks("i", n_in, lambda ins: block(outs, ins))]

    return in_blocks("o", n_out, column)


def affine_lines(kernel: int, source: int, target: int, n_in: int, n_out: int, tile: int) -> Lines:
    """Rows at `target` = (rows at `source`) @ kernel + bias."""
    return [
        f"for o in range(U({n_out})):",
        f"    bias = theta[U({kernel + n_in * n_out}) + o]",
        f"    for b in range(U({tile})):",
        f"        work[U({target}) + o * U({tile}) + b] = bias",
        *product_lines(
            lambda i, o: f"theta[U({kernel + i * n_out + o}) + i * U({n_out}) + o]", source, target, n_in, n_out, tile
        ),
    ]


def backward_lines(
    kernel: int, delta: int, target: int, activation: int, slopes: int | None, n_in: int, n_out: int, tile: int,
    number: str,
) -> Lines:  # fmt: skip
    """Rows at `target` = (rows at `delta` @ kernel.T) * slopes: the deltas one layer down.

    The slopes are the rows there, or 1 - activation^2 for None.
    """
    end = target + n_in * tile
    times = [f"    h = work[U({activation}) + b]", f"    work[U({target}) + b] *= {number}(1) - h * h"]
    if slopes is not None:
        times = [f"    work[U({target}) + b] *= work[U({slopes}) + b]"]
    return [
        f"for b in range(U({target}), U({end})):",
        f"    work[b] = {number}(0)",
        *product_lines(
            lambda i, o: f"theta[U({kernel + o * n_out + i}) + o * U({n_out}) + i]", delta, target, n_out, n_in, tile
        ),
        f"for b in range(U({n_in * tile})):",
        *times,
    ]


def outer_lines(kernel: int, source: int, delta: int, n_in: int, n_out: int, tile: int, number: str) -> Lines:
    """Add the sums over the samples of activation times delta, and of delta, to the gradient of one layer."""

    def block(ins: int, outs: int) -> Lines:
        names = [(i, o) for i in range(ins) for o in range(outs)]
        lines = [f"z = U({delta}) + o * U({tile})", *(f"s{i}_{o} = {number}(0)" for i, o in names)]
        lines += [f"for b in range(U({tile})):", *(f"    x{i} = work[a + U({i * tile}) + b]" for i in range(ins))]
        for o in range(outs):
            lines += [f"    q = work[z + U({o * tile}) + b]", *(f"    s{i}_{o} += x{i} * q" for i in range(ins))]
        at = f"+ i * U({n_out}) + o"
        return lines + [f"gradient[U({kernel + i * n_out + o}) {at}] += s{i}_{o}" for i, o in names]

    def row(ins: int) -> Lines:
        place = f"a = U({source}) + i * U({tile})"
        return [place, *in_blocks("o", n_out, lambda outs: block(ins, outs), 3)]  # 12 sums, of 16 registers

    return [
        *in_blocks("i", n_in, row),
        f"for o in range(U({n_out})):",
        f"    total = {number}(0)",
        f"    for b in range(U({tile})):",
        f"        total += work[U({delta}) + o * U({tile}) + b]",
        f"    gradient[U({kernel + n_in * n_out}) + o] += total",
    ]
