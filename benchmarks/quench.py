"""Quenches of Glorot starts, N = 1000, on one core: ours, SciPy's and pele's, on the same compiled loss.

Ours ends at an rms gradient of 1e-10 with a certificate, the others where they are told to or give up.

The last contestants are pele's L-BFGS with a potential as one writes it in NumPy, without our compiled loss.

    python benchmarks/quench.py --hidden 5,5 --starts 10
"""

import argparse
import itertools
import time

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from landscape import CrossEntropyLoss, datasets, quench
from landscape.interchange import pele_adapter
from landscape.networks import MLP


class NumpyLoss:
    """The same loss in plain vectorised NumPy, as a user of pele would write it."""

    def __init__(self, network, data, regularization):
        self.shapes = list(itertools.pairwise(network.layer_sizes))
        self.inputs, self.regularization = np.array(data.inputs), regularization
        self.targets = np.eye(data.n_classes)[data.labels]

    def value_and_gradient(self, theta):
        """Loss and gradient (P,)."""
        layers, start = [], 0
        for n_in, n_out in self.shapes:
            kernel = theta[start : start + n_in * n_out].reshape(n_in, n_out)
            start += n_in * n_out
            layers.append((kernel, theta[start : start + n_out]))
            start += n_out
        activations = [self.inputs]
        for kernel, bias in layers[:-1]:
            activations.append(np.tanh(activations[-1] @ kernel + bias))
        logits = activations[-1] @ layers[-1][0] + layers[-1][1]
        logits -= logits.max(axis=1, keepdims=True)
        log_probability = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        value = -(self.targets * log_probability).sum() / len(self.inputs) + self.regularization * (theta @ theta)
        delta = (np.exp(log_probability) - self.targets) / len(self.inputs)
        parts = []
        for (kernel, _), activation in zip(reversed(layers), reversed(activations), strict=True):
            parts = [(activation.T @ delta).ravel(), delta.sum(axis=0), *parts]
            delta = (delta @ kernel.T) * (1.0 - activation**2)
        return value, np.concatenate(parts) + 2.0 * self.regularization * theta


def ours(method):
    def run(loss, start):
        result = quench(loss, start, method=method)
        return result.coordinates, result.gradient_evaluations, result.hessian_evaluations

    return run


def scipy_lbfgsb(loss, start):
    # its gtol bounds the largest component, which is a few times the rms
    options = {"gtol": 3e-7, "ftol": 0.0, "maxiter": 10**6, "maxfun": 10**6, "maxcor": 10}
    result = minimize(loss.value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
    return result.x, result.nfev, 0


def pele(minimiser, tolerance, **options):
    def run(loss, start):
        result = minimiser(loss, start, tolerance, **options)
        return result.coordinates, result.evaluations, 0

    return run


def pele_numpy(minimiser, tolerance):
    def run(loss, start):
        return pele(minimiser, tolerance)(NumpyLoss(loss.network, loss.data, loss.regularization), start)

    return run


def contestants():
    yield "ours, preconditioned L-BFGS, to 1e-10", ours("lbfgs")
    yield "ours, gradient flow, to 1e-10", ours("flow")
    yield "SciPy L-BFGS-B, to about 1e-7", scipy_lbfgsb
    same = {"maxstep": 1.0, "maxErise": 1e-10, "M": 10}  # the settings of our own L-BFGS
    for name, minimiser in (("C++", pele_adapter.quench_cpp), ("Python", pele_adapter.quench_py)):
        for tolerance in (1e-7, 1e-8):
            yield f"pele {name} L-BFGS, to {tolerance:.0e}", pele(minimiser, tolerance)
        yield f"pele {name} L-BFGS, our settings, to 1e-8", pele(minimiser, 1e-8, **same)
        yield f"pele {name} L-BFGS, NumPy potential, to 1e-8", pele_numpy(minimiser, 1e-8)


def measure(run, loss, starts):
    """Seconds, rms gradient reached, gradients and Hessians of each quench."""
    run(loss, starts[0])  # compiles
    rows = []
    for start in starts:
        began = time.perf_counter()
        point, gradients, hessians = run(loss, start)
        seconds = time.perf_counter() - began
        rms = float(np.sqrt((loss.value_and_gradient(point)[1] ** 2).mean()))
        rows.append((seconds, rms, gradients, hessians))
    return np.array(rows).T


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", default="5,5")
    parser.add_argument("--starts", type=int, default=10)
    arguments = parser.parse_args()
    network = MLP((2, *map(int, arguments.hidden.split(",")), 4))
    loss = CrossEntropyLoss(network, datasets.ljat(rows=1000, seed=0))
    rng = np.random.default_rng(0)
    starts = [network.glorot_uniform(rng) for _ in range(arguments.starts)]
    print(f"{'':>47} median s  lowest highest  ratio  gradients Hessians  rms gradient reached")
    reference = None
    for name, run in contestants():
        try:
            seconds, rms, gradients, hessians = measure(run, loss, starts)
        except ImportError as error:  # pele is optional
            print(f"{name:>47} {error}")
            continue
        reference = reference or np.median(seconds)
        print(
            f"{name:>47} {np.median(seconds):8.4f} {seconds.min():7.3f} {seconds.max():7.3f}"
            f" {np.median(seconds) / reference:6.2f} {np.median(gradients):10.0f} {np.median(hessians):8.0f}"
            f"  {np.median(rms):.0e} ({rms.min():.0e} ... {rms.max():.0e})"
        )


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
