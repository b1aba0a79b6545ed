"""The disconnectivity graph of the report for a browser: hover for the numbers, lit minima for each age."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bridge.studies import ArchitectureResults
from bridge.studies.report._panels import GRAY, NOWHERE, Panel, finite_or_none, layout, minimum_facts, slug
from landscape.plots import INK, VERMILION

MINIMA, LIT = 1, 2  # traces that follow the age
SMALLEST, LARGEST = 8.0, 30.0  # diameters of the disks of lit minima, in pixels


def graph_panel(found: ArchitectureResults, ages: Sequence[int]) -> Panel:
    """The disconnectivity graph with the minima that the runs are in at each age."""
    tree, name = found.tree, found.row.hidden
    runs = found.visited.distinct.size
    bottom = go.Scatter(
        x=tree.x[: tree.n_leaves].tolist(), y=tree.levels[: tree.n_leaves].tolist(), mode="markers", name="minimum",
        marker={"size": 5, "color": "white", "line": {"color": INK, "width": 1}}, text=hover_texts(found),
        hovertemplate=f"%{{text}}<br>runs here at this age: %{{customdata}} of {runs}<extra></extra>",
    )  # fmt: skip
    lit = go.Scatter(
        **NOWHERE, mode="markers", name="runs are here (area: how many)", hoverinfo="skip",
        marker={"size": 12, "color": VERMILION, "opacity": 0.9, "line": {"color": "white", "width": 1}},
    )  # fmt: skip
    figure = go.Figure([_tree_lines(found), bottom, lit], layout("", "training loss (nats)"))
    low, right = float(tree.levels.min()), float(tree.x.max())
    side, margin = 0.02 * right + 0.5, 0.05 * (tree.top - low)
    figure.update_xaxes(visible=False, range=[-side, right + side])
    figure.update_yaxes(range=[low - margin, tree.top], showgrid=False)
    minima = f"{tree.n_leaves} of {tree.n_minima}" if tree.n_leaves < tree.n_minima else f"{tree.n_minima}"
    parts = f"{minima} minima, {tree.n_transition_states} transition states, {tree.n_components} component"
    parts += "s" * (tree.n_components != 1)
    alt = (
        f"Disconnectivity graph of the network with hidden layers {name}: {parts}; losses of the minima from "
        f"{low:.4f} to {tree.levels[: tree.n_leaves].max():.4f} nats. The table of visited minima has the numbers."
    )
    figure.frames = [_lit(found, age) for age in ages]
    return Panel(f"graph-{slug(name)}", f"Hidden layers {name}: {parts}", alt, figure)


def hover_texts(found: ArchitectureResults) -> list[str]:
    """Properties of each leaf's minimum (n_leaves), line by line."""
    return ["<br>".join(map(" ".join, minimum_facts(found.minima, k).items())) for k in found.tree.minima.tolist()]


def _lit(found: ArchitectureResults, age: int) -> go.Frame:
    """Number of runs in every minimum, for hovering, and the disks of occupied minima, with their ids."""
    tree, numbers = found.tree, found.runs_at(age)[found.tree.minima]
    where = np.flatnonzero(numbers)
    where = where[np.argsort(-numbers[where], kind="stable")]  # small ones on top
    share = numbers[where] / max(found.visited.distinct.size, 1)
    sizes = np.sqrt(SMALLEST**2 + (LARGEST**2 - SMALLEST**2) * share)
    disks = go.Scatter(
        x=tree.x[where].tolist(),
        y=tree.levels[where].tolist(),
        customdata=found.minima.ids[tree.minima[where]].tolist(),
        marker={"size": sizes.round(2).tolist()},
    )
    return go.Frame(name=str(age), data=[go.Scatter(customdata=numbers.tolist()), disks], traces=[MINIMA, LIT])


def _tree_lines(found: ArchitectureResults) -> go.Scatter:
    points = found.tree.lines
    gaps = np.full((len(points), 1, 2), np.nan)
    x, y = np.concatenate([points, gaps], axis=1).reshape(-1, 2).T
    width = float(np.clip(12 / np.sqrt(found.tree.n_leaves), 0.5, 1.2))
    return go.Scatter(
        x=finite_or_none(x), y=finite_or_none(y), mode="lines", line={"color": GRAY, "width": width}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
