"""Compiled cross-entropy of a tanh network: value, gradient, Hessian-vector product, exact Hessian.

Samples run innermost, in blocks whose activations stay in the level-2 cache. A *unit* is a row of a
block: inputs first, then layer after layer. `activation` holds outputs of units (of the last layer:
before the softmax), `delta` the derivatives of the loss by the units' inputs, already divided by N.
"""

import numpy as np
from numba import njit

from landscape._math import exp, log, tanh

BLOCK = 512
FAST = {"contract", "nsz", "arcp", "reassoc"}  # not nnan: a diverged network must show
# error_model="numpy" everywhere: Python's check for a division by zero is a branch, and LLVM vectorises no loop with one


@njit(error_model="numpy", cache=True)
def _offsets(sizes):
    """First unit and first parameter of each layer."""
    n_layers = sizes.shape[0] - 1
    units = np.zeros(n_layers + 2, np.int64)
    parameters = np.zeros(n_layers + 1, np.int64)
    for k in range(n_layers):
        units[k + 1] = units[k] + sizes[k]
        parameters[k + 1] = parameters[k] + sizes[k + 1] * (sizes[k] + 1)
    units[n_layers + 1] = units[n_layers] + sizes[n_layers]
    return units, parameters


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _add_rows(theta, weight, stride, rows, n_rows, n, total):
    """Add `n_rows` rows, the j-th times theta[weight + j stride], to `total`: two at a time, which halves the stores."""
    for j in range(0, n_rows - 1, 2):
        w, v = theta[weight + j * stride], theta[weight + (j + 1) * stride]
        a, b = rows[j], rows[j + 1]
        for s in range(n):
            total[s] += w * a[s] + v * b[s]
    if n_rows % 2:
        w, a = theta[weight + (n_rows - 1) * stride], rows[n_rows - 1]
        for s in range(n):
            total[s] += w * a[s]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _add_dots(a, rows, n_rows, n, result, index, stride):
    """Add the scalar products of `a` with `n_rows` rows, and then its sum, to result[index], [index + stride], ...

    Three at a time, so that `a` is read a third as often.
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
    left = n_rows % 3
    x, y, z = 0.0, 0.0, 0.0
    b, c = rows[max(n_rows - 2, 0)], rows[n_rows - 1]
    if left == 2:
        for s in range(n):
            x += a[s] * b[s]
            y += a[s] * c[s]
            z += a[s]
        result[index + (n_rows - 2) * stride] += x
        result[index + (n_rows - 1) * stride] += y
    elif left == 1:
        for s in range(n):
            y += a[s] * c[s]
            z += a[s]
        result[index + (n_rows - 1) * stride] += y
    else:
        for s in range(n):
            z += a[s]
    result[index + n_rows * stride] += z


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _forward(theta, sizes, units, parameters, inputs, start, n, activation):
    """Fill `activation` with the block's samples start ... start + n - 1."""
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
            _add_rows(theta, w + i, n_out, activation[units[k] :], n_in, n, row)
            if k < last:
                for s in range(n):
                    row[s] = tanh(row[s])


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _softmax(labels, start, n, n_classes, logits, probability, scratch):
    """Softmax of `logits` (K, n) into `probability`, divided by N; the block's summed cross-entropy."""
    n_samples = labels.shape[0]
    top, total = scratch[0], scratch[1]
    for s in range(n):
        top[s] = logits[0, s]
        total[s] = 0.0
    for c in range(1, n_classes):
        for s in range(n):
            top[s] = max(top[s], logits[c, s])
    for c in range(n_classes):
        row = probability[c]
        source = logits[c]
        for s in range(n):
            e = exp(source[s] - top[s])
            row[s] = e
            total[s] += e
    loss = 0.0
    for s in range(n):
        loss += log(total[s]) + top[s] - logits[labels[start + s], s]
    for s in range(n):
        total[s] = 1.0 / (n_samples * total[s])
    for c in range(n_classes):
        row = probability[c]
        for s in range(n):
            row[s] *= total[s]
    return loss


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _dot(a, b, n):
    total = 0.0
    for s in range(n):
        total += a[s] * b[s]
    return total


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _sum(a, n):
    total = 0.0
    for s in range(n):
        total += a[s]
    return total


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _back(theta, w, n_in, n_out, activation, delta, before, after, n, times_derivative):
    """Rows `before` of `delta` from rows `after`: kernel times delta, times tanh' on request."""
    for j in range(n_in):
        row = delta[before + j]
        for s in range(n):
            row[s] = 0.0
        _add_rows(theta, w + j * n_out, 1, delta[after:], n_out, n, row)
        if times_derivative:
            a = activation[before + j]
            for s in range(n):
                row[s] *= 1.0 - a[s] * a[s]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _block_deltas(theta, sizes, units, parameters, inputs, labels, start, n, activation, delta, scratch):
    """Forward and backward pass of one block: fills `activation` and `delta`, returns the summed loss."""
    last = sizes.shape[0] - 1
    _forward(theta, sizes, units, parameters, inputs, start, n, activation)
    top = units[last]
    loss = _softmax(labels, start, n, sizes[last], activation[top:], delta[top:], scratch)
    for s in range(n):
        delta[top + labels[start + s], s] -= 1.0 / labels.shape[0]
    for k in range(last - 1, 0, -1):
        _back(theta, parameters[k], sizes[k], sizes[k + 1], activation, delta, units[k], units[k + 1], n, True)
    return loss


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _add_gradient(sizes, units, parameters, activation, delta, n, gradient):
    for k in range(sizes.shape[0] - 1):
        n_in, n_out = sizes[k], sizes[k + 1]
        for i in range(n_out):
            _add_dots(delta[units[k + 1] + i], activation[units[k] :], n_in, n, gradient, parameters[k] + i, n_out)


