"""Runs whose grid is not complete, at the steps that all of them have."""

from dataclasses import replace

import numpy as np

from dynamics.runs._trajectories import Trajectories


def at_common_steps(runs: Trajectories) -> Trajectories:
    """The runs at the steps with a snapshot in every run; the runs themselves if every run has all.

    Waiting times are those among these steps, and lags those at which a pair of snapshots is left. Snapshots are then
    in memory.

    Raises
    ------
    ValueError
        If no waiting time, or no pair of snapshots, is left.
    """
    if runs.recorded.all():
        return runs
    steps = runs.common_steps
    waiting = runs.waiting_times[np.isin(runs.waiting_times, steps)]
    lags = runs.lags[np.isin(waiting[:, None] + runs.lags, steps).any(axis=0)]
    if not waiting.size or not lags.size:
        missing = (~runs.recorded).sum(axis=1)
        msg = (
            f"{runs.source} must have a waiting time and pairs of snapshots that all runs have; {steps.size} of "
            f"{runs.steps.size} steps are in every run, and run {missing.argmax()} lacks {missing.max()}: leave it out"
        )
        raise ValueError(msg)
    at = np.flatnonzero(np.isin(runs.steps, steps))
    snapshots = np.stack([np.asarray(runs.snapshots[r])[at] for r in range(runs.replicas)])
    moments = dict.fromkeys(("displacement", "fourth_moment", "layer_displacement"))
    return replace(runs, steps=steps, snapshots=snapshots, waiting_times=waiting, lags=lags, recorded=None, **moments)
