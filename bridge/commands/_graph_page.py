"""The interactive page of `graph`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bridge.commands._graph_sources import Source
from bridge.mapping import InherentStructures, stored_structures
from bridge.pages import AgeCounts, graph_page
from dynamics.runs import load_trajectories
from landscape.database import Database, Property
from landscape.graph import DisconnectivityTree
from landscape.plots import groups_of
from landscape.support import write_text

PAGE = "Page"  # panel of the command's help
SUFFIX = ".html"


def check_page(output: Path, given: Mapping[str, Any], trajectories: Path | None) -> bool:
    """Whether the output is a page; ValueError for options that only the other kind of output has."""
    is_page = output.suffix.lower() == SUFFIX
    wrong = [name for name, value in given.items() if value is not None]
    if is_page and wrong:
        msg = f"{' and '.join(wrong)} need a figure: --output must end in .svg, .pdf or .png; got {str(output)!r}"
        raise ValueError(msg)
    if not is_page and trajectories is not None:
        msg = (
            f"--trajectories needs a page: --output must end in {SUFFIX}; got {str(output)!r} (see overlay for figures)"
        )
        raise ValueError(msg)
    return is_page


def counts_at_ages(database: Source, trajectories: Path) -> AgeCounts:
    """Numbers of runs in each minimum at the steps that overlay has mapped."""
    if not isinstance(database, Database):
        msg = f"--trajectories needs a database of agescape, to which overlay mapped the runs; got {database.path}"
        raise ValueError(msg)
    structures = _stored(database, trajectories)
    counts = np.zeros((structures.steps.size, database.n_minima), dtype=np.int64)
    for s, ids in enumerate(structures.minimum_ids.T):
        np.add.at(counts[s], database.positions(ids[ids > 0]), 1)
    return AgeCounts(structures.steps, counts, len(structures.minimum_ids))


def _stored(database: Database, trajectories: Path) -> InherentStructures:
    """What was mapped by the gradient flow, or else by L-BFGS."""
    runs = load_trajectories(trajectories)
    try:
        return stored_structures(runs, database)
    except ValueError:
        if "lbfgs" not in database.quench_methods():
            raise
        return stored_structures(runs, database, method="lbfgs")


def write_graph_page(
    source: Source,
    output: Path,
    tree: DisconnectivityTree,
    *,
    columns: Sequence[Property],
    color: Property | None,
    group: str | None,
    groups: Sequence[Any] | None,
    marked: Sequence[int],
    at_ages: AgeCounts | None,
    axis_label: str,
) -> None:
    """Write the page, with these columns and those that color it; `group` is the option behind the groups."""
    names = [column.name for column in columns]
    offered: list[Any] = [*columns]
    if color is not None and color.name not in names:
        offered.append(color)
        names.append(color.name)
    if groups is not None:
        offered.append((str(group), groups_of(groups)))
    first = len(offered) - 1 if groups is not None else None if color is None else names.index(color.name)
    page = graph_page(
        tree,
        title=f"Disconnectivity graph of {source.path.name}",
        ids=source.minimum_ids(),
        columns=offered,
        color=first,
        at_ages=at_ages,
        marked=marked,
        axis_label=axis_label,
    )
    write_text(output, page)
