"""Compiled loss of a tanh network, cross-entropy: value, gradient, Hessian-vector product.

Samples run innermost, in blocks whose activations stay in the level-2 cache. A *unit* is a row of a
block: inputs first, then layer after layer. `activation` holds outputs of units (of the last layer:
the logits), `delta` the derivatives of the loss with respect to the units' inputs, already divided by N.

Also the text of the kernels of other activations (`_units`) and losses (`_heads`). Where activations keep derivatives,
`slopes` holds the first, and `bends` the second, times the derivative of the loss with respect to the output once
`back` was there; otherwise both are `activation` itself, and not used.
"""

import numpy as np

from landscape.losses._heads.cross_entropy import output_deltas, output_tangent, state_from
from landscape.losses._math import FAST
from landscape.losses._units.tanh import BENDS, KEEPS, activate, fall, slope
from landscape.support import njit

BLOCK = 512
# Only functions that Python calls are cached, and those that they call are always inlined: otherwise LLVM inlines a
# freshly compiled function but not a cached one, and uses the first of several copies; all round differently.
# error_model="numpy" everywhere: Python's check for a division by zero is a branch, which prevents vectorization


@njit(forceinline=True, error_model="numpy")
def offsets(sizes):
    """First unit and first parameter of each layer."""
    n_layers = sizes.shape[0] - 1
    units = np.zeros(n_layers + 2, np.int64)
    parameters = np.zeros(n_layers + 1, np.int64)
    for k in range(n_layers):
        units[k + 1] = units[k] + sizes[k]
        parameters[k + 1] = parameters[k] + sizes[k + 1] * (sizes[k] + 1)
    units[n_layers + 1] = units[n_layers] + sizes[n_layers]
    return units, parameters


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def dot(a, b, n):
    total = 0.0
    for s in range(n):
        total += a[s] * b[s]
    return total


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def sum_of(a, n):
    total = 0.0
    for s in range(n):
        total += a[s]
    return total


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def add_rows(theta, weight, stride, rows, n_rows, n, total):
    """Add `n_rows` rows, the j-th times theta[weight + j stride], to `total`: two at a time halves the stores."""
    for j in range(0, n_rows - 1, 2):
        w, v = theta[weight + j * stride], theta[weight + (j + 1) * stride]
        a, b = rows[j], rows[j + 1]
        for s in range(n):
            total[s] += w * a[s] + v * b[s]
    if n_rows % 2:
        w, a = theta[weight + (n_rows - 1) * stride], rows[n_rows - 1]
        for s in range(n):
            total[s] += w * a[s]


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def add_dots(a, rows, n_rows, n, result, index, stride):
    """Add the scalar products of `a` with `n_rows` rows to result[index], [index + stride], ...

    Three at a time, which reads `a` a third as often.
    """
    for j in range(0, n_rows - 2, 3):
        b, c, d = rows[j], rows[j + 1], rows[j + 2]
        x, y, z = 0.0, 0.0, 0.0
        for s in range(n):
            x += a[s] * b[s]
            y += a[s] * c[s]
            z += a[s] * d[s]
        result[index + j * stride] += x
        result[index + (j + 1) * stride] += y
        result[index + (j + 2) * stride] += z
    if n_rows % 3 == 2:
        b, c = rows[n_rows - 2], rows[n_rows - 1]
        x, y = 0.0, 0.0
        for s in range(n):
            x += a[s] * b[s]
            y += a[s] * c[s]
        result[index + (n_rows - 2) * stride] += x
        result[index + (n_rows - 1) * stride] += y
    elif n_rows % 3 == 1:
        result[index + (n_rows - 1) * stride] += dot(a, rows[n_rows - 1], n)


