from ._collapse import (
    minimize as minimize,
    misfits as misfits,
    mismatch as mismatch,
)
from ._status import (
    Status as Status,
    reason as reason,
)
