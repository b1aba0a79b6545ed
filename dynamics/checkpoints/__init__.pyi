from ._collection import (
    Checkpoints as Checkpoints,
    find_checkpoints as find_checkpoints,
    single_checkpoint as single_checkpoint,
)
from ._formats import (
    open_checkpoint as open_checkpoint,
)
from ._importing import (
    LARGEST_COPY as LARGEST_COPY,
    ImportPlan as ImportPlan,
    copies_snapshots as copies_snapshots,
    displacement_of_checkpoints as displacement_of_checkpoints,
    import_runs as import_runs,
    plan_import as plan_import,
    snapshot_bytes as snapshot_bytes,
)
from ._tensors import (
    StoredTensor as StoredTensor,
)
