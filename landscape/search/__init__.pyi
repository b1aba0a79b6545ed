from ._bands import (
    Band as Band,
    BandStatus as BandStatus,
    elastic_band as elastic_band,
)
from ._basin_hopping import (
    BasinHopping as BasinHopping,
    Walk as Walk,
    Walker as Walker,
    basin_hopping as basin_hopping,
)
from ._cost import (
    Cost as Cost,
    cost_of as cost_of,
)
from ._exploration import (
    explore as explore,
)
from ._minimax import (
    MinimaxPath as MinimaxPath,
    PathStatus as PathStatus,
    minimax_path as minimax_path,
)
from ._moves import (
    GaussianMove as GaussianMove,
    Move as Move,
    UnitMove as UnitMove,
)
from ._planning import (
    CYCLE as CYCLE,
    KINDS as KINDS,
)
from ._random_starts import (
    estimate_minima as estimate_minima,
)
from ._ridges import (
    RidgeSearch as RidgeSearch,
    search_ridge as search_ridge,
    search_ridges as search_ridges,
)
from ._saddles import (
    SaddleResult as SaddleResult,
    SaddleStatus as SaddleStatus,
    downhill as downhill,
    find_transition_state as find_transition_state,
    search_along_band as search_along_band,
    search_between as search_between,
    search_from_minimum as search_from_minimum,
)
from ._storing import (
    store_connections as store_connections,
    store_inherent_structures as store_inherent_structures,
)
from ._summary import (
    FEWEST_STARTS as FEWEST_STARTS,
    Exploration as Exploration,
    Unjoined as Unjoined,
    summarize as summarize,
)
from ._targets import (
    Targets as Targets,
)
