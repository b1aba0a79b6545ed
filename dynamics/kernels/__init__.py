"""Generated and compiled SGD kernels, one per architecture and noise.

`get_kernel` writes the source of a kernel, compiles it and caches it. Call `dynamics.train` instead unless you change
the kernels themselves.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
