"""How many minima there are, and how many of them are known: Chao1, coverage, discovery curves.

Minima are the species, searches the sampled individuals. All of this holds for independent searches from one
distribution, such as quenches from random starts: count only their hits. There is no upper bound: minima that are
hardly ever found may be many. `minima_at_least` and `chao1` bound their number from below, `coverage_interval` bounds
the probability that one more search finds a known one, `discovery_curve` shows how the number grows.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
