"""From snapshots to the minima whose basins they are in.

`inherent_structures` quenches snapshots and identifies the minima in a database; `quenched_snapshots` quenches them
without one.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
