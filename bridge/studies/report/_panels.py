"""Common parts of the report's figures for a browser."""

import numpy as np
import plotly.graph_objects as go

from bridge.studies import ArchitectureResults, MinimaTable
from dynamics.plots import STATUS_MARKS
from dynamics.statistics import reason
from landscape.support import labeled

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
NO_VALUE = "not known"


def make_logarithmic(figure: go.Figure) -> None:
    """Give both axes powers of ten."""
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(type="log", exponentformat="power", dtick=1)


def number_text(value: float, digits: int = 2) -> str:
    """A number, or a mark for an unknown one."""
    return f"{value:.{digits}f}" if np.isfinite(value) else NO_VALUE


def minimum_facts(table: MinimaTable, k: int, unit: str) -> dict[str, str]:
    """Properties of the k-th minimum: texts by name, as in the graph and the tables; `unit` is that of the loss."""
    accuracies = {"accuracy": table.train_accuracies, "test accuracy": table.test_accuracies}
    return {
        "minimum": str(table.ids[k]),
        labeled("loss", unit): f"{table.losses[k]:.6f}",
        **{
            name: number_text(float(values[k]), 4)
            for name, values in accuracies.items()
            if np.isfinite(table.train_accuracies).any()  # a regression has none
        },
        labeled("trace", unit): f"{table.traces[k]:.5g}",
        "orbit": f"{table.orbit_sizes[k]:,}",
        "hits": f"{table.hits[k]:,}",
    }


def mu_text(found: ArchitectureResults) -> str:
    """The exponent mu with its interval, and what is wrong with it in words."""
    fit = found.fit
    if not np.isfinite(fit.mu.value):
        return NO_VALUE
    known = np.isfinite(fit.mu.interval).all()
    interval = f"[{fit.mu.low:z.2f}, {fit.mu.high:z.2f}]" if known else f"(no interval: {reason(fit.status)})"
    return f"{fit.mu.value:z.2f} {interval}{STATUS_MARKS.get(fit.status, '')}"


def slug(hidden: str) -> str:
    """Hidden layers as part of an id."""
    return hidden.replace(",", "-")
