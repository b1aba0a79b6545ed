"""Interactive HTML pages that work offline: the disconnectivity graph, and the parts that pages share."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
