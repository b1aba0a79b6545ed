"""Kinds of noise: what makes runs random, and the random numbers that they draw.

`NOISES` lists them by name. A noise is a frozen `Noise` dataclass with compiled functions that say which rows a step
uses, how it weights them and what is added to the step; `stream` and `uniform` supply its random numbers.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
