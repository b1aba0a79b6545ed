from ._inherent import (
    ORIGIN as ORIGIN,
    InherentStructures as InherentStructures,
    SnapshotStatus as SnapshotStatus,
    check_same_loss as check_same_loss,
    inherent_structures as inherent_structures,
)
from ._quenched import (
    QuenchedSnapshots as QuenchedSnapshots,
    quenched_snapshots as quenched_snapshots,
)
