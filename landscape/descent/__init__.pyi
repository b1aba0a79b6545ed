from ._by_products import (
    Reached as Reached,
    newton_by as newton_by,
    settle as settle,
)
from ._downhill import (
    DownhillPath as DownhillPath,
    follow_down as follow_down,
)
from ._lbfgs import (
    lbfgs_step as lbfgs_step,
)
from ._location import (
    Located as Located,
    Location as Location,
    locate as locate,
)
from ._newton import (
    newton as newton,
)
from ._polygons import (
    cubic_maxima as cubic_maxima,
    highest_point as highest_point,
    sample_polygon as sample_polygon,
    values_and_gradients as values_and_gradients,
)
from ._profiles import (
    Profile as Profile,
    loss_profile as loss_profile,
)
from ._quench import (
    Method as Method,
    QuenchResult as QuenchResult,
    QuenchStatus as QuenchStatus,
    check_point as check_point,
    is_stationary as is_stationary,
    quench as quench,
)
from ._radau import (
    radau_end as radau_end,
)
from ._ridge import (
    RidgePoint as RidgePoint,
    follow_ridge as follow_ridge,
)
from ._shadowing import (
    LARGEST_FOLLOWED as LARGEST_FOLLOWED,
    quench_along as quench_along,
)
from ._truncated_newton import (
    Walked as Walked,
    inexact_step as inexact_step,
)
