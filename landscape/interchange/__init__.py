"""Databases in the formats of other programs, and from them.

Nothing that reads a file runs what is in it, and every file appears whole or not at all.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
