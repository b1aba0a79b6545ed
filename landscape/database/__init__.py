"""The SQLite file of minima, transition states and upper bounds on barriers: provenance, merging, verification.

`Database` stores certified points with the searches that found them, and rejects what violates physics. `merge` joins
files of one loss, `verify` computes every certificate again, `repair` removes damaged rows, `loss_of` makes the loss
that a file belongs to.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
