from ._coverage import (
    coverage_interval as coverage_interval,
    good_turing_coverage as good_turing_coverage,
)
from ._discovery import (
    DiscoveryCurve as DiscoveryCurve,
    discovery_curve as discovery_curve,
)
from ._lower_bounds import (
    chao1 as chao1,
    minima_at_least as minima_at_least,
)
