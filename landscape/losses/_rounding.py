"""Bounds on the rounding errors of computed gradients and Hessians.

A sum of n terms in double precision has an error of about sqrt(n) u times the terms' magnitudes, u = 2^-53: roundings
are independent and of either sign (Ipsen and Zhou, arXiv 1906.10465; n u is the worst case). Bounds allow for four of
these deviations. Computed eigenvalues of a symmetric matrix are those of a matrix that differs by p(n) 2 u |H| (LAPACK
Users' Guide, section 4.7), where p(n) = sqrt(P) is generous.

The terms depend on the loss. The Hessian of a network is a mean over N rows of second derivatives through the logits
z: J^T A J + sum_c (p - y)_c d2z_c, with J = dz / dtheta and A = diag(p) - p p^T, |A| <= a = 2 (1 - max p). Near
saturation A and the slopes 1 - h^2 of tanh units are small differences of numbers of order one, so they have an
absolute error of u, not a relative one; logits have an error of u times s (one row), the sum of the magnitudes of
their terms, which multiplies everything that depends on them. The Hessian of one row therefore has an error of u m,
where U is J with all slopes set to one, D the same for the derivatives of the inputs of the last hidden layer, and

    m = (1 + a s) |J|^2 + a |J| |U| + |p - y| |D| (|U| + s |J|),

and the errors of rows are independent, too:

    |E| <= 4 u (rms m / sqrt(N) + (sqrt(n) + sqrt(P)) |H|),    n = min(N, 2000) rows added up one after the other,

and, for the gradient J^T (p - y), 4 u (rms m' / sqrt(N) + sqrt(n) mean |p - y| |J|), m' = (1 + a s) |J| + |p - y| |U|.

For squared error A is the identity and p the outputs z; the same bounds with a = 1 are larger than needed. For one
logistic output, A = p (1 - p).

Derived here; tested against extended precision by test_rounding.py.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.activations import Activation
from landscape.losses._outputs import CROSS_ENTROPY, Head
from landscape.networks import MLP, Layer

Array = NDArray[np.float64]

UNIT = 0.5 * np.finfo(float).eps  # u, of double precision
DEVIATIONS = 4.0  # of a sum of independent roundings
LONGEST_SUM = 2000  # rows that are summed one after the other, in blocks (`_kernels`, `_wide`)
STEEPEST = 2.2  # one more than the largest slope of an activation without bounds (gelu: 1.13)
ROWS = 2000  # rows whose derivatives are in memory at a time


class Rounding(NamedTuple):
    """Euclidean and spectral norms below which rounding hides a computed gradient and Hessian."""

    gradient: float
    hessian: float


def rounding_of_norms(eigenvalues: Array, norm: float) -> Rounding:
    """Bounds for any loss, from the eigenvalues of its Hessian and |theta|, assuming terms as large as their sum."""
    error = float(sign_rounding(len(eigenvalues), np.abs(eigenvalues).max(initial=0.0)))
    return Rounding(error * norm, error)


def sign_rounding(dimension: int, largest: ArrayLike) -> Array:
    """Magnitude within which an eigenvalue of any loss's Hessian has no sign, from its largest one's and its rank."""
    error = DEVIATIONS * UNIT * float(np.sqrt(dimension) + np.sqrt(LONGEST_SUM))
    return error * np.asarray(largest, dtype=np.float64)


def rounding_of_network(
    network: MLP,
    theta: Array,
    inputs: Array,
    labels: NDArray[Any],
    penalty: Array,
    eigenvalues: Array,
    head: Head = CROSS_ENTROPY,
) -> Rounding:
    """The bounds above for a network's mean loss; `inputs` (N, D), `penalty` (P,) of each theta_p^2."""
    layers, n_rows = network.unflatten(theta), len(labels)
    with np.errstate(over="ignore", invalid="ignore"):
        terms = np.zeros(3)
        for start in range(0, n_rows, ROWS):
            part = slice(start, start + ROWS)
            terms += _terms(network.units, layers, inputs[part], labels[part], head)
    return _bounds(
        np.sqrt(terms[0]) / n_rows, np.sqrt(terms[1]) / n_rows, terms[2] / n_rows, n_rows, theta, penalty, eigenvalues
    )


