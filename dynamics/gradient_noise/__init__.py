"""The noise of minibatch gradients at a point: covariance, alignment with the curvature, effective temperature.

`gradient_noise` computes the covariance of the gradients of single rows, `minibatch_factor` turns it into that of a
minibatch, `noise_alignment` compares it with the Hessian, `effective_temperatures` is the strength of the noise in
units of energy, `tail_index` tells whether it is Gaussian. The kinds of noise that `train` can use are in
`dynamics.noises`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
