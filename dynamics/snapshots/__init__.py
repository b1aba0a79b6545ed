"""Which snapshots of runs to measure, and a memory of what was measured at them.

`chosen_snapshots` selects points, `measure_all` measures them in parallel and stores each result in a folder, so that
an interrupted measurement continues. `with_loss` describes what runs of another training descend.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
