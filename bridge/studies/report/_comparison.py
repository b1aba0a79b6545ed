"""The number of minima against mu, for a browser."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from bridge.comparison import ComparisonRow
from bridge.studies.report._panels import SYMBOLS, Panel, finite_or_none, layout, number_text
from dynamics.plots import COLORS


def comparison_panel(rows: Sequence[ComparisonRow]) -> Panel:
    """The exponent mu against the number of minima: filled, those found; open, the lower bound (Chao1)."""
    traces = [trace for k, row in enumerate(rows) for trace in _comparison_traces(row, k)]
    figure = go.Figure(traces, layout("number of minima", "aging exponent μ"))
    figure.update_xaxes(type="log")
    parts = [f"{row.hidden}: {row.minima} minima, μ = {number_text(row.mu)}" for row in rows]
    alt = f"Exponent μ against the number of minima for hidden layers {'; '.join(parts)}. The table has the numbers."
    return Panel("comparison", "Number of minima and μ (filled: found; open: at least, Chao1)", alt, figure)


def _comparison_traces(row: ComparisonRow, k: int) -> list[go.Scatter]:
    color, symbol = COLORS[k % len(COLORS)], SYMBOLS[k % len(SYMBOLS)]
    x = (float(row.minima), row.estimated_minima)
    bars = (
        {"error_y": _bar(row.mu, row.mu_low, row.mu_high)},
        {"error_x": _bar(row.estimated_minima, row.estimated_minima_low, row.estimated_minima_high)},
    )
    texts = [
        f"hidden layers {row.hidden}<br>{what}%{{x:,.0f}} minima, μ = %{{y:.2f}}<extra></extra>"
        for what in ("", "by Chao1 at least ")
    ]
    return [
        go.Scatter(
            x=finite_or_none([x[i]]), y=finite_or_none([row.mu]), mode="markers", name=row.hidden, legendgroup=str(k),
            showlegend=i == 0, hovertemplate=texts[i], **bars[i],
            marker={"color": color, "size": 10, "symbol": symbol + ("-open" if i else "")},
        )
        for i in range(2)
    ]  # fmt: skip


def _bar(value: float, low: float, high: float) -> dict[str, Any]:
    reach = [float(np.nan_to_num(max(part, 0.0), posinf=0.0)) for part in (high - value, value - low)]
    return {"type": "data", "symmetric": False, "array": reach[:1], "arrayminus": reach[1:]}
