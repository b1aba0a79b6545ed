from ._admission import (
    moderate as moderate,
)
from ._merging import (
    Merged as Merged,
    merge as merge,
)
from ._new_databases import (
    check_new as check_new,
    new_database as new_database,
)
from ._pickles import (
    UnsafePickleError as UnsafePickleError,
    load_array as load_array,
)
from ._properties import (
    PROPERTIES as PROPERTIES,
    Property as Property,
    minimum_property as minimum_property,
)
from ._provenance import (
    provenance_of as provenance_of,
)
from ._reconstruction import (
    as_known as as_known,
    check_perceptron as check_perceptron,
    checked_module as checked_module,
    loss_of as loss_of,
    remake_loss as remake_loss,
    remake_module_loss as remake_module_loss,
)
from ._records import (
    ORIGINS as ORIGINS,
    Attempt as Attempt,
    Bound as Bound,
    Discovery as Discovery,
    Find as Find,
    Provenance as Provenance,
    Quenched as Quenched,
    RandomStart as RandomStart,
    SearchOrigin as SearchOrigin,
    SetAside as SetAside,
    StoredMinimum as StoredMinimum,
    StoredTransitionState as StoredTransitionState,
    edges_of as edges_of,
    graph_of as graph_of,
    loss_difference as loss_difference,
    positions as positions,
)
from ._rows import (
    read_provenance as read_provenance,
)
from ._store import (
    Database as Database,
)
from ._verification import (
    Failure as Failure,
    Verification as Verification,
    repair as repair,
    same_ends as same_ends,
    verify as verify,
)
