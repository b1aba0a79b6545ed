from ._plots import (
    BLUE as BLUE,
    INK as INK,
    SUFFIXES as SUFFIXES,
    UNDATED as UNDATED,
    VERMILION as VERMILION,
    WIDE as WIDE,
    check_figure_path as check_figure_path,
    plot_disconnectivity as plot_disconnectivity,
    plot_discovery as plot_discovery,
    plot_geometry as plot_geometry,
    plot_profile as plot_profile,
    save_figure as save_figure,
)
