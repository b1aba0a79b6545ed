"""Landscapes in the formats of other programs: pele, PATHSAMPLE, PyGT, topography-searcher, GraphML, npz.

`read_network` opens any of them without a loss, as a `KineticNetwork`: a graph and what else its file says.

`export_*` functions write, `import_*` functions certify every point for a loss before they store it, `read_*`
functions return what a file says. Reading never executes anything in a file, and every file is written completely or
not at all.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
