"""The whole aging analysis of an ensemble in one call: what the command `age` reports."""

from dataclasses import dataclass

import numpy as np

from dynamics.aging_times._aging import Aging, aging
from dynamics.aging_times._crossings import Average
from dynamics.aging_times._data_collapse import Collapse, collapse
from dynamics.aging_times._regimes import GeneralizedDiffusion, LocalSlope, generalized_diffusion, local_slope
from dynamics.aging_times._scaling_forms import FormComparison, compare_forms
from dynamics.aging_times._threshold_scan import ThresholdScan, threshold_scan
from dynamics.aging_times._what_moves import WhatMoves, unseparated, what_moves
from dynamics.displacement import MeanSquareDisplacement, mean_square_displacement
from dynamics.runs import Trajectories
from landscape.support import RNG, Result, seed_of

HALF_DECADE = float(np.sqrt(10))


@dataclass(frozen=True, eq=False)
class AgingAnalysis(Result, shows=("fit.mu", "fit.threshold", "forms.best")):
    """Result of `analyze_aging`; every part has its own `status`.

    Parameters
    ----------
    msd : MeanSquareDisplacement
        Displacement of the runs.
    fit : Aging
        t*(tw) and mu.
    scan : ThresholdScan
        mu for other thresholds.
    collapse : Collapse
        Collapse of Delta(t / tw^mu), over the decade of displacements around the threshold.
    slope : LocalSlope
        d ln Delta / d ln t.
    diffusion : GeneralizedDiffusion
        Power law of the last decade of lags.
    forms : FormComparison
        Laws for t*(tw).
    moves : WhatMoves
        Drift and noise.
    """

    msd: MeanSquareDisplacement
    fit: Aging
    scan: ThresholdScan
    collapse: Collapse
    slope: LocalSlope
    diffusion: GeneralizedDiffusion
    forms: FormComparison
    moves: WhatMoves


def analyze_aging(
    runs: Trajectories | MeanSquareDisplacement,
    threshold: float = 1e-2,
    *,
    average: Average = "t* of the mean",
    confidence: float = 0.95,
    rng: RNG = 0,
) -> AgingAnalysis:
    """Full aging analysis of an ensemble for one threshold.

    Parameters
    ----------
    runs : Trajectories or MeanSquareDisplacement
        Of curves alone, such as those of `read_displacement`, everything is known but drift and noise.
    threshold : float
        > 0.
    average : {"t* of the mean", "mean of t*"}
        Which average over the runs the exponent, the scan of thresholds and the laws of t*(tw) are of: see `aging`.
    confidence, rng
        Of the intervals, and of the bootstrap over runs.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it. Insufficient data give a `status` of the part, not an
        error.
    """
    rng = seed_of(rng)
    msd = runs if isinstance(runs, MeanSquareDisplacement) else mean_square_displacement(runs)
    fit = aging(msd, threshold, average=average, confidence=confidence, rng=rng)
    window = (threshold / HALF_DECADE, threshold * HALF_DECADE)
    return AgingAnalysis(
        msd=msd,
        fit=fit,
        scan=threshold_scan(msd, average=average, confidence=confidence, rng=rng),
        collapse=collapse(msd, window, confidence=confidence, rng=rng),
        slope=local_slope(msd, confidence=confidence, rng=rng),
        diffusion=generalized_diffusion(msd, confidence=confidence, rng=rng),
        forms=compare_forms(msd, threshold, average=average, rng=rng),
        moves=unseparated(fit) if isinstance(runs, MeanSquareDisplacement) else what_moves(runs, fit, rng=rng),
    )
