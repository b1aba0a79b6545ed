from ._collapse import (
    minimize as minimize,
    misfits as misfits,
    mismatch as mismatch,
)
from ._over_runs import (
    POSITIVE as POSITIVE,
    SHARE as SHARE,
    mean_over_runs as mean_over_runs,
    over_runs as over_runs,
    ratio_over_runs as ratio_over_runs,
    share_of_runs as share_of_runs,
)
from ._status import (
    Status as Status,
    reason as reason,
)
