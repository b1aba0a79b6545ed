"""The canonical form: one image that represents all."""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.networks import MLP
from landscape.symmetry._alignment import transform
from landscape.symmetry._elements import Element
from landscape.symmetry._permutation_spec import PermutationSpec
from landscape.symmetry._sorted_units import MAX_TIES, sorting_elements
from landscape.symmetry._spec_canonical import canonical_of_groups

Array = NDArray[np.float64]


def canonical_form(network: MLP | PermutationSpec | None, theta: ArrayLike) -> Array:
    """The canonical image of `theta` (P,): all its images give the same one, bit for bit.

    Layer by layer, every unit's incoming weights (kernel column, bias) get a positive first non-zero entry, if signs
    may be flipped, and the units are sorted by them, then by the magnitudes of their outgoing weights. The
    lexicographically smallest result decides the rest (units that are still equal, signs of units without inputs).

    Close points need not have close canonical forms: compare points with `distance`. Where more than `MAX_TIES` images
    would have to be compared (13 units of one layer without inputs, 7 with equal ones and outgoing weights of the same
    magnitudes), the ties of that layer keep their order in `theta`: the result is still an image, and its own
    canonical form, but another image may have a different one.
    """
    theta = np.array(theta, dtype=np.float64) + 0.0  # no negative zeros
    if network is None:
        return theta
    if isinstance(network, PermutationSpec):
        return canonical_of_groups(network, network.check(theta))[0]
    candidates, end = [network.check(theta)], 0
    for k, (n_in, n_out) in enumerate(pairwise(network.layer_sizes[:-1])):
        end += (n_in + 1) * n_out  # all parameters before it are final after this layer
        found: dict[bytes, Array] = {}
        for candidate in candidates:
            keys, outgoing = _weights(network, candidate, k)
            signed, most = network.units.odd, MAX_TIES // len(candidates)
            for element in sorting_elements(keys, outgoing, signed=signed, most=most):
                image = transform(network, candidate, _one_layer(network, k, element)) + 0.0
                found[image.tobytes()] = image
        smallest = min(tuple(image[:end]) for image in found.values())
        candidates = [image for image in found.values() if tuple(image[:end]) == smallest]
    return min(candidates, key=tuple)


def _one_layer(network: MLP, k: int, element: Element) -> list[Element]:
    """The element that acts on hidden layer k alone."""
    return [element if i == k else (np.arange(n), np.ones(n)) for i, n in enumerate(network.hidden)]


def _weights(network: MLP, theta: Array, k: int) -> tuple[Array, Array]:
    """Weights of a hidden layer's units that are final after it (n, F), and outgoing ones (n, G).

    The outgoing weights of the last hidden layer are final, so they break the ties there.
    """
    layer, after = network.unflatten(theta)[k : k + 2]
    keys = np.vstack([layer.kernel, layer.bias]).T
    return np.hstack([keys, after.kernel]) if k == len(network.hidden) - 1 else keys, after.kernel
