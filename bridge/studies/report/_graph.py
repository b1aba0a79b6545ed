"""The disconnectivity graph of an architecture in the report, with the minima of the runs at each age."""

from collections.abc import Sequence

import numpy as np

from bridge.pages import AgeCounts, Panel, tree_panel
from bridge.studies import ArchitectureResults
from bridge.studies.report._panels import minimum_facts, slug
from landscape.database import Property
from landscape.support import labeled, with_unit

COLUMNS = {
    "train_accuracies": "accuracy", "test_accuracies": "test accuracy", "traces": "trace",
    "orbit_sizes": "orbit", "hits": "hits",
}  # fmt: skip
LOGARITHMIC = ("traces", "orbit_sizes", "hits")


def graph_panel(found: ArchitectureResults, ages: Sequence[int]) -> Panel:
    """The disconnectivity graph with the minima that the runs are in at each age."""
    tree, name = found.tree, found.row.architecture
    minima = f"{tree.n_leaves} of {tree.n_minima}" if tree.n_leaves < tree.n_minima else f"{tree.n_minima}"
    states = tree.n_transition_states
    parts = f"{minima} {'minimum' if minima == '1' else 'minima'}, {states} transition state{'s' * (states != 1)}"
    parts += f", {tree.n_components} component{'s' * (tree.n_components != 1)}"
    highest = with_unit(f"{tree.levels[: tree.n_leaves].max():.4f}", tree.loss_unit)
    alt = (
        f"Disconnectivity graph of the network with {name}: {parts}; losses of the minima from "
        f"{tree.levels.min():.4f} to {highest}. "
        "The table of visited minima has the numbers."
    )
    return tree_panel(
        tree,
        name=f"graph-{slug(found.row.hidden)}",
        title=f"{name[:1].upper()}{name[1:]}: {parts}",
        alt=alt,
        ids=found.minima.ids,
        texts=hover_texts(found),
        axis_label=labeled("training loss", tree.loss_unit),
        columns=_columns(found),
        at_ages=counts_at(found, ages),
    )


def counts_at(found: ArchitectureResults, ages: Sequence[int]) -> AgeCounts:
    """Runs in each minimum at these ages."""
    counts = np.array([found.runs_at(age) for age in ages])
    return AgeCounts(np.asarray(ages), counts, found.visited.distinct.size)


def hover_texts(found: ArchitectureResults) -> list[str]:
    """Properties of each leaf's minimum (n_leaves), line by line."""
    return [
        "<br>".join(map(" ".join, minimum_facts(found.minima, k, found.tree.loss_unit).items()))
        for k in found.tree.minima.tolist()
    ]


def _columns(found: ArchitectureResults) -> list[Property]:
    """The columns of the table that are known."""
    unit = found.tree.loss_unit
    columns = {name: np.array(getattr(found.minima, name), dtype=np.float64) for name in COLUMNS}
    return [
        Property(name, values, labeled(COLUMNS[name], unit if name == "traces" else ""), name in LOGARITHMIC)
        for name, values in columns.items()
        if np.isfinite(values).any()
    ]
