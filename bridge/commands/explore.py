"""Command `explore`."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands._cluster import cluster
from bridge.commands._data_options import LossOptions, introduce
from bridge.commands._exploration import describe_exploration, describe_targets
from bridge.commands._exploration_summary import budget_ended, how_to_continue, joined, summarize
from bridge.commands._module_options import describe_module, introduce_symmetries
from bridge.commands._notes import note
from bridge.commands._options import (
    AsJson,
    Hidden,
    Jobs,
    Scheduler,
    Seed,
    describe,
)
from bridge.commands._parsing import parse_duration
from bridge.commands._progress import Update, progress_bar
from bridge.commands._results import show
from bridge.commands._time_ahead import following, say_time_ahead
from bridge.commands._words import counted
from bridge.comparison import at_least, how_many
from landscape.losses import DataLoss, TorchLoss, check_searchable
from landscape.search import CYCLE, KINDS, Cost, Exploration, cost_of, estimate_minima, explore as run_explore

FIRST_LOOK = 128  # searches without --searches and --budget


def explore(
    output: Annotated[Path, typer.Option(help="Database to make, or to continue.")],
    hidden: Hidden = None,
    searches: Annotated[
        int | None,
        typer.Option(
            min=0, help=f"Total number of searches. [default: {FIRST_LOOK}, for a first look, unless --budget is given]"
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Time for searches alone, without start-up, instead of --searches, e.g. 90s, 10m, 2h; a number alone "
            "is seconds. Searches that take longer than seconds are stopped at its end."
        ),
    ] = None,
    completeness: Annotated[
        float | None,
        typer.Option(
            help="Stop once random starts have found this share of the minima that they can reach, e.g. 0.95."
        ),
    ] = None,
    estimate: Annotated[
        int | None,
        typer.Option(
            min=1, help="Total number of fresh random starts to quench, for a lower bound on the number of minima."
        ),
    ] = None,
    kinds: Annotated[
        str | None,
        typer.Option(
            help=f"Kinds of search to alternate, from {', '.join(KINDS)}; the page on completeness "
            "explains them. [default: a mixture]"
        ),
    ] = None,
    connect: Annotated[
        str | None,
        typer.Option(
            help="Only join these minima with the global minimum, instead of --kinds: visited (by SGD, see overlay),"
            " lowest:50, or ids such as 3,7,12. Ends when all are joined or given up."
        ),
    ] = None,
    *,
    options: LossOptions,
    seed: Seed = 0,
    jobs: Jobs = -1,
    scheduler: Scheduler = None,
    as_json: AsJson = False,
) -> None:
    """Find minima and transition states and store them in a database.

    To continue, run the same command with more --searches, or again with a --budget.
    """
    seconds = _time_to_search(searches, budget, kinds, connect)
    loss = options.loss(hidden)
    warning = _introduce(loss)
    if searches is None and budget is None and estimate is None and connect is None:
        searches = FIRST_LOOK
        note(f"exploring with {FIRST_LOOK} searches, for a first look; continue with --searches or --budget")
    cost = None if searches == 0 else cost_of(loss)
    is_long = cost is not None and say_time_ahead(loss, _searches, budget=seconds, cost=cost)
    asked = {
        "searches": searches,
        "budget": seconds,
        "completeness": completeness,
        "kinds": CYCLE if kinds is None else kinds.split(","),
        "connect": connect,
    }
    with (
        cluster(scheduler),
        progress_bar() as line,
        following(loss, line, "explore", is_long=is_long) as (watched, bar),
    ):
        explored, found = _explore(watched, output, asked, estimate, bar, seed=seed, jobs=jobs)
    result = _describe(found, loss) | ({} if explored is None else describe_targets(explored)) | warning
    result["loss_unit"] = loss.unit
    if searches is not None and found.searches > searches:
        note(f"{output} holds {found.searches} searches already; give more --searches than these to continue")
    summary = summarize(result, how_many(found), how_to_continue(cost, loss))
    show(result, summary, as_json=as_json)
    for text in (found.advice, None if explored is None else budget_ended(explored, cost, loss)):
        if text is not None:
            note(text)


def _explore(
    loss: DataLoss, output: Path, asked: dict[str, Any], estimate: int | None, bar: Update, **run: Any
) -> tuple[Exploration | None, Exploration]:
    """The exploration that was asked for, if any, and what the file holds after it and the fresh random starts."""
    explored = None
    if any(asked[name] is not None for name in ("searches", "budget", "connect")):
        explored = run_explore(loss, output, **asked, **run, progress=_reporting(bar, "explore"))
    if explored is not None and estimate is None:
        return explored, explored
    said = _reporting(bar, "random starts")
    return explored, estimate_minima(loss, output, starts=estimate or 0, **run, progress=said)


def _reporting(bar: Update, what: str) -> Callable[[int, int | None, Exploration], None]:
    """What tells the line of progress how far an exploration is."""
    return lambda done, total, now: bar(what, done, total, _note(now))


def _searches(cost: Cost) -> dict[str, float]:
    """Seconds of the two kinds of search of which explorations consist."""
    return {"a quench": cost.seconds("lbfgs"), "a transition state": cost.seconds("transition state")}


def _time_to_search(searches: int | None, budget: str | None, kinds: str | None, connect: str | None) -> float | None:
    """Seconds of the budget; ValueError if two options ask for different searches."""
    if searches is not None and budget is not None:
        msg = "give either --searches or --budget, not both"
        raise ValueError(msg)
    if kinds is not None and connect is not None:
        msg = "give either --kinds or --connect, not both"
        raise ValueError(msg)
    return None if budget is None else parse_duration(budget)


def _introduce(loss: DataLoss) -> dict[str, Any]:
    """Say on stderr what was understood of the data and of a module; ValueError if it cannot be searched."""
    warning = introduce(loss.data)
    check_searchable(loss)
    if isinstance(loss, TorchLoss):
        introduce_symmetries(loss.source)
    return warning


def _describe(found: Exploration, loss: DataLoss) -> dict[str, Any]:
    said = describe_exploration(found)
    output = said.pop("path")
    return {**said, "output": output, **describe(loss.data), **describe_module(getattr(loss, "source", None))}


def _note(now: Exploration) -> str:
    if now.estimated_minima is None:
        return "no minimum yet"
    text = counted(now.minima, "minimum", "minima")
    if math.isfinite(now.estimated_minima.value):
        text += f" of {at_least(now.estimated_minima)} (coverage by random starts {now.coverage.value:.0%})"
    text += f", {counted(now.transition_states, 'transition state')}, {counted(now.components, 'component')}"
    return text if not now.targets else f"{text}, {joined(now.targets, now.unjoined)} joined"
