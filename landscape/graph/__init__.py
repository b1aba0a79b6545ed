"""Minima and transition states as a graph: components, barriers, disconnectivity trees, funnels, completeness."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
