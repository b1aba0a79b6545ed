"""The aging of an ensemble in words: from the numbers that `age` reports."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bridge.commands._results import Summary, Table
from bridge.commands._words import (
    UNKNOWN,
    between,
    counted,
    data_in_words,
    fixed,
    in_a_cell,
    is_unknown,
    number,
    with_interval,
)
from dynamics.aging_times import CLOSE_AIC
from dynamics.statistics import Status, reason

OK = "ok"
OF_MEAN, OF_RUNS = "t* of the mean", "mean of t*"  # averages over the runs
OTHER = {OF_MEAN: ("mu of the mean of t*", "mu_runs_mean", "runs_mean_status"),
         OF_RUNS: ("mu of t* of the mean", "mu_of_mean", "of_mean_status")}  # fmt: skip
ERROR_OF_FIT = (
    "The error of the fit is that of the scatter of t* about the line, as if t* were a power law and its deviations "
    "independent; it says nothing of other runs."
)


def summarize_aging(result: Mapping[str, Any]) -> Summary:
    """What a person reads of one ensemble."""
    if result["threshold"] > result["largest_displacement"]:
        return _beyond_the_motion(result)
    return Summary(
        verdict=verdict(result) + _second_slope(result["crossover"]) + ".",
        facts=dict(_facts(result)),
        tables=[_times(result), *_averages(result)],
        notes=list(_notes(result)),
        files=_files(result),
    )


def _beyond_the_motion(result: Mapping[str, Any]) -> Summary:
    """What is said of a threshold that no displacement reaches: nothing else is determined at it."""
    most, threshold = result["largest_displacement"], result["threshold"]
    return Summary(
        verdict=f"No displacement reaches Delta* = {threshold:g}: the largest, a mean over the runs, is "
        f"{number(most, digits=3)}. Choose a smaller --threshold, or train longer runs.",
        facts={"runs": f"{result['replicas']:,}", **data_in_words(result)},
        notes=[rest(result)],
        files=_files(result),
    )


def summarize_realizations(result: Mapping[str, Any]) -> Summary:
    """What a person reads of several ensembles, one for each realization of the data."""
    rows = [
        (
            str(row["file"]),
            f"{row['replicas']:,}",
            with_interval(row["mu"], row["mu_low"], row["mu_high"]),
            with_interval(row["later_mu"], row["later_mu_low"], row["later_mu_high"]),
        )
        for row in result["realizations"]
    ]
    beyond = number(result["from_waiting_time"], "steps")
    return Summary(
        verdict=verdict(result) + f", over {counted(result['mu_realizations'], 'realization')} of the data.",
        facts={
            "mu beyond tw = " + beyond: with_interval(
                result["later_mu"], result["later_mu_low"], result["later_mu_high"]
            ),
            "standard deviation of mu over files": number(result["mu_sd"], "", 2),
            "standard deviation due to the runs": number(result["mu_within_sd"], "", 2),
            "standard deviation due to the data": number(result["mu_between_sd"], "", 2),
            "waiting times": between(result["waiting_times"], "steps"),
        },
        tables=[Table(("file", "runs", "mu", f"mu beyond {beyond}"), rows)],
        notes=[*([] if result["status"] == OK else [sentence(result["status"])]), rest(result)],
        files=_files(result),
    )


def verdict(result: Mapping[str, Any]) -> str:
    """The kind of aging and mu, e.g. "Subaging: mu = 0.78 [0.70, 0.86] at Delta* = 0.01"."""
    mu, low, high = (result[name] for name in ("mu", "mu_low", "mu_high"))
    at = f"at Delta* = {result['threshold']:g}"
    name = "mu of the mean of t*" if result["average"] == OF_RUNS else "mu"
    if is_unknown(mu):
        return f"The exponent {name} is not determined {at}"
    value = with_interval(mu, low, high, status=result["status"])
    return f"{kind_of_aging(low, high)}: {name} = {value} {at}{_caveat(result)}"


def _caveat(result: Mapping[str, Any]) -> str:
    """What must be said with mu: that it is a mean slope, or hangs on two waiting times."""
    used = int(np.isfinite(np.asarray(result["t_star"], dtype=float)).sum())
    if used == 2:
        return ", from two waiting times: that they are on a power law is not tested"
    if result["status"] != Status.NOT_A_POWER_LAW:
        return ""
    p_value = result.get("p_value")
    tested = "" if is_unknown(p_value) else f" (p = {p_value:.1g})"
    return f", a mean slope only: t*(tw) is not a power law{tested}"


def kind_of_aging(low: float | None, high: float | None) -> str:
    """What an interval of mu says: subaging below 1, simple aging around it, superaging above, no aging around 0."""
    if is_unknown(low) or is_unknown(high) or low is None or high is None:
        return "Whether it ages is not determined"
    if low <= 0.0 <= high:
        return "Whether it ages is not determined" if high >= 1.0 else "No aging is detected"
    if high < 0.0:
        return "The motion speeds up with age"
    if low > 1.0:
        return "Superaging"
    return "Subaging" if high < 1.0 else "Consistent with simple aging"


def _second_slope(crossover: Mapping[str, Any] | None) -> str:
    if crossover is None:
        return ""
    before, after = crossover["mu_before"], crossover["mu_after"]
    return (
        f"; two slopes fit better: mu = {fixed(before, 2)} up to tw = {crossover['waiting_time']:,} and "
        f"{fixed(after, 2)} beyond it, a change of {with_interval(after - before, *crossover['change_interval'])}"
    )


def _facts(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "runs", f"{result['replicas']:,}"
    if result["pairs"]["missing"]:
        yield "pairs of waiting time and lag", _pairs(result["pairs"])
    if result["replicas"] == 1:
        yield "mu, error of the fit alone", _scatter(result, "mu")
    else:
        title, name, status = OTHER[result["average"]]
        yield title, with_interval(*(result[f"{name}{end}"] for end in ("", "_low", "_high")), status=result[status])
    if "later_mu" in result:
        yield from _later(result)
    collapse, diffusion, scan = result["collapse"], result["diffusion"], result["threshold_scan"]
    yield "mu that collapses the curves", _exponent(collapse)
    yield "mu over thresholds", _flat(scan)
    yield "best-fitting law of t*(tw)", _laws(result["scaling_forms"])
    alpha = (diffusion[f"alpha{end}"] for end in ("", "_low", "_high"))
    yield "diffusion exponent alpha at long lags", with_interval(*alpha, status=diffusion["status"])
    for name, other in result.get("compared_with", {}).items():
        yield from _difference(name, other)
    if control := result.get("control"):
        yield "mu of the control", with_interval(control["mu"], control["mu_low"], control["mu_high"])
        yield "t* over that of the control", between(np.round(np.asarray(control["ratio"], float), 2))
    if rates := result.get("learning_rate_collapse"):
        yield "exponent of learning rate x steps", _exponent(rates)
    yield from data_in_words(result).items()


def _later(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Mu of the later waiting times."""
    title = "mu beyond tw = " + number(result["from_waiting_time"], "steps")
    ends = (result[f"later_mu{end}"] for end in ("", "_low", "_high"))
    yield title, with_interval(*ends, status=result["later_status"])
    if result["replicas"] == 1:
        yield f"{title}, error of the fit alone", _scatter(result, "later_mu")


