"""Stationary points, their certificates, their identity and the geometry around them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
