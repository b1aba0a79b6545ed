"""Figures of runs and their analysis.

`plot_msd` and `plot_aging` draw the aging of one ensemble, `plot_analysis` all panels at once, `plot_observables` and
`plot_spectra` the other measurements.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
