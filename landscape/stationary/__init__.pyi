from ._derived import (
    Derived as Derived,
)
from ._geometry import (
    LocalGeometry as LocalGeometry,
    local_geometry as local_geometry,
)
from ._learning_coefficient import (
    LearningCoefficient as LearningCoefficient,
    learning_coefficient as learning_coefficient,
)
from ._points import (
    LocalModel as LocalModel,
    Minimum as Minimum,
    Signs as Signs,
    StationaryPoint as StationaryPoint,
    TransitionState as TransitionState,
    certificate as certificate,
    certify as certify,
    local_model as local_model,
    rounding_of as rounding_of,
    same_place as same_place,
    same_point as same_point,
    separation as separation,
    signs_of as signs_of,
    typed_point as typed_point,
)
from ._tolerances import (
    GRADIENT_TOLERANCE as GRADIENT_TOLERANCE,
    VALUE_RESOLUTION as VALUE_RESOLUTION,
    value_noise as value_noise,
    value_tolerance as value_tolerance,
)
