"""Command `graph`."""

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bridge import plots
from bridge.commands._database_checks import check_minima
from bridge.commands._exploration import bounds_in_words, own_images
from bridge.commands._figure_options import CertifiedOnly, FigureSize, check_figure
from bridge.commands._graph_minima import gap_of, group_labels, positions_of
from bridge.commands._graph_page import PAGE, check_page, counts_at_ages, write_graph_page
from bridge.commands._graph_sources import (
    LandscapePath,
    column_names,
    describe_source,
    named_loss,
    open_landscape,
    property_of,
    sizes_of,
)
from bridge.commands._module_options import ModuleOptions
from bridge.commands._network_words import source_in_words, source_notes
from bridge.commands._options import AsJson, DataDir, Jobs
from bridge.commands._results import Summary, show
from bridge.commands._words import UNKNOWN, counted, data_in_words, number, share
from landscape.database import PROPERTIES
from landscape.graph import LandscapeGraph, funnelling, persistence_pairs, visible_tree, zeroed
from landscape.interchange import is_foreign
from landscape.plots import draw_panels, largest_gap, save_figure

LOSS, ABOVE = "training loss (nats)", "training loss above the global minimum (nats)"
ENERGY, ENERGY_ABOVE = "energy", "energy above the global minimum"
SHOWN = "Minima shown"  # panel of the help


