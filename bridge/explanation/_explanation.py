"""Measured displacement and its explanations: relaxation without barriers, and hops between basins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.explanation._clock import without_clock
from bridge.explanation._decomposition import Decomposition, decompose, decomposition_steps, ratio
from bridge.explanation._descent import descent_displacement, descent_optimizer
from bridge.explanation._hopping_comparison import HoppingComparison, compare_hopping
from bridge.explanation._kinetics import JumpRates, PredictedJumps, jump_rates, predicted_jumps
from bridge.explanation._relaxation import Relaxation, relaxation
from bridge.mapping import QuenchedSnapshots, quenched_snapshots
from dynamics.aging_times import Aging, Agreement, aging, agreement
from dynamics.displacement import MeanSquareDisplacement, mean_square_displacement, of_known
from dynamics.runs import Trajectories, at_common_steps
from dynamics.training import optimizer_of_noise
from landscape.database import Database
from landscape.descent import Method
from landscape.losses import DataLoss
from landscape.support import RNG, Result, seed_of

Array = NDArray[np.float64]

RELAXATIONS = ("descent", "local", "own_minimum", "last_minimum")


@dataclass(frozen=True, eq=False)
class Explanation(Result, shows=("fit.mu", "fit.threshold")):
    """Result of `explain`.

    Parameters
    ----------
    msd : MeanSquareDisplacement
        The measured displacement.
    fit : Aging
        Its t* and mu.
    predictions : dict of str to MeanSquareDisplacement
        Predictions by relaxation: "descent" (without noise, from theta(tw)), and, for plain SGD, quadratic models
        around theta(tw) ("local"), around the minimum whose basin contains theta(tw) ("own_minimum") and around that
        of the last snapshot ("last_minimum").
    agreements : dict of str to Agreement
        Agreement of each with the measured displacement.
    models : dict of str to Relaxation
        The quadratic models in full.
    ran_away : dict of str to (W,) float64
        Share of the runs for which a quadratic model predicts a loss below zero by t* (`Relaxation.ran_away`). If it
        is not 0, share and deviation are undetermined, because a mean over exponentials is meaningless.
    quenched : QuenchedSnapshots
    decomposition : Decomposition
        On fewer lags.
    parts : dict of str to Aging
        t* and mu of each part of the displacement, each with its own threshold if it does not reach the common one.
    jumps : JumpRates
        Measured changes of basin.
    predicted_jumps : PredictedJumps or None
        None without a database.
    hopping : HoppingComparison or None
        Master-equation prediction of hopping, with the observed hops. None without a database.
    without_clock : str
        Why the learning rate is no clock of the runs, such as "optimizer = 'adam'"; "" for plain SGD. Then there are
        no quadratic models, no soft and stiff modes and no rates: displacement, descent by the same optimizer, basins,
        barriers and observed hops remain.
    left_out : (L,) int64
        Steps with a snapshot in some runs but not in all, which are not explained.
    waiting_times_left_out : (K,) int64
        The waiting times among them.
    """

    msd: MeanSquareDisplacement
    fit: Aging
    predictions: Mapping[str, MeanSquareDisplacement]
    agreements: Mapping[str, Agreement]
    models: Mapping[str, Relaxation]
    ran_away: Mapping[str, Array]
    quenched: QuenchedSnapshots
    decomposition: Decomposition
    parts: Mapping[str, Aging]
    jumps: JumpRates
    predicted_jumps: PredictedJumps | None
    hopping: HoppingComparison | None
    without_clock: str = ""
    left_out: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    waiting_times_left_out: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


@dataclass(frozen=True)
class Quenches:
    """Settings of the quenches behind an explanation.

    Parameters
    ----------
    lags : int
        Number of lags at which snapshots are quenched, evenly spaced in the logarithm over two decades up to the
        longest; at least 2.
    method : {"flow", "lbfgs"}
        Method of the quench.
    path : path, optional
        Folder of finished quenches, which `bridge.mapping.inherent_structures` can share.
    """

    lags: int = 8
    method: Method = "flow"
    path: Path | None = None


def explain(
    runs: Trajectories,
    loss: DataLoss,
    *,
    database: Database | None = None,
    threshold: float = 1e-2,
    tolerance: float = 0.2,
    longest: int | None = None,
    quenches: Quenches | None = None,
    store: Path | None = None,
    rng: RNG = 0,
    jobs: int = 1,
    progress: Callable[[str, int, int], object] | None = None,
) -> Explanation:
    """Measure, predict and decompose the displacement of an ensemble.

    Parameters
    ----------
    runs : Trajectories
        Runs that `train` or `train_module` made, by any optimizer (see `Explanation.without_clock`). Of runs whose
        grid is not complete, the steps that all of them have (`dynamics.runs.at_common_steps`).
    loss : MLPLoss or TorchLoss
        The loss that they descend.
    database : Database, optional
        Minima and transition states for the predicted rate of hops; nothing is added.
    threshold, tolerance
        Threshold of t*, and tolerance of `dynamics.aging_times.agreement`.
    longest : int, optional
        Longest lag of descent and decomposition; by default the last waiting time, which usually exceeds t*.
    quenches : Quenches, optional
        Which snapshots are quenched, and how; by default ``Quenches()``.
    store : path, optional
        Folder for finished descents, noises and, unless `quenches` name another, quenches.
    rng : None, int or Generator
        Random numbers of the bootstrap.
    jobs : int
        Number of workers; it does not change the result.
    progress : callable (what, done, total), optional

    Raises
    ------
    ValueError
        If an argument is out of range, or does not belong to the runs. Insufficient data give a status of the parts.
    """
    rng, quenches, given = seed_of(rng), quenches or Quenches(), runs
    descent_optimizer(runs)  # before anything is quenched
    runs = at_common_steps(runs)
    reason = without_clock(runs)
    report = progress or (lambda what, done, total: None)
    msd = mean_square_displacement(runs)
    longest = int(runs.waiting_times[-1]) if longest is None else int(longest)
    quenched = _quenched(runs, loss, quenches, longest, store, jobs=jobs, progress=partial(report, "quench"))
    models = {} if reason else _models(runs, loss, quenched, jobs)
    fallen = descent_displacement(
        runs,
        loss,
        longest=longest,
        path=None if store is None else store / ("descent" if reason else f"descent-{runs.replicas}-{longest}.h5"),
        jobs=jobs,
        progress=partial(report, "descend"),
    )
    predictions = {"descent": fallen} | {name: model.msd for name, model in models.items()}
    parted = decompose(runs, loss, quenched, jobs=jobs, progress=partial(report, "decompose"))
    counted, hopping = None, None
    if database is not None:
        of_noise = quenched, loss, database, None if reason else optimizer_of_noise(runs.metadata)
        temperatures = None if store is None else store / "temperatures"
        counted = predicted_jumps(*of_noise, path=temperatures, jobs=jobs)
        hopping = compare_hopping(
            *of_noise,
            minimum_ids=counted.minimum_ids,
            msd=msd,
            parted=parted,
            threshold=threshold,
            path=temperatures,
            rng=rng,
            jobs=jobs,
            progress=report,
        )
    fit = aging(msd, threshold, rng=rng)
    away = {name: ran_away_by(model, fit.t_star.value) for name, model in models.items()}
    return Explanation(
        msd=msd,
        fit=fit,
        predictions=predictions,
        agreements={
            name: compared(msd, predicted, away.get(name), threshold, tolerance=tolerance, rng=rng)
            for name, predicted in predictions.items()
        },
        models=models,
        ran_away=away,
        quenched=quenched,
        decomposition=parted,
        parts=part_fits(parted, threshold, rng),
        jumps=jump_rates(quenched),
        predicted_jumps=counted,
        hopping=hopping,
        without_clock=reason,
        left_out=np.setdiff1d(given.steps, runs.steps),
        waiting_times_left_out=np.setdiff1d(given.waiting_times, runs.waiting_times),
    )


def _quenched(
    runs: Trajectories, loss: DataLoss, quenches: Quenches, longest: int, store: Path | None, **options: Any
) -> QuenchedSnapshots:
    """The minima of the snapshots that the decomposition needs, and of the last ones."""
    lags = spaced_lags(whole_lags(runs, longest), quenches.lags)
    return quenched_snapshots(
        runs,
        loss,
        steps=np.unique([*decomposition_steps(runs, lags), runs.steps[-1]]),
        method=quenches.method,
        path=store / "quenches" if quenches.path is None and store is not None else quenches.path,
        **options,
    )


def _models(runs: Trajectories, loss: DataLoss, quenched: QuenchedSnapshots, jobs: int) -> dict[str, Relaxation]:
    """Quadratic models around each snapshot, around the minimum of its basin and around that of the last snapshot."""
    own = quenched.coordinates[:, np.searchsorted(quenched.steps, runs.waiting_times)]
    return {
        "local": relaxation(runs, loss, jobs=jobs),
        "own_minimum": relaxation(runs, loss, own, partial=True, jobs=jobs),
        "last_minimum": relaxation(runs, loss, quenched.at(int(runs.steps[-1])), partial=True, jobs=jobs),
    }


def ran_away_by(model: Relaxation, t_star: Array) -> Array:
    """Share (W,) of the runs with a prediction that ran away by the lag next to `t_star` (W,); nan without one."""
    beyond = np.searchsorted(model.msd.lags, np.where(np.isfinite(t_star), t_star, np.inf))
    at = np.minimum(beyond, model.msd.lags.size - 1)
    away = (model.ran_away[:, np.arange(at.size), at] & model.known).sum(axis=0)
    return np.where(np.isfinite(t_star), ratio(away.astype(float), model.known.sum(axis=0)), np.nan)


def compared(
    msd: MeanSquareDisplacement,
    predicted: MeanSquareDisplacement,
    ran_away: Array | None,
    threshold: float,
    *,
    tolerance: float,
    rng: RNG,
) -> Agreement:
    """`dynamics.aging_times.agreement` over the runs with a prediction; undetermined if one ran away."""
    known: NDArray[np.bool_] = np.isfinite(predicted.values).any(axis=-1)  # pyright: ignore[reportAssignmentType]
    found = agreement(of_known(msd, known), of_known(predicted, known), threshold, tolerance=tolerance, rng=rng)
    away = np.zeros(len(found.share.value), dtype=bool) if ran_away is None else ran_away > 0
    return replace(
        found,
        share=found.share.map(lambda values: np.where(away, np.nan, values)),
        deviation=np.where(away, np.nan, found.deviation),
    )


def whole_lags(runs: Trajectories, longest: int) -> NDArray[np.int64]:
    """Lags (T,) up to `longest` at which every waiting time has a pair within the runs; all where these are too few."""
    lags = runs.lags[runs.lags <= longest]
    ends = runs.waiting_times[:, None] + lags
    whole = (np.isin(ends, runs.steps) | (ends > runs.steps[-1])).all(axis=0)
    return lags[whole] if whole.sum() > 1 else lags


def spaced_lags(lags: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most `count` of the lags (T,), evenly spaced in the logarithm over the last two decades, where t* is.

    Raises
    ------
    ValueError
        If `count` is < 2, or there are fewer lags.
    """
    if count < 2 or lags.size < 2:
        msg = f"lags of the quenches must be at least 2, with at least as many lags; got {count!r} of {lags.size}"
        raise ValueError(msg)
    wanted = np.geomspace(max(lags[0], lags[-1] / 100), lags[-1], count)
    return lags[np.unique(np.abs(np.log(lags) - np.log(wanted)[:, None]).argmin(axis=1))]


def part_fits(parted: Decomposition, threshold: float, rng: RNG = 0) -> dict[str, Aging]:
    """t* and mu of each nonnegative part, at `threshold` or at one that all waiting times reach."""
    rng = seed_of(rng)
    names = dict.fromkeys(("total", "inherent", *parted.parts, "intra"))
    parts = {name: of_known(getattr(parted, name)) for name in names if name != "cross"}
    return {name: aging(part, reachable_threshold(part, threshold), rng=rng) for name, part in parts.items()}


def reachable_threshold(msd: MeanSquareDisplacement, threshold: float) -> float:
    """`threshold`, or the logarithmic middle of the range that the mean of every waiting time passes within the lags.

    `threshold` if there is no such range; the status of `aging` then says so.
    """
    means = np.where(np.isfinite(msd.mean), msd.mean, 0.0)
    low, high = means[:, 0].max(), means.max(axis=1).min()
    if low < threshold <= high or high <= max(low, 0.0):
        return threshold
    return float(np.sqrt(max(low, high * 1e-2) * high))
