"""Least squares, the bootstrap over runs, goodness of fit and data collapse.

The shared numerics of the other rooms: `misfits` and `mismatch` measure how badly curves collapse.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