@njit(forceinline=True, error_model="numpy")
def kept(activation, order):
    """Arrays `slopes` and, for `order` 2, `bends`; `activation` in the place of those that are not needed."""
    slopes = np.empty(activation.shape) if KEEPS else activation
    bends = np.empty(activation.shape) if KEEPS and order > 1 else activation
    return slopes, bends


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def forward(theta, sizes, units, parameters, inputs, start, n, activation, slopes, bends, order):
    """Fill `activation` with the block's samples start ... start + n - 1, and what is kept of `order` derivatives."""
    for i in range(sizes[0]):
        source = inputs[i]
        row = activation[i]
        for s in range(n):
            row[s] = source[start + s]
    last = sizes.shape[0] - 2
    for k in range(last + 1):
        n_in, n_out = sizes[k], sizes[k + 1]
        w = parameters[k]
        for i in range(n_out):
            row = activation[units[k + 1] + i]
            bias = theta[w + n_in * n_out + i]
            for s in range(n):
                row[s] = bias
            add_rows(theta, w + i, n_out, activation[units[k] :], n_in, n, row)
            if k < last:
                first, second = slopes[units[k + 1] + i], bends[units[k + 1] + i]
                for s in range(n):
                    a, b, c = activate(row[s])
                    row[s] = a
                    if KEEPS and order > 0:
                        first[s] = b
                    if KEEPS and order > 1:
                        second[s] = c


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def back(theta, w, n_in, n_out, activation, slopes, bends, order, delta, before, after, n):
    """Rows `before` of `delta` from rows `after`: kernel times delta, times the slope."""
    for j in range(n_in):
        row = delta[before + j]
        for s in range(n):
            row[s] = 0.0
        add_rows(theta, w + j * n_out, 1, delta[after:], n_out, n, row)
        a, first, second = activation[before + j], slopes[before + j], bends[before + j]
        if KEEPS and order > 1:
            for s in range(n):
                second[s] *= row[s]
        for s in range(n):
            row[s] *= slope(a[s], first[s])


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def block_deltas(
    theta, sizes, units, parameters, inputs, labels, start, n, activation, slopes, bends, order, delta, scratch
):
    """Forward and backward pass of one block: fills `activation` and `delta`, returns the summed loss."""
    last = sizes.shape[0] - 1
    forward(theta, sizes, units, parameters, inputs, start, n, activation, slopes, bends, order)
    top = units[last]
    loss = output_deltas(labels, start, n, sizes[last], activation[top:], delta[top:], scratch)
    for k in range(last - 1, 0, -1):
        w, before, after = parameters[k], units[k], units[k + 1]
        back(theta, w, sizes[k], sizes[k + 1], activation, slopes, bends, order, delta, before, after, n)
    return loss


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def add_gradient(sizes, units, parameters, activation, delta, n, gradient):
    for k in range(sizes.shape[0] - 1):
        n_in, n_out = sizes[k], sizes[k + 1]
        for i in range(n_out):
            w, row = parameters[k] + i, delta[units[k + 1] + i]
            add_dots(row, activation[units[k] :], n_in, n, gradient, w, n_out)
            gradient[w + n_in * n_out] += sum_of(row, n)


@njit(forceinline=True, error_model="numpy")
def _value_gradient(theta, sizes, inputs, labels, penalty):
    units, parameters = offsets(sizes)
    n_units, n_samples = units[-1], inputs.shape[1]
    size = min(BLOCK, n_samples)
    activation, delta = np.empty((n_units, size)), np.empty((n_units, size))
    slopes, bends = kept(activation, 1)
    scratch = np.empty((2, size))
    gradient = np.zeros(theta.shape[0])
    loss = 0.0
    for start in range(0, n_samples, size):
        n = min(size, n_samples - start)
        loss += block_deltas(
            theta, sizes, units, parameters, inputs, labels, start, n, activation, slopes, bends, 1, delta, scratch
        )
        add_gradient(sizes, units, parameters, activation, delta, n, gradient)
    loss /= n_samples
    for p in range(theta.shape[0]):
        loss += penalty[p] * theta[p] * theta[p]
        gradient[p] += 2.0 * penalty[p] * theta[p]
    return loss, gradient


@njit(error_model="numpy", cache=True)
def value_gradient(theta, sizes, inputs, labels, penalty):
    """Loss and gradient (P,); `inputs` (D, N), `penalty` (P,): the coefficient of each theta_p^2."""
    return _value_gradient(theta, sizes, inputs, labels, penalty)


