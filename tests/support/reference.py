"""Naive implementations, to test against, and a double well."""

from itertools import permutations, product

import numpy as np
from scipy.integrate import solve_ivp

from landscape import losses, symmetry

# ---------------------------------------------------------------- derivatives


def finite_gradient(value, x, step=1e-5):
    """Central differences of a scalar function of x (P,)."""
    return np.array([(value(x + step * e) - value(x - step * e)) / (2 * step) for e in np.eye(len(x))])


def finite_hessian(gradient, x, step=1e-5):
    """Central differences of a gradient (P,) at x (P,), symmetrised."""
    columns = np.array([(gradient(x + step * e) - gradient(x - step * e)) / (2 * step) for e in np.eye(len(x))])
    return (columns + columns.T) / 2


def relative_error(a, b):
    """Largest difference over the largest entry."""
    return np.abs(np.asarray(a) - np.asarray(b)).max() / np.abs(b).max()


def naive_loss(network, inputs, labels, penalty, theta):
    """Mean cross-entropy with penalty, accuracy and gradient (P,) of a perceptron over these rows, row by row."""
    entropy, hits, gradient = 0.0, 0, np.zeros(len(theta))
    layers = network.unflatten(theta)
    for row, label in zip(inputs, labels, strict=True):
        states = [row]
        for layer in layers[:-1]:
            states.append(np.tanh(states[-1] @ layer.kernel + layer.bias))
        logits = states[-1] @ layers[-1].kernel + layers[-1].bias
        entropy += np.logaddexp.reduce(logits) - logits[label]
        hits += logits.argmax() == label
        delta, parts = np.exp(logits - np.logaddexp.reduce(logits)) - np.eye(len(logits))[label], []
        for layer, state in zip(layers[::-1], states[::-1], strict=True):
            parts = [np.outer(state, delta).ravel(), delta, *parts]
            delta = (layer.kernel @ delta) * (1 - state**2)
        gradient += np.concatenate(parts)
    n = len(labels)
    return entropy / n + penalty @ theta**2, hits / n, gradient / n + 2 * penalty * theta


# ---------------------------------------------------------------- symmetry by enumeration


def group(network):
    """Every element of the symmetry group of a small network."""
    layers = [
        [
            (np.array(order), np.array(signs))
            for order in permutations(range(n))
            for signs in product([1.0, -1.0] if network.units.odd else [1.0], repeat=n)
        ]
        for n in network.hidden
    ]
    return [list(elements) for elements in product(*layers)]


def images(network, theta):
    """All images (G, P) of theta (P,), repeats included."""
    return np.array([symmetry.transform(network, theta, element) + 0.0 for element in group(network)])


# ---------------------------------------------------------------- downhill paths


NEAR = (
    1e-2  # gradient over the lowest eigenvalue, about the distance from the minimum, where Newton's method takes over
)


def flow_path(loss, theta, rms=1e-7, horizon=1e9):
    """Gradient flow by SciPy's Radau at rtol 1e-6 down to an rms gradient of `rms` at a minimum: points (T, P)."""

    def above_minimum(_time, x):
        gradient = loss.value_and_gradient(x)[1]
        slope = np.linalg.norm(gradient) / np.sqrt(x.size) - rms
        if slope > 0.0:
            return slope
        # the gradient is small beside a saddle and on a flat shoulder, too: a Newton step from there would be long
        lowest = np.linalg.eigvalsh(loss.value_gradient_hessian(x)[2])[0]
        return slope if lowest > 0.0 and np.linalg.norm(gradient) < NEAR * lowest else rms

    above_minimum.terminal = True
    solution = solve_ivp(
        lambda _time, x: -loss.value_and_gradient(x)[1],
        (0.0, horizon),
        np.array(theta, dtype=float),
        method="Radau",
        jac=lambda _time, x: -loss.value_gradient_hessian(x)[2],
        rtol=1e-6,
        atol=1e-8,
        events=above_minimum,
    )
    assert solution.status == 1, solution.message
    return solution.y.T


def flow_end(loss, theta):
    """The minimum (P,) that the gradient flow from theta (P,) leads to: Radau, then short Newton steps."""
    x = flow_path(loss, theta)[-1]
    for _ in range(100):
        _, gradient, hessian = loss.value_gradient_hessian(x)
        step = np.linalg.pinv(hessian, rcond=1e-12, hermitian=True) @ gradient
        x = x - step * min(1.0, 0.02 / max(np.linalg.norm(step), 1e-300))
        if np.linalg.norm(step) < 1e-8:
            break
    return x


# ---------------------------------------------------------------- surfaces


class Surface(losses.Surface):
    """A function of two coordinates, or of `n_parameters`, that follows the `Loss` protocol."""

    n_parameters = 2

    def __init__(self) -> None:
        super().__init__(self.n_parameters)


class DoubleWell(Surface):
    """(x^2 - 1)^2 + tilt x + y^2 / 2: two minima, the lower one at negative x for a positive tilt."""

    def __init__(self, tilt=0.2):
        super().__init__()
        self.tilt = tilt

    def value_gradient_hessian(self, theta):
        x, y = np.asarray(theta, dtype=float)
        value = (x * x - 1) ** 2 + self.tilt * x + 0.5 * y * y
        return float(value), np.array([4 * x * (x * x - 1) + self.tilt, y]), np.diag([12 * x * x - 4, 1.0])


def naive_msd(steps, snapshots, waiting_times, lags):
    """Mean square displacement (replicas, waiting times, lags) by loops; NaN where a run has no snapshot."""
    values = np.full((len(snapshots), len(waiting_times), len(lags)), np.nan)
    where = {int(step): k for k, step in enumerate(steps)}
    for r, path in enumerate(snapshots):
        for i, tw in enumerate(waiting_times):
            for j, lag in enumerate(lags):
                if int(tw + lag) in where:
                    moved = [float(b) - float(a) for a, b in zip(path[where[tw]], path[where[tw + lag]], strict=True)]
                    values[r, i, j] = sum(d**2 for d in moved) / len(moved)
    return values


class Scaled:
    """A loss times a factor, its parameters times another."""

    network = None

    def __init__(self, loss, factor, length):
        self.loss, self.factor, self.length = loss, factor, length
        self.n_parameters, self.zero_modes = loss.n_parameters, loss.zero_modes

    def value_and_gradient(self, theta):
        return self.value_gradient_hessian(theta)[:2]

    def value_gradient_hessian(self, theta):
        value, gradient, hessian = self.loss.value_gradient_hessian(np.asarray(theta) / self.length)
        c, s = self.factor, self.length
        return c * value, c / s * gradient, c / s**2 * hessian
