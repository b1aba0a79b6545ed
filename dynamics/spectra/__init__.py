"""Hessian spectra along runs, with the gradient noise at the same points.

`curvature` computes exact Hessian spectra, `estimate_curvature` estimates them by Lanczos for larger networks.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
