"""Minima and transition states as a graph: components, barriers, trees, funnels.

`LandscapeGraph` holds losses and edges as plain arrays. `components`, `minimax_barrier` and `superbasins` say how it
connects, `with_bounds` counts upper bounds as edges, `disconnectivity_tree` draws up its tree, `funnelling` measures
how funneled it is.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
