"""Figures of pages: what each of them has, and how it looks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape.plots import INK

GRAY = "#767676"  # readable on white
NOWHERE: dict[str, Any] = {"x": [None], "y": [None]}  # an empty trace would be missing from the legend


@dataclass(frozen=True, eq=False)
class Panel:
    """A figure that follows the age.

    Attributes
    ----------
    name : str
        Its id in the page.
    title : str
        Heading.
    alt : str
        Alternative text for readers who cannot see the figure.
    figure : go.Figure
        The figure without the parts that depend on the age, with a frame for each age, or none if it does not follow
        it.
    tree : mapping, optional
        Arrays of a disconnectivity graph (`tree_panel`), for a figure whose branches can be collapsed.
    """

    name: str
    title: str
    alt: str
    figure: go.Figure
    tree: Mapping[str, Any] | None = None


def panel_layout(x: str, y: str) -> dict[str, Any]:
    """Layout of a figure with these axis titles; the legend is below, so that it fits on a narrow page."""
    axis = {"automargin": True, "gridcolor": "#e6e6e6", "zeroline": False, "linecolor": INK, "ticks": "outside"}
    return {
        "template": go.layout.Template(),  # none: the default one sets unused colors
        "font": {"size": 13, "color": INK, "family": "system-ui, sans-serif"},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "white", "bordercolor": INK, "align": "left", "font": {"color": INK}},
        "modebar": {"bgcolor": "white", "color": GRAY, "activecolor": INK},
        "margin": {"l": 8, "r": 8, "t": 40, "b": 8},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 0, "yanchor": "bottom", "yref": "container"},
        "xaxis": axis | {"title": {"text": x}},
        "yaxis": axis | {"title": {"text": y}},
    }


def finite_or_none(values: Any) -> list[float | None]:
    """A list for JSON, with None for nan. Plotly would write an array as unreadable base64."""
    return [float(value) if np.isfinite(value) else None for value in values]
