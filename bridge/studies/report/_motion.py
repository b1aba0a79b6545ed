"""The motion of the runs for a browser: displacement and t*, with the selected age emphasized."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bridge.pages import GRAY, NOWHERE, Panel, finite_or_none, panel_layout
from bridge.studies import ArchitectureResults
from bridge.studies.report._panels import SYMBOLS, make_logarithmic, mu_text, slug
from dynamics.plots import COLORS
from landscape.plots import INK, VERMILION

FAINT = 0.35  # opacity of the curves of other ages
MARGIN = 0.1  # decades before the first and after the last age


def displacement_panel(found: ArchitectureResults, ages: Sequence[int]) -> Panel:
    """Mean square displacement against the lag; the curve of the age stands out."""
    msd, name = found.msd, found.row.architecture
    waiting = msd.waiting_times.tolist()
    curves = [
        go.Scatter(
            x=msd.lags.tolist(), y=finite_or_none(values), mode="lines", name=f"t<sub>w</sub> = {tw:,}",
            line={"color": COLORS[k % len(COLORS)]},
            hovertemplate=f"t<sub>w</sub> = {tw:,}, lag %{{x:,}}: %{{y:.3e}}<extra></extra>",
        )
        for k, (tw, values) in enumerate(zip(waiting, msd.mean, strict=True))
    ]  # fmt: skip
    threshold = go.Scatter(
        x=msd.lags[[0, -1]].tolist(), y=[found.fit.threshold] * 2, mode="lines", name="threshold Δ*",
        line={"color": GRAY, "dash": "dash", "width": 1}, hoverinfo="skip",
    )  # fmt: skip
    figure = go.Figure([*curves, threshold], panel_layout("lag t (steps)", "displacement Δ(t<sub>w</sub>, t)"))
    make_logarithmic(figure)
    figure.frames = [_emphasis(waiting, age) for age in ages]
    alt = (
        f"Mean square displacement of the network with {name} against the lag, one curve for each of the "
        f"waiting times {', '.join(f'{tw:,}' for tw in waiting)} steps; they reach the threshold "
        f"{found.fit.threshold:g} at the lags t* of the next figure."
    )
    return Panel(
        f"msd-{slug(found.row.hidden)}",
        f"{name[:1].upper()}{name[1:]}: mean square displacement",
        alt,
        figure,
    )


def _emphasis(waiting: Sequence[int], age: int) -> go.Frame:
    """The curves: that of the age thick, all equal if none has this age."""
    others = FAINT if age in waiting else 0.8
    styles = [(3.5, 1.0) if tw == age else (1.5, others) for tw in waiting]
    curves = [go.Scatter(line={"width": width}, opacity=opacity) for width, opacity in styles]
    return go.Frame(name=str(age), data=curves, traces=list(range(len(waiting))))


def aging_panel(results: Sequence[ArchitectureResults], ages: Sequence[int]) -> Panel:
    """t* against the waiting time for all architectures; a line and large symbols mark the age."""
    lines = [trace for k, found in enumerate(results) for trace in _aging_traces(found, k)]
    marks = [
        go.Scatter(
            **NOWHERE, mode="markers", hoverinfo="skip", showlegend=False,
            marker={"size": 16, "symbol": f"{SYMBOLS[k % len(SYMBOLS)]}-open", "color": INK, "line": {"width": 2}},
        )
        for k in range(len(results))
    ]  # fmt: skip
    line = go.Scatter(
        **NOWHERE, mode="lines", name="age", hoverinfo="skip",
        line={"color": VERMILION, "width": 1.5, "dash": "dot"},
    )  # fmt: skip
    figure = go.Figure([*lines, *marks, line], panel_layout("waiting time t<sub>w</sub> (steps)", "t* (steps)"))
    make_logarithmic(figure)
    low, high = np.log10(np.maximum([ages[0], ages[-1]], 1)).tolist()
    waiting = np.unique(np.concatenate([found.fit.waiting_times for found in results])).tolist()
    figure.update_xaxes(
        range=[low - MARGIN, high + MARGIN], tickvals=waiting, ticktext=[f"{tw:,}" for tw in waiting], tickangle=-45
    )
    figure.update_yaxes(dtick="D2", exponentformat="none")
    parts = [f"{found.row.architecture}: μ = {mu_text(found)}" for found in results]
    alt = f"Lag t* against the waiting time, with the exponent of t* ~ tw^μ for {'; '.join(parts)}."
    threshold = results[0].fit.threshold
    figure.frames = [_marked(results, age, first=len(lines)) for age in ages]
    return Panel("aging", f"Lag t* at which the displacement reaches {threshold:g}", alt, figure)


def _aging_traces(found: ArchitectureResults, k: int) -> list[go.Scatter]:
    """The points with their intervals, and the power law."""
    fit, color = found.fit, COLORS[k % len(COLORS)]
    tw, symbol = fit.waiting_times, SYMBOLS[k % len(SYMBOLS)]
    # ends beyond the recorded lags are not drawn
    below, above = (np.nan_to_num(np.abs(end - fit.t_star.value)) for end in fit.t_star.interval)
    bars = {"array": finite_or_none(above), "arrayminus": finite_or_none(below)}
    points = go.Scatter(
        x=tw.tolist(), y=finite_or_none(fit.t_star.value), mode="markers", legendgroup=str(k),
        name=f"{found.row.hidden}: μ = {mu_text(found)}", marker={"color": color, "symbol": symbol, "size": 9},
        error_y={"type": "data", "symmetric": False, **bars},
        hovertemplate=f"{found.row.architecture}<br>t<sub>w</sub> = %{{x:,}}, t* = %{{y:,.0f}}<extra></extra>",
    )  # fmt: skip
    line = np.exp(fit.intercept + fit.mu.value * np.log(tw))
    law = go.Scatter(
        x=tw.tolist(), y=finite_or_none(line), mode="lines", legendgroup=str(k),
        line={"color": color, "width": 1.5}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    return [points, law]


def _marked(results: Sequence[ArchitectureResults], age: int, first: int) -> go.Frame:
    """The marks at an age: one for each architecture, from trace `first` on, then the line."""
    values = [found.t_star_at(age) for found in results]
    every = np.concatenate([np.append(found.fit.t_star.value, found.fit.t_star.interval) for found in results])
    every = every[np.isfinite(every) & (every > 0)]
    ends = [float(every.min()), float(every.max())] if every.size else [1.0, 10.0]
    marks = [go.Scatter(x=[age], y=[value]) if np.isfinite(value) else go.Scatter(x=[], y=[]) for value in values]
    line = go.Scatter(x=[max(age, 1)] * 2, y=ends)
    return go.Frame(name=str(age), data=[*marks, line], traces=list(range(first, first + len(marks) + 1)))
