"""Figures of SGD on the landscape.

`plot_overlay` and `plot_visits` draw visits and paths on a disconnectivity graph, `plot_over_time` how they change
with time, `plot_explanation` relaxation and hops.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
