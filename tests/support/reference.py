"""Naive implementations and surfaces with a known answer, to test against."""

from itertools import permutations, product

import numpy as np
from scipy.integrate import solve_ivp

from landscape import symmetry

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


# ---------------------------------------------------------------- symmetry by enumeration


def group(network):
    """Every element of the symmetry group of a small network."""
    layers = [
        [
            (np.array(order), np.array(signs))
            for order in permutations(range(n))
            for signs in product([1.0, -1.0], repeat=n)
        ]
        for n in network.hidden
    ]
    return [list(elements) for elements in product(*layers)]


def images(network, theta):
    """All images (G, P) of theta (P,), repeats included."""
    return np.array([symmetry.transform(network, theta, element) + 0.0 for element in group(network)])


# ---------------------------------------------------------------- downhill paths


def flow_path(loss, theta, rms=1e-7, horizon=1e9):
    """Gradient flow by SciPy's Radau at rtol 1e-6 down to an rms gradient of `rms` by a minimum: points (T, P)."""

    def above_minimum(_time, x):
        slope = np.linalg.norm(loss.value_and_gradient(x)[1]) / np.sqrt(x.size) - rms
        # the gradient is small beside a saddle, too
        return slope if slope > 0.0 or np.linalg.eigvalsh(loss.value_gradient_hessian(x)[2])[0] > 0.0 else rms

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


# ---------------------------------------------------------------- surfaces with a known answer


class Surface:
    """A function of a few coordinates that follows the `Loss` protocol."""

    network = None
    n_parameters = 2

    @property
    def zero_modes(self):
        return np.zeros((0, self.n_parameters))

    def value_and_gradient(self, theta):
        return self.value_gradient_hessian(theta)[:2]


class MuellerBrown(Surface):
    """A hundredth of the surface of Mueller and Brown, Theor. Chim. Acta 53, 75 (1979)."""

    height = 0.01 * np.array([-200.0, -100.0, -170.0, 15.0])
    a = np.array([-1.0, -1.0, -6.5, 0.7])
    b = np.array([0.0, 0.0, 11.0, 0.6])
    c = np.array([-10.0, -10.0, -6.5, 0.7])
    centers = np.array([[1.0, 0.0], [0.0, 0.5], [-0.5, 1.5], [-1.0, 1.0]])

    minima = np.array([[-0.558224, 1.441726], [0.623499, 0.028038], [-0.050011, 0.466694]])
    minimum_values = 0.01 * np.array([-146.69952, -108.16672, -80.76782])
    saddles = np.array([[-0.822002, 0.624313], [0.212487, 0.292988]])
    saddle_values = 0.01 * np.array([-40.66484, -72.24894])
    saddle_ends = ((0, 2), (1, 2))  # which minima each saddle joins

    def value_gradient_hessian(self, theta):
        x, y = (np.asarray(theta, dtype=float) - self.centers).T
        terms = self.height * np.exp(self.a * x * x + self.b * x * y + self.c * y * y)
        slope = np.array([2 * self.a * x + self.b * y, self.b * x + 2 * self.c * y])
        curvature = np.array([[2 * self.a, self.b], [self.b, 2 * self.c]])
        hessian = np.einsum("k,ik,jk->ij", terms, slope, slope) + curvature @ terms
        return float(terms.sum()), slope @ terms, hessian


class DoubleWell(Surface):
    """(x^2 - 1)^2 + tilt x + y^2 / 2: two minima, the lower one at negative x for a positive tilt."""

    def __init__(self, tilt=0.2):
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
