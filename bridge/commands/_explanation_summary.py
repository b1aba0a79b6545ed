"""What explains the aging, in words: from the numbers that `explain` reports."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bridge.commands._aging_summary import rest, sentence, verdict
from bridge.commands._results import Summary, Table
from bridge.commands._words import (
    UNKNOWN,
    counted,
    data_in_words,
    decimal,
    is_unknown,
    number,
    share,
    shares_between,
    with_interval,
)

OK = "ok"
RELAXATIONS = {
    "descent": "descent without noise",
    "local": "quadratic model at theta(tw)",
    "own_minimum": "quadratic model, minimum of the basin",
    "last_minimum": "quadratic model, last minimum",
}
PARTS = {"hop": "hops", "image": "images", "soft": "soft modes", "stiff": "stiff modes", "cross": "cross term"}
TEMPERATURES = {"curved": "T near the minimum", "unstable": "T at the transition state"}
RAN_AWAY, NO_SHARE = "ran away", "no t*"  # in place of a number


def summarize(result: Mapping[str, Any]) -> Summary:
    """What a person reads of an explanation."""
    hopping = result["hopping"]
    return Summary(
        verdict=f"{verdict(result['measured'])}. {_relaxation(result['relaxation']['descent'])} {_changed(result)}",
        facts=dict(_facts(result)),
        tables=[_predictions(result), _parts(result), *([] if hopping is None else [_hops(hopping)])],
        notes=list(_notes(result)),
        files={"figure": result["output"]} if result.get("output") else {},
    )


def _relaxation(descent: Mapping[str, Any]) -> str:
    """How well descent alone predicts the displacement."""
    known = [held for held in descent["holds"] if held is not None]
    predicts = f"Descent without noise predicts the displacement within {share(descent['tolerance'])}"
    if not known:
        return "Whether descent without noise predicts the displacement is not determined."
    if len(known) < len(descent["holds"]):
        waiting = f"the {counted(len(known), 'waiting time')} that can be compared"
        return f"{predicts} at {sum(known)} of {waiting}."
    if all(known):
        return f"{predicts} at every waiting time."
    if not any(known):
        return f"{predicts} at no waiting time."
    return f"{predicts} at {sum(known)} of {counted(len(known), 'waiting time')}."


def _changed(result: Mapping[str, Any]) -> str:
    """How much of the displacement is that of runs which changed their basin."""
    contribute = shares_between(result["decomposition"]["share_of_changed"])
    return f"Runs that have left their basin by t* contribute {contribute} of it."


def _facts(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    jumps = result["jumps"]
    yield "runs", f"{result['replicas']:,}"
    yield "jumps between basins", f"{int(np.sum(jumps['jumps'])):,}"
    rate, low, high = (1e3 * jumps[name] for name in ("rate", "rate_low", "rate_high"))
    yield "jump rate of a run", with_interval(rate, low, high, "per 1,000 steps", digits=3)
    if result["hopping"] is not None:
        yield "runs in minima that the database knows", shares_between(result["hopping"]["coverage"])
    yield "map to minima", result["method"]
    yield from data_in_words(result).items()


def _predictions(result: Mapping[str, Any]) -> Table:
    """Mu of each prediction, and its displacement at t* as a share of that measured."""
    measured = result["measured"]
    rows = [("measured", with_interval(measured["mu"], measured["mu_low"], measured["mu_high"]), "", "")]
    for name, words in RELAXATIONS.items():
        fit = result["relaxation"][name]
        rows.append(
            (words, with_interval(fit["mu"], fit["mu_low"], fit["mu_high"]), _share_at_t_star(fit), _holds(fit))
        )
    return Table(("displacement", "mu", "share of the measured at t*", "holds from tw ="), rows)


def _holds(fit: Mapping[str, Any]) -> str:
    """From which waiting time on a prediction holds, as far as it can be compared."""
    if all(held is None for held in fit["holds"]):
        return UNKNOWN
    return "never" if is_unknown(fit["holds_from"]) else f"{int(fit['holds_from']):,}"


def _share_at_t_star(fit: Mapping[str, Any]) -> str:
    away = np.asarray(fit.get("ran_away", np.zeros(len(fit["share"]))), dtype=float)
    if (away > 0).any():
        return f"{RAN_AWAY} at {counted(int((away > 0).sum()), 'waiting time')}"
    return shares_between(fit["share"], NO_SHARE)


def _parts(result: Mapping[str, Any]) -> Table:
    """The parts of the displacement at the lag nearest to t*."""
    parts = result["decomposition"]
    columns = [[_cell(value) for value in np.asarray(parts["shares"][name], float).tolist()] for name in PARTS]
    waiting = [f"{tw:,}" for tw in np.asarray(result["waiting_times"]).tolist()]
    changed = [_cell(value) for value in np.asarray(parts["changed_basin"], float).tolist()]
    rows = list(zip(waiting, changed, *columns, strict=True))
    return Table(("tw (steps)", "runs in another basin", *PARTS.values()), rows)


def _cell(value: float) -> str:
    return "-" if is_unknown(value) else share(value)


def _hops(hopping: Mapping[str, Any]) -> Table:
    """Hops observed and predicted."""
    seen = hopping["observed"]
    stayed = _dwell(seen["dwell_time"], "infinite: no departure was seen")
    rows = [("observed", decimal(seen["departures"]), stayed, _mu(seen["inherent"]))]
    for name, words in TEMPERATURES.items():
        if name in hopping["predicted"]:
            one = hopping["predicted"][name]
            row = decimal(one["departures"]), _dwell(one["dwell_time"], "infinite: barriers too high"), _mu(one["fit"])
            rows.append((f"master equation, {words}", *row))
    return Table(("hops", "departures", "mean dwell time (steps)", "mu"), rows)


def _dwell(steps: Any, without_end: str) -> str:
    if is_unknown(steps):
        return UNKNOWN
    return number(round(steps)) if math.isfinite(steps) else without_end


def _mu(fit: Mapping[str, Any]) -> str:
    return with_interval(fit["mu"], fit["mu_low"], fit["mu_high"]) if fit["status"] == OK else UNKNOWN


def _notes(result: Mapping[str, Any]) -> Iterator[str]:
    if result["measured"]["status"] != OK:
        yield sentence(result["measured"]["status"])
    for name, words in TEMPERATURES.items():
        status = ((result["hopping"] or {}).get("predicted", {}).get(name) or {}).get("status", OK)
        if status != OK:
            yield f"Master equation, {words}: {status}."
    yield rest(result)
