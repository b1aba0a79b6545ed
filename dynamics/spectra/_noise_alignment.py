"""Alignment of the noise of minibatch gradients with the curvature of the loss, and its effective temperature."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.spectra._gradient_noise import GradientNoise, centered_gradients, checked, mean_gradient
from landscape.losses import DataLoss
from landscape.support import Result, one_thread

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NoiseAlignment(Result, axes={"M": "mode"}):
    """Gradient noise C (covariance of one row's gradient) in the eigenbasis of the Hessian H.

    Parameters
    ----------
    noise_eigenvalues : (P,) float64
        Eigenvalues of C, ascending.
    mode_noise : (M,) float64
        v_i^T C v_i for the eigenvectors v_i of H, in the order in which they were given.
    alignment : float
        Tr(C H) / (|C| |H|) with Frobenius norms: the cosine between the two matrices, 1 if C is a positive multiple
        of H. nan if one of them is zero.
    isotropic_alignment : float
        Its mean over random orientations of C relative to H, Tr(C) Tr(H) / (M |C| |H|), the value without alignment.
    overlap : float
        |U^T V|^2 / k for the leading k eigenvectors U of C and V of H (largest eigenvalues): 1 if they span the same
        space.
    isotropic_overlap : float
        Mean of the overlap of random k-dimensional spaces: k / P.
    """

    noise_eigenvalues: Array
    mode_noise: Array
    alignment: float
    isotropic_alignment: float
    overlap: float
    isotropic_overlap: float


def noise_alignment(
    noise: GradientNoise, eigenvalues: ArrayLike, eigenvectors: ArrayLike, leading: int
) -> NoiseAlignment:
    """Compare the covariance of the gradient noise with a Hessian given by its eigendecomposition.

    Parameters
    ----------
    noise : GradientNoise
    eigenvalues : (M,)
        Eigenvalues of the Hessian at the same point, ascending; M < P if zero modes are left out.
    eigenvectors : (P, M)
        Their eigenvectors, in columns.
    leading : int
        Dimension k of the spaces to compare; the number of classes is a natural choice, because the Hessian of a
        classifier typically has about as many large eigenvalues (compare `Curvature.eigenvalues`).

    Notes
    -----
    Zhu, Wu, Yu, Wu and Ma (arXiv 1803.00195) use the product Tr(C H) as an indicator of how fast noise leaves a
    minimum. C is proportional to H for a cross-entropy only under conditions that usually fail (Zhang, Yang and Tu,
    arXiv 2602.05600), so the cosine has to be measured.

    Raises
    ------
    ValueError
        If the shapes do not match, or `leading` is not in 1 ... M.
    """
    values, vectors = np.asarray(eigenvalues, dtype=np.float64), np.asarray(eigenvectors, dtype=np.float64)
    if vectors.shape != (len(noise.covariance), values.size):
        msg = f"eigenvectors must have shape ({len(noise.covariance)}, {values.size}); got {vectors.shape}"
        raise ValueError(msg)
    if not 1 <= leading <= values.size:
        msg = f"leading must be in 1 ... {values.size}, the number of eigenvalues; got {leading!r}"
        raise ValueError(msg)
    with one_thread():
        noise_values, noise_vectors = np.linalg.eigh(noise.covariance)
        mode_noise = np.einsum("pm,pm->m", vectors, noise.covariance @ vectors)
        overlap = float(((noise_vectors[:, -leading:].T @ vectors[:, -leading:]) ** 2).sum()) / leading
    norms = float(np.linalg.norm(noise_values) * np.linalg.norm(values))
    product, unaligned = float(values @ mode_noise), mode_noise.sum() * values.sum() / values.size
    return NoiseAlignment(
        noise_values,
        mode_noise,
        product / norms if norms > 0 else float("nan"),
        float(unaligned) / norms if norms > 0 else float("nan"),
        overlap,
        leading / len(noise.covariance),
    )


def effective_temperatures(mode_noise: ArrayLike, learning_rate: float, minibatch_factor: float) -> Array:
    """Effective temperature of every mode of the Hessian, in nats: T_i = eta C_ii / 2.

    C_ii is the variance of the minibatch gradient along mode i: `minibatch_factor` times `mode_noise`.

    In a quadratic well, theta_i <- theta_i - eta (h_i theta_i + noise) is stationary if h_i <theta_i^2> (1 - eta h_i /
    2) = eta C_ii / 2; for eta h_i << 1 the left side is twice the mean energy of the mode, so that equipartition, <h_i
    theta_i^2> = T_i, defines a temperature. Summed over the modes it is the fluctuation-dissipation relation <theta .
    grad f> = eta Tr(C) / 2 (compare Yaida, arXiv 1810.00004); modes at different temperatures are out of equilibrium
    with each other. Derived here; tested by test_dynamics_curvature.py.

    It is the strength of the noise in units of energy and does not imply equilibrium: while the runs drift, and along
    modes of negative curvature, there is no stationary state.

    Parameters
    ----------
    mode_noise : (..., M)
        As in `NoiseAlignment`.
    learning_rate : float
        eta.
    minibatch_factor : float
        Result of `dynamics.spectra.minibatch_factor`.
    """
    return 0.5 * learning_rate * minibatch_factor * np.asarray(mode_noise, dtype=np.float64)


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
    loss : CrossEntropyLoss or TorchLoss
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