def _scatter(result: Mapping[str, Any], name: str) -> str:
    """Mu with the error that the scatter of t* about the line gives: one run has no other."""
    ends = [result[f"{name}_scatter{end}"] for end in ("", "_low", "_high")]
    return with_interval(*ends, status=OK if not is_unknown(ends[1]) else Status.TWO_POINTS)


def _exponent(collapse: Mapping[str, Any]) -> str:
    """The exponent with which curves collapse, or come nearest to it."""
    status = collapse.get("status", OK)
    value = with_interval(collapse["exponent"], collapse["low"], collapse["high"], status=status)
    return value + "; they do not collapse" * (status == Status.DOES_NOT_COLLAPSE)


def _laws(forms: Mapping[str, Any]) -> str:
    """The law that fits best, or all that are not told apart from it."""
    best, supported = forms["best"], forms["supported"]
    if best is None or len(supported) < 2:
        return best or "none"
    return f"not told apart (AIC within {CLOSE_AIC:.0f} of the least): {', '.join(supported)}"


def _flat(scan: Mapping[str, Any]) -> str:
    """For which thresholds mu does not change."""
    flat = np.asarray(scan["flat"], dtype=bool)
    if not flat.any() or is_unknown(scan["mu_flat"]):
        return "changes with the threshold"
    levels = np.asarray(scan["thresholds"], dtype=float)[flat]
    value = with_interval(scan["mu_flat"], scan["mu_flat_low"], scan["mu_flat_high"], status=scan["status"])
    return f"{value} for Delta from {levels.min():.1e} to {levels.max():.1e}"


