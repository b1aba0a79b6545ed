"""The motion on the landscape: ensembles of SGD runs and their aging.

`train` runs an ensemble and returns `Trajectories`, `mean_square_displacement` measures how far it moves between two
times, and `aging` fits t* ~ tw^mu. `observe` and `curvature` measure the rest. `Recorder` records runs of a training
loop of your own. Rooms below hold the parts.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