@njit(error_model="numpy", cache=True)
def value_gradient(theta, sizes, inputs, labels, penalty):
    """Loss and gradient (P,); `inputs` (D, N), `penalty` (P,): the coefficient of each theta_p^2."""
    units, parameters = _offsets(sizes)
    n_units, n_samples = units[-1], labels.shape[0]
    size = min(BLOCK, n_samples)
    activation, delta = np.empty((n_units, size)), np.empty((n_units, size))
    scratch = np.empty((2, size))
    gradient = np.zeros(theta.shape[0])
    loss = 0.0
    for start in range(0, n_samples, size):
        n = min(size, n_samples - start)
        loss += _block_deltas(theta, sizes, units, parameters, inputs, labels, start, n, activation, delta, scratch)
        _add_gradient(sizes, units, parameters, activation, delta, n, gradient)
    loss /= n_samples
    for p in range(theta.shape[0]):
        loss += penalty[p] * theta[p] * theta[p]
        gradient[p] += 2.0 * penalty[p] * theta[p]
    return loss, gradient


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _forward_tangent(theta, vector, sizes, units, parameters, activation, tangent, n):
    """Derivative of every unit's input (before tanh) along `vector` (Pearlmutter 1994)."""
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
                a, t = activation[units[k] + j], tangent[units[k] + j]
                if k == 0:
                    for s in range(n):
                        row[s] += change * a[s]
                else:
                    for s in range(n):
                        row[s] += change * a[s] + weight * (1.0 - a[s] * a[s]) * t[s]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _softmax_tangent(probability, tangent, result, n_samples, n_classes, n, mean):
    """Derivative of softmax / N along `tangent` (K, n): p (t - sum p t), with `probability` = p / N."""
    for s in range(n):
        mean[s] = 0.0
    for c in range(n_classes):
        p, t = probability[c], tangent[c]
        for s in range(n):
            mean[s] += p[s] * t[s]
    for c in range(n_classes):
        p, t, row = probability[c], tangent[c], result[c]
        for s in range(n):
            row[s] = p[s] * (t[s] - n_samples * mean[s])


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _back_tangent(theta, vector, sizes, units, parameters, activation, tangent, delta, delta_tangent, n):
    """Derivative of every delta along `vector`, from the last layer's downwards."""
    for k in range(sizes.shape[0] - 2, 0, -1):
        n_in, n_out = sizes[k], sizes[k + 1]
        w = parameters[k]
        for j in range(n_in):
            row = delta_tangent[units[k] + j]
            a, t, d = activation[units[k] + j], tangent[units[k] + j], delta[units[k] + j]
            for s in range(n):
                row[s] = 0.0
            for i in range(n_out):
                weight, change = theta[w + j * n_out + i], vector[w + j * n_out + i]
                above, above_tangent = delta[units[k + 1] + i], delta_tangent[units[k + 1] + i]
                for s in range(n):
                    row[s] += weight * above_tangent[s] + change * above[s]
            for s in range(n):
                row[s] = row[s] * (1.0 - a[s] * a[s]) - 2.0 * a[s] * t[s] * d[s]


