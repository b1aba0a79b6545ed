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

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
