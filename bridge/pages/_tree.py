"""The disconnectivity graph for a browser: hover for the numbers, lit minima for each age."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from bridge.pages._panels import GRAY, NOWHERE, Panel, finite_or_none, panel_layout
from landscape.database import Property
from landscape.graph import DisconnectivityTree
from landscape.plots import INK, VERMILION, Groups

Integers = NDArray[np.int64]
Column = Property | tuple[str, Groups]  # numbers, or groups with the name of the column

MINIMA, LIT = 1, 2  # traces that follow the age
SMALLEST, LARGEST = 8.0, 30.0  # diameters of the disks of lit minima, in pixels


@dataclass(frozen=True, eq=False)
class AgeCounts:
    """Numbers of runs in the n minima of a landscape at A ages.

    Parameters
    ----------
    ages : (A,) int64
        In steps.
    counts : (A, n) int64
    runs : int
        How many runs there are.
    """

    ages: Integers
    counts: Integers
    runs: int

    def unseen(self, k: int, tree: DisconnectivityTree) -> str:
        """How many runs are in minima that the tree leaves out at an age, for a sentence; nothing if none is."""
        number = int(self.counts[k].sum() - self.counts[k][tree.minima].sum())
        return f", {number:,} of them in minima that are not drawn" if number else ""


def tree_panel(
    tree: DisconnectivityTree,
    *,
    name: str,
    title: str,
    alt: str,
    ids: NDArray[Any],
    texts: Sequence[str],
    axis_label: str,
    columns: Sequence[Column] = (),
    color: int | None = None,
    at_ages: AgeCounts | None = None,
    marked: Sequence[int] = (),
) -> Panel:
    """The disconnectivity graph with the minima that the runs are in at each age.

    Parameters
    ----------
    tree : DisconnectivityTree
    name, title, alt : str
        Of the `Panel`.
    ids : (n,) array
        Of the minima of the whole `LandscapeGraph`.
    texts : (n_leaves,) sequence of str
        What to say of the minimum of each leaf, line by line, with "<br>" between the lines.
    axis_label : str
        Of the vertical axis.
    columns : sequence
        By what the minima can be colored: a `Property`, or the name of a column and the `Groups` that it holds.
    color : int, optional
        Which of them colors the minima at first; by default none.
    at_ages : AgeCounts, optional
    marked : sequence of int
        Positions of minima that are labeled with their ids.
    """
    bottom = go.Scatter(
        x=tree.x[: tree.n_leaves].tolist(), y=tree.levels[: tree.n_leaves].tolist(), mode="markers", name="minimum",
        marker={"size": 5, "color": "white", "line": {"color": INK, "width": 1}}, text=list(texts),
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    traces, frames = [_tree_lines(tree), bottom], []
    if at_ages is not None:
        bottom.hovertemplate = f"%{{text}}<br>runs here at this age: %{{customdata}} of {at_ages.runs}<extra></extra>"
        disk = {"size": 12, "color": VERMILION, "opacity": 0.9, "line": {"color": "white", "width": 1}}
        said = "runs are here (area: how many)"
        traces.append(go.Scatter(**NOWHERE, mode="markers", name=said, hoverinfo="skip", marker=disk))
        frames = [_lit(tree, ids, at_ages, k) for k in range(at_ages.ages.size)]
    figure = go.Figure(traces, panel_layout("", axis_label))
    low, right = float(tree.levels.min()), float(tree.x.max())
    side, margin = 0.02 * right + 0.5, 0.05 * (tree.top - low)
    figure.update_xaxes(visible=False, range=[-side, right + side])
    figure.update_yaxes(range=[low - margin, tree.top], showgrid=False)
    figure.frames = frames
    return Panel(name, title, alt, figure, _arrays(tree, ids, columns, color, at_ages, marked))


def _arrays(
    tree: DisconnectivityTree,
    ids: NDArray[Any],
    columns: Sequence[Column],
    color: int | None,
    at_ages: AgeCounts | None,
    marked: Sequence[int],
) -> dict[str, Any]:
    """What graph.js needs beside the lines."""
    drawn = np.isin(tree.minima, np.asarray(marked, dtype=np.int64))
    return {
        "parents": tree.parents.tolist(),
        "lowest": tree.lowest.tolist(),
        "certified": tree.certified.astype(int).tolist(),
        "strip": tree.in_strip.astype(int).tolist(),
        "ids": ids[tree.minima].tolist(),
        "left_out": sorted(set(ids.tolist()) - set(ids[tree.minima].tolist())),
        "columns": [_column(tree, column) for column in columns],
        "color": -1 if color is None else color,
        "marked": np.flatnonzero(drawn).tolist(),
        "disks": {"smallest": SMALLEST, "largest": LARGEST, "runs": 0 if at_ages is None else at_ages.runs},
    }


def _column(tree: DisconnectivityTree, column: Column) -> dict[str, Any]:
    if isinstance(column, Property):
        values = finite_or_none(column.values[tree.minima])
        return {"label": column.label, "values": values, "logarithmic": column.logarithmic}
    label, groups = column
    return {
        "label": label,
        "groups": groups.numbers[tree.minima].tolist(),
        "names": groups.names,
        "colors": groups.colors,
    }


def _lit(tree: DisconnectivityTree, ids: NDArray[Any], at_ages: AgeCounts, k: int) -> go.Frame:
    """Number of runs in every minimum, for hovering, and the disks of occupied minima, with their ids."""
    numbers = at_ages.counts[k][tree.minima]
    where = np.flatnonzero(numbers)
    where = where[np.argsort(-numbers[where], kind="stable")]  # small ones on top
    share = numbers[where] / max(at_ages.runs, 1)
    sizes = np.sqrt(SMALLEST**2 + (LARGEST**2 - SMALLEST**2) * share)
    disks = go.Scatter(
        x=tree.x[where].tolist(),
        y=tree.levels[where].tolist(),
        customdata=ids[tree.minima[where]].tolist(),
        marker={"size": sizes.round(2).tolist()},
    )
    age = str(int(at_ages.ages[k]))
    return go.Frame(name=age, data=[go.Scatter(customdata=numbers.tolist()), disks], traces=[MINIMA, LIT])


def _tree_lines(tree: DisconnectivityTree) -> go.Scatter:
    """All lines, four points for each node, the last of which is a gap."""
    points = tree.lines
    gaps = np.full((len(points), 1, 2), np.nan)
    x, y = np.concatenate([points, gaps], axis=1).reshape(-1, 2).T
    width = float(np.clip(12 / np.sqrt(tree.n_leaves), 0.5, 1.2))
    return go.Scatter(
        x=finite_or_none(x), y=finite_or_none(y), mode="lines", line={"color": GRAY, "width": width}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
