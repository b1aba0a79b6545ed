"""An exploration in words: what `explore` prints."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bridge.commands._exploration import bounds_in_words, own_images
from bridge.commands._module_options import symmetries_in_words
from bridge.commands._results import Summary, Table
from bridge.commands._words import at_most, counted, data_in_words, duration, loss_unit, number
from landscape.networks import MLP

if TYPE_CHECKING:  # `info` compiles nothing
    from landscape.losses import DataLoss
    from landscape.search import Cost, Exploration

CONTINUE = "Continue with more --searches or --budget 10m; draw with agescape graph."
LONG = 600.0  # seconds of one search beyond which that budget is of no use
FEW = 10  # searches: of fewer, the one that the budget ended was a noteworthy part
MANY_INPUTS = 64  # of a network, whose first layer then has most of its parameters
NAMED = 10  # minima named in a table; the JSON has all


def joined(targets: int, unjoined: Sequence[Any]) -> str:
    return f"{targets - len(unjoined)} of {targets}"


def joined_in_words(targets: int, unjoined: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """How many of the minima of --connect are connected with the lowest one, and how many of the others are bounded."""
    if not targets:
        return {}
    words = {"minima joined with the lowest": joined(targets, unjoined)}
    if unjoined:
        bounded = sum(math.isfinite(one["bound"]) for one in unjoined)
        words["joined by an upper bound instead"] = f"{bounded} of the other {len(unjoined)}"
    return words


def unjoined_in_a_table(unjoined: Sequence[Mapping[str, Any]], unit: str) -> list[Table]:
    """The minima of --connect that are not joined, why, and the best known bounds on their barriers."""
    if not unjoined:
        return []
    columns = ("not joined", "why", "upper bound on the barrier", "above the minimum")
    rows = [
        (
            str(one["id"]),
            "given up" if one["given_up"] else "searches or time ended",
            number(one["bound"], unit, 6) if math.isfinite(one["bound"]) else "none known",
            number(one["above"], unit, 3) if math.isfinite(one["above"]) else "",
        )
        for one in unjoined[:NAMED]
    ]
    more = len(unjoined) - NAMED
    return [Table(columns, rows + ([(f"{more} more", "", "", "")] if more > 0 else []))]


def found_in_words(share_found: float | None) -> dict[str, str]:
    """The share of the minima within reach of random starts that these found, if it is bounded below all of them."""
    said = at_most(share_found)
    return {} if said == at_most(1.0) else {"random starts found, of what they reach": said}


def how_to_continue(cost: "Cost | None", loss: "DataLoss") -> str:
    """What to do next, as far as the estimate of the time knows it."""
    seconds = 0.0 if cost is None else cost.seconds("transition state")
    if seconds < LONG:
        return CONTINUE
    return (
        f"One transition state takes about {duration(seconds)} on one core: continue with a --budget well above this"
        f"{_fewer_inputs(loss)}; draw with agescape graph."
    )


def budget_ended(found: "Exploration", cost: "Cost | None", loss: "DataLoss") -> str | None:
    """What to do about the search that a budget ended; None if it was a small part of the searches."""
    if not found.unfinished or found.new_searches >= FEW:
        return None
    text = f"the budget ended in search {found.searches}, and nothing of it is stored: "
    if found.new_searches:
        return text + "run the same command again, with a larger --budget if it ends there again"
    text += f"give a larger --budget{_fewer_inputs(loss)}"
    if cost is None:
        return text
    quench, state = (duration(cost.seconds(what)) for what in ("lbfgs", "transition state"))
    return f"{text} (on one core a quench takes about {quench}, a transition state about {state})"


def _fewer_inputs(loss: "DataLoss") -> str:
    is_wide = isinstance(loss.network, MLP) and loss.network.layer_sizes[0] > MANY_INPUTS
    return ", or replace the inputs by fewer with --pca 20" if is_wide else ""


def summarize(result: dict[str, Any], there_are: str, then: str = CONTINUE) -> Summary:
    """What a person reads of an exploration; `there_are` says how many minima exist, `then` what to do next."""
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
            **found_in_words(result["found_share"]),
            "lowest loss": number(result["lowest_loss"], loss_unit(result), 6),
            **joined_in_words(result["targets"], result["unjoined"]),
            **bounds_in_words(result["bounds"]),
            **symmetries_in_words(result),
            **data_in_words(result),
        },
        tables=unjoined_in_a_table(result["unjoined"], loss_unit(result)),
        notes=[*own_images(minima, states), *([then] if minima else [])],
        files={"database": result["output"]},
    )
