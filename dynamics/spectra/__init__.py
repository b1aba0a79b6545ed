"""Hessian spectra and gradient noise along runs.

`curvature` computes exact Hessian spectra, `estimate_curvature` estimates them by Lanczos for larger networks.
`gradient_noise` and `noise_alignment` compare the covariance of the minibatch gradients with the Hessian.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
