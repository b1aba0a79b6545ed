from ._broken_axis import (
    largest_gap as largest_gap,
)
from ._disconnectivity import (
    describe_tree as describe_tree,
    plot_disconnectivity as plot_disconnectivity,
)
from ._groups import (
    Groups as Groups,
    groups_of as groups_of,
)
from ._layout import (
    WIDTHS as WIDTHS,
    Size as Size,
    add_colorbar as add_colorbar,
    check_panels as check_panels,
    color_scale as color_scale,
    draw_panels as draw_panels,
    legend_beside as legend_beside,
    letter as letter,
    new_figure as new_figure,
    plain_log_ticks as plain_log_ticks,
)
from ._plots import (
    VERMILION as VERMILION,
    check_figure_path as check_figure_path,
    plot_discovery as plot_discovery,
    plot_geometry as plot_geometry,
    plot_profile as plot_profile,
    save_figure as save_figure,
)
from ._readable import (
    ReadableLayout as ReadableLayout,
    readable_ticks as readable_ticks,
)
from ._tree_lines import (
    INK as INK,
)