@np.errstate(over="ignore", invalid="ignore")  # far out a bound is infinite
def coarse_rounding(
    network: MLP,
    theta: Array,
    largest: Array,
    n_rows: int,
    penalty: Array,
    eigenvalues: Array,
    label: float | None = None,
) -> Rounding:
    """The same from norms of the weights, with a and |p - y| set to two and all slopes to one, without the rows.

    `largest` (D,) are the largest magnitudes of the inputs. For squared error, `label` is that of the labels, and
    |p - y| at most the largest output and that.
    """
    layers = network.unflatten(theta)
    sizes, inner, inputs, jacobian = largest, 0.0, float(np.sqrt(1.0 + largest @ largest)), 0.0
    for layer in layers[:-1]:
        norm = float(np.sqrt((layer.kernel**2).sum()))
        inner, jacobian = inner * norm + inputs, jacobian * norm + inputs
        sizes = 1.0 + sizes @ np.abs(layer.kernel) + np.abs(layer.bias)
        if not network.units.bounded:
            sizes = STEEPEST * sizes
        # |h| <= 1, or at most |z| + 1 of an activation without bounds
        inputs = float(np.sqrt(1.0 + (len(layer.bias) if network.units.bounded else sizes @ sizes)))
    kernel, bias = layers[-1]
    logits = float((sizes @ np.abs(kernel) + np.abs(bias)).max())
    jacobian = jacobian * float(np.sqrt((kernel**2).sum())) + np.sqrt(len(bias)) * inputs
    error, within = 2.0, 1.0 + 2.0 * logits
    if label is not None:  # a is one, and s has |p - y| in it
        error = float(np.sqrt(len(bias))) * (logits + label)
        within = 1.0 + logits + error
    hessian = (2.0 + within) * jacobian**2 + error * inner * within * jacobian
    gradient = (error + within) * jacobian
    root = np.sqrt(n_rows)
    return _bounds(gradient / root, hessian / root, error * jacobian, n_rows, theta, penalty, eigenvalues)


def _bounds(
    gradient: float, hessian: float, sums: float, n_rows: int, theta: Array, penalty: Array, eigenvalues: Array
) -> Rounding:
    """The bounds from rms m' / sqrt(N), rms m / sqrt(N) and the mean of |p - y| |J|."""
    largest, chain = float(np.abs(eigenvalues).max(initial=0.0)), np.sqrt(min(n_rows, LONGEST_SUM))
    gradient += chain * sums + 2.0 * np.linalg.norm(penalty * theta)
    hessian += (chain + np.sqrt(theta.size)) * largest
    found = DEVIATIONS * UNIT * np.array([gradient, hessian])
    return Rounding(*np.where(np.isnan(found), np.inf, found).tolist())  # inf - inf far out: nothing is known


def _terms(units: Activation, layers: list[Layer], inputs: Array, labels: NDArray[Any], head: Head) -> Array:
    """Sums over the rows of m'^2, m^2 and |p - y| |J|."""
    incoming, slopes, sizes, inner = [inputs], [], np.abs(inputs), np.zeros(len(inputs))
    for layer in layers[:-1]:
        inner = inner * np.linalg.norm(layer.kernel) + np.sqrt(1.0 + (incoming[-1] ** 2).sum(axis=1))
        sizes = sizes @ np.abs(layer.kernel) + np.abs(layer.bias)
        h, slope, _ = units.derivatives(incoming[-1] @ layer.kernel + layer.bias)
        slopes.append(slope)
        sizes = np.abs(h) + np.abs(slope) * sizes  # magnitude of h's error, in u
        incoming.append(h)
    kernel, bias = layers[-1]
    sizes = (sizes @ np.abs(kernel) + np.abs(bias)).max(axis=1)
    logits = incoming[-1] @ kernel + bias
    steepness = head.steepness(logits)
    error = np.linalg.norm(head.deltas(logits, labels), axis=1)
    if head.name == "squared-error":
        sizes = sizes + error  # the labels are as exact as the outputs, but p - y loses digits
    jacobian, unsaturated = (np.sqrt(_squares(layers, incoming, s)) for s in (slopes, None))
    within = 1.0 + steepness * sizes
    hessian = within * jacobian**2 + steepness * jacobian * unsaturated
    hessian += error * inner * (unsaturated + sizes * jacobian)
    gradient = within * jacobian + error * unsaturated
    return np.array([gradient @ gradient, hessian @ hessian, error @ jacobian])


def _squares(layers: list[Layer], incoming: list[Array], slopes: list[Array] | None) -> Array:
    """|dz / dtheta|^2 (N,) of the logits; slopes None: of one."""
    rows, n_classes = incoming[0].shape[0], len(layers[-1].bias)
    back = np.broadcast_to(np.eye(n_classes), (rows, n_classes, n_classes))  # dz / d(inputs of a layer's units)
    total = n_classes * (1.0 + (incoming[-1] ** 2).sum(axis=1))
    for k in range(len(layers) - 2, -1, -1):
        back = back @ layers[k + 1].kernel.T
        if slopes is not None:
            back = back * slopes[k][:, None, :]
        total = total + (1.0 + (incoming[k] ** 2).sum(axis=1)) * (back**2).sum(axis=(1, 2))
    return total
