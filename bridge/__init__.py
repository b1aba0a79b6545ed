"""Where SGD is in the landscape: snapshots mapped to minima, visits, comparison, report, command line.

`inherent_structures` maps snapshots to minima, `visits` counts them, `compare` sets the number of minima against mu,
`explain` asks what ages, and `study` does everything for several architectures.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
