"""Where the nodes of a disconnectivity graph stand: trees side by side, the rest in a strip at the right."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Family = tuple[int, int, list[int]]

FEWEST, SHARE = 5, 0.02  # minima, and their share of all, from which a component is drawn as a tree
STRIP = 0.3  # share of the width that the strip gets if nearly all minima are there
FOR_MARKS = 0.015  # share that it gets in addition for each column of marks
WIDEST = 0.75  # share that it gets at most
FEW_LEAVES = 10.0  # leaves in trees below which it gets more
APART, MARKS_APART = 0.011, 0.035  # of the height: between ticks, and between marked ones, of one column of the strip
GAP = 0.03  # share of the width of all trees between two of them
MARKS = 0.6  # share of the strip of marked minima, if there are others
MARK_COLUMNS, COLUMNS = 4, 8  # of the strip, at least: of marked minima and of the others
TICK = 0.7  # length of a tick, of the width of its column


class Nodes(NamedTuple):
    """A growing tree: leaves first, lowest first, and parents after their children."""

    parents: Integers  # -1: none
    levels: Floats
    sizes: Integers  # number of leaves
    lowest: Integers  # leaf of the lowest minimum

    @property
    def tops(self) -> Integers:
        """Top node of the tree of each node."""
        return follow(np.where(self.parents < 0, np.arange(self.parents.size), self.parents))


class Layout(NamedTuple):
    """Where nodes stand."""

    x: Floats
    in_strip: Flags
    tick: float  # length of the ticks in the strip


def lay_out(nodes: Nodes, marked: Flags, subgraph_size: int | None) -> Layout:
    """Positions of all nodes; `marked` tells of each leaf whether a mark will stand at it."""
    n_leaves = marked.size
    least = max(FEWEST, SHARE * n_leaves) if subgraph_size is None else subgraph_size
    tops = nodes.tops
    in_strip = (nodes.sizes < least)[tops] & (tops != tops[0])
    x = _trees(nodes, np.unique(tops[~in_strip]))
    if not in_strip.any():
        return Layout(x, in_strip, 0.0)
    leaves = np.flatnonzero(in_strip[:n_leaves])
    height = float(np.ptp(nodes.levels)) or 1.0
    width = float(n_leaves - leaves.size)
    left = float(x[~in_strip].max()) + 0.5 + _gap(width)
    places, tick = _columns(nodes.levels[leaves] / height, marked[leaves], width)
    x[leaves] = left + places
    x[in_strip] = x[nodes.lowest[in_strip]]
    return Layout(x, in_strip, tick)


def _gap(width: float) -> float:
    """Distance between trees, and to the strip, beside trees of this width in all."""
    return max(1.0, GAP * width)


def _columns(heights: Floats, marked: Flags, trees: float) -> tuple[Floats, float]:
    """Place of each tick (n,) in the strip beside trees of this width, and the length of the ticks, in leaves.

    Ticks of a column are apart. Marked ones come first, at the left and further apart.
    """
    marks, n_marks = _stacked(heights, marked, MARKS_APART)
    ticks, n_ticks = _stacked(heights, ~marked, APART)
    both = bool(n_marks and n_ticks)
    for_marks = MARKS if both else float(n_marks > 0)
    width = _strip_width(heights.size, n_marks, trees)
    mark = for_marks * width / max(n_marks, MARK_COLUMNS)
    tick = (1.0 - for_marks) * width / max(n_ticks, COLUMNS)
    places = np.where(marked, mark * (marks + 0.5), mark * n_marks + tick * (ticks + 0.5 + both))
    return places, TICK * (tick or mark)


def _strip_width(n_minima: int, n_marks: int, trees: float) -> float:
    """Width of the strip with so many minima and columns of marks, in leaves, beside trees of this width."""
    most = STRIP + min(n_marks * FOR_MARKS, 0.5 * STRIP) + max(0.0, 0.05 * (FEW_LEAVES - trees))
    share = min(max(0.1, most * n_minima / (n_minima + trees)), WIDEST)
    return trees * share / (1.0 - share)


def _stacked(heights: Floats, chosen: Flags, apart: float) -> tuple[Integers, int]:
    """First column (n,) in which each of the chosen ticks is so far above the others, and how many there are."""
    column, ends = np.zeros(heights.size, np.int64), []  # the highest tick of each column
    order = np.argsort(heights, kind="stable")
    for tick in order[chosen[order]].tolist():
        free = next((k for k, end in enumerate(ends) if heights[tick] >= end + apart), len(ends))
        ends[free : free + 1] = [heights[tick]]
        column[tick] = free
    return column, len(ends)


def _trees(nodes: Nodes, tops: Integers) -> Floats:
    """Horizontal position (n_nodes,) of each node, with the trees below these top nodes side by side."""
    sizes, lowest = nodes.sizes[tops], nodes.lowest[tops]
    tops = tops[np.lexsort((lowest, -sizes, lowest > 0))]
    left = np.zeros(nodes.parents.size)
    left[tops] = np.append(0.0, np.cumsum(nodes.sizes[tops][:-1] + _gap(float(sizes.sum()))))
    families = list(_families(nodes))
    return _straightened(_spread(left, nodes, families) + nodes.sizes / 2, nodes, families)


def follow(target: Integers) -> Integers:
    """Final target of each node when targets are followed repeatedly."""
    while (target != target[target]).any():
        target = target[target]
    return target


def _spread(left: Floats, nodes: Nodes, families: list[Family]) -> Floats:
    """Left end of the interval of each node, from those of the top nodes."""
    ends, widths = left.tolist(), nodes.sizes.tolist()
    leans = [0] * len(ends)  # leaves to the left of a node minus leaves to its right, in the funnel around it
    for node, central, others in families:
        before, after, lean = [], [], leans[node]
        for child in others:
            side, sign = (before, 1) if lean <= 0 else (after, -1)
            side.append(child)
            lean += sign * widths[child]
        # a branch as large as the funnel itself is another funnel, which needs no balancing
        leans[central] = lean if 2 * abs(lean) <= widths[central] else 0
        end = ends[node]
        for child in (*reversed(before), central, *after):
            ends[child] = end
            end += widths[child]
    return np.array(ends)


def _straightened(x: Floats, nodes: Nodes, families: list[Family]) -> Floats:
    """Positions (n_nodes,) with each superbasin exactly above its central branch if it is nearly so."""
    result, near = x.tolist(), (0.02 * nodes.sizes).tolist()
    for node, central, _ in reversed(families):
        if abs(result[central] - result[node]) <= near[node]:
            result[node] = result[central]
    return np.array(result)


def _families(nodes: Nodes) -> Iterator[Family]:
    """Each superbasin, parents first, with its children: that of the lowest minimum, the others by decreasing size."""
    parents, _, sizes, lowest = nodes
    children = np.flatnonzero(parents >= 0)
    above = parents[children]
    other = lowest[children] != lowest[above]
    order = np.lexsort((lowest[children], -sizes[children], other, -above))
    family = above[order]
    ordered = children[order].tolist()
    bounds = [*np.flatnonzero(np.diff(family, prepend=-1)).tolist(), len(ordered)]
    for start, end in pairwise(bounds):
        yield int(family[start]), ordered[start], ordered[start + 1 : end]
