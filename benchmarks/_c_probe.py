"""The same SGD in C with vector extensions, written out for one architecture: the limit to measure our kernel against.

Same arithmetic as `landscape.losses` but at its ends: rational tanh, Cephes' exp, a shuffle of SplitMix64, minibatches
gathered and padded to whole vectors. Compiled with gcc -O3 -march=native -ffast-math and called through ctypes.
"""

import ctypes
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np

FUNCTIONS = {
    "float32": """
static inline vi to_int(v a) { return (vi)PREFIX_cvtps_epi32(a); }
static inline v vexp(v x) {
  x = vmin(vmax(x, ALL(-87.f)), ALL(88.f));
  v z = vfloor(x * 1.44269504088896341f + 0.5f), r = x - z * 0.693359375f;
  r = r + z * 2.12194440e-4f;
  v y = ALL(1.9875691500e-4f);
  y = y * r + 1.3981999507e-3f; y = y * r + 8.3334519073e-3f; y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f; y = y * r + 5.0000001201e-1f; y = y * r * r + r + 1.f;
  return y * (v)((to_int(z) + 127) << 23);
}
static inline v vtanh(v x) {
  x = vmin(vmax(x, ALL(-7.90531f)), ALL(7.90531f));
  v s = x * x, p = s * -2.76076847742355e-16f + 2.00018790482477e-13f, q = s * 1.19825839466702e-06f;
  p = p * s - 8.60467152213735e-11f; p = p * s + 5.12229709037114e-08f; p = p * s + 1.48572235717979e-05f;
  p = p * s + 6.37261928875436e-04f; p = p * s + 4.89352455891786e-03f;
  q = q + 1.18534705686654e-04f; q = q * s + 2.26843463243900e-03f; q = q * s + 4.89352518554385e-03f;
  return x * p / q;
}
""",
    "float64": """
static inline v vexp(v x) {
  x = vmin(vmax(x, ALL(-708.)), ALL(709.));
  v z = vfloor(x * 1.4426950408889634 + 0.5), r = x - z * 6.93145751953125e-1;
  r = r - z * 1.42860682030941723212e-6;
  v y = r * (1. / 6227020800.) + 1. / 479001600.;
  y = y * r + 1. / 39916800.; y = y * r + 1. / 3628800.; y = y * r + 1. / 362880.; y = y * r + 1. / 40320.;
  y = y * r + 1. / 5040.; y = y * r + 1. / 720.; y = y * r + 1. / 120.; y = y * r + 1. / 24.; y = y * r + 1. / 6.;
  y = y * r + .5; y = y * r + 1.; y = y * r + 1.;
  v high = z + 6755399441055744.;
  __asm__("" : "+v"(high));  /* -ffast-math must not take the constant away again */
  return y * (v)(((vi)high - 0x4338000000000000 + 1023) << 52);
}
static inline v vtanh(v x) {
  x = vmin(vmax(x, ALL(-20.)), ALL(20.));
  return 1. - 2. / (vexp(x + x) + 1.);
}
""",
}

HEAD = """
#include <stdint.h>
#include <immintrin.h>
#define LANES {lanes}
typedef {real} real;
typedef real v __attribute__((vector_size(sizeof(real) * LANES)));
typedef {integer} vi __attribute__((vector_size(sizeof(real) * LANES)));
#define ALL(c) ((v){{}} + (real)(c))
static inline v vmax(v a, v b) {{ return {prefix}_max_{suffix}(a, b); }}
static inline v vmin(v a, v b) {{ return {prefix}_min_{suffix}(a, b); }}
static inline v vfloor(v a) {{ return {prefix}_floor_{suffix}(a); }}
static inline real sum(v a) {{ real s = 0; for (int i = 0; i < LANES; i++) s += a[i]; return s; }}
{elementary}
static uint64_t mix(uint64_t z) {{
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull; z = (z ^ (z >> 27)) * 0x94D049BB133111EBull; return z ^ (z >> 31);
}}
"""

RUN = """
void run(real *theta, const real *inputs, const real *labels, long steps, real rate, real decay, uint64_t state) {{
  static v W[{rows} * {vectors}] __attribute__((aligned(64)));
  static int order[{n}];
  real g[{n_parameters}], *w = (real *)W;
  for (int i = 0; i < {rows} * {padded}; i++) w[i] = 0;
  for (int i = 0; i < {n}; i++) order[i] = i;
  for (int b = 0; b < {batch}; b++) w[{weight_row} * {padded} + b] = (real)1 / {batch};
  for (long step = 0; step < steps; step++) {{
    int first = step * {batch} % {n};
    if (first == 0) for (int i = {n} - 1; i > 0; i--) {{
      int j = (int)(((mix(state += 0x9E3779B97F4A7C15ull) >> 32) * (uint64_t)(i + 1)) >> 32), k = order[i];
      order[i] = order[j]; order[j] = k;
    }}
    for (int b = 0; b < {batch}; b++) {{
      int row = order[first + b];
      for (int d = 0; d < {n_inputs}; d++) w[d * {padded} + b] = inputs[row * {n_inputs} + d];
      w[{label_row} * {padded} + b] = labels[row];
    }}
    gradient(theta, g, W);
    for (int p = 0; p < {n_parameters}; p++) theta[p] -= rate * (g[p] + decay * theta[p]);
  }}
}}
"""


