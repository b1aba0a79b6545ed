"""Rates between minima, master equation, first-passage times, kinetic Monte Carlo.

`Barriers` collects losses, spectra and orbit sizes; `langer_rates` turns them into a `RateNetwork`,
`harmonic_rates` makes one of systems with inertia. From it follow `transition_probabilities`, `first_passage_times` and
`committors`, or a `random_walk`. `superposition` gives the heat capacity and the free energies of funnels.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
