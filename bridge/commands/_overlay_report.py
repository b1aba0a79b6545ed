"""What `overlay` says in numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.mapping import InherentStructures, SnapshotStatus
from bridge.residence import (
    SHARE,
    Dwells,
    Jumps,
    JumpSearch,
    barriers_from,
    compare_maps,
    departures,
    dwells,
    history,
    jumps_per_run,
    median_dwell,
    median_of_runs,
    overlap_of_runs,
    persistence,
    residual_dwells,
    shared_minima,
    superbasin_shares,
)
from dynamics.aging_times import aging
from dynamics.runs import Trajectories
from dynamics.statistics import NOT_NEGATIVE, Status
from landscape.database import Database
from landscape.losses import Loss
from landscape.support import in_numbers


def describe_overlay(structures: InherentStructures, hops: Jumps, database: Database) -> dict[str, Any]:
    """All numbers on the visits of an ensemble that JSON carries, beside those of `summary`."""
    stays = dwells(structures)
    return {
        "statuses": {status.name.lower(): structures.count(status) for status in SnapshotStatus},
        "unmapped": _unmapped(structures),
        "snapshot_steps": structures.steps,
        "sequences": _sequences(stays),
        "jump_list": _jump_list(hops),
        "dwell_times": _dwell_times(stays, structures),
        "history": _history(structures),
        "superbasins": _superbasins(stays, database),
    }


def summary(structures: InherentStructures, hops: Jumps) -> dict[str, Any]:
    """The numbers that a line can hold."""
    stays, past, runs = dwells(structures), history(structures), len(structures.minimum_ids)
    return in_numbers({
        "mapped": structures.mapped,
        "snapshots": structures.minimum_ids.size,
        "saddles": structures.count(SnapshotStatus.SADDLE),
        "runaway": structures.count(SnapshotStatus.RUNAWAY),
        "not_converged": structures.count(SnapshotStatus.NOT_CONVERGED),
        "new_minima": len(structures.new_ids),
        "distinct_minima_visited": past.minimum_ids.size,
        "jumps": hops.runs.size,
        "jumps_per_run": jumps_per_run(hops, runs),
        "direct_jumps": hops.direct,
        "connected_jumps": hops.connected,
        "median_dwell": median_dwell(stays, runs),
        "longest_snapshot_interval": int(np.diff(structures.steps).max(initial=0)),
        "return_probability": past.return_probability,
        "mean_overlap": overlap_of_runs(shared_minima(structures)),
    })  # fmt: skip


def describe_barriers(
    hops: Jumps, loss: Loss, found: JumpSearch, *, runs: Trajectories, database: Database
) -> dict[str, Any]:
    """Barriers of the jumps with a known transition state, above the minimum left and above the run."""
    seen = barriers_from(hops, loss, runs=runs, database=database)
    known = hops.transition_states > 0
    # a transition state is never below its minimum, but a run may be above it
    of_minimum = median_of_runs(hops.barriers[known], hops.runs[known], runs.replicas, within=NOT_NEGATIVE)
    of_run = median_of_runs(seen[known], hops.runs[known], runs.replicas)
    return {
        "jumps_searched": found.searched,
        "transition_states_from_jumps": found.transition_states,
        "minima_from_jumps": found.minima,
        "barriers_from_run": seen,
        **in_numbers({"median_barrier": of_minimum, "median_barrier_from_run": of_run}),
    }


def describe_departures(structures: InherentStructures, waiting_times: NDArray[np.int64]) -> dict[str, Any]:
    """Time until a fifth of the runs has left the minimum of age tw, and its exponent; {} if no age is followed."""
    ages = np.intersect1d(waiting_times, structures.steps[:-1])
    if not ages.size:
        return {}
    fit = aging(departures(structures, ages), SHARE)
    return {
        "departures": {
            "share": SHARE,
            "waiting_times": ages,
            **in_numbers({"t_star": fit.t_star}),
            "mu": fit.mu.value,
            "interval": fit.mu.interval,
            "status": _status(fit.status),
        }
    }


def _status(status: str) -> str:
    """Why the departures have no exponent, and what to do: the share of the runs stands for the threshold."""
    if status == Status.THRESHOLD_TOO_LARGE:
        left = f"{SHARE:.0%} of the runs leave their basin before the last snapshot"
        return f"mu is not defined, because {left} at fewer than two waiting times; train longer runs"
    if status == Status.AMBIGUOUS:
        back = f"runs return, so that their share out of the basin falls below {SHARE:.0%} again"
        return f"the time is ambiguous: {back}; train more replicas"
    reason, semicolon, _ = status.partition(";")
    return f"{reason}; train longer runs or more replicas" if semicolon else reason


def describe_maps(maps: Sequence[InherentStructures], *, by_step: bool) -> dict[str, Any]:
    """Share of the snapshots that the flow and the fast quench send to different minima; {} for a single map."""
    if len(maps) < 2:
        return {}
    found = compare_maps(*maps)
    steps = {"steps": found.steps, "compared": found.compared, "different": found.different}
    return in_numbers({"maps_disagree": found.share}) | ({"maps_disagree_by_step": steps} if by_step else {})


def _unmapped(structures: InherentStructures) -> list[dict[str, Any]]:
    rows = np.argwhere(~structures.known).tolist()
    return [{"run": r, "step": int(structures.steps[s]), "status": structures.statuses[r, s].value} for r, s in rows]


def _sequences(stays: Dwells) -> list[dict[str, Any]]:
    result = []
    for run in np.unique(stays.runs).tolist():
        own = stays.runs == run
        result.append({
            "run": run,
            "minima": stays.minimum_ids[own],
            "begins": stays.begins[own],
            "dwell_times": stays.lengths[own],
            "shortest": stays.shortest[own],
            "longest": stays.longest[own],
            "left_censored": stays.left_censored[own].tolist(),
            "right_censored": stays.right_censored[own].tolist(),
        })  # fmt: skip
    return result


def _jump_list(hops: Jumps) -> list[dict[str, Any]]:
    columns = zip(
        hops.runs.tolist(), hops.left.tolist(), hops.entered.tolist(), hops.sources.tolist(), hops.targets.tolist(),
        hops.transition_states.tolist(), hops.barriers.tolist(), hops.path_barriers.tolist(), hops.statuses,
        strict=True,
    )  # fmt: skip
    return [
        {"run": run, "left": left, "entered": entered, "source": source, "target": target,
         "transition_state": state or None, "barrier": barrier, "path_barrier": highest,
         "status": status.value}
        for run, left, entered, source, target, state, barrier, highest, status in columns
    ]  # fmt: skip


def _dwell_times(stays: Dwells, structures: InherentStructures) -> dict[str, Any]:
    """Distribution for each age: the survival function and median of what is left of the stay."""
    left = residual_dwells(stays, structures.steps)
    curves = [left.survival(w) for w in range(left.waiting_times.size)]
    return {
        "note": "known to the interval between snapshots; a stay lasts from half-way to half-way",
        "waiting_times": left.waiting_times.astype(np.int64),
        "median_residual": left.medians,
        "outlast_the_record": left.censored.sum(axis=0),
        "survival_times": [times for times, _ in curves],
        "survival": [probabilities for _, probabilities in curves],
    }


def _history(structures: InherentStructures) -> dict[str, Any]:
    past, later = history(structures), persistence(structures, structures.steps)
    return {
        "mean_loss": past.mean_loss,
        "low_loss": past.low_loss,
        "high_loss": past.high_loss,
        "distinct_mean": past.distinct.mean(axis=0),
        "distinct_of_all": past.distinct_of_all,
        "minimum_ids": past.minimum_ids,
        "first_visits": past.first_visits,
        "same_minimum": later.same,
        "returned": later.returned,
    }


def _superbasins(stays: Dwells, database: Database) -> list[dict[str, Any]]:
    shares = superbasin_shares(stays, database)
    rows = zip(
        shares.levels.tolist(), shares.n_superbasins.tolist(), shares.superbasins, shares.shares,
        shares.above.tolist(), shares.effective.tolist(), strict=True,
    )  # fmt: skip
    return [
        {"level": level, "superbasins": n, "visited": visited, "shares": part, "above": above, "effective": effective}
        for level, n, visited, part, above, effective in rows
    ]
