"""Command `graph`."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands._database_checks import check_minima
from bridge.commands._figure_options import CertifiedOnly, FigureSize, check_figure
from bridge.commands._graph_minima import gap_of, group_labels
from bridge.commands._graph_options import MarkOptions, ShownOptions
from bridge.commands._graph_page import PAGE, check_page, counts_at_ages, write_graph_page
from bridge.commands._graph_sources import LandscapePath, column_names, named_loss, open_landscape, property_of
from bridge.commands._graph_summary import describe_graph, describe_persistence, summarize_graph
from bridge.commands._module_options import ModuleOptions
from bridge.commands._options import AsJson, DataDir, Jobs
from bridge.commands._results import show
from bridge.plots import plot_graph
from landscape.graph import funnelling, visible_tree, zeroed
from landscape.interchange import is_foreign
from landscape.plots import draw_panels, largest_gap, save_figure
from landscape.support import labeled

ABOVE = "above the global minimum"


def graph(
    path: LandscapePath,
    output: Annotated[
        Path, typer.Option(help="Figure to write: svg, pdf or png; or html, an interactive page that works offline.")
    ],
    levels: Annotated[
        int | None, typer.Option(min=1, help="Group minima at this many equally spaced losses. [default: exact]")
    ] = None,
    *,
    shown: ShownOptions,
    marks: MarkOptions,
    certified_only: CertifiedOnly = False,
    min_branch: Annotated[
        int | None,
        typer.Option(min=1, help="Draw lines for branches of at least this many minima. [default: as many as fit]"),
    ] = None,
    zero: Annotated[
        bool, typer.Option("--zero", help="Measure losses from the global minimum; so do --emin, --emax and --gap.")
    ] = False,
    gap: Annotated[
        str | None,
        typer.Option(help="Cut this empty range of losses (nats) out, e.g. 0.52,1.8; auto takes the largest."),
    ] = None,
    trajectories: Annotated[
        Path | None,
        typer.Option(
            help="Runs that overlay has mapped to this database, for a slider over their age.", rich_help_panel=PAGE
        ),
    ] = None,
    size: FigureSize = "screen",
    data_dir: DataDir = None,
    modules: ModuleOptions,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Draw the disconnectivity graph of a landscape and measure how funneled it is.

    Colors, groups and labels of an html page can also be chosen there. Losses are drawn as they are stored; agescape
    verify computes them again.
    """
    screen = None if size == "screen" else size
    of_figures = {"--gap": gap, "--min-branch": min_branch, "--label": marks.label, "--size": screen}
    is_page = _check_output(output, marks, of_figures, trajectories)
    with open_landscape(path) as opened:
        check_minima(opened, 1)
        landscape = opened.graph()
        column = partial(property_of, opened, loss=named_loss(opened, modules.loaded(), data_dir), jobs=jobs)
        chosen = shown.chosen(opened)
        named = marks.named(opened, chosen["pick"])
        at_ages = None if trajectories is None else counts_at_ages(opened, trajectories)
        tree = visible_tree(
            zeroed(landscape) if zero else landscape,
            levels,
            certified_only=certified_only,
            visited=() if at_ages is None else at_ages.counts.any(axis=0),
            marked=marks.marked(landscape, named),
            **chosen,
        )
        cut, funnels = largest_gap(tree) if gap_of(gap) == "auto" else gap_of(gap), funnelling(landscape)
        drawn = {
            "groups": group_labels(opened, marks.group, column),
            "color": None if marks.color is None else column(marks.color, "color"),
            "axis_label": _axis_label(path, landscape.loss_unit, zero=zero),
        }
        result = describe_graph(opened, tree, funnels)
        if is_page:
            columns = [column(name, "color") for name in column_names(opened)]
            write_graph_page(
                opened,
                output,
                tree,
                columns=columns,
                group=marks.group,
                marked=named,
                at_ages=at_ages,
                **drawn,
            )
        else:
            draw = partial(
                plot_graph,
                tree,
                ids=opened.minimum_ids(),
                labels=None if marks.label is None else column(marks.label, "label"),
                identify=named,
                funnels=funnels,
                unchecked=result["unchecked_ends"],
                gap=cut,
                min_branch=min_branch,
                **drawn,
            )
            save_figure(draw_panels({"graph": lambda ax: draw(ax=ax)}, panel=(6.0, 5.0), size=size), output)
        details = describe_persistence(landscape, opened.minimum_ids()) if as_json else {}
    result |= {
        "loss_unit": landscape.loss_unit,
        "certified_only": certified_only,
        "levels": levels,
        "gap": cut,
        "output": output,
    }
    show(result | details, summarize_graph(result), as_json=as_json)


def _check_output(output: Path, marks: MarkOptions, of_figures: Mapping[str, Any], runs: Path | None) -> bool:
    """Whether the output is a page; ValueError for options that only the other kind of output has."""
    is_page = check_page(output, of_figures, runs)
    if not is_page:
        check_figure(output)
    if marks.group is not None and marks.color is not None and not is_page:
        msg = "give --color or --group: both color the lines"
        raise ValueError(msg)
    return is_page


def _axis_label(path: Path, unit: str, *, zero: bool) -> str:
    what = "energy" if is_foreign(path) else "training loss"
    return labeled(f"{what} {ABOVE}" if zero else what, unit)
