from . import (
    completeness as completeness,
    database as database,
    datasets as datasets,
    descent as descent,
    graph as graph,
    interchange as interchange,
    kinetics as kinetics,
    losses as losses,
    networks as networks,
    plots as plots,
    search as search,
    stationary as stationary,
    support as support,
    symmetry as symmetry,
)
from .database import (
    Database as Database,
    loss_of as loss_of,
    merge as merge,
    verify as verify,
)
from .datasets import (
    Dataset as Dataset,
)
from .descent import (
    quench as quench,
)
from .graph import (
    LandscapeGraph as LandscapeGraph,
    disconnectivity_tree as disconnectivity_tree,
    funnelling as funnelling,
)
from .losses import (
    CrossEntropyLoss as CrossEntropyLoss,
    LogisticLoss as LogisticLoss,
    Loss as Loss,
    MLPLoss as MLPLoss,
    SquaredErrorLoss as SquaredErrorLoss,
    TorchLoss as TorchLoss,
)
from .networks import (
    MLP as MLP,
)
from .search import (
    estimate_minima as estimate_minima,
    explore as explore,
    find_transition_state as find_transition_state,
)
from .stationary import (
    Minimum as Minimum,
    TransitionState as TransitionState,
    local_geometry as local_geometry,
)
