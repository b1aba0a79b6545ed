"""Processes with known aging, to test the analysis with.

`brownian` and `ornstein_uhlenbeck` do not age, `aging_walk` and `trap_model` age with a known mu.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