def source(layer_sizes: tuple[int, ...], batch: int, n: int, vector: int, precision: str) -> str:
    """C text with a function `run`, for vectors of `vector` bytes; B must divide N."""
    lanes = vector // np.dtype(precision).itemsize
    vectors = -(-batch // lanes)
    shapes = list(pairwise(layer_sizes))
    starts = np.cumsum([0, *((n_in + 1) * n_out for n_in, n_out in shapes)]).tolist()
    # rows of the workspace: inputs, labels, weights, then activations and deltas of each layer
    label_row, weight_row = layer_sizes[0], layer_sizes[0] + 1
    activations, row = [0], layer_sizes[0] + 2
    for width in layer_sizes[1:-1]:
        activations.append(row)
        row += width
    deltas = []
    for width in layer_sizes[1:]:
        deltas.append(row)
        row += width

    def at(index: int) -> str:
        return f"W[{index * vectors} + b]"

    lines = [f"real t{p} = t[{p}];" for p in range(starts[-1])]
    lines.append(f"for (int b = 0; b < {vectors}; b++) {{")
    lines += [f"v h0_{j} = {at(j)};" for j in range(layer_sizes[0])]
    for k, (n_in, n_out) in enumerate(shapes):
        for i in range(n_out):
            terms = [f"t{starts[k] + j * n_out + i} * h{k}_{j}" for j in range(n_in)]
            total = " + ".join([f"t{starts[k] + n_in * n_out + i}", *terms])
            lines.append(f"v h{k + 1}_{i} = {'vtanh' if k < len(shapes) - 1 else ''}({total});")
    last, n_classes = len(shapes), layer_sizes[-1]
    top = f"h{last}_0"
    for c in range(1, n_classes):
        top = f"vmax({top}, h{last}_{c})"
    lines += [f"v top = {top}, weight = {at(weight_row)}, label = {at(label_row)};"]
    lines += [f"v e{c} = vexp(h{last}_{c} - top);" for c in range(n_classes)]
    lines.append(f"v scale = weight / ({' + '.join(f'e{c}' for c in range(n_classes))});")
    for c in range(n_classes):
        lines.append(f"v d{last}_{c} = e{c} * scale - (v)((label == (real){c}) & (vi)weight);")
        lines.append(f"{at(deltas[-1] + c)} = d{last}_{c};")
    for k in range(last - 1, 0, -1):
        n_in, n_out = shapes[k]
        for j in range(n_in):
            total = " + ".join(f"t{starts[k] + j * n_out + i} * d{k + 1}_{i}" for i in range(n_out))
            lines.append(f"v d{k}_{j} = ({total}) * ((real)1 - h{k}_{j} * h{k}_{j});")
            lines.append(f"{at(deltas[k - 1] + j)} = d{k}_{j}; {at(activations[k] + j)} = h{k}_{j};")
    lines.append("}")
    for k, (n_in, n_out) in enumerate(shapes):
        for first in range(0, n_out, 4):  # blocks of sums that fit the registers
            columns = range(first, min(first + 4, n_out))
            for top_row in range(0, n_in + 1, 5):
                inner = range(top_row, min(top_row + 5, n_in + 1))
                lines.append("{ " + " ".join(f"v s{j}_{i} = {{}};" for j in inner for i in columns))
                lines.append(f"for (int b = 0; b < {vectors}; b++) {{")
                lines += [f"v q{i} = {at(deltas[k] + i)};" for i in columns]
                for j in inner:
                    x = "" if j == n_in else f"{at(activations[k] + j)} * "
                    lines += [f"s{j}_{i} += {x}q{i};" for i in columns]
                lines.append("}")
                lines += [f"g[{starts[k] + j * n_out + i}] = sum(s{j}_{i});" for j in inner for i in columns]
                lines.append("}")
    body = "\n".join(lines)
    prefix = "_mm512" if vector == 64 else "_mm256"
    single = precision == "float32"
    head = HEAD.format(
        lanes=lanes,
        prefix=prefix,
        suffix="ps" if single else "pd",
        real="float" if single else "double",
        integer="int32_t" if single else "int64_t",
        elementary=FUNCTIONS[precision].replace("PREFIX", prefix),
    )
    run = RUN.format(
        rows=row,
        vectors=vectors,
        padded=vectors * lanes,
        n=n,
        n_parameters=starts[-1],
        batch=batch,
        n_inputs=layer_sizes[0],
        label_row=label_row,
        weight_row=weight_row,
    )
    gradient = f"static void gradient(const real *restrict t, real *restrict g, v *restrict W) {{\n{body}\n}}"
    return "\n".join([head, gradient, run])


def build(layer_sizes: tuple[int, ...], batch: int, n: int, vector: int, folder: Path, precision: str):
    """The compiled function run(theta, inputs, labels, steps, rate, decay, seed); theta (P,) changes in place."""
    file = folder / f"probe{vector}.c"
    file.write_text(source(layer_sizes, batch, n, vector, precision))
    library = file.with_suffix(".so")
    flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC", "-Wno-psabi"]
    subprocess.run(["gcc", *flags, str(file), "-o", str(library)], check=True)
    compiled = ctypes.CDLL(str(library)).run
    real = ctypes.c_float if precision == "float32" else ctypes.c_double

    def run(theta, inputs, labels, steps, rate, decay, seed):
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (theta, inputs, labels)]
        numbers = (ctypes.c_long(steps), real(rate), real(decay), ctypes.c_uint64(seed))
        compiled(*pointers, *numbers)

    return run