@njit(error_model="numpy", cache=True)
def values_gradients(thetas, sizes, inputs, labels, penalty):
    """Losses (M,) and gradients (M, P) at `thetas` (M, P), bit for bit those of `value_gradient`."""
    values, gradients = np.empty(thetas.shape[0]), np.empty(thetas.shape)
    for i in range(thetas.shape[0]):
        values[i], gradient = _value_gradient(thetas[i], sizes, inputs, labels, penalty)
        for p in range(gradient.size):
            gradients[i, p] = gradient[p]
    return values, gradients


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _forward_tangent(theta, vector, sizes, units, parameters, activation, slopes, tangent, n):
    """Derivative of every unit's input (before the activation) along `vector` (Pearlmutter 1994)."""
    for k in range(sizes.shape[0] - 1):
        n_in, n_out = sizes[k], sizes[k + 1]
        w = parameters[k]
        for i in range(n_out):
            row = tangent[units[k + 1] + i]
            bias = vector[w + n_in * n_out + i]
            for s in range(n):
                row[s] = bias
            for j in range(n_in):
                weight, change = theta[w + j * n_out + i], vector[w + j * n_out + i]
                a, first, t = activation[units[k] + j], slopes[units[k] + j], tangent[units[k] + j]
                if k == 0:
                    for s in range(n):
                        row[s] += change * a[s]
                else:
                    for s in range(n):
                        row[s] += change * a[s] + weight * slope(a[s], first[s]) * t[s]


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _back_tangent(theta, vector, sizes, units, parameters, activation, slopes, bends, tangent, delta, delta_tangent, n):
    """Derivative of every delta along `vector`, from the last layer down."""
    for k in range(sizes.shape[0] - 2, 0, -1):
        n_in, n_out = sizes[k], sizes[k + 1]
        w = parameters[k]
        for j in range(n_in):
            row = delta_tangent[units[k] + j]
            a, t, d = activation[units[k] + j], tangent[units[k] + j], delta[units[k] + j]
            first, second = slopes[units[k] + j], bends[units[k] + j]
            for s in range(n):
                row[s] = 0.0
            for i in range(n_out):
                weight, change = theta[w + j * n_out + i], vector[w + j * n_out + i]
                above, above_tangent = delta[units[k + 1] + i], delta_tangent[units[k + 1] + i]
                for s in range(n):
                    row[s] += weight * above_tangent[s] + change * above[s]
            for s in range(n):
                if KEEPS:
                    row[s] = row[s] * first[s] + second[s] * t[s]
                elif BENDS:
                    row[s] = row[s] * slope(a[s], a[s]) - fall(a[s]) * t[s] * d[s]
                else:
                    row[s] = row[s] * slope(a[s], a[s])


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _add_product(sizes, units, parameters, activation, slopes, tangent, delta, delta_tangent, n, product):
    for k in range(sizes.shape[0] - 1):
        n_in, n_out = sizes[k], sizes[k + 1]
        w = parameters[k]
        for j in range(n_in):
            a, first, t = activation[units[k] + j], slopes[units[k] + j], tangent[units[k] + j]
            for i in range(n_out):
                d, dt = delta[units[k + 1] + i], delta_tangent[units[k + 1] + i]
                total = dot(a, dt, n)
                if k > 0:
                    for s in range(n):
                        total += slope(a[s], first[s]) * t[s] * d[s]
                product[w + j * n_out + i] += total
        for i in range(n_out):
            product[w + n_in * n_out + i] += sum_of(delta_tangent[units[k + 1] + i], n)


@njit(error_model="numpy", cache=True)
def hessian_vector_product(theta, vector, sizes, inputs, labels, penalty):
    """Hessian times `vector` (P,), at the cost of about three gradients."""
    units, parameters = offsets(sizes)
    n_units, n_samples, last = units[-1], inputs.shape[1], sizes.shape[0] - 1
    n_outputs, top = sizes[last], units[last]
    size = min(BLOCK, n_samples)
    activation, delta = np.empty((n_units, size)), np.empty((n_units, size))
    slopes, bends = kept(activation, 2)
    tangent, delta_tangent = np.empty((n_units, size)), np.empty((n_units, size))
    scratch, state = np.empty((2, size)), np.empty((n_outputs, size))
    product = np.zeros(theta.shape[0])
    for start in range(0, n_samples, size):
        n = min(size, n_samples - start)
        block_deltas(
            theta, sizes, units, parameters, inputs, labels, start, n, activation, slopes, bends, 2, delta, scratch
        )
        state_from(labels, start, n, n_outputs, activation[top:], delta[top:], state)
        _forward_tangent(theta, vector, sizes, units, parameters, activation, slopes, tangent, n)
        output_tangent(state, tangent[top:], delta_tangent[top:], n_samples, n_outputs, n, scratch[0])
        _back_tangent(
            theta, vector, sizes, units, parameters, activation, slopes, bends, tangent, delta, delta_tangent, n
        )
        _add_product(sizes, units, parameters, activation, slopes, tangent, delta, delta_tangent, n, product)
    for p in range(theta.shape[0]):
        product[p] += 2.0 * penalty[p] * vector[p]
    return product
