"""Data sets: generated from physics, or read from files.

`ljat` generates the LJAT-like set, `mnist` and `table` read files, `sklearn_table` takes a table of scikit-learn. All
return a `Dataset`, whose `metadata` suffice for `reload` to make it again. `describe_table` says how a table is read.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
