"""Compiled exact Hessian of a tanh network, forward over reverse with one tangent per unit.

With z the input of a unit and h its incoming activation, d2 loss / dw dw' is the sum over samples of
h (d delta' / dz h' + delta' dh' / dz). Names and layout of arrays as in `_kernels`; also the text for other
activations and losses.
"""

import numpy as np

from landscape.losses._heads.cross_entropy import output_tangent, state_from
from landscape.losses._kernels import (
    BLOCK,
    add_dots,
    add_gradient,
    add_rows,
    block_deltas,
    offsets,
    sum_of,
)
from landscape.losses._math import FAST
from landscape.losses._units.tanh import BENDS, KEEPS, fall, slope
from landscape.support import njit


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _slopes_and_bends(theta, sizes, units, parameters, activation, delta, n, slopes, bends):
    """For each hidden unit the slope, and minus its fall times the derivative of the loss by its output."""
    for k in range(1, sizes.shape[0] - 1):
        n_out = sizes[k + 1]
        for j in range(sizes[k]):
            a, first, second = activation[units[k] + j], slopes[units[k] + j], bends[units[k] + j]
            for s in range(n):
                second[s] = 0.0
            if BENDS:
                add_rows(theta, parameters[k] + j * n_out, 1, delta[units[k + 1] :], n_out, n, second)
            for s in range(n):
                first[s] = slope(a[s], a[s])
                second[s] *= -fall(a[s])


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _unit_forward(theta, sizes, units, parameters, slopes, bends, layer, unit, tangent, turn, n):
    """Derivative of the output of each later unit (last layer: the input) with respect to an input in `layer`.

    `turn`, where derivatives are kept: the derivative of the input instead, times the bend.
    """
    last = sizes.shape[0] - 1
    for i in range(sizes[layer]):
        row = tangent[units[layer] + i]
        if i == unit and layer < last:
            source, second, turned = slopes[units[layer] + i], bends[units[layer] + i], turn[units[layer] + i]
            for s in range(n):
                row[s] = source[s]
            if KEEPS:
                for s in range(n):
                    turned[s] = second[s]
        else:
            value = 1.0 if i == unit else 0.0
            for s in range(n):
                row[s] = value
    for k in range(layer, last):
        n_out = sizes[k + 1]
        first, n_in = (unit, 1) if k == layer else (0, sizes[k])
        for i in range(n_out):
            row = tangent[units[k + 1] + i]
            for s in range(n):
                row[s] = 0.0
            w = parameters[k] + first * n_out + i
            add_rows(theta, w, n_out, tangent[units[k] + first :], n_in, n, row)
            if k + 1 < last:
                source, second, turned = slopes[units[k + 1] + i], bends[units[k + 1] + i], turn[units[k + 1] + i]
                if KEEPS:
                    for s in range(n):
                        turned[s] = row[s] * second[s]
                for s in range(n):
                    row[s] *= source[s]


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _unit_back(theta, sizes, units, parameters, slopes, bends, tangent, turn, layer, unit, delta_tangent, n):
    """Derivative of the delta of each unit, from the last layer down to `layer`, with respect to an input there.

    In `layer` itself only the units from `unit` on: the others follow by symmetry.
    """
    for k in range(sizes.shape[0] - 2, layer - 1, -1):
        n_out = sizes[k + 1]
        for j in range(unit if k == layer else 0, sizes[k]):
            row = delta_tangent[units[k] + j]
            for s in range(n):
                row[s] = 0.0
            add_rows(theta, parameters[k] + j * n_out, 1, delta_tangent[units[k + 1] :], n_out, n, row)
            first, second, t = slopes[units[k] + j], bends[units[k] + j], tangent[units[k] + j]
            turned = turn[units[k] + j]
            if (k == layer and j > unit) or not (BENDS or KEEPS):
                for s in range(n):
                    row[s] *= first[s]
            elif KEEPS:
                for s in range(n):
                    row[s] = row[s] * first[s] + turned[s]
            else:
                for s in range(n):
                    row[s] = row[s] * first[s] + second[s] * t[s]


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _times(a, b, n, product):
    for s in range(n):
        product[s] = a[s] * b[s]


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _add_same_layer(sizes, units, parameters, activation, delta_tangent, layer, unit, n, work, hessian):
    """Pairs of parameters of `unit` with those of the units from it on; only one triangle of the kernels' pairs."""
    n_in, n_layer, size = sizes[layer - 1], sizes[layer], parameters[-1]
    w = parameters[layer - 1]
    rows = activation[units[layer - 1] :]
    for i in range(unit, n_layer):
        row = delta_tangent[units[layer] + i]
        bias = (w + n_in * n_layer + i) * size
        for q in range(n_in):
            column = w + q * n_layer + unit
            _times(row, rows[q], n, work)
            add_dots(work, rows, q + 1, n, hessian, (w + i) * size + column, n_layer * size)
            hessian[bias + column] += sum_of(work, n)
        hessian[bias + w + n_in * n_layer + unit] += sum_of(row, n)


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _add_later_layers(
    sizes, units, parameters, activation, tangent, delta, delta_tangent, layer, unit, n, work, hessian
):
    """Rows of the parameters of all later layers, columns of the incoming parameters of `unit` in `layer`."""
    n_in, n_layer, size = sizes[layer - 1], sizes[layer], parameters[-1]
    for k in range(layer + 1, sizes.shape[0]):
        n_k, w, below = sizes[k], parameters[k - 1], units[k - 1]
        first, end = (unit, unit + 1) if k == layer + 1 else (0, sizes[k - 1])  # units that the tangent moves
        for q in range(n_in + 1):
            column = parameters[layer - 1] + q * n_layer + unit
            incoming = activation[units[layer - 1] + min(q, n_in - 1)]
            for i in range(n_k):
                row = delta_tangent[units[k] + i]
                if q < n_in:
                    _times(row, incoming, n, work)
                    row = work
                add_dots(row, activation[below:], sizes[k - 1], n, hessian, (w + i) * size + column, n_k * size)
                hessian[(w + sizes[k - 1] * n_k + i) * size + column] += sum_of(row, n)
            for j in range(first, end):
                row = tangent[below + j]
                if q < n_in:
                    _times(row, incoming, n, work)
                    row = work
                add_dots(row, delta[units[k] :], n_k, n, hessian, (w + j * n_k) * size + column, size)


