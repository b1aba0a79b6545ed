"""Figures of landscapes: disconnectivity graphs, loss profiles, geometry, discovery.

`plot_disconnectivity` draws a tree into matplotlib axes; `save_figure` writes a figure without a date, so that the
same call gives the same bytes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
