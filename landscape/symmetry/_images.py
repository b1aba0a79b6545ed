"""Symmetries: permutations of hidden units and, if the activation is odd, sign flips; of any network, as declared.

Only tanh and linear units are odd. A sigmoid's s(-z) = 1 - s(z) shifts the biases of the next layer, which the penalty
does not allow; scaling a ReLU unit (incoming weights times c, outgoing ones divided by c) changes the penalty, too, and
mixing linear units is continuous: none of these is searched, so that distances are upper bounds where there is no
penalty, and `is_exact` says False for relu and linear.

Of any other network the symmetries can be declared: a `PermutationSpec` says which axes permute together.

`nearest_image` and `distance` compare points modulo symmetry, `canonical_form` picks one image, `orbit_size` counts
them. Every function takes the network or the declared symmetries first; `None` stands for a loss without known ones. An
image of theta is `transform(network, theta, elements)` with one `(permutation, signs)` per hidden layer or group: new
unit i is signs[i] times old unit permutation[i].
"""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.networks import MLP
from landscape.support import RNG
from landscape.symmetry import _alignment
from landscape.symmetry._alignment import align, random_element, transform
from landscape.symmetry._magnitudes import LARGEST
from landscape.symmetry._permutation_spec import PermutationSpec

Array = NDArray[np.float64]


def random_image(network: MLP | PermutationSpec | None, theta: ArrayLike, *, rng: RNG = None) -> Array:
    """A uniformly drawn image (P,) of `theta` (P,)."""
    if network is None:
        return np.array(theta, dtype=np.float64)
    return transform(network, theta, random_element(network, np.random.default_rng(rng)))


def invariants(network: MLP | PermutationSpec | None, theta: ArrayLike) -> Array:
    """Invariants that all images of `theta` (P,) share: sorted norms of incoming and of outgoing weights per layer.

    They serve as a filter before `distance`: for the nearest images a, b of two points,

        |invariants(a) - invariants(b)| <= c |a - b|, c = sqrt(2), and c = 1 for fewer than two hidden layers,

    because norms and sorting are 1-Lipschitz (sorted vectors are the nearest rearrangements of each
    other) and every kernel between two hidden layers enters twice, every other parameter once. The
    constant cannot be smaller: from zero biases and orthogonal kernels between hidden layers, scale these.
    Equal invariants prove nothing. Of declared symmetries the norms are those of each parameter along each axis that a
    group moves, and c^2 is the largest number of such axes of a parameter.
    """
    theta = np.array(theta, dtype=np.float64)
    if network is None:
        return theta
    if isinstance(network, PermutationSpec):
        return _invariants_of_groups(network, theta)
    layers = network.unflatten(theta)
    parts = [layers[-1].bias]
    for layer, after in pairwise(layers):
        parts.append(np.sort(np.linalg.norm(np.vstack([layer.kernel, layer.bias]), axis=0)))
        parts.append(np.sort(np.linalg.norm(after.kernel, axis=1)))
    return np.concatenate(parts)


def _invariants_of_groups(spec: PermutationSpec, theta: Array) -> Array:
    arrays = spec.unflatten(theta)
    parts = [array.ravel() for array, axes in zip(arrays, spec.all_axes, strict=True) if not any(axes)]
    parts += [
        np.sort(np.linalg.norm(spec.units_along(arrays, group, *place), axis=1))
        for group, places in spec.places.items()
        for place in places
    ]
    return np.concatenate(parts)


# ---------------------------------------------------------------- nearest image and distance


def nearest_image(network: MLP | PermutationSpec | None, theta: ArrayLike, reference: ArrayLike) -> Array:
    """The image (P,) of `theta` (P,) nearest to `reference` (P,) in the Euclidean norm.

    Exact where the layers are small (`is_exact` says for which networks): with one layer a linear
    assignment, with two or three branch and bound over the signed permutations of one of them, with more
    a dynamic program along the depth. Otherwise a local search that assigns one layer after the other
    until nothing improves, from several starts.

    Raises
    ------
    ValueError
        If a point has the wrong shape or is not finite.
    """
    return nearest_images(network, theta, np.asarray(reference)[None])[0]


def nearest_images(network: MLP | PermutationSpec | None, theta: ArrayLike, references: ArrayLike) -> Array:
    """The images (M, P) of `theta` (P,) nearest to each of `references` (M, P); see `nearest_image`."""
    theta, references = _checked(network, theta, references)
    if network is None or not network.hidden:
        return np.tile(theta, (len(references), 1))
    images = [transform(network, theta, elements) for elements in align(network, theta, references)]
    return np.array(images).reshape(references.shape)


def distance(network: MLP | PermutationSpec | None, a: ArrayLike, b: ArrayLike) -> float:
    """Euclidean distance of the nearest images of `a` and `b` (P,)."""
    return float(distances(network, b, np.asarray(a)[None])[0])


def distances(
    network: MLP | PermutationSpec | None, theta: ArrayLike, references: ArrayLike, *, cutoff: float = np.inf
) -> Array:
    """Distance (M,) modulo symmetry of one point `theta` (P,) to each of `references` (M, P).

    With a `cutoff` the search stops for images that far away, which is several times faster; distances not below it
    are infinity.

    Raises
    ------
    ValueError
        If a point has the wrong shape or is not finite, or `cutoff` is not a number >= 0.
    """
    if not cutoff >= 0.0:
        msg = f"cutoff must be a distance >= 0; got {cutoff}"
        raise ValueError(msg)
    theta, references = _checked(network, theta, references)
    if network is None or not network.hidden:
        found = np.linalg.norm(references - theta, axis=1)
        return np.where(found < cutoff, found, np.inf)
    return _alignment.distances(network, theta, references, float(cutoff))


def _checked(network: MLP | PermutationSpec | None, theta: ArrayLike, references: ArrayLike) -> tuple[Array, Array]:
    """Copies of a point (P,) and of points (M, P); raises a ValueError if they are invalid."""
    theta, references = np.array(theta, dtype=np.float64), np.array(references, dtype=np.float64, order="C")
    if network is not None:
        network.check(theta)
    if references.ndim != 2 or references.shape[1:] != theta.shape:
        msg = f"theta must have shape (P,) and the references (M, P); got {theta.shape} and {references.shape}"
        raise ValueError(msg)
    largest = max(np.abs(theta).max(initial=0.0), np.abs(references).max(initial=0.0))
    if not largest < LARGEST:
        msg = f"points must be finite and below {LARGEST:g} to be compared; got an entry of magnitude {largest}"
        raise ValueError(msg)
    return theta, references
