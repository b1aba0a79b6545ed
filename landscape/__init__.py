"""Minima and transition states of loss functions, and how they connect.

`explore` searches the landscape of a `Loss` and stores certified points in a `Database`; `disconnectivity_tree` shows
how they connect. `quench` takes one point down to its minimum. Rooms below hold the rest.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
