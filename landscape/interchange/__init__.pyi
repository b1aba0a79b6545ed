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
    read_graphml as read_graphml,
)
from ._kinetic_network import (
    KineticNetwork as KineticNetwork,
)
from ._lon import (
    export_lon as export_lon,
)
from ._npz_export import (
    export_npz as export_npz,
)
from ._npz_import import (
    Restored as Restored,
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
from ._pygt import (
    export_pygt as export_pygt,
    read_pygt_rates as read_pygt_rates,
)
from ._read_network import (
    is_foreign as is_foreign,
    network_of as network_of,
    read_network as read_network,
)
from ._text_tables import (
    read_set as read_set,
)
from ._topsearch import (
    export_topsearch as export_topsearch,
    import_topsearch as import_topsearch,
    read_topsearch as read_topsearch,
)
