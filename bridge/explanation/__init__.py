"""What ages: relaxation down the slope or hops between basins.

`explain` compares both with the measured displacement. Its parts: `relaxation` (full-batch descent and quadratic
models), `decompose` (displacement of the inherent structures) and `predict_hopping` (master equation).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
