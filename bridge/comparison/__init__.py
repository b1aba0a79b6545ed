"""The number of minima against mu, and their rank correlations.

`compare` collects one `ComparisonRow` per architecture, `rank_correlations` correlates them, `write_table` writes
csv, tex or json.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
