"""Aging times t*(tw), the exponent mu, and the laws they follow.

`aging` finds t* and mu with intervals over the runs; `analyze_aging` adds the threshold scan, the collapse, the local
slope and the comparison of laws. `what_moves` separates drift from noise, `compare_realizations` separates the data
from the runs.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
