from ._explanation import (
    HOPPING as HOPPING,
    LARGEST_SHARE as LARGEST_SHARE,
    MEASURED as MEASURED,
    MOST_PANELS as MOST_PANELS,
    NOT_COVERED as NOT_COVERED,
    PART_NAMES as PART_NAMES,
    STYLES as STYLES,
    plot_displacement as plot_displacement,
    plot_dwell_times as plot_dwell_times,
    plot_explanation as plot_explanation,
    plot_parts as plot_parts,
    plot_same_minimum as plot_same_minimum,
    plot_shares as plot_shares,
    plot_t_star as plot_t_star,
)
from ._over_time import (
    ABOVE as ABOVE,
    AGES as AGES,
    BAND as BAND,
    MAPS as MAPS,
    MOST_AGES as MOST_AGES,
    MOST_SUPERBASINS as MOST_SUPERBASINS,
    NONE as NONE,
    REST as REST,
    plot_distinct_minima as plot_distinct_minima,
    plot_losses as plot_losses,
    plot_over_time as plot_over_time,
    plot_overlaps as plot_overlaps,
    plot_persistence as plot_persistence,
    plot_residual_dwells as plot_residual_dwells,
    plot_superbasin_history as plot_superbasin_history,
)
from ._overlay import (
    BEND as BEND,
    FAINT as FAINT,
    LARGEST as LARGEST,
    PANEL as PANEL,
    PER_ROW as PER_ROW,
    SMALLEST as SMALLEST,
    overlay_tree as overlay_tree,
    plot_overlay as plot_overlay,
    plot_path as plot_path,
    plot_title as plot_title,
)
from ._plots import (
    MARKERS as MARKERS,
    MOST_IN_LEGEND as MOST_IN_LEGEND,
    MOST_LABELS as MOST_LABELS,
    describe_funnels as describe_funnels,
    plot_comparison as plot_comparison,
    plot_displacements as plot_displacements,
    plot_graph as plot_graph,
    plot_visits as plot_visits,
)
from ._properties import (
    LABELS as LABELS,
    LOGARITHMIC as LOGARITHMIC,
    OF_DATA as OF_DATA,
    PROPERTIES as PROPERTIES,
    WHOLE_NUMBERS as WHOLE_NUMBERS,
    Property as Property,
    minimum_property as minimum_property,
)
from ._sentences import (
    UNKNOWN_MINIMA as UNKNOWN_MINIMA,
    in_words as in_words,
    say as say,
    with_interval as with_interval,
)
from ._trees import (
    visited_tree as visited_tree,
)
