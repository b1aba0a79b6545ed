"""The SQLite store of minima and transition states: provenance, merging, verification."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
