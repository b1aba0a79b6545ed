"""The visits of an ensemble in words: from the numbers that `overlay` reports."""

from collections.abc import Mapping
from typing import Any

from bridge.commands._results import Summary
from bridge.commands._words import (
    UNKNOWN,
    counted,
    data_in_words,
    estimated,
    is_unknown,
    loss_unit,
    share,
    with_interval,
)

OK = "ok"


def summarize(result: Mapping[str, Any]) -> Summary:
    """What a person reads of the visits."""
    mapped, snapshots, minima = (result[name] for name in ("mapped", "snapshots", "distinct_minima_visited"))
    new = result["new_minima"]
    added = f"{counted(new, 'minimum was', 'minima were')} new and added to the database" if new else "none of them new"
    interval = result["longest_snapshot_interval"]
    files = {"figure": result["output"]} | ({"figure over time": result["over_time"]} if "over_time" in result else {})
    notes = [
        "Dwell times are known to the interval between snapshots only "
        f"(at most {counted(interval, 'step')}); map more with --snapshots all."
    ]
    if (departures := result.get("departures")) and departures["status"] != OK:
        notes.append(f"Departures: {departures['status']}.")
    return Summary(
        verdict=f"{mapped:,} of {counted(snapshots, 'snapshot')} of {counted(result['replicas'], 'run')} map to "
        f"{counted(minima, 'minimum', 'minima')}; {added}. {_jumps(result)}",
        facts=dict(_facts(result)),
        notes=notes,
        files=files,
    )


def _jumps(result: Mapping[str, Any]) -> str:
    jumps = result["jumps"]
    if not jumps:
        return "No run changes its minimum."
    direct, several = result["direct_jumps"], result["connected_jumps"] - result["direct_jumps"]
    ways = f"{direct:,} across one known transition state, {several:,} across several"
    if unknown := jumps - result["connected_jumps"]:
        ways += f", {unknown:,} across none known"
    return f"Runs change their minimum {counted(jumps, 'time')}: {ways}."


def _facts(result: Mapping[str, Any]) -> dict[str, str]:
    unmapped = f"{result['saddles']:,} at a saddle, {result['not_converged']:,} not converged"
    runs = result["replicas"]
    facts = {
        "snapshots without a minimum": unmapped,
        "jumps per run": estimated(result, "jumps_per_run", runs=runs, digits=3),
        "median dwell time": estimated(result, "median_dwell", "steps", runs=runs),
        "probability to return to a minimum": estimated(result, "return_probability", "%", runs=runs),
        "minima that two runs share, on average": estimated(result, "mean_overlap", "%", runs=runs),
    }
    if result["jumps_searched"]:
        new = counted(result["transition_states_from_jumps"], "new transition state")
        minima = counted(result["minima_from_jumps"], "new minimum", "new minima")
        facts["searches from jumps"] = f"{result['jumps_searched']:,}, which found {new} and {minima}"
    if result["direct_jumps"]:
        facts["barrier above the minimum that is left, median"] = estimated(
            result, "median_barrier", loss_unit(result), runs=runs
        )
        above = estimated(result, "median_barrier_from_run", loss_unit(result), runs=runs)
        facts["barrier above the loss of the run, median"] = above
    if departures := result.get("departures"):
        facts[f"mu of the time until {share(departures['share'])} of the runs left their basin"] = _mu(departures)
    if not is_unknown(result.get("maps_disagree")):
        facts["snapshots where flow and lbfgs disagree"] = estimated(result, "maps_disagree", "%", runs=runs)
    return facts | data_in_words(result)


def _mu(departures: Mapping[str, Any]) -> str:
    return UNKNOWN if departures["status"] != OK else with_interval(departures["mu"], *departures["interval"])
