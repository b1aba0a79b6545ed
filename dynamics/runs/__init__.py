"""Runs as arrays and files: trajectories, time grids, moments.

`load_trajectories` opens what `train` wrote as `Trajectories`: losses, snapshots and displacements with their steps.
`write_trajectories` writes any others. `log_lags` and `default_waiting_times` make the grids of times, `grid_of` that
of runs recorded elsewhere.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
