"""What the command `age` says of an analysis: plain dictionaries for its JSON."""

import dataclasses
from typing import Any

from dynamics.aging_times import AgingAnalysis, Collapse, Control


def describe_analysis(analysis: AgingAnalysis) -> dict[str, Any]:
    """Every number of an analysis but the displacements themselves."""
    fit, scan, moves, forms = analysis.fit, analysis.scan, analysis.moves, analysis.forms
    return {
        "waiting_times": fit.waiting_times,
        "t_star": fit.t_star,
        "t_star_interval": fit.t_star_interval,
        "t_star_last": fit.t_star_last,
        "ambiguous": fit.ambiguous,
        "t_star_runs_mean": fit.t_star_runs_mean,
        "t_star_runs_at_least": fit.t_star_runs_at_least,
        "censored": fit.censored,
        "censored_runs": fit.censored_runs,
        "effective_runs": fit.effective_runs,
        "local_slope": fit.local_slope,
        "mu": fit.mu,
        "mu_low": fit.mu_low,
        "mu_high": fit.mu_high,
        "mu_last": fit.mu_last,
        "p_value": fit.p_value,
        "worst_misfit": fit.worst_misfit,
        "mu_runs_mean": fit.mu_runs_mean,
        "mu_runs_mean_low": fit.mu_runs_mean_low,
        "mu_runs_mean_high": fit.mu_runs_mean_high,
        "runs_mean_status": str(fit.runs_mean_status),
        "crossover": None if fit.crossover is None else dataclasses.asdict(fit.crossover),
        "threshold_scan": _fields(scan, drop=("confidence",)) | {"window": scan.window},
        "collapse": describe_collapse(analysis.collapse),
        "local_slope_curve": _fields(analysis.slope, drop=("waiting_times", "confidence")),
        "diffusion": _fields(analysis.diffusion, drop=("waiting_times", "confidence")),
        "scaling_forms": _fields(forms),
        "what_moves": _fields(moves, drop=("waiting_times", "t_star", "confidence")),
        "threshold": fit.threshold,
        "replicas": analysis.msd.replicas,
        "status": str(fit.status),
    }


def describe_collapse(result: Collapse) -> dict[str, Any]:
    """Exponent, interval and distances of a collapse; its window is None where nothing bounds it."""
    return _fields(result, drop=("exponents", "distances", "confidence"))


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


def _fields(result: Any, drop: tuple[str, ...] = ()) -> dict[str, Any]:
    """Fields of a result as they are, statuses as text."""
    values = {field.name: getattr(result, field.name) for field in dataclasses.fields(result) if field.name not in drop}
    return {name: str(value) if name == "status" else value for name, value in values.items()}
