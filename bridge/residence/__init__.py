"""Where runs are and for how long: visits, dwell times, jumps, histories, departures.

`Residence` is the one definition of still there, left and unknown. `visits`, `dwells`, `jumps`, `history`,
`superbasin_history` and `departures` are the views of it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
