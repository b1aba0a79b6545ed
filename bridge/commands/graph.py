"""Command `graph`."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import typer

from bridge import plots
from bridge.commands._database_checks import check_minima
from bridge.commands._exploration import bounds_in_words, own_images
from bridge.commands._figure_options import CertifiedOnly, FigureSize, Picture, check_figure
from bridge.commands._module_options import ModuleOptions
from bridge.commands._options import AsJson, DatabaseFile, DataDir, Jobs, describe_metadata
from bridge.commands._results import Summary, show
from bridge.commands._words import UNKNOWN, counted, data_in_words, number, share
from landscape.database import PROPERTIES, Database, loss_of, minimum_property
from landscape.graph import funnelling
from landscape.plots import draw_panels, save_figure
from landscape.search import summarize


def graph(
    database: DatabaseFile,
    output: Picture,
    levels: Annotated[
        int | None, typer.Option(min=1, help="Group minima at this many equally spaced losses. [default: exact]")
    ] = None,
    whole: Annotated[bool, typer.Option(help="Also show minima above all transition states.")] = False,
    color: Annotated[str | None, typer.Option(help=f"Color minima by {', '.join(PROPERTIES)}.")] = None,
    label: Annotated[
        str | None, typer.Option(help="Write this property below the 40 lowest minima; the same choices as --color.")
    ] = None,
    connected: Annotated[bool, typer.Option(help="Show only minima connected to the global minimum.")] = False,
    max_minima: Annotated[int | None, typer.Option(min=1, help="Show at most this many of the lowest minima.")] = None,
    certified_only: CertifiedOnly = False,
    min_branch: Annotated[
        int | None,
        typer.Option(min=1, help="Draw lines for branches of at least this many minima. [default: as many as fit]"),
    ] = None,
    emin: Annotated[float | None, typer.Option(help="Lowest loss to show (nats).")] = None,
    emax: Annotated[float | None, typer.Option(help="Highest loss to show (nats).")] = None,
    size: FigureSize = "screen",
    data_dir: DataDir = None,
    *,
    modules: ModuleOptions,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Draw the disconnectivity graph of a database and measure how funneled the landscape is."""
    check_figure(output)
    with Database(database) as opened:
        check_minima(opened, 1)
        found, funnels = summarize(opened), funnelling(opened.graph())
        module = modules.loaded()
        named = module is not None or data_dir is not None
        loss = loss_of(opened, module=module, data_dir=data_dir) if named else None
        property_of = partial(minimum_property, opened, loss=loss, jobs=jobs)
        draw = partial(
            plots.plot_graph,
            opened,
            levels=levels,
            whole=whole,
            connected=connected,
            certified_only=certified_only,
            min_branch=min_branch,
            max_minima=max_minima,
            window=(emin, emax),
            color=None if color is None else property_of(color),
            labels=None if label is None else property_of(label),
            funnels=funnels,
        )
        figure = draw_panels({"graph": lambda ax: draw(ax=ax)}, panel=(6.0, 5.0), size=size)
        described = describe_metadata(opened.provenance.dataset)
        unchecked = len(opened.unchecked_ends())
    save_figure(figure, output)
    result = {
        "minima": found.minima,
        "transition_states": found.transition_states,
        "unchecked_ends": unchecked,
        "components": found.components,
        "bounds": found.bounds,
        "certified_only": certified_only,
        "levels": levels,
        "funnelled": funnels.share,
        "funnelled_connected": funnels.connected_share,
        "frustration": funnels.frustration,
        "funnels": len(funnels.funnels) if funnels.connected else None,
        "connected_to_global": funnels.connected,
        "output": output,
        **described,
    }
    show(result, summarize_graph(result), as_json=as_json)


def summarize_graph(result: dict[str, Any]) -> Summary:
    """What a person reads of a disconnectivity graph."""
    notes = own_images(result["minima"], result["transition_states"])
    if unchecked := result["unchecked_ends"]:
        notes.append(f"The ends of {counted(unchecked, 'transition state')} were never checked: verify with --paths.")
    return Summary(
        verdict=f"{counted(result['minima'], 'minimum', 'minima')} and "
        f"{counted(result['transition_states'], 'transition state')} in {counted(result['components'], 'component')}. "
        + _funneled(result),
        facts={
            "minima within small climbs, of those connected to the global one": share(result["funnelled_connected"]),
            "frustration (1: no barrier in the way)": _frustration(result["frustration"]),
            **bounds_in_words(result["bounds"], drawn=not result["certified_only"]),
            **data_in_words(result),
        },
        notes=notes,
        files={"figure": result["output"]},
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
