"""The claims of the paper, each with a test, an interval over runs, one over realizations of the data, and a verdict.

`CLAIMS` lists them, `reproduce_claims` makes what is missing and writes the table.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
