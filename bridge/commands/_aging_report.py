"""What the command `age` says of an analysis: plain dictionaries for its JSON."""

import dataclasses
from typing import Any

import numpy as np

from dynamics.aging_times import Aging, AgingAnalysis, Collapse, Control, ExponentDifference, crossover_numbers
from dynamics.displacement import MeanSquareDisplacement
from landscape.support import in_numbers


def describe_analysis(analysis: AgingAnalysis) -> dict[str, Any]:
    """Every number of an analysis but the displacements themselves."""
    fit, scan, moves, forms = analysis.fit, analysis.scan, analysis.moves, analysis.forms
    numbers = {
        "waiting_times": fit.waiting_times,
        "average": fit.average,
        "t_star": fit.t_star,
        "t_star_between": fit.t_star_between,
        "t_star_of_runs": fit.t_star_of_runs,
        "t_star_last": fit.t_star_last,
        "ambiguous": fit.ambiguous,
        "t_star_runs_mean": fit.t_star_runs_mean,
        "t_star_runs_at_least": fit.t_star_runs_at_least,
        "censored": fit.censored,
        "early": fit.early,
        "censored_runs": fit.censored_runs,
        "effective_runs": fit.effective_runs,
        "local_slope": fit.local_slope,
        "mu": fit.mu,
        "mu_last": fit.mu_last,
        "mu_scatter": fit.mu_scatter,
        "t_star_of_mean": fit.t_star_of_mean,
        "mu_of_mean": fit.mu_of_mean,
        "of_mean_status": str(fit.mu_of_mean.status),
        "p_value": fit.p_value,
        "worst_misfit": fit.worst_misfit,
        "mu_runs_mean": fit.mu_runs_mean,
        "runs_mean_status": str(fit.mu_runs_mean.status),
        "crossover": crossover_numbers(fit.crossover),
        "threshold_scan": _fields(scan, drop=("confidence",)) | {"window": scan.window, "status": str(scan.status)},
        "collapse": describe_collapse(analysis.collapse),
        "local_slope_curve": _fields(analysis.slope, drop=("waiting_times", "confidence"), bare="slope"),
        "diffusion": _fields(analysis.diffusion, drop=("waiting_times", "confidence"))
        | {"status": str(analysis.diffusion.status)},
        "scaling_forms": _fields(forms),
        "what_moves": _fields(moves, drop=("waiting_times", "t_star", "confidence")),
        "pairs": describe_pairs(analysis.msd),
        "threshold": fit.threshold,
        "largest_displacement": float(np.nanmax(analysis.msd.mean)),
        "replicas": analysis.msd.replicas,
        "status": str(fit.status),
    }
    return in_numbers(numbers)


def describe_later(fit: Aging, from_waiting_time: float) -> dict[str, Any]:
    """The exponent of the later waiting times."""
    numbers = {
        "from_waiting_time": from_waiting_time,
        "later_waiting_times": fit.waiting_times,
        "later_mu": fit.mu,
        "later_mu_scatter": fit.mu_scatter,
        "later_p_value": fit.p_value,
        "later_status": str(fit.status),
    }
    return in_numbers(numbers)


def describe_pairs(msd: MeanSquareDisplacement) -> dict[str, Any]:
    """How many pairs of waiting time and lag were recorded; which, if some are missing within the runs."""
    runs = msd.runs_per_pair
    missing = msd.has_gaps or not msd.is_complete
    numbers = {"of": runs.size, "recorded": int((runs > 0).sum()), "in_all_runs": int((runs == msd.replicas).sum())}
    return numbers | {"missing": missing} | ({"lags": msd.lags, "runs": runs} if missing else {})


def describe_collapse(result: Collapse) -> dict[str, Any]:
    """Exponent, interval and distances of a collapse; its window is None where nothing bounds it."""
    drop = ("exponents", "distances", "confidence")
    return _fields(result, drop=drop, bare="exponent") | {"status": str(result.status)}


def describe_control(analysis: AgingAnalysis, comparison: Control) -> dict[str, Any]:
    """The control's own analysis in short, and beside that of the runs."""
    own = describe_analysis(analysis)
    kept = (
        "t_star",
        "t_star_interval",
        "mu",
        "mu_low",
        "mu_high",
        "crossover",
        "local_slope",
        "collapse",
        "what_moves",
    )
    return {"replicas": own["replicas"]} | {name: own[name] for name in kept} | _fields(comparison)


def describe_difference(result: ExponentDifference, other: AgingAnalysis) -> dict[str, Any]:
    """The test whether two exponents differ, and the other's exponents."""
    exponents = {"mu": other.fit.mu, "mu_runs_mean": other.fit.mu_runs_mean, "replicas": other.msd.replicas}
    return _fields(result, drop=("mu_a", "mu_b", "confidence", "threshold")) | {
        **in_numbers(exponents),
        "status": str(result.status),
    }


def _fields(result: Any, drop: tuple[str, ...] = (), bare: str = "") -> dict[str, Any]:
    """Fields of a result in numbers, statuses as text; the ends of the estimate `bare` are low and high."""
    values = {field.name: getattr(result, field.name) for field in dataclasses.fields(result) if field.name not in drop}
    if bare:
        only = values[bare]
        values |= {bare: only.value, "low": only.low, "high": only.high}
    return in_numbers({name: str(value) if name == "status" else value for name, value in values.items()})
