"""Alignment of the noise of minibatch gradients with the curvature of the loss."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.gradient_noise._covariance import GradientNoise
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
