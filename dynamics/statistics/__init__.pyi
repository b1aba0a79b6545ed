from ._collapse import (
    minimize as minimize,
    misfits as misfits,
    mismatch as mismatch,
)
from ._over_runs import (
    NOT_NEGATIVE as NOT_NEGATIVE,
    ZERO_TO_ONE as ZERO_TO_ONE,
    mean_over_runs as mean_over_runs,
    over_runs as over_runs,
    ratio_over_runs as ratio_over_runs,
    share_of_runs as share_of_runs,
)
from ._status import (
    Status as Status,
    reason as reason,
)
