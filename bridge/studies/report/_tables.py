"""Tables of the report: number of minima and mu, the minima that the runs visit, versions and commands."""

import shlex
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from bridge.comparison import CONTROL, LANDSCAPE, RUNS, at_least
from bridge.studies import ArchitectureResults
from bridge.studies.report._panels import NO_VALUE, minimum_facts, number_text
from landscape.database import positions
from landscape.losses import LoadedModule
from landscape.support import Estimate

COLUMNS = (
    "hidden layers", "parameters", "minima found", "minima that exist", "transition states", "components",
    "lowest loss", "minima seen by the runs (new)", "μ", "μ of the mean of t*", "μ of full-batch runs",
)  # fmt: skip


def comparison_table(results: Sequence[ArchitectureResults]) -> str:
    """One row per architecture: minima and mu."""
    return table(COLUMNS, (_comparison_cells(found) for found in results), "Number of minima and μ")


def _comparison_cells(found: ArchitectureResults) -> tuple[object, ...]:
    row = found.row
    return (
        row.hidden, row.parameters, row.minima,
        at_least(row.estimated_minima),
        row.transition_states, row.components, f"{row.lowest_loss:.4f}",
        f"{len(found.visited.minimum_ids)} ({row.minima_from_sgd})",
        _with_interval(row.mu),
        number_text(row.mu_runs_mean), number_text(row.mu_control),
    )  # fmt: skip


def _with_interval(estimate: Estimate[float]) -> str:
    if not np.isfinite(estimate.value):
        return NO_VALUE
    return f"{number_text(estimate.value)} [{number_text(estimate.low)}, {number_text(estimate.high)}]"


def visited_table(found: ArchitectureResults) -> str:
    """The visited minima with the properties that the graph shows, and the number of runs in them at each age."""
    visited = found.visited
    places = positions(found.minima.ids, visited.minimum_ids)
    facts = [minimum_facts(found.minima, place, found.tree.loss_unit) for place in places.tolist()]
    names = dict.fromkeys(name for fact in facts for name in fact)
    columns = (*names, *(f"runs at {step:,}" for step in visited.steps.tolist()))
    rows = [(*fact.values(), *counts) for fact, counts in zip(facts, visited.counts.tolist(), strict=True)]
    return table(columns, rows, f"Minima that runs with {found.row.architecture} are in")


def versions_table(results: Sequence[ArchitectureResults], more: dict[str, str]) -> str:
    """Versions of the programs that found the minima (all of them, if they differ) and of all others."""
    names = dict.fromkeys([*(name for found in results for name in found.versions), *more])
    rows = []
    for name in names:
        used = {found.versions[name] for found in results if name in found.versions}
        rows.append((name, ", ".join(sorted(used | ({more[name]} if name in more else set())))))
    return table(("program", "version"), rows, "Versions")


def further_commands(found: ArchitectureResults, module: LoadedModule | None) -> list[str]:
    """Commands for a closer look at an architecture, or the module, to be run in the folder of the report."""
    row, mapped = found.row, found.visited.distinct.size
    database, runs, control = (shlex.quote(f"{row.study}/{file}") for file in (LANDSCAPE, RUNS, CONTROL))
    given = "" if module is None else f" --module {shlex.quote(module.source.option)}"
    return [
        f"agescape verify {database}{given}",
        f"agescape graph {database} --output {row.study}/graph.svg",
        f"agescape age {runs} --threshold {row.threshold:g} --control {control} --output {row.study}/age.svg",
        f"agescape overlay {database} {runs} --runs {mapped}{given} --output {row.study}/overlay.svg",
        f"agescape curvature {runs}{given} --output {row.study}/curvature.svg",
    ]


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str) -> str:
    """An HTML table that scrolls if it is wider than the page; all texts are escaped."""
    header = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>" for cells in rows)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{header}</tr></thead><tbody>\n{body}\n</tbody></table></div>"
    )
