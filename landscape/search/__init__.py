"""Finding points: exploration, basin-hopping, transition-state searches, elastic bands, minimax paths.

`explore` plans searches, runs them on many workers and is the only function that adds points to a database. The
searches themselves know no database: `basin_hopping`, `find_transition_state`, `elastic_band`, `minimax_path`.
`estimate_minima` draws random starts to bound the number of minima.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
