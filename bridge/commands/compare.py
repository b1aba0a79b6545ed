"""Command `compare`."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bridge import plots
from bridge.commands._comparison_summary import comparison_table, correlations_in_words, describe_correlations
from bridge.commands._figure_options import FigureSize, OptionalPicture, check_figure
from bridge.commands._options import AsJson, Seed, Threshold
from bridge.commands._results import Summary, show
from bridge.commands._words import counted
from bridge.comparison import (
    check_table_path,
    compare as compare_studies,
    rank_correlations,
    row_dict,
    write_comparison,
)
from landscape.plots import draw_panels, save_figure


def compare(
    directory: Annotated[Path, typer.Argument(help="Folder of one or more studies.")],
    threshold: Threshold = 1e-2,
    output: OptionalPicture = None,
    table: Annotated[Path | None, typer.Option(help="Table to write: csv, tex or json.")] = None,
    size: FigureSize = "screen",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Compare the number of minima with mu: one row per architecture and data set."""
    check_figure(output, size=size)
    if table is not None:
        check_table_path(table)
    comparison = compare_studies(directory, threshold=threshold)
    if output is not None:
        draw = partial(plots.plot_comparison, comparison)
        save_figure(draw_panels({"comparison": draw}, panel=(5.5, 4.2), size=size), output)
    if table is not None:
        write_comparison(comparison.rows, table)
    correlations = describe_correlations(rank_correlations(comparison.rows, rng=np.random.default_rng(seed)))
    result = {"rows": [row_dict(row) for row in comparison.rows], "rank_correlation": correlations}
    files = {"figure": output, "table": table}
    show(result, summarize(result, {name: path for name, path in files.items() if path}), as_json=as_json)


def summarize(result: dict[str, Any], files: dict[str, Path]) -> Summary:
    """What a person reads of a comparison."""
    rows = result["rows"]
    return Summary(
        verdict=f"{counted(len(rows), 'architecture')}. {correlations_in_words(result['rank_correlation'])}",
        tables=[comparison_table(rows)],
        files=files,
    )
