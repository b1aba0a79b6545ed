from ._plots import (
    INK as INK,
    VERMILION as VERMILION,
    check_figure_path as check_figure_path,
    plot_disconnectivity as plot_disconnectivity,
    plot_discovery as plot_discovery,
    plot_geometry as plot_geometry,
    plot_profile as plot_profile,
    save_figure as save_figure,
)
