"""The number of minima against mu, for a browser."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from bridge.comparison import ComparisonRow
from bridge.pages import Panel, finite_or_none, panel_layout
from bridge.studies.report._panels import SYMBOLS, number_text
from dynamics.plots import COLORS
from landscape.support import Estimate


def comparison_panel(rows: Sequence[ComparisonRow]) -> Panel:
    """The exponent mu against the number of minima: filled, those found; open, the lower bound (Chao1)."""
    traces = [trace for k, row in enumerate(rows) for trace in _comparison_traces(row, k)]
    figure = go.Figure(traces, panel_layout("number of minima", "aging exponent μ"))
    figure.update_xaxes(type="log")
    parts = [f"{row.architecture}: {row.minima} minima, μ = {number_text(row.mu.value)}" for row in rows]
    alt = f"Exponent μ against the number of minima for {'; '.join(parts)}. The table has the numbers."
    return Panel("comparison", "Number of minima and μ (filled: found; open: at least, Chao1)", alt, figure)


def _comparison_traces(row: ComparisonRow, k: int) -> list[go.Scatter]:
    color, symbol = COLORS[k % len(COLORS)], SYMBOLS[k % len(SYMBOLS)]
    x = (float(row.minima), row.estimated_minima.value)
    bars = ({"error_y": _bar(row.mu)}, {"error_x": _bar(row.estimated_minima)})
    texts = [
        f"{row.architecture}<br>{what}%{{x:,.0f}} minima, μ = %{{y:.2f}}<extra></extra>"
        for what in ("", "by Chao1 at least ")
    ]
    return [
        go.Scatter(
            x=finite_or_none([x[i]]), y=finite_or_none([row.mu.value]), mode="markers", name=row.hidden,
            legendgroup=str(k), showlegend=i == 0, hovertemplate=texts[i], **bars[i],
            marker={"color": color, "size": 10, "symbol": symbol + ("-open" if i else "")},
        )
        for i in range(2)
    ]  # fmt: skip


def _bar(estimate: Estimate[float]) -> dict[str, Any]:
    lengths = estimate.high - estimate.value, estimate.value - estimate.low
    reach = [float(np.nan_to_num(max(length, 0.0), posinf=0.0)) for length in lengths]
    return {"type": "data", "symmetric": False, "array": reach[:1], "arrayminus": reach[1:]}
