"""Command `explore`."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands._cluster import cluster
from bridge.commands._data_options import LossOptions, introduce
from bridge.commands._exploration import bounds_in_words, describe_exploration, describe_targets, own_images
from bridge.commands._module_options import describe_module, introduce_symmetries, symmetries_in_words
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
from bridge.commands._progress import progress_bar
from bridge.commands._results import Summary, Table, show
from bridge.commands._time_ahead import following, say_time_ahead
from bridge.commands._words import at_most, counted, data_in_words, number
from bridge.comparison import at_least, how_many
from landscape.losses import TorchLoss, check_searchable
from landscape.search import CYCLE, KINDS, Cost, Exploration, estimate_minima, explore as run_explore

FIRST_LOOK = 128  # searches without --searches and --budget
CONTINUE = "Continue with more --searches or --budget 10m; draw with agescape graph."
NAMED = 10  # minima named in a table; the JSON has all


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
            help="Time to search for, instead of --searches, e.g. 90s, 10m, 2h; a number alone is seconds. "
            "Searches that take longer than seconds are stopped at its end."
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
    if searches is not None and budget is not None:
        msg = "give either --searches or --budget, not both"
        raise ValueError(msg)
    if kinds is not None and connect is not None:
        msg = "give either --kinds or --connect, not both"
        raise ValueError(msg)
    seconds = None if budget is None else parse_duration(budget)
    loss = options.loss(hidden)
    warning, source = introduce(loss.data), getattr(loss, "source", None)
    if isinstance(loss, TorchLoss):
        check_searchable(loss)  # before anything is said
        introduce_symmetries(source)
    if searches is None and budget is None and estimate is None and connect is None:
        searches = FIRST_LOOK
        note(f"exploring with {FIRST_LOOK} searches, for a first look; continue with --searches or --budget")
    is_long = searches != 0 and say_time_ahead(loss, _searches, budget=seconds)
    with (
        cluster(scheduler),
        progress_bar() as line,
        following(loss, line, "explore", is_long=is_long) as (watched, bar),
    ):
        found = None
        if searches is not None or seconds is not None or connect is not None:
            found = run_explore(
                watched,
                output,
                searches=searches,
                budget=seconds,
                completeness=completeness,
                kinds=CYCLE if kinds is None else kinds.split(","),
                connect=connect,
                seed=seed,
                jobs=jobs,
                progress=lambda done, total, now: bar("explore", done, total, _note(now)),
            )
        joined = None if found is None else found
        if found is None or estimate is not None:
            found = estimate_minima(
                watched,
                output,
                starts=estimate or 0,
                seed=seed,
                jobs=jobs,
                progress=lambda done, total, now: bar("random starts", done, total, _note(now)),
            )
    result = (
        describe_exploration(found)
        | ({} if joined is None else describe_targets(joined))
        | {
            "output": found.path,
            **describe(loss.data),
            **warning,
            **describe_module(source),
        }
    )
    del result["path"]
    if searches is not None and found.searches > searches:
        note(f"{output} holds {found.searches} searches already; give more --searches than these to continue")
    show(result, summarize(result, how_many(found)), as_json=as_json)
    if found.advice is not None:
        note(found.advice)
    if joined is not None and joined.unfinished:
        note(
            f"the budget ended in search {joined.searches}, and nothing of it is stored: run the same command again, "
            "with a larger --budget if it ends there again"
        )


def _searches(cost: Cost) -> dict[str, float]:
    """Seconds of the two kinds of search of which explorations consist."""
    return {"a quench": cost.seconds("lbfgs"), "a transition state": cost.seconds("transition state")}


def _note(now: Exploration) -> str:
    if now.estimated_minima is None:
        return "no minimum yet"
    text = counted(now.minima, "minimum", "minima")
    if math.isfinite(now.estimated_minima.value):
        text += f" of {at_least(now.estimated_minima)} (coverage by random starts {now.coverage.value:.0%})"
    text += f", {counted(now.transition_states, 'transition state')}, {counted(now.components, 'component')}"
    return text if not now.targets else f"{text}, {_joined(now.targets, now.unjoined)} joined"


def _joined(targets: int, unjoined: Sequence[Any]) -> str:
    return f"{targets - len(unjoined)} of {targets}"


def joined_in_words(targets: int, unjoined: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """How many of the minima of --connect are connected with the lowest one, and how many of the others are bounded."""
    if not targets:
        return {}
    words = {"minima joined with the lowest": _joined(targets, unjoined)}
    if unjoined:
        bounded = sum(math.isfinite(one["bound"]) for one in unjoined)
        words["joined by an upper bound instead"] = f"{bounded} of the other {len(unjoined)}"
    return words


def unjoined_in_a_table(unjoined: Sequence[Mapping[str, Any]]) -> list[Table]:
    """The minima of --connect that are not joined, why, and the best known bounds on their barriers."""
    if not unjoined:
        return []
    columns = ("not joined", "why", "upper bound on the barrier", "above the minimum")
    rows = [
        (
            str(one["id"]),
            "given up" if one["given_up"] else "searches or time ended",
            number(one["bound"], "nats", 6) if math.isfinite(one["bound"]) else "none known",
            number(one["above"], "nats", 3) if math.isfinite(one["above"]) else "",
        )
        for one in unjoined[:NAMED]
    ]
    more = len(unjoined) - NAMED
    return [Table(columns, rows + ([(f"{more} more", "", "", "")] if more > 0 else []))]


def summarize(result: dict[str, Any], there_are: str) -> Summary:
    """What a person reads of an exploration; `there_are` says how many minima exist."""
    minima, states, parts = (result[key] for key in ("minima", "transition_states", "components"))
    found = f"{counted(minima, 'minimum', 'minima')} and {counted(states, 'transition state')}"
    joined = "all of them connected" if parts == 1 else f"in {counted(parts, 'unconnected component')}"
    verdict = f"{found} found by {counted(result['searches'], 'search', 'searches')}, {joined}."
    if not minima:
        verdict = f"No minimum yet after {counted(result['searches'], 'search', 'searches')}."
    return Summary(
        verdict=verdict,
        facts={
            "minima that exist": there_are,
            "random starts found, of what they reach": at_most(result["found_share"]),
            "lowest loss": number(result["lowest_loss"], "nats", 6),
            **joined_in_words(result["targets"], result["unjoined"]),
            **bounds_in_words(result["bounds"]),
            **symmetries_in_words(result),
            **data_in_words(result),
        },
        tables=unjoined_in_a_table(result["unjoined"]),
        notes=[*own_images(minima, states), *([CONTINUE] if minima else [])],
        files={"database": result["output"]},
    )