@njit(forceinline=True, error_model="numpy")
def _mirror(sizes, parameters, hessian):
    """Fill the entries that follow by symmetry: kernel pairs of two units of one layer, then the other triangle."""
    for layer in range(sizes.shape[0] - 1):
        n_in, n_out, w = sizes[layer], sizes[layer + 1], parameters[layer]
        for unit in range(n_out):
            for i in range(unit, n_out):
                for q in range(n_in):  # symmetric in the incoming units q and j
                    for j in range(q):
                        hessian[w + q * n_out + i, w + j * n_out + unit] = hessian[
                            w + j * n_out + i, w + q * n_out + unit
                        ]
                    hessian[w + q * n_out + i, w + n_in * n_out + unit] = hessian[
                        w + n_in * n_out + i, w + q * n_out + unit
                    ]
                for q in range(n_in + 1):
                    for j in range(n_in + 1):
                        hessian[w + j * n_out + unit, w + q * n_out + i] = hessian[
                            w + q * n_out + i, w + j * n_out + unit
                        ]
        for p in range(w, parameters[layer + 1]):
            for later in range(parameters[layer + 1], parameters[-1]):
                hessian[p, later] = hessian[later, p]


@njit(error_model="numpy", cache=True)
def value_gradient_hessian(theta, sizes, inputs, labels, penalty):
    """Loss, gradient (P,) and exact Hessian (P, P)."""
    units, parameters = offsets(sizes)
    n_units, n_samples, last = units[-1], inputs.shape[1], sizes.shape[0] - 1
    n_outputs, top, n_parameters = sizes[last], units[last], theta.shape[0]
    size = min(BLOCK, n_samples)
    activation, delta = np.empty((n_units, size)), np.empty((n_units, size))
    tangent, delta_tangent = np.empty((n_units, size)), np.empty((n_units, size))
    slopes, bends = np.empty((n_units, size)), np.empty((n_units, size))
    turn = np.empty((n_units, size)) if KEEPS else tangent
    scratch, state = np.empty((2, size)), np.empty((n_outputs, size))
    gradient, flat = np.zeros(n_parameters), np.zeros(n_parameters * n_parameters)
    loss = 0.0
    for start in range(0, n_samples, size):
        n = min(size, n_samples - start)
        loss += block_deltas(
            theta, sizes, units, parameters, inputs, labels, start, n, activation, slopes, bends, 2, delta, scratch
        )
        add_gradient(sizes, units, parameters, activation, delta, n, gradient)
        state_from(labels, start, n, n_outputs, activation[top:], delta[top:], state)
        if not KEEPS:
            _slopes_and_bends(theta, sizes, units, parameters, activation, delta, n, slopes, bends)
        for layer in range(1, last + 1):
            for unit in range(sizes[layer]):
                _unit_forward(theta, sizes, units, parameters, slopes, bends, layer, unit, tangent, turn, n)
                output_tangent(state, tangent[top:], delta_tangent[top:], n_samples, n_outputs, n, scratch[0])
                _unit_back(theta, sizes, units, parameters, slopes, bends, tangent, turn, layer, unit, delta_tangent, n)
                _add_same_layer(sizes, units, parameters, activation, delta_tangent, layer, unit, n, scratch[1], flat)
                _add_later_layers(
                    sizes, units, parameters, activation, tangent, delta, delta_tangent,
                    layer, unit, n, scratch[1], flat,
                )  # fmt: skip
    hessian = flat.reshape((n_parameters, n_parameters))
    _mirror(sizes, parameters, hessian)
    loss /= n_samples
    for p in range(n_parameters):
        loss += penalty[p] * theta[p] * theta[p]
        gradient[p] += 2.0 * penalty[p] * theta[p]
        hessian[p, p] += 2.0 * penalty[p]
    return loss, gradient, hessian
