"""What `explain` says in numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.explanation import (
    Explanation,
    Hopping,
    HoppingComparison,
    changed_at_t_star,
    exponential_rate,
    known_at_t_star,
    mean_dwell_time,
    mean_of_covered,
    nearest_lags,
    runs_changed_at_t_star,
    shares_at_t_star,
)
from bridge.mapping import UNKNOWN
from dynamics.aging_times import Aging, Agreement
from landscape.support import in_numbers


def describe_explanation(found: Explanation) -> dict[str, Any]:
    """Every number of an explanation but the displacements themselves."""
    return {
        "waiting_times": found.msd.waiting_times,
        "measured": describe_fit(found.fit),
        "relaxation": _describe_relaxations(found),
        "decomposition": _describe_decomposition(found),
        "jumps": _describe_jumps(found),
        "predicted_jumps": _describe_predicted(found),
        "hopping": None if found.hopping is None else describe_hopping(found.hopping),
        "threshold": found.fit.threshold,
        "replicas": found.msd.replicas,
        "method": found.quenched.method,
        **({"without_clock": found.without_clock} if found.without_clock else {}),
        **_describe_left_out(found),
    }


def _describe_left_out(found: Explanation) -> dict[str, Any]:
    """Steps that not all runs have; nothing of complete runs."""
    steps, waiting = found.left_out, found.waiting_times_left_out
    return {"left_out": {"steps": steps, "waiting_times": waiting}} if steps.size else {}


def _describe_relaxations(found: Explanation) -> dict[str, dict[str, Any]]:
    relaxations = {name: describe_agreement(both) for name, both in found.agreements.items()}
    for name, model in found.models.items():
        relaxations[name] |= {
            "anharmonicity": _over_known(np.median, model.anharmonicity, model.known),
            "distance": _over_known(np.median, model.distances, model.known),
            "negative_eigenvalues": _over_known(np.mean, model.negative, model.known),
            "zero_modes": int(model.zero.max()),
            "unstable_modes": _over_known(np.mean, model.unstable, model.known),
            "ran_away": found.ran_away[name],
        }
    return relaxations


def _describe_decomposition(found: Explanation) -> dict[str, Any]:
    at, lags, shares = nearest_lags(found), found.decomposition.total.lags, shares_at_t_star(found)
    changed = {
        "changed_basin": runs_changed_at_t_star(found),
        "known_runs": np.where(at >= 0, known_at_t_star(found), np.nan),
        "share_of_changed": changed_at_t_star(found),
    }
    return {
        "lags": np.where(at >= 0, lags[at], 0),
        "shares": {name: share.value for name, share in shares.items()},
        "shares_interval": {name: np.stack(share.interval, axis=-1) for name, share in shares.items()},
        **in_numbers(changed),
        "exact_images": found.decomposition.exact_images,
        "parts": {name: describe_fit(fit) for name, fit in found.parts.items()},
    }


def _describe_jumps(found: Explanation) -> dict[str, Any]:
    jumps = found.jumps
    at_risk = jumps.exposures * np.diff(jumps.steps)
    return {
        "steps": jumps.steps,
        "jumps": jumps.jumps,
        "runs": jumps.exposures,
        "to_images": jumps.images,
        "unplaced": jumps.unplaced,
        **in_numbers({"rate": exponential_rate(at_risk, jumps.jumps)}),
    }


def _over_known(average: Callable[..., Any], values: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Average (W,) over the runs (R, W) that are known; nan without any."""
    columns = [column[chosen] for column, chosen in zip(values.T, known.T, strict=True)]
    return np.array([average(column) if column.size else np.nan for column in columns], dtype=np.float64)


def describe_fit(fit: Aging) -> dict[str, Any]:
    """What a figure of t* shows, and the status."""
    names = (
        "threshold", "t_star", "t_star_runs_mean", "t_star_runs_at_least", "mu", "p_value",
    )  # fmt: skip
    numbers = in_numbers({name: getattr(fit, name) for name in names})
    return numbers | {"mu_runs_mean": fit.mu_runs_mean.value, "average": fit.average, "status": str(fit.status)}


def describe_agreement(both: Agreement) -> dict[str, Any]:
    """The predicted fit and how it compares."""
    names = (
        "share",
        "t_star_ratio",
        "mu_difference",
        "correlation",
        "deviation",
        "holds_from",
        "tolerance",
    )
    compared = in_numbers({name: getattr(both, name) for name in names})
    holds = [held if known else None for held, known in zip(both.holds.tolist(), both.compared.tolist(), strict=True)]
    return describe_fit(both.predicted) | compared | {"holds": holds, "agreement": str(both.status)}


def _describe_predicted(found: Explanation) -> dict[str, Any] | None:
    predicted = found.predicted_jumps
    if predicted is None:
        return None
    ratios, at = predicted.barrier_over_temperature, np.searchsorted(found.quenched.steps, found.msd.waiting_times)
    return {
        "known_minima": float((predicted.minimum_ids != UNKNOWN).mean()),
        "with_exits": float(predicted.with_exits.mean()),
        "expected": predicted.expected,
        "measured": int(found.jumps.jumps.sum()),
        "barriers": np.quantile(predicted.barriers, [0.1, 0.5, 0.9]) if predicted.barriers.size else [],
        "rates": {name: rates[at] for name, rates in predicted.rates.items()},
        "displacement_rates": {name: rates[at] for name, rates in predicted.displacement_rates.items()},
        "barrier_over_temperature": {
            name: np.quantile(values, [0.1, 0.5, 0.9]) if values.size else [] for name, values in ratios.items()
        },
    }


def describe_hopping(found: HoppingComparison) -> dict[str, Any]:
    """Dwell times, correlation, displacement and t* of the hops, observed and predicted."""
    seen = found.observed
    total = mean_dwell_time(float(seen.stays.sum()), int(seen.departures.sum()))
    return {
        **in_numbers({"coverage": found.coverage}),
        "observed": {
            "lags": seen.lags,
            **in_numbers({"same": seen.same}),
            "minimum_ids": seen.minimum_ids,
            "dwell_times": seen.dwell_times.value,
            "departures": int(seen.departures.sum()),
            "dwell_time": total.value,
            "dwell_low": total.low,
            "dwell_high": total.high,
            "inherent": describe_fit(found.fits["inherent"]),
            "raw": describe_fit(found.fits["raw"]),
        },
        "predicted": {
            name: _describe_predicted_hops(hopping)
            | {"departures": found.expected_departures[name], "dwell_time": found.dwell_times[name]}
            | {"fit": describe_fit(found.fits[name])}
            for name, hopping in found.predicted.items()
        },
    }


def _describe_predicted_hops(hopping: Hopping) -> dict[str, Any]:
    return {
        "status": str(hopping.status),
        "lags": hopping.lags,
        "same": hopping.same,
        "displacement": mean_of_covered(hopping.displacement.values, hopping.covered),
        "left_out": float(np.nanmax(hopping.left_out, initial=0.0)),
        "dwell_times": hopping.dwell_times,
        "low_barriers": hopping.low_barriers,
    }
