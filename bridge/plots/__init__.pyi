from ._explanation import (
    EXPLANATION_PANELS as EXPLANATION_PANELS,
    PART_NAMES as PART_NAMES,
    plot_displacement as plot_displacement,
    plot_dwell_times as plot_dwell_times,
    plot_explanation as plot_explanation,
    plot_parts as plot_parts,
    plot_same_minimum as plot_same_minimum,
    plot_shares as plot_shares,
    plot_t_star as plot_t_star,
)
from ._over_time import (
    OVER_TIME_PANELS as OVER_TIME_PANELS,
    plot_distinct_minima as plot_distinct_minima,
    plot_losses as plot_losses,
    plot_over_time as plot_over_time,
    plot_overlaps as plot_overlaps,
    plot_persistence as plot_persistence,
    plot_residual_dwells as plot_residual_dwells,
    plot_superbasin_history as plot_superbasin_history,
)
from ._overlay import (
    plot_overlay as plot_overlay,
    plot_path as plot_path,
)
from ._plots import (
    MOST_LABELS as MOST_LABELS,
    describe_funnels as describe_funnels,
    panel_name as panel_name,
    plot_comparison as plot_comparison,
    plot_displacements as plot_displacements,
    plot_graph as plot_graph,
    plot_visits as plot_visits,
)
from ._sentences import (
    say as say,
)
