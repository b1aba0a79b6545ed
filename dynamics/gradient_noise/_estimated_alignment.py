"""Alignment of gradient noise and Hessian from random probes, without either matrix."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.gradient_noise._covariance import centered_gradients, checked, mean_gradient
from landscape.losses import DataLoss
from landscape.support import Result, one_thread

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EstimatedAlignment(Result):
    """Alignment of gradient noise and Hessian from K random probes.

    Parameters
    ----------
    noise_trace : float
        Tr(C), exact.
    alignment : float
        Tr(C H) / (|C| |H|).
    alignment_error : float
        Its standard error (jackknife over the probes).
    curvature_noise : float
        Tr(C H).
    curvature_noise_error : float
        Its standard error.
    """

    noise_trace: float
    alignment: float
    alignment_error: float
    curvature_noise: float
    curvature_noise_error: float


def estimate_alignment(loss: DataLoss, theta: ArrayLike, probes: ArrayLike, products: ArrayLike) -> EstimatedAlignment:
    """Alignment without the matrices, if P^2 numbers or N P^2 operations are too many.

    Hutchinson's estimator: for probes v uniform on the unit sphere of M dimensions, M <(C v) . (H v)> = Tr(C H),
    M <|C v|^2> = |C|^2, M <|H v|^2> = |H|^2. A few large eigenvalues of C make it noisy; the error shows how much.

    Parameters
    ----------
    loss : MLPLoss or TorchLoss
    theta : (P,)
    probes : (K, P)
        Probes v, K >= 2 (`dynamics.spectra._lanczos.unit_probes`).
    products : (K, P)
        H v.

    Raises
    ------
    ValueError
        If shapes do not match.
    """
    theta = checked(loss, theta)
    vectors, curved = np.asarray(probes, dtype=np.float64), np.asarray(products, dtype=np.float64)
    if vectors.ndim != 2 or vectors.shape != curved.shape or vectors.shape[1] != theta.size or len(vectors) < 2:
        msg = f"probes and products must have shape (K >= 2, {theta.size}); got {vectors.shape} and {curved.shape}"
        raise ValueError(msg)
    trace, noisy = _noise_products(loss, theta, vectors)
    free = theta.size - len(loss.zero_modes)
    terms = free * np.array([(noisy * curved).sum(axis=1), (noisy**2).sum(axis=1), (curved**2).sum(axis=1)])
    cosine, error = _jackknife(terms)
    count = len(vectors)
    return EstimatedAlignment(
        trace, cosine, error, float(terms[0].mean()), float(terms[0].std(ddof=1) / np.sqrt(count))
    )


def _noise_products(loss: DataLoss, theta: Array, vectors: Array) -> tuple[float, Array]:
    """Tr(C) and C v (K, P) for every v (K, P)."""
    trace, products = 0.0, np.zeros_like(vectors)
    with one_thread():
        for deviations in centered_gradients(loss, theta, mean_gradient(loss, theta)):
            trace += float((deviations**2).sum())
            products += (vectors @ deviations.T) @ deviations
    return trace / loss.data.rows, products / loss.data.rows


def _jackknife(terms: Array) -> tuple[float, float]:
    """Cosine from the means of (product, square, square) over the probes (3, K), and its standard error."""
    count = terms.shape[1]
    left_out = (terms.sum(axis=1, keepdims=True) - terms) / (count - 1)
    without = left_out[0] / np.sqrt(left_out[1] * left_out[2])
    mean = terms.mean(axis=1)
    error = np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum())
    return float(mean[0] / np.sqrt(mean[1] * mean[2])), float(error)
