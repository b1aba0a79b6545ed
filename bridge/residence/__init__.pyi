from ._departures import (
    SHARE as SHARE,
    departures as departures,
)
from ._dwell import (
    Dwells as Dwells,
    ResidualDwells as ResidualDwells,
    dwells as dwells,
    residual_dwells as residual_dwells,
    stays_of as stays_of,
)
from ._histories import (
    History as History,
    Overlaps as Overlaps,
    Persistence as Persistence,
    history as history,
    mean_overlap as mean_overlap,
    overlaps as overlaps,
    persistence as persistence,
    shared_minima as shared_minima,
)
from ._jump_searches import (
    JumpSearch as JumpSearch,
    search_jumps as search_jumps,
    unexplained as unexplained,
)
from ._jumps import (
    Jumps as Jumps,
    JumpStatus as JumpStatus,
    barriers_from as barriers_from,
    jumps as jumps,
)
from ._maps import (
    MapDisagreement as MapDisagreement,
    compare_maps as compare_maps,
)
from ._occupation import (
    Occupation as Occupation,
    occupation as occupation,
    occupation_at as occupation_at,
    run_path as run_path,
)
from ._over_runs import (
    jumps_per_run as jumps_per_run,
    median_dwell as median_dwell,
    median_of_runs as median_of_runs,
    overlap_of_runs as overlap_of_runs,
)
from ._presence import (
    Residence as Residence,
    compare_places as compare_places,
)
from ._superbasins import (
    SuperbasinHistory as SuperbasinHistory,
    SuperbasinShares as SuperbasinShares,
    superbasin_history as superbasin_history,
    superbasin_shares as superbasin_shares,
)
from ._visits import (
    Visits as Visits,
    per_minimum as per_minimum,
    visits as visits,
)
