"""Command `path`."""

from functools import partial
from typing import Annotated, Any

import numpy as np
import typer

from bridge.commands._database_checks import check_minima
from bridge.commands._figure_options import FigureSize, Picture, check_figure
from bridge.commands._graph_sources import (
    LandscapePath,
    NetworkFile,
    Source,
    describe_source,
    named_loss,
    open_landscape,
)
from bridge.commands._module_options import ModuleOptions
from bridge.commands._network_words import source_in_words, source_notes
from bridge.commands._options import AsJson, DataDir
from bridge.commands._results import Summary, show
from bridge.commands._words import counted, data_in_words, loss_unit, number
from landscape.database import Database, loss_of
from landscape.descent import Profile, loss_profile
from landscape.graph import Pathway, fastest_path, minimax_barrier
from landscape.plots import draw_panels, plot_profile, save_figure
from landscape.support import with_unit

MANY_LABELS = 8  # minima on a pathway whose ids are written below them


def path(
    path: LandscapePath,
    a: Annotated[str, typer.Argument(help="Id of the first minimum (graph --label id).")],
    b: Annotated[str, typer.Argument(help="Id of the last minimum.")],
    output: Picture,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Take the fastest pathway at this temperature (nats) instead of the lowest one; of databases of "
            "agescape."
        ),
    ] = None,
    size: FigureSize = "screen",
    data_dir: DataDir = None,
    *,
    modules: ModuleOptions,
    as_json: AsJson = False,
) -> None:
    """Draw the loss along the pathway from one minimum to another.

    Of a landscape without a loss the energies of the minima and transition states on it are drawn, in their order.
    """
    check_figure(output)
    module = modules.loaded()
    with open_landscape(path) as opened:
        check_minima(opened, 2)
        way = _way(opened, a, b, temperature)
        ids = [opened.minimum_ids()[i].item() for i in way.minima.tolist()]
        if isinstance(opened, Database):
            states = [opened.transition_states[k] for k in way.transition_states.tolist()]
            numbers, points = [s.id for s in states], [opened.minima[i].point for i in way.minima.tolist()]
            loss = loss_of(opened, module=module, data_dir=data_dir)
            profile, length = loss_profile(loss, points, [s.point for s in states]), True
        else:
            named_loss(opened, module, data_dir)  # refuses a module
            numbers = [k + 1 for k in way.transition_states.tolist()]
            profile, length = energies_on(opened, way), False
        described = describe_source(opened)
    shown = ids if len(ids) <= MANY_LABELS else [i if k in (0, len(ids) - 1) else "" for k, i in enumerate(ids)]
    draw = partial(plot_profile, profile, labels=shown, title=_describe_way(a, b, way, temperature, profile.loss_unit))
    save_figure(draw_panels({"path": draw}, panel=(6.0, 3.6), size=size), output)
    result = {
        "minima": ids,
        "transition_states": numbers,
        "highest_loss": way.highest,
        "climb": way.climb,
        "length": float(profile.lengths[-1]) if length else None,
        "temperature": temperature,
        "loss_unit": profile.loss_unit,
        "log_probability": way.log_probability,
        "output": output,
        **described,
    }
    show(result, summarize(result), as_json=as_json)


def energies_on(source: NetworkFile, way: Pathway) -> Profile:
    """The energies of the points of a pathway, one after the other: nothing is known of what is between them."""
    graph, n = source.graph(), way.minima.size
    energies = np.empty(2 * n - 1)
    energies[::2], energies[1::2] = graph.losses[way.minima], graph.transition_losses[way.transition_states]
    places = np.arange(2 * n - 1)
    return Profile(
        np.empty((2 * n - 1, 0)), places.astype(np.float64), energies, places[::2], places[1::2], graph.loss_unit
    )


def summarize(result: dict[str, Any]) -> Summary:
    """What a person reads of a pathway."""
    minima, temperature, unit = result["minima"], result["temperature"], loss_unit(result)
    kind = "lowest" if temperature is None else "fastest"
    if result["length"] is None:
        known = {
            "highest energy": number(result["highest_loss"], "", 6),
            "climb from the first minimum": number(result["climb"]),
        }
    else:
        known = {
            "highest loss": number(result["highest_loss"], unit, 6),
            "climb from the first minimum": number(result["climb"], unit),
            "length": number(result["length"], "in the space of parameters"),
        }
    facts = known | {
        "minima on it": ", ".join(map(str, minima)),
        "transition states on it": ", ".join(map(str, result["transition_states"])),
    }
    if temperature is not None:
        facts |= {"temperature": number(temperature, unit), "log probability": number(result["log_probability"])}
    return Summary(
        verdict=f"The {kind} pathway from minimum {minima[0]} to {minima[-1]} has "
        f"{counted(len(result['transition_states']), 'transition state')}.",
        facts=facts | source_in_words(result) | data_in_words(result),
        notes=source_notes(result),
        files={"figure": result["output"]},
    )


def _way(database: Source, a: str, b: str, temperature: float | None) -> Pathway:
    """The pathway between two minima of a landscape, named by their ids."""
    ids = [str(one) for one in database.minimum_ids().tolist()]
    for one in (a, b):
        if one not in ids:
            msg = f"{database.path} has no minimum with the id {one}"
            raise ValueError(msg)
    if a == b:
        msg = f"the ends of a pathway must be two different minima; got {a} twice"
        raise ValueError(msg)
    graph = database.graph()
    start, end = ids.index(a), ids.index(b)
    if not np.isfinite(minimax_barrier(graph, start, end)):
        more = "; explore it further" if isinstance(database, Database) else ""
        msg = f"{database.path} has no pathway from minimum {a} to minimum {b}{more}"
        raise ValueError(msg)
    if temperature is None:
        return fastest_path(graph, start, end)
    if not isinstance(database, Database):
        msg = f"--temperature needs a database of agescape; {database.path} has the rates of kinetics --temperature"
        raise ValueError(msg)
    states = database.transition_states
    return fastest_path(
        graph,
        start,
        end,
        temperature=temperature,
        log_determinants=[s.point.log_product for s in states],
        multiplicities=[float(s.orbit_size) for s in states],
    )


def _describe_way(a: str, b: str, way: Pathway, temperature: float | None, unit: str) -> str:
    kind = "lowest pathway" if temperature is None else with_unit(f"fastest pathway at T = {temperature:g}", unit)
    steps = len(way.transition_states)
    return f"{kind} from {a} to {b}: {steps} transition state{'' if steps == 1 else 's'}"
