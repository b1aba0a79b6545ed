from ._derived import (
    Derived as Derived,
)
from ._eigenpairs import (
    Ritz as Ritz,
    lanczos as lanczos,
)
from ._factorization import (
    Factorization as Factorization,
)
from ._geometry import (
    LocalGeometry as LocalGeometry,
    local_geometry as local_geometry,
)
from ._inertia import (
    Inertia as Inertia,
    InertiaModel as InertiaModel,
    factors_at as factors_at,
    inertia_model as inertia_model,
    metric_at as metric_at,
    products_of as products_of,
)
from ._learning_coefficient import (
    LearningCoefficient as LearningCoefficient,
    learning_coefficient as learning_coefficient,
)
from ._points import (
    LocalModel as LocalModel,
    Minimum as Minimum,
    StationaryPoint as StationaryPoint,
    TransitionState as TransitionState,
    certificate as certificate,
    certify as certify,
    local_model as local_model,
    point_of_inertia as point_of_inertia,
    rounding_of as rounding_of,
    same_place as same_place,
    same_point as same_point,
    separation as separation,
    typed_point as typed_point,
)
from ._signs import (
    Signs as Signs,
    signs_of as signs_of,
)
from ._tolerances import (
    GRADIENT_TOLERANCE as GRADIENT_TOLERANCE,
    VALUE_RESOLUTION as VALUE_RESOLUTION,
    value_noise as value_noise,
    value_tolerance as value_tolerance,
)
