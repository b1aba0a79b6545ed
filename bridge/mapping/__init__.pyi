from ._inherent import (
    ORIGIN as ORIGIN,
    InherentStructures as InherentStructures,
    check_same_loss as check_same_loss,
    inherent_structures as inherent_structures,
    stored_structures as stored_structures,
)
from ._quenched import (
    QuenchedSnapshots as QuenchedSnapshots,
    quenched_snapshots as quenched_snapshots,
)
from ._quenching import (
    UNKNOWN as UNKNOWN,
    SnapshotStatus as SnapshotStatus,
    default_steps as default_steps,
    quench_folder as quench_folder,
)
