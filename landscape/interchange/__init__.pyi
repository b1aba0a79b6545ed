from . import (
    pele_adapter as pele_adapter,
)
from ._certification import (
    Candidates as Candidates,
    Imported as Imported,
    PointStatus as PointStatus,
)
from ._graphml import (
    export_graphml as export_graphml,
    import_graphml as import_graphml,
)
from ._npz import (
    Restored as Restored,
    export_npz as export_npz,
    import_npz as import_npz,
)
from ._pathsample import (
    export_pathsample as export_pathsample,
    import_pathsample as import_pathsample,
    read_pathsample as read_pathsample,
)
from ._pele_files import (
    import_pele as import_pele,
    read_pele as read_pele,
)
