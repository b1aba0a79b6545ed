"""The report of a study: one HTML page that needs nothing beside it."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from bridge._files import to_json, write_text
from bridge.comparison import Comparison, ComparisonRow, row_dict
from bridge.settings import StudySettings
from bridge.visits import Visits
from landscape import Dataset
from landscape.versions import package_version

COLUMNS = (
    "hidden layers", "parameters", "minima found", "minima estimated (Chao1)", "transition states", "components",
    "lowest loss", "minima seen by SGD (new)", "μ", "μ of single runs", "μ of full-batch descent",
)  # fmt: skip

CAPTIONS = {
    "disconnectivity": "Disconnectivity graphs. Disks: minima whose basins SGD snapshots lie in; area by number of "
    "snapshots, color by their mean age. Components that no known transition state joins stand side by side.",
    "aging": "Two-time mean square displacement, and the lag t* at which it reaches the threshold against the waiting "
    "time, with bootstrap intervals over the runs.",
    "comparison": "Aging exponent against the number of minima: filled, found; open, Chao1 estimate.",
}

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse } td, th { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid #ccc }
figure { margin: 2rem 0 } img { max-width: 100% } figcaption, footer { color: #555 } .wide { overflow-x: auto }
"""


def write(
    output: Path,
    comparison: Comparison,
    visited: Sequence[Visits],
    figures: Sequence[Path],
    data: Dataset,
    settings: StudySettings,
) -> Path:
    """Write report.html and the numbers in it, comparison.json, into `output`; the path of the page."""
    numbers = {"architectures": [row_dict(row) for row in comparison.rows], "dataset_sha256": data.sha256}
    write_text(output / "comparison.json", to_json(numbers) + "\n")
    body = "\n".join(_cells(row, seen) for row, seen in zip(comparison.rows, visited, strict=True))
    header = "".join(f"<th>{escape(name)}</th>" for name in COLUMNS)
    pictures = "\n".join(_figure(path) for path in figures)
    page = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>agescape: landscape and aging</title><style>{STYLE}</style></head>
<body><h1>Loss landscape and aging of SGD</h1>
<p>{escape(_setting(data, settings))}</p>
<div class="wide"><table><thead><tr>{header}</tr></thead><tbody>
{body}
</tbody></table></div>
<p>Intervals are 95 % bootstrap intervals over the runs. The Chao1 estimate is a lower bound: it counts what searches
of this kind would still find.</p>
{pictures}
<footer>agescape {escape(package_version("agescape"))}, data set {escape(str(dict(data.metadata)))},
sha256 {data.sha256[:16]}</footer></body></html>
"""
    path = output / "report.html"
    write_text(path, page)
    return path


def _setting(data: Dataset, settings: StudySettings) -> str:
    scale, optimizer = settings.scale, settings.optimizer
    mapped = min(scale.mapped_replicas, scale.replicas)
    return (
        f"{data.rows} rows, {data.n_classes} classes, constant predictor {data.constant_entropy:.3f} nats; "
        f"λ = {settings.regularization:g}; {scale.searches} + {scale.later_searches} searches of each landscape, "
        f"before and after the minima that SGD visits are added; {scale.replicas} runs of "
        f"{scale.steps} steps, learning rate {optimizer.learning_rate:g}, batch {optimizer.batch_size}; "
        f"{scale.control_replicas} full-batch descents; snapshots of {mapped} runs mapped to minima by "
        f"the gradient flow; Δ* = {settings.threshold:g}; seed {settings.seed}."
    )


def _cells(row: ComparisonRow, seen: Visits) -> str:
    estimate = _with_interval(row.estimated_minima, row.estimated_minima_low, row.estimated_minima_high, digits=0)
    cells = (
        row.hidden, row.parameters, row.minima, estimate, row.transition_states, row.components,
        f"{row.lowest_loss:.4f}", f"{len(seen.minimum_ids)} ({row.minima_from_sgd})",
        _with_interval(row.mu, row.mu_low, row.mu_high),
        _number(row.mu_runs_mean), _number(row.mu_control),
    )  # fmt: skip
    return "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"


def _number(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "not defined"


def _with_interval(value: float, low: float, high: float, digits: int = 2) -> str:
    if not np.isfinite(value):
        return "not defined"
    return f"{_number(value, digits)} [{_number(low, digits)}, {_number(high, digits)}]"


def _figure(path: Path) -> str:
    caption = CAPTIONS.get(path.stem, path.stem)
    picture = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{picture}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
