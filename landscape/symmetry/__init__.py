"""Symmetries of a tanh network: permutations of the units of a hidden layer and their sign flips.

`nearest_image` and `distance` compare points modulo symmetry, `canonical_form` picks one image, `orbit_size` counts
them. Every function takes the network first; `None` stands for a loss without known symmetries. An image of theta is
`transform(network, theta, elements)` with one `(permutation, signs)` per hidden layer: new unit i is signs[i] times
old unit permutation[i].
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