def _times(result: Mapping[str, Any]) -> Table:
    """What happens at t* of each waiting time; notes say why an interval is missing."""
    cells = [
        [_t_star(*each) for each in zip(*_ends(result, "t_star"), result["early"], result["censored"], strict=True)],
        [in_a_cell(*each, digits=2) for each in zip(*_ends(result, "local_slope"), strict=True)],
        [in_a_cell(*each, "%") for each in zip(*_ends(result["what_moves"], "drift_share"), strict=True)],
        [in_a_cell(*each, digits=1) for each in zip(*_ends(result, "effective_runs"), strict=True)],
    ]
    waiting = [f"{tw:,}" for tw in np.asarray(result["waiting_times"]).tolist()]
    own = "t*" if result["average"] == OF_MEAN else OF_RUNS
    columns = ("tw (steps)", f"{own} (steps)", "slope at t*", "drift at t* (%)", "effective runs")
    return Table(columns, list(zip(waiting, *cells, strict=True)))


def _averages(result: Mapping[str, Any]) -> list[Table]:
    """The other average over several runs, and where lags are missing the recorded ones between which t* is."""
    title, name = {OF_MEAN: (OF_RUNS, "t_star_runs_mean"), OF_RUNS: (OF_MEAN, "t_star_of_mean")}[result["average"]]
    columns: dict[str, list[str]] = {}
    if result["replicas"] > 1:
        columns[f"{title} (steps)"] = [in_a_cell(*each) for each in zip(*_ends(result, name), strict=True)]
    if result["pairs"]["missing"]:
        columns["between lags"] = [
            UNKNOWN if is_unknown(low) else f"{low:,.0f} ... {high:,.0f}"
            for low, high in np.asarray(result["t_star_between"], dtype=float)
        ]
        columns["of runs"] = [
            UNKNOWN if between == UNKNOWN else f"{n:,}"
            for between, n in zip(columns["between lags"], np.asarray(result["t_star_of_runs"]).tolist(), strict=True)
        ]
    waiting = [f"{tw:,}" for tw in np.asarray(result["waiting_times"]).tolist()]
    return [Table(("tw (steps)", *columns), list(zip(waiting, *columns.values(), strict=True)))] if columns else []


def _pairs(pairs: Mapping[str, Any]) -> str:
    """Which pairs there were."""
    text = f"{pairs['recorded']:,} of {pairs['of']:,} were recorded"
    return text + ("" if pairs["in_all_runs"] == pairs["recorded"] else f", {pairs['in_all_runs']:,} in all runs")


def _difference(name: str, other: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Two exponents and whether they differ."""
    yield f"mu of {name}", with_interval(other["mu"], other["mu_low"], other["mu_high"])
    parts = (other["difference"], other["difference_low"], other["difference_high"])
    p_value = other["p_value"]
    tested = "" if is_unknown(p_value) else f", p = {p_value:.2g}" + (", run by run" if other["paired"] else "")
    yield f"mu minus that of {name}", with_interval(*parts, status=other["status"]) + tested


def _ends(part: Mapping[str, Any], name: str) -> tuple[Any, Any, Any]:
    """Numbers (W,) and the ends of their intervals."""
    low, high = np.asarray(part[f"{name}_interval"], dtype=float).T
    return np.asarray(part[name], dtype=float), low, high


def _t_star(value: float, low: float, high: float, early: bool, censored: bool) -> str:
    """A t*, or why there is none."""
    if is_unknown(value):
        why = "beyond the runs" if censored else "below the first lag" if early else ""
        return f"{UNKNOWN}: {why}" if why else UNKNOWN
    return in_a_cell(value, low, high)


def _notes(result: Mapping[str, Any]) -> Iterator[str]:
    """What is not as it should be, and what to do about it."""
    if result["status"] != OK:
        yield sentence(result["status"])
    if result["replicas"] == 1:
        if result["status"] != Status.TOO_FEW_RUNS:
            yield sentence(Status.TOO_FEW_RUNS)
        yield ERROR_OF_FIT
    low = np.asarray(result["t_star_interval"], dtype=float)[:, 0]
    if result["replicas"] > 1 and (np.isnan(low) & np.isfinite(np.asarray(result["t_star"], dtype=float))).any():
        yield f"Some t* have no interval: {reason(Status.NO_INTERVAL)}."
    parts = {
        "threshold_scan": "Thresholds",
        "collapse": "Collapse",
        "diffusion": "Diffusion",
        "scaling_forms": "Laws of t*(tw)",
        "what_moves": "Drift and noise",
    }
    for name, title in parts.items():
        if (status := result[name].get("status", OK)) not in (OK, Status.TOO_FEW_RUNS):  # which is said above
            yield f"{title}: {status}."
    yield rest(result)


def rest(result: Mapping[str, Any]) -> str:
    """Where everything else is."""
    drawn = result.get("output") is not None
    return "--json prints every number." if drawn else "--output F.svg draws the curves; --json prints every number."


def sentence(text: str) -> str:
    """A status as a sentence."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _files(result: Mapping[str, Any]) -> dict[str, Any]:
    return {"figure": result["output"]} if result.get("output") else {}