@njit(error_model="numpy", cache=True)
def _probability(labels, start, n, n_classes, delta, probability):
    """Softmax / N back from the output deltas."""
    for c in range(n_classes):
        for s in range(n):
            probability[c, s] = delta[c, s]
    for s in range(n):
        probability[labels[start + s], s] += 1.0 / labels.shape[0]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _add_product(sizes, units, parameters, activation, tangent, delta, delta_tangent, n, product):
    for k in range(sizes.shape[0] - 1):
        n_in, n_out = sizes[k], sizes[k + 1]
        w = parameters[k]
        for j in range(n_in):
            a, t = activation[units[k] + j], tangent[units[k] + j]
            for i in range(n_out):
                d, dt = delta[units[k + 1] + i], delta_tangent[units[k + 1] + i]
                total = _dot(a, dt, n)
                if k > 0:
                    for s in range(n):
                        total += (1.0 - a[s] * a[s]) * t[s] * d[s]
                product[w + j * n_out + i] += total
        for i in range(n_out):
            product[w + n_in * n_out + i] += _sum(delta_tangent[units[k + 1] + i], n)


@njit(error_model="numpy", cache=True)
def hessian_vector_product(theta, vector, sizes, inputs, labels, penalty):
    """Hessian times `vector` (P,), at about three gradients."""
    units, parameters = _offsets(sizes)
    n_units, n_samples, last = units[-1], labels.shape[0], sizes.shape[0] - 1
    n_classes, top = sizes[last], units[last]
    size = min(BLOCK, n_samples)
    activation, delta = np.empty((n_units, size)), np.empty((n_units, size))
    tangent, delta_tangent = np.empty((n_units, size)), np.empty((n_units, size))
    scratch, probability = np.empty((2, size)), np.empty((n_classes, size))
    product = np.zeros(theta.shape[0])
    for start in range(0, n_samples, size):
        n = min(size, n_samples - start)
        _block_deltas(theta, sizes, units, parameters, inputs, labels, start, n, activation, delta, scratch)
        _probability(labels, start, n, n_classes, delta[top:], probability)
        _forward_tangent(theta, vector, sizes, units, parameters, activation, tangent, n)
        _softmax_tangent(probability, tangent[top:], delta_tangent[top:], n_samples, n_classes, n, scratch[0])
        _back_tangent(theta, vector, sizes, units, parameters, activation, tangent, delta, delta_tangent, n)
        _add_product(sizes, units, parameters, activation, tangent, delta, delta_tangent, n, product)
    for p in range(theta.shape[0]):
        product[p] += 2.0 * penalty[p] * vector[p]
    return product


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _unit_forward(theta, sizes, units, parameters, activation, layer, unit, tangent, n):
    """Derivative of every later unit's input by the input of one unit of `layer`."""
    for i in range(sizes[layer]):
        value = 1.0 if i == unit else 0.0
        row = tangent[units[layer] + i]
        for s in range(n):
            row[s] = value
    for k in range(layer, sizes.shape[0] - 1):
        n_out = sizes[k + 1]
        for i in range(n_out):
            row = tangent[units[k + 1] + i]
            for s in range(n):
                row[s] = 0.0
            for j in range(sizes[k]):
                if k == layer and j != unit:
                    continue
                weight = theta[parameters[k] + j * n_out + i]
                a, t = activation[units[k] + j], tangent[units[k] + j]
                for s in range(n):
                    row[s] += weight * (1.0 - a[s] * a[s]) * t[s]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _unit_back(theta, sizes, units, parameters, activation, tangent, delta, layer, delta_tangent, n):
    """Derivative of every delta from the last layer down to `layer` by the input of one of its units."""
    for k in range(sizes.shape[0] - 2, layer - 1, -1):
        _back(theta, parameters[k], sizes[k], sizes[k + 1], activation, delta_tangent, units[k], units[k + 1], n, True)
        for j in range(sizes[k]):
            row = delta_tangent[units[k] + j]
            a, t, d = activation[units[k] + j], tangent[units[k] + j], delta[units[k] + j]
            for s in range(n):
                row[s] -= 2.0 * a[s] * t[s] * d[s]


