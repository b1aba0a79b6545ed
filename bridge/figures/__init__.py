"""The figures of the paper, by number, and those beyond it.

`FIGURES` lists them, `reproduce` makes one with the published numbers beside ours.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
