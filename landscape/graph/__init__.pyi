from ._connectivity import (
    LandscapeGraph as LandscapeGraph,
    check_barriers as check_barriers,
    components as components,
    from_networkx as from_networkx,
    minimax_barrier as minimax_barrier,
    minimax_barriers as minimax_barriers,
    spanning_forest as spanning_forest,
    superbasins as superbasins,
    to_networkx as to_networkx,
    with_bounds as with_bounds,
    zeroed as zeroed,
)
from ._disconnectivity import (
    DisconnectivityTree as DisconnectivityTree,
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
from ._visible import (
    visible_top as visible_top,
    visible_tree as visible_tree,
)
