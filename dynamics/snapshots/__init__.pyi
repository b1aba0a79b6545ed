from ._choice import (
    check_loss as check_loss,
    chosen_snapshots as chosen_snapshots,
    loss_identity as loss_identity,
)
from ._described import (
    with_loss as with_loss,
)
from ._measurements import (
    Measurement as Measurement,
    measure_all as measure_all,
    point_digest as point_digest,
    read_measurement as read_measurement,
    write_measurement as write_measurement,
)
