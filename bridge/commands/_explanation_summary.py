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
    estimates_between,
    in_a_cell,
    is_unknown,
    loss_unit,
    share,
    with_interval,
)
from dynamics.statistics import Status
from landscape.support import with_unit

OK = "ok"
LONG = 1e9  # steps: a longer dwell time is a power of ten
RELAXATIONS = {
    "descent": "descent without noise",
    "local": "quadratic model at theta(tw)",
    "own_minimum": "quadratic model, minimum of the basin",
    "last_minimum": "quadratic model, last minimum",
}
PARTS = {
    "hop": "hops", "image": "images", "intra": "inside the basin",
    "soft": "soft modes", "stiff": "stiff modes", "cross": "cross term",
}  # fmt: skip
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
    parts = result["decomposition"]
    ends = parts["share_of_changed"], parts["share_of_changed_interval"]
    if all(part == 0 for part in parts["share_of_changed"]):
        return "No run has left its basin by t*."
    contribute = estimates_between(*ends, "%", runs=result["replicas"])
    return f"Runs that have left their basin by t* contribute {contribute} of it."


def _facts(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    jumps = result["jumps"]
    yield "runs", f"{result['replicas']:,}"
    yield "jumps between basins", f"{int(np.sum(jumps['jumps'])):,}"
    rate, low, high = (1e3 * jumps[name] for name in ("rate", "rate_low", "rate_high"))
    yield "jump rate of a run", with_interval(rate, low, high, "per 1,000 steps", digits=3)
    if result["hopping"] is not None:
        covered = estimates_between(
            result["hopping"]["coverage"], result["hopping"]["coverage_interval"], "%", runs=result["replicas"]
        )
        yield "runs in minima that the database knows", covered
        barriers = (result["predicted_jumps"] or {}).get("barriers", [])
        if len(barriers):
            low, middle, high = (f"{height:.2g}" for height in barriers)
            yield (
                "barriers around these minima",
                with_unit(middle, loss_unit(result)) + f" (10 to 90 %: {low} to {high})",
            )
    yield "map to minima", result["method"]
    yield from data_in_words(result).items()


def _predictions(result: Mapping[str, Any]) -> Table:
    """Mu of each prediction, and its displacement at t* as a share of that measured."""
    measured = result["measured"]
    rows = [("measured", with_interval(measured["mu"], measured["mu_low"], measured["mu_high"]), "", "")]
    for name, fit in result["relaxation"].items():
        words = RELAXATIONS[name]
        rows.append(
            (
                words,
                with_interval(fit["mu"], fit["mu_low"], fit["mu_high"]),
                _share_at_t_star(fit, result["replicas"]),
                _holds(fit),
            )
        )
    return Table(("displacement", "mu", "share of the measured at t*", "holds from tw ="), rows)


def _holds(fit: Mapping[str, Any]) -> str:
    """From which waiting time on a prediction holds, as far as it can be compared."""
    if all(held is None for held in fit["holds"]):
        return UNKNOWN
    return "never" if is_unknown(fit["holds_from"]) else f"{int(fit['holds_from']):,}"


def _share_at_t_star(fit: Mapping[str, Any], runs: int) -> str:
    away = np.asarray(fit.get("ran_away", np.zeros(len(fit["share"]))), dtype=float)
    if (away > 0).any():
        return f"{RAN_AWAY} at {counted(int((away > 0).sum()), 'waiting time')}"
    return estimates_between(fit["share"], fit["share_interval"], "%", runs=runs, nothing=NO_SHARE)


def _parts(result: Mapping[str, Any]) -> Table:
    """The parts of the displacement at the lag nearest to t*, in percent."""
    parts = result["decomposition"]
    waiting = [f"{tw:,}" for tw in np.asarray(result["waiting_times"]).tolist()]
    names = [name for name in PARTS if name in parts["shares"]]
    columns = [
        _cells(parts["changed_basin"], parts["changed_basin_interval"]),
        *(_cells(parts["shares"][name], parts["shares_interval"][name]) for name in names),
    ]
    return Table(
        ("tw (steps)", "changed basin (%)", *(f"{PARTS[name]} (%)" for name in names)),
        list(zip(waiting, *columns, strict=True)),
    )


def _cells(shares: Any, intervals: Any) -> list[str]:
    """Shares (W,) in percent with their intervals (W, 2)."""
    rows = np.column_stack([shares, intervals]).astype(float).tolist()
    return ["-" if is_unknown(value) else in_a_cell(value, low, high, "%") for value, low, high in rows]


def _hops(hopping: Mapping[str, Any]) -> Table:
    """Hops observed and predicted."""
    seen = hopping["observed"]
    stayed = _dwell(seen["dwell_time"], "infinite: no departure was seen", seen["dwell_low"], seen["dwell_high"])
    rows = [("observed", decimal(seen["departures"]), stayed, _mu(seen["inherent"]))]
    for name, words in TEMPERATURES.items():
        if name in hopping["predicted"]:
            one = hopping["predicted"][name]
            row = decimal(one["departures"]), _dwell(one["dwell_time"], "infinite: barriers too high"), _mu(one["fit"])
            rows.append((f"master equation, {words}", *row))
    return Table(("hops", "departures", "mean dwell time (steps)", "mu"), rows)


def _dwell(steps: Any, without_end: str, low: Any = None, high: Any = None) -> str:
    """A dwell time, with its interval if it was observed: a prediction has none."""
    if is_unknown(steps):
        return UNKNOWN
    if not math.isfinite(steps):
        return without_end if is_unknown(low) else f"{without_end}; at least {low:,.0f}"
    return f"{steps:.1e}" if steps >= LONG and is_unknown(low) else in_a_cell(steps, low, high)


def _mu(fit: Mapping[str, Any]) -> str:
    return with_interval(fit["mu"], fit["mu_low"], fit["mu_high"]) if fit["status"] == OK else UNKNOWN


def _left_out(left_out: Mapping[str, Any]) -> str:
    """Which steps are not explained, because not every run has them."""
    steps, waiting = np.asarray(left_out["steps"]), np.asarray(left_out["waiting_times"])
    text = f"Left out, because not every run has a snapshot there: {counted(steps.size, 'step')}"
    text += f" from {steps.min():,} to {steps.max():,}" if steps.size > 1 else f", {steps[0]:,}"
    if waiting.size:
        text += f", among them the waiting times {', '.join(f'{tw:,}' for tw in waiting)}"
    return text + "."


def _notes(result: Mapping[str, Any]) -> Iterator[str]:
    if result["measured"]["status"] != OK:
        yield sentence(result["measured"]["status"])
    for name, words in TEMPERATURES.items():
        status = ((result["hopping"] or {}).get("predicted", {}).get(name) or {}).get("status", OK)
        if status != OK:
            yield f"Master equation, {words}: {status}."
    if result["replicas"] == 1 and result["measured"]["status"] != Status.TOO_FEW_RUNS:
        yield sentence(Status.TOO_FEW_RUNS)
    if not result["decomposition"]["exact_images"]:
        yield "Nearest images are found by a local search here: hops are upper bounds, images lower ones."
    if left_out := result.get("left_out"):
        yield _left_out(left_out)
    if reason := result.get("without_clock"):
        yield (
            f"A step of these runs is not the learning rate times a gradient ({reason}): the descent is by their own "
            "optimizer, and temperatures, rates of hops, quadratic models and soft modes are not given"
        ) + "."
    elif result["hopping"] is not None:
        yield "Departures and dwell times of the master equation are predictions for these runs, without intervals."
    yield rest(result)
