"""The report of a study: one self-contained HTML page that works offline.

External text (names and paths of data sets) is escaped.
"""

import base64
import platform
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from bridge.comparison import row_dict
from bridge.pages import Panel, figure_html, page_html, slider_html
from bridge.studies import ArchitectureResults, StudySettings, all_ages
from bridge.studies.report._comparison import comparison_panel
from bridge.studies.report._graph import counts_at, graph_panel
from bridge.studies.report._motion import aging_panel, displacement_panel
from bridge.studies.report._study_command import study_command
from bridge.studies.report._tables import comparison_table, further_commands, versions_table, visited_table
from dynamics.runs import optimizer_in_words
from landscape.datasets import Dataset, RegressionDataset
from landscape.support import package_version, to_json, with_unit, write_text

CAPTIONS = {
    "disconnectivity": "Disconnectivity graphs. Disks: minima whose basins contain snapshots of the runs; area by "
    "number of snapshots, color by their mean age. Components without a connecting transition state are side by side.",
    "aging": "Two-time mean square displacement, and the lag t* at which it reaches the threshold against the waiting "
    "time, with intervals over the runs.",
    "comparison": "Aging exponent against the number of minima: filled, found; open, the lower bound "
    "(Chao1, with a bar down to the bound at 95 %; the arrow shows that there is no upper bound).",
}
TEMPLATE = files("bridge.studies.report") / "assets" / "report.html"


def write(
    output: Path,
    results: Sequence[ArchitectureResults],
    figures: Sequence[Path],
    data: Dataset,
    settings: StudySettings,
) -> Path:
    """Write report.html and its numbers, comparison.json, into `output`; return the path of the page.

    `figures` are static pictures for browsers without scripts.
    """
    numbers = {"architectures": [row_dict(found.row) for found in results], "dataset_sha256": data.sha256}
    write_text(output / "comparison.json", to_json(numbers) + "\n")
    path = output / "report.html"
    write_text(path, page(results, figures, data, settings))
    return path


def page(
    results: Sequence[ArchitectureResults], figures: Sequence[Path], data: Dataset, settings: StudySettings
) -> str:
    """The whole page as text."""
    ages = all_ages(results).tolist()
    graphs = [graph_panel(found, ages) for found in results]
    motions = [displacement_panel(found, ages) for found in results]
    last = [aging_panel(results, ages), comparison_panel([found.row for found in results])]
    panels = [*graphs, *motions, *last]
    sections = [_section(*parts) for parts in zip(results, graphs, motions, strict=True)]
    seeds = f"Seed {settings.seed} determines every search, start, minibatch and replica; the data have seed "
    return page_html(
        Template(TEMPLATE.read_text(encoding="utf-8")),
        panels,
        _ages_in_words(results, ages),
        slider=slider_html(ages),
        optimizer=escape(type(settings.optimizer).__name__),
        setting=escape(describe_setting(data, settings)),
        table=comparison_table(results),
        sections="\n".join(sections),
        last="\n".join(figure_html(panel) for panel in last),
        pictures="\n".join(_picture(path) for path in figures),
        command=escape(study_command(data, settings)),
        commands=escape("\n".join(line for found in results for line in further_commands(found, settings.module))),
        copied="" if settings.module is None else escape(f", with a copy of {settings.module.source.file} in it"),
        seeds=escape(f"{seeds}{data.metadata.get('seed')}; the bootstrap has its own, 0."),
        versions=versions_table(results, _versions()),
        provenance=escape(f"Data set {dict(data.metadata)}, sha256 {data.sha256}."),
    )


def age_text(found: ArchitectureResults, age: int) -> str:
    """The minima of the runs of an architecture at an age, in a sentence."""
    numbers = found.runs_at(age)
    losses = found.minima.losses[numbers > 0]
    t_star = found.t_star_at(age)
    runs = f"{numbers.sum()} of {found.visited.distinct.size} mapped runs are in"
    where = "minima"
    if losses.size:
        highest = with_unit(f"{losses.max():.4f}", found.tree.loss_unit)
        where = f"{losses.size} minima, losses {losses.min():.4f} to {highest}"
    motion = f"; t* = {t_star:,.0f} steps" if np.isfinite(t_star) else ""
    unseen = counts_at(found, [age]).unseen(0, found.tree)
    return f"{found.row.architecture}: {runs} {where}{unseen}{motion}"


def _ages_in_words(results: Sequence[ArchitectureResults], ages: Sequence[int]) -> list[dict[str, Any]]:
    """What the slider says at each age."""
    waiting = {int(tw) for found in results for tw in found.msd.waiting_times}
    return [
        {
            "text": f"{age:,} steps ({'waiting time' if age in waiting else 'no waiting time'})",
            "details": [age_text(found, age) for found in results],
        }
        for age in ages
    ]


def _section(found: ArchitectureResults, graph: Panel, motion: Panel) -> str:
    name = escape(found.row.architecture)
    return (
        f'<section aria-label="{name[:1].upper()}{name[1:]}">'
        f'<div class="panels">{figure_html(graph)}{figure_html(motion)}</div>'
        f"<details><summary>Visited minima of {name}, in numbers</summary>{visited_table(found)}"
        "</details></section>"
    )


def _picture(path: Path) -> str:
    caption = escape(CAPTIONS.get(path.stem, path.stem))
    picture = base64.b64encode(path.read_bytes()).decode()
    image = f'<img alt="{caption}" src="data:image/png;base64,{picture}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _versions() -> dict[str, str]:
    packages = ("agescape", "numpy", "scipy", "numba", "h5py", "plotly")
    return {"python": platform.python_version()} | {name: package_version(name) for name in packages}


def _constant(data: Dataset) -> str:
    """Classes or a regression, and the loss of a constant predictor."""
    if isinstance(data, RegressionDataset):
        return f"a regression, constant predictor {data.constant_error:.3g} (half the squared error)"
    return f"{data.n_classes} classes, constant predictor {data.constant_entropy:.3f} nats"


def describe_setting(data: Dataset, settings: StudySettings) -> str:
    """What was studied, and at which scale."""
    scale, optimizer, words = settings.scale, settings.optimizer, optimizer_in_words(settings.optimizer.settings)
    mapped = min(scale.mapped_replicas, scale.replicas)
    return (
        f"{data.rows} rows, {_constant(data)}; "
        f"{settings.units}{_loss(settings)}; λ = {settings.regularization:g}; "
        f"{scale.searches} + {scale.later_searches} searches of each landscape, "
        f"before and after the minima that the runs visit are added, and {scale.last_bounds} for upper bounds; "
        f"{scale.replicas} runs of {scale.steps} steps, "
        f"{words + ', ' * bool(words)}learning rate {optimizer.learning_rate:g}, "
        f"batch {optimizer.batch_size}; "
        f"{scale.control_replicas} full-batch runs; snapshots of {mapped} runs mapped to minima by "
        f"the gradient flow; Δ* = {settings.threshold:g}; seed {settings.seed}."
    )


def _loss(settings: StudySettings) -> str:
    """The kind of the loss, unless it is cross-entropy."""
    return "" if settings.loss == "cross-entropy" else f", {settings.loss} loss"
