"""One disconnectivity graph as a page that works offline."""

from collections.abc import Sequence
from html import escape
from string import Template
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bridge.pages._html import asset, figure_html, page_html, slider_html
from bridge.pages._tree import AgeCounts, Column, tree_panel
from landscape.database import Property
from landscape.graph import DisconnectivityTree
from landscape.plots import describe_tree
from landscape.support import labeled

GROUPED = "Colored lines: all minima below are of one group. "
DASHED = "Dashed lines are upper bounds on barriers, not certified. "
DISKS = "Filled disks: minima in whose basins runs are at this age, by the number of runs. "


def graph_page(
    tree: DisconnectivityTree,
    *,
    title: str,
    ids: ArrayLike | None = None,
    columns: Sequence[Column] = (),
    color: int | None = None,
    at_ages: AgeCounts | None = None,
    marked: Sequence[int] = (),
    axis_label: str = "",
) -> str:
    """The text of a page with a graph to zoom, hover, collapse, search and color.

    Parameters
    ----------
    tree : DisconnectivityTree
        What to draw; see `visible_tree`. Where a window has more than 1000 branches, small ones are shaded until the
        reader zooms in.
    title : str
    ids : (n,) array, optional
        Of the minima of the whole `LandscapeGraph`; by default 1 ... n.
    columns : sequence
        What to say of each minimum, and by what it can be colored: a `Property`, or the name of a column and the
        `Groups` that it holds.
    color : int, optional
        Which of them colors the minima at first; by default none.
    at_ages : AgeCounts, optional
        Runs in the minima, for a slider over the age.
    marked : sequence of int
        Positions of minima that are labeled with their ids.
    axis_label : str
        Of the vertical axis; by default the training loss.
    """
    axis_label = axis_label or labeled("training loss", tree.loss_unit)
    numbers = np.arange(1, tree.n_minima + 1) if ids is None else np.asarray(ids)
    said = describe_tree(tree).replace("\n", " ")
    alt = f"Disconnectivity graph: {said}; from {tree.levels.min():.6g} to {tree.levels.max():.6g}."
    panel = tree_panel(
        tree,
        name="graph",
        title=said,
        alt=alt,
        ids=numbers,
        texts=[_text(tree, numbers, columns, axis_label, leaf) for leaf in range(tree.n_leaves)],
        axis_label=axis_label,
        columns=columns,
        color=color,
        at_ages=at_ages,
        marked=marked,
    )
    explained = (DISKS if at_ages is not None else "") + ("" if tree.certified.all() else DASHED)
    explained += "" if all(isinstance(column, Property) for column in columns) else GROUPED
    return page_html(
        Template(asset("graph.html")),
        [panel],
        [] if at_ages is None else [_age(at_ages, k, tree) for k in range(at_ages.ages.size)],
        title=escape(title),
        figure=figure_html(panel),
        slider="" if at_ages is None else slider_html(at_ages.ages.tolist()),
        explanation=explained,
    )


def _text(tree: DisconnectivityTree, ids: np.ndarray, columns: Sequence[Column], axis_label: str, leaf: int) -> str:
    """What hovering says of a minimum."""
    minimum = int(tree.minima[leaf])
    lines = [f"minimum {ids[minimum]}", f"{axis_label} {tree.levels[leaf]:.8g}"]
    for column in columns:
        if isinstance(column, Property):
            lines.append(f"{column.label} {column.text(minimum)}")
        else:
            number = column[1].numbers[minimum]
            lines += [f"{column[0]} {column[1].names[number].rpartition(' (')[0]}"] if number >= 0 else []
    return "<br>".join(map(escape, lines))


def _age(at_ages: AgeCounts, k: int, tree: DisconnectivityTree) -> dict[str, Any]:
    """What the slider says of an age."""
    numbers = at_ages.counts[k]
    where = f"{numbers.sum()} of {_counted(at_ages.runs, 'run')} in {_counted(int(np.count_nonzero(numbers)), 'minim')}"
    return {"text": _counted(int(at_ages.ages[k]), "step"), "details": [where + at_ages.unseen(k, tree)]}


def _counted(value: int, what: str) -> str:
    one, many = ("um", "a") if what == "minim" else ("", "s")
    return f"{value:,} {what}{one if value == 1 else many}"
