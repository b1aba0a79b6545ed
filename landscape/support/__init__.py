"""Files, locks, workers and versions: what every package needs and knows no landscape."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
