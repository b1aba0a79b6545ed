"""Overlaps, alignment of updates, onset of the slow phase and minibatch gradients of runs.

`observe` computes several observables by name; `OBSERVABLES` lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