def graph(
    path: LandscapePath,
    output: Annotated[
        Path, typer.Option(help="Figure to write: svg, pdf or png; or html, an interactive page that works offline.")
    ],
    levels: Annotated[
        int | None, typer.Option(min=1, help="Group minima at this many equally spaced losses. [default: exact]")
    ] = None,
    whole: Annotated[
        bool, typer.Option(help="Also show minima above all transition states.", rich_help_panel=SHOWN)
    ] = False,
    color: Annotated[str | None, typer.Option(help=f"Color minima by {', '.join(PROPERTIES)}.")] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN|PATH",
            help="Color branches whose minima are all of one group: a column as for --color, component, or a file with "
            "an id and a group on each line.",
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Write this property below the 40 lowest minima; the same choices as --color.")
    ] = None,
    identify: Annotated[
        str | None,
        typer.Option(metavar="IDS|PATH", help="Label these minima, e.g. 3,7,12, or a file with an id on each line."),
    ] = None,
    connected: Annotated[
        bool, typer.Option(help="Show only minima connected to the global minimum.", rich_help_panel=SHOWN)
    ] = False,
    max_minima: Annotated[
        int | None, typer.Option(min=1, help="Show at most this many of the lowest minima.", rich_help_panel=SHOWN)
    ] = None,
    pick: Annotated[
        str | None,
        typer.Option(
            metavar="IDS|PATH",
            help="Show only these minima, labeled, e.g. 3,7,12 or a file; paths through the others still connect them.",
            rich_help_panel=SHOWN,
        ),
    ] = None,
    min_connections: Annotated[
        int,
        typer.Option(
            min=0, help="Leave out minima with fewer transition states to other minima.", rich_help_panel=SHOWN
        ),
    ] = 0,
    certified_only: CertifiedOnly = False,
    min_branch: Annotated[
        int | None,
        typer.Option(min=1, help="Draw lines for branches of at least this many minima. [default: as many as fit]"),
    ] = None,
    emin: Annotated[float | None, typer.Option(help="Lowest loss to show (nats).", rich_help_panel=SHOWN)] = None,
    emax: Annotated[float | None, typer.Option(help="Highest loss to show (nats).", rich_help_panel=SHOWN)] = None,
    zero: Annotated[
        bool, typer.Option("--zero", help="Measure losses from the global minimum; so do --emin, --emax and --gap.")
    ] = False,
    gap: Annotated[
        str | None,
        typer.Option(metavar="LOW,HIGH|auto", help="Cut this empty range of losses (nats), or the largest, out."),
    ] = None,
    trajectories: Annotated[
        Path | None,
        typer.Option(
            help="Runs that overlay has mapped to this database, for a slider over their age.", rich_help_panel=PAGE
        ),
    ] = None,
    size: FigureSize = "screen",
    data_dir: DataDir = None,
    *,
    modules: ModuleOptions,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Draw the disconnectivity graph of a landscape and measure how funneled it is.

    Colors, groups and labels of an html page can also be chosen there.
    """
    given = {"--gap": gap, "--min-branch": min_branch, "--label": label, "--size": None if size == "screen" else size}
    is_page = check_page(output, given, trajectories)
    if not is_page:
        check_figure(output)
    if group is not None and color is not None and not is_page:
        msg = "give --color or --group: both color the lines"
        raise ValueError(msg)
    with open_landscape(path) as opened:
        check_minima(opened, 1)
        landscape = opened.graph()
        sizes, funnels = sizes_of(opened), funnelling(landscape)
        loss = named_loss(opened, modules.loaded(), data_dir)
        column = partial(property_of, opened, loss=loss, jobs=jobs)
        axis_label = (ENERGY_ABOVE if zero else ENERGY) if is_foreign(path) else ABOVE if zero else LOSS
        picked, named = positions_of(opened, pick, "pick"), positions_of(opened, identify, "identify") or []
        if picked is not None and label is None and len(picked) <= plots.MOST_LABELS:
            named = [*picked, *named]
        at_ages = None if trajectories is None else counts_at_ages(opened, trajectories)
        lowest = np.argsort(landscape.losses, kind="stable")[: 0 if label is None else plots.MOST_LABELS]
        tree = visible_tree(
            zeroed(landscape) if zero else landscape,
            levels,
            visited=() if at_ages is None else at_ages.counts.any(axis=0),
            whole=whole,
            max_minima=max_minima,
            emin=-np.inf if emin is None else emin,
            emax=emax,
            connected=connected,
            certified_only=certified_only,
            pick=picked,
            min_connections=min_connections,
            marked=named or lowest,
        )
        cut = largest_gap(tree) if gap_of(gap) == "auto" else gap_of(gap)
        groups = group_labels(opened, group, column)
        colored = None if color is None else column(color)
        described = describe_source(opened)
        unchecked = len(opened.unchecked_ends())
        if is_page:
            write_graph_page(
                opened,
                output,
                tree,
                columns=[column(name) for name in column_names(opened)],
                color=colored,
                groups=None if groups is None else (str(group), groups),
                marked=named,
                at_ages=at_ages,
                axis_label=axis_label,
            )
        else:
            draw = partial(
                plots.plot_graph,
                tree,
                ids=opened.minimum_ids(),
                color=colored,
                labels=None if label is None else column(label),
                identify=named,
                funnels=funnels,
                unchecked=unchecked,
                groups=groups,
                gap=cut,
                min_branch=min_branch,
                axis_label=axis_label,
            )
            save_figure(draw_panels({"graph": lambda ax: draw(ax=ax)}, panel=(6.0, 5.0), size=size), output)
        pairs = _persistence(landscape, opened.minimum_ids()) if as_json else {}
    result = {
        **sizes,
        "unchecked_ends": unchecked,
        "certified_only": certified_only,
        "levels": levels,
        "shown": tree.n_leaves,
        "not_shown": dict(tree.left_out),
        "gap": cut,
        "funnelled": funnels.share,
        "funnelled_connected": funnels.connected_share,
        "frustration": funnels.frustration,
        "funnels": len(funnels.funnels) if funnels.connected else None,
        "connected_to_global": funnels.connected,
        "output": output,
        **described,
    }
    show(result | pairs, summarize_graph(result), as_json=as_json)


def _persistence(landscape: LandscapeGraph, ids: Any) -> dict[str, Any]:
    """Persistence pairs as columns: minimum, birth, death, lowest minimum first."""
    pairs = persistence_pairs(landscape)
    return {"persistence": {"minimum": ids[pairs.minima], "birth": pairs.births, "death": pairs.deaths}}


def summarize_graph(result: dict[str, Any]) -> Summary:
    """What a person reads of a disconnectivity graph."""
    notes = [*own_images(result["minima"], result["transition_states"]), *source_notes(result)]
    if unchecked := result["unchecked_ends"]:
        notes.append(f"The ends of {counted(unchecked, 'transition state')} were never checked: verify with --paths.")
    cut = result.get("gap")
    return Summary(
        verdict=f"{counted(result['minima'], 'minimum', 'minima')} and "
        f"{counted(result['transition_states'], 'transition state')} in {counted(result['components'], 'component')}. "
        + _funneled(result),
        facts={
            "minima within small climbs, of those connected to the global one": share(result["funnelled_connected"]),
            "frustration (1: no barrier in the way)": _frustration(result["frustration"]),
            **bounds_in_words(result["bounds"], drawn=not result["certified_only"]),
            **({"cut out of the axis": f"{cut[0]:.6g} to {cut[1]:.6g} nats"} if cut else {}),
            **data_in_words(result),
            **source_in_words(result),
        },
        notes=notes,
        files={"page" if Path(result["output"]).suffix == ".html" else "figure": result["output"]},
    )


def _frustration(index: float | None) -> str:
    if index is not None and math.isinf(index):
        return "infinite: another minimum is as low as the global one, as images of it are"
    return number(index, "", 3)


def _funneled(result: Mapping[str, Any]) -> str:
    """How many minima reach the global one, and the funnels of its component: no other is counted."""
    if result["minima"] < 2:
        return f"There is no second minimum, so the funnels are {UNKNOWN}."
    if not result["connected_to_global"]:
        return f"The funnels are {UNKNOWN}: the global minimum is connected to no other; explore with more searches."
    where = ""
    if result["components"] > 1:
        where = f" in its component of {result['connected_to_global'] + 1:,} minima"
    reach = f"{share(result['funnelled'])} of the other minima reach the global one by small climbs"
    return f"{reach}; {counted(result['funnels'], 'funnel')}{where}."
