from ._connectivity import (
    LandscapeGraph as LandscapeGraph,
    check_barriers as check_barriers,
    components as components,
    minimax_barrier as minimax_barrier,
    minimax_barriers as minimax_barriers,
    spanning_forest as spanning_forest,
    superbasins as superbasins,
    with_bounds as with_bounds,
    zeroed as zeroed,
)
from ._disconnectivity import (
    connections as connections,
    disconnectivity_tree as disconnectivity_tree,
)
from ._funnels import (
    Funnelling as Funnelling,
    funnelling as funnelling,
)
from ._groups import (
    shared_groups as shared_groups,
)
from ._heights import (
    below_minima as below_minima,
)
from ._networkx import (
    from_networkx as from_networkx,
    to_networkx as to_networkx,
)
from ._pathways import (
    Pathway as Pathway,
    fastest_path as fastest_path,
)
from ._persistence import (
    PersistencePairs as PersistencePairs,
    persistence_pairs as persistence_pairs,
)
from ._pruning import (
    prune as prune,
    pruned_regions as pruned_regions,
    subtree as subtree,
    unpruned as unpruned,
)
from ._tree import (
    DisconnectivityTree as DisconnectivityTree,
)
from ._visible import (
    visible_top as visible_top,
    visible_tree as visible_tree,
)