@njit(fastmath=FAST, error_model="numpy", cache=True)
def _add_columns(sizes, units, parameters, activation, tangent, delta, delta_tangent, layer, unit, n, work, hessian):
    """Rows of all later parameters, columns of the parameters into one unit of `layer` (lower triangle).

    With z the input of the unit and h its incoming activation, d2 loss / dw dw' is the sum over samples
    of h (d delta' / dz h' + delta' dh' / dz).
    """
    n_in, n_layer = sizes[layer - 1], sizes[layer]
    for q in range(n_in + 1):
        column = parameters[layer - 1] + q * n_layer + unit
        for k in range(layer, sizes.shape[0]):
            for i in range(sizes[k]):
                if k == layer and i < unit:
                    continue
                row = delta_tangent[units[k] + i]
                if q < n_in:
                    h = activation[units[layer - 1] + q]
                    for s in range(n):
                        work[s] = row[s] * h[s]
                else:
                    for s in range(n):
                        work[s] = row[s]
                w = parameters[k - 1]
                for j in range(sizes[k - 1]):
                    hessian[w + j * sizes[k] + i, column] += _dot(work, activation[units[k - 1] + j], n)
                hessian[w + sizes[k - 1] * sizes[k] + i, column] += _sum(work, n)
            if k == layer:
                continue
            for j in range(sizes[k - 1]):
                if k == layer + 1 and j != unit:
                    continue
                a, t = activation[units[k - 1] + j], tangent[units[k - 1] + j]
                for s in range(n):
                    work[s] = (1.0 - a[s] * a[s]) * t[s]
                if q < n_in:
                    h = activation[units[layer - 1] + q]
                    for s in range(n):
                        work[s] *= h[s]
                for i in range(sizes[k]):
                    row = parameters[k - 1] + j * sizes[k] + i
                    hessian[row, column] += _dot(work, delta[units[k] + i], n)


@njit(error_model="numpy", cache=True)
def value_gradient_hessian(theta, sizes, inputs, labels, penalty):
    """Loss, gradient (P,) and exact Hessian (P, P), forward over reverse, one tangent per unit."""
    units, parameters = _offsets(sizes)
    n_units, n_samples, last = units[-1], labels.shape[0], sizes.shape[0] - 1
    n_classes, top, n_parameters = sizes[last], units[last], theta.shape[0]
    size = min(BLOCK, n_samples)
    activation, delta = np.empty((n_units, size)), np.empty((n_units, size))
    tangent, delta_tangent = np.empty((n_units, size)), np.empty((n_units, size))
    scratch, probability = np.empty((2, size)), np.empty((n_classes, size))
    gradient, hessian = np.zeros(n_parameters), np.zeros((n_parameters, n_parameters))
    loss = 0.0
    for start in range(0, n_samples, size):
        n = min(size, n_samples - start)
        loss += _block_deltas(theta, sizes, units, parameters, inputs, labels, start, n, activation, delta, scratch)
        _add_gradient(sizes, units, parameters, activation, delta, n, gradient)
        _probability(labels, start, n, n_classes, delta[top:], probability)
        for layer in range(1, last + 1):
            for unit in range(sizes[layer]):
                _unit_forward(theta, sizes, units, parameters, activation, layer, unit, tangent, n)
                _softmax_tangent(probability, tangent[top:], delta_tangent[top:], n_samples, n_classes, n, scratch[0])
                _unit_back(theta, sizes, units, parameters, activation, tangent, delta, layer, delta_tangent, n)
                _add_columns(
                    sizes, units, parameters, activation, tangent, delta, delta_tangent,
                    layer, unit, n, scratch[1], hessian,
                )  # fmt: skip
    loss /= n_samples
    for p in range(n_parameters):
        loss += penalty[p] * theta[p] * theta[p]
        gradient[p] += 2.0 * penalty[p] * theta[p]
        hessian[p, p] += 2.0 * penalty[p]
    # only entries (row, column) with the row's unit not before the column's unit were filled
    for p in range(n_parameters):
        for q in range(p):
            if hessian[p, q] == 0.0:
                hessian[p, q] = hessian[q, p]
            else:
                hessian[q, p] = hessian[p, q]
    return loss, gradient, hessian
