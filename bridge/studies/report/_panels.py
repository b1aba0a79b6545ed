"""Common parts of the report's figures for a browser."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from bridge.studies import ArchitectureResults, MinimaTable
from dynamics.plots import STATUS_MARKS
from dynamics.statistics import reason
from landscape.plots import INK

GRAY = "#767676"  # readable on white
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
NO_VALUE = "not known"
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
    """

    name: str
    title: str
    alt: str
    figure: go.Figure


def layout(x: str, y: str) -> dict[str, Any]:
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


def make_logarithmic(figure: go.Figure) -> None:
    """Give both axes powers of ten."""
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(type="log", exponentformat="power", dtick=1)


def finite_or_none(values: Any) -> list[float | None]:
    """A list for JSON, with None for nan. Plotly would write an array as unreadable base64."""
    return [float(value) if np.isfinite(value) else None for value in values]


def number_text(value: float, digits: int = 2) -> str:
    """A number, or a mark for an unknown one."""
    return f"{value:.{digits}f}" if np.isfinite(value) else NO_VALUE


def minimum_facts(table: MinimaTable, k: int) -> dict[str, str]:
    """Properties of the k-th minimum: texts by name, as in the graph and the tables."""
    return {
        "minimum": str(table.ids[k]),
        "loss (nats)": f"{table.losses[k]:.6f}",
        "accuracy": number_text(float(table.train_accuracies[k]), 4),
        "test accuracy": number_text(float(table.test_accuracies[k]), 4),
        "trace (nats)": f"{table.traces[k]:.5g}",
        "orbit": f"{table.orbit_sizes[k]:,}",
        "hits": f"{table.hits[k]:,}",
    }


def mu_text(found: ArchitectureResults) -> str:
    """The exponent mu with its interval, and what is wrong with it in words."""
    fit = found.fit
    if not np.isfinite(fit.mu.value):
        return NO_VALUE
    known = np.isfinite(fit.mu.interval).all()
    interval = f"[{fit.mu.low:.2f}, {fit.mu.high:.2f}]" if known else f"(no interval: {reason(fit.status)})"
    return f"{fit.mu.value:.2f} {interval}{STATUS_MARKS.get(fit.status, '')}"


def slug(hidden: str) -> str:
    """Hidden layers as part of an id."""
    return hidden.replace(",", "-")
