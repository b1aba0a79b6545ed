"""Command `path`."""

from functools import partial
from typing import Annotated, Any

import numpy as np
import typer

from bridge.commands._database_checks import check_minima
from bridge.commands._figure_options import FigureSize, Picture, check_figure
from bridge.commands._module_options import ModuleOptions
from bridge.commands._options import AsJson, DatabaseFile, DataDir, describe_metadata
from bridge.commands._results import Summary, show
from bridge.commands._words import counted, data_in_words, number
from landscape.database import Database, loss_of
from landscape.descent import loss_profile
from landscape.graph import Pathway, fastest_path, minimax_barrier
from landscape.plots import draw_panels, plot_profile, save_figure

MANY_LABELS = 8  # minima on a pathway whose ids are written below them


def path(
    database: DatabaseFile,
    a: Annotated[int, typer.Argument(help="Id of the first minimum (graph --label id).")],
    b: Annotated[int, typer.Argument(help="Id of the last minimum.")],
    output: Picture,
    temperature: Annotated[
        float | None,
        typer.Option(help="Take the fastest pathway at this temperature (nats) instead of the lowest one."),
    ] = None,
    size: FigureSize = "screen",
    data_dir: DataDir = None,
    *,
    modules: ModuleOptions,
    as_json: AsJson = False,
) -> None:
    """Draw the loss along the pathway from one minimum to another."""
    check_figure(output)
    with Database(database) as opened:
        check_minima(opened, 2)
        way = _way(opened, a, b, temperature)
        minima = [opened.minima[i] for i in way.minima.tolist()]
        states = [opened.transition_states[k] for k in way.transition_states.tolist()]
        loss = loss_of(opened, module=modules.loaded(), data_dir=data_dir)
        described = describe_metadata(opened.provenance.dataset)
    profile = loss_profile(loss, [m.point for m in minima], [s.point for s in states])
    ids = [m.id for m in minima]
    shown = ids if len(ids) <= MANY_LABELS else [i if k in (0, len(ids) - 1) else "" for k, i in enumerate(ids)]
    draw = partial(plot_profile, profile, labels=shown, title=_describe_way(a, b, way, temperature))
    save_figure(draw_panels({"path": draw}, panel=(6.0, 3.6), size=size), output, unit=loss.unit)
    result = {
        "minima": ids,
        "transition_states": [s.id for s in states],
        "highest_loss": way.highest,
        "climb": way.climb,
        "length": float(profile.lengths[-1]),
        "temperature": temperature,
        "log_probability": way.log_probability,
        "output": output,
        **described,
    }
    show(result, summarize(result), as_json=as_json, unit=loss.unit)


def summarize(result: dict[str, Any]) -> Summary:
    """What a person reads of a pathway."""
    minima, temperature = result["minima"], result["temperature"]
    kind = "lowest" if temperature is None else "fastest"
    facts = {
        "highest loss": number(result["highest_loss"], "nats", 6),
        "climb from the first minimum": number(result["climb"], "nats"),
        "length": number(result["length"], "in the space of parameters"),
        "minima on it": ", ".join(map(str, minima)),
        "transition states on it": ", ".join(map(str, result["transition_states"])),
    }
    if temperature is not None:
        facts |= {"temperature": number(temperature, "nats"), "log probability": number(result["log_probability"])}
    return Summary(
        verdict=f"The {kind} pathway from minimum {minima[0]} to {minima[-1]} has "
        f"{counted(len(result['transition_states']), 'transition state')}.",
        facts=facts | data_in_words(result),
        files={"figure": result["output"]},
    )


def _way(database: Database, a: int, b: int, temperature: float | None) -> Pathway:
    """The pathway between two minima of a database, named by their ids."""
    ids = database.minimum_ids()
    for one in (a, b):
        if one not in ids:
            msg = f"{database.path} has no minimum with the id {one}"
            raise ValueError(msg)
    if a == b:
        msg = f"the ends of a pathway must be two different minima; got {a} twice"
        raise ValueError(msg)
    graph = database.graph()
    start, end = database.positions([a, b]).tolist()
    if not np.isfinite(minimax_barrier(graph, start, end)):
        msg = f"{database.path} has no pathway from minimum {a} to minimum {b}; explore it further"
        raise ValueError(msg)
    if temperature is None:
        return fastest_path(graph, start, end)
    states = database.transition_states
    return fastest_path(
        graph,
        start,
        end,
        temperature=temperature,
        log_determinants=[s.point.log_product for s in states],
        multiplicities=[float(s.orbit_size) for s in states],
    )


def _describe_way(a: int, b: int, way: Pathway, temperature: float | None) -> str:
    kind = "lowest pathway" if temperature is None else f"fastest pathway at T = {temperature:g} nats"
    steps = len(way.transition_states)
    return f"{kind} from {a} to {b}: {steps} transition state{'' if steps == 1 else 's'}"
