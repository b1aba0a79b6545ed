from ._alignment import (
    align as align,
    is_exact as is_exact,
    transform as transform,
)
from ._canonical import (
    canonical_form as canonical_form,
)
from ._images import (
    distance as distance,
    distances as distances,
    invariants as invariants,
    nearest_image as nearest_image,
    nearest_images as nearest_images,
    random_image as random_image,
)
from ._magnitudes import (
    LARGEST as LARGEST,
)
from ._orbits import (
    group_order as group_order,
    orbit_size as orbit_size,
)
from ._permutation_spec import (
    PermutationSpec as PermutationSpec,
)
