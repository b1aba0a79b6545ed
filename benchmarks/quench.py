"""Quenches of ten Glorot starts of (5, 5), N = 1000, on one core: ours, SciPy's and pele's, on the same compiled loss.

Ours ends at an rms gradient of 1e-10 with a certificate, the others where they are told to or give up.

    python benchmarks/quench.py
"""

import time

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from landscape import MLP, CrossEntropyLoss, datasets, pele_adapter, quench

STARTS = 10


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


def contestants():
    yield "ours, lbfgs + Newton, to 1e-10", ours("lbfgs")
    yield "ours, gradient flow, to 1e-10", ours("flow")
    yield "SciPy L-BFGS-B, to about 1e-7", scipy_lbfgsb
    same = {"maxstep": 1.0, "maxErise": 1e-10, "M": 10}  # the settings of our own L-BFGS
    for name, minimiser in (("C++", pele_adapter.quench_cpp), ("Python", pele_adapter.quench_py)):
        for tolerance in (1e-7, 1e-8):
            yield f"pele {name} L-BFGS, to {tolerance:.0e}", pele(minimiser, tolerance)
        yield f"pele {name} L-BFGS, our settings, to 1e-8", pele(minimiser, 1e-8, **same)


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
    network = MLP((2, 5, 5, 4))
    loss = CrossEntropyLoss(network, datasets.ljat(rows=1000, seed=0))
    rng = np.random.default_rng(0)
    starts = [network.glorot_uniform(rng) for _ in range(STARTS)]
    print(f"{'':>42} s/quench  lowest highest  ratio  gradients Hessians  rms gradient reached")
    reference = None
    for name, run in contestants():
        try:
            seconds, rms, gradients, hessians = measure(run, loss, starts)
        except ImportError as error:  # pele is optional
            print(f"{name:>42} {error}")
            continue
        reference = reference or seconds.mean()
        print(
            f"{name:>42} {seconds.mean():8.3f} {seconds.min():7.3f} {seconds.max():7.3f}"
            f" {seconds.mean() / reference:6.2f} {np.median(gradients):10.0f} {np.median(hessians):8.0f}"
            f"  {np.median(rms):.0e} ({rms.min():.0e} ... {rms.max():.0e})"
        )


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
