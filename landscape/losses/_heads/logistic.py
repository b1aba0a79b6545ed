"""Binary cross-entropy of one output z, the logit of class 1: log(1 + e^z) - y z."""

from landscape.losses._math import FAST, ORDERED, exp, log
from landscape.support import njit


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def _loss(m):
    """The loss of a row with a margin m, -z for class 1 and z for class 0: log(1 + e^m)."""
    e = exp(-abs(m))
    rounded = 1.0 + e  # the error of this sum is that of the logarithm's argument (Goldberg 1991, theorem 4)
    rest = rounded - 1.0
    small = e if rest == 0.0 else log(rounded) * (e / rest)
    return max(m, 0.0) + small


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def output_deltas(labels, start, n, n_outputs, outputs, delta, scratch):
    """(p - y) / N into `delta`; the block's summed loss."""
    loss, scale = 0.0, 1.0 / labels.shape[0]
    z, row = outputs[0], delta[0]
    for s in range(n):
        sign = 1.0 - 2.0 * labels[start + s]
        m = sign * z[s]
        e = exp(-abs(m))
        loss += _loss(m)
        row[s] = sign * scale * (1.0 if m >= 0.0 else e) / (1.0 + e)
    return loss


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def state_from(labels, start, n, n_outputs, outputs, delta, state):
    """P (1 - p) / N into `state`."""
    scale = 1.0 / labels.shape[0]
    z, row = outputs[0], state[0]
    for s in range(n):
        e = exp(-abs(z[s]))
        row[s] = scale * e / ((1.0 + e) * (1.0 + e))


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def output_tangent(state, tangent, result, n_samples, n_outputs, n, scratch):
    """Derivative of the deltas along `tangent` (1, n)."""
    p, t, row = state[0], tangent[0], result[0]
    for s in range(n):
        row[s] = p[s] * t[s]


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def block_scores(labels, start, n, n_outputs, outputs, top, best, total):
    """Summed loss, and number of rows whose output has the sign of their class."""
    loss, correct = 0.0, 0
    z = outputs[0]
    for s in range(n):
        loss += _loss((1.0 - 2.0 * labels[start + s]) * z[s])
        correct += (z[s] > 0.0) == (labels[start + s] > 0.5)
    return loss, correct


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def block_losses(labels, start, n, n_outputs, outputs, result):
    """Loss of the rows of a block."""
    for s in range(n):
        result[start + s] = _loss((1.0 - 2.0 * labels[start + s]) * outputs[0, s])
