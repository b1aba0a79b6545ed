"""Curvature and gradients: negative eigenvalues, trace against generalization, fluctuations of the gradient."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bridge.claims import _ensembles
from bridge.claims._claim import Contrast
from bridge.claims._per_run import PerRun, independent, log_mean, mean
from bridge.figures import FIGURES, Ensemble, Work
from dynamics.spectra import curvature
from dynamics.statistics import over_runs

Array = NDArray[np.float64]

LATE = 10_000  # steps, from which on the paper averages gradients


def fewer_negative(work: Work, draw: int) -> list[Contrast]:
    """Negative eigenvalues at the end less those at the start."""
    (one,) = _ensembles.hessians(work.scale, draw)
    return [_change(work, one)]


def fewer_negative_mnist(work: Work, draw: int) -> list[Contrast]:
    """The same on MNIST."""
    (one,) = _ensembles.mnist_hessians(work.scale, draw)
    return [_change(work, one)]


def some_negative(work: Work, draw: int) -> list[Contrast]:
    """Negative eigenvalues at the end."""
    (one,) = _ensembles.hessians(work.scale, draw)
    return [mean(_negative(work, one)[:, -1]).named(f"{one.label}, of {one.n_parameters}")]


def some_negative_mnist(work: Work, draw: int) -> list[Contrast]:
    """The same on MNIST."""
    (one,) = _ensembles.mnist_hessians(work.scale, draw)
    return [mean(_negative(work, one)[:, -1]).named(f"{one.label}, of {one.n_parameters}")]


def negative_by_noise(work: Work, draw: int) -> list[Contrast]:
    """Half of SGD's negative eigenvalues at the end less those of full-batch descent from the same starts."""
    sgd, full = (mean(_negative(work, one)[:, -1]) for one in _ensembles.hessians_of_controls(work.scale, draw))
    return [(sgd * 0.5 - full).named(f"SGD {sgd.value:.1f}, full batch {full.value:.1f}")]


def _change(work: Work, ensemble: Ensemble) -> Contrast:
    numbers = _negative(work, ensemble)
    ends = f"{numbers[:, 0].mean():.1f} to {numbers[:, -1].mean():.1f}"
    return mean(numbers[:, -1] - numbers[:, 0]).named(f"{ensemble.label}, {ends} of {ensemble.n_parameters}")


def _negative(work: Work, ensemble: Ensemble) -> Array:
    """Numbers (R, 2) of negative eigenvalues at the first and the last step."""
    runs = work.runs(ensemble)
    mnist = ensemble.dataset == "mnist"
    found = curvature(
        runs,
        work.loss(ensemble),
        steps=[0, int(runs.steps[-1])],
        path=work.folder / f"{ensemble.name}.curvature",
        jobs=1 if mnist else work.jobs,  # BLAS distributes the large matrices over the processors
        progress=lambda done, total: work.progress(f"Hessians {ensemble.name}", done, total),
    )
    return found.negative_eigenvalues.astype(np.float64)


def trace_and_error(work: Work, draw: int) -> list[Contrast]:
    """Correlation of Tr(H) / N with the generalization error, over depths and N."""
    return [_correlation(work, draw, given_rows=False)]


def trace_and_error_given_rows(work: Work, draw: int) -> list[Contrast]:
    """The same, given 1 / N: what is left when both fall with N."""
    return [_correlation(work, draw, given_rows=True)]


def _correlation(work: Work, draw: int, *, given_rows: bool) -> Contrast:
    ends = _ends(work, draw)
    rows = 1.0 / ends.rows if given_rows else None

    def statistic(counts: NDArray[np.int64]) -> float:
        trace, error = (np.average(each, axis=1, weights=counts) for each in (ends.trace, ends.error))
        return correlation(trace / ends.rows, error, rows)

    runs = ends.trace.shape[1]
    found = over_runs(statistic, runs, resamples=300, rng=work.seed)
    error = (found.high - found.low) / 2 / float(stats.t.isf(0.025, runs - 1))
    return Contrast(f"{len(ends.rows)} networks", found.value, error, runs - 1.0)


def correlation(x: Array, y: Array, given: Array | None = None) -> float:
    """Pearson's correlation of x and y, or that of their residuals after lines through `given`."""
    parts = [x, y] if given is None else [part - np.polyval(np.polyfit(given, part, 1), given) for part in (x, y)]
    return float(np.asarray(np.corrcoef(parts))[0, 1])


@cache
def _ends(work: Work, draw: int) -> Any:
    """Traces and errors at the last step, with the test rows of the quick scale; measured once for two claims."""
    ensembles = _ensembles.rows_and_depths(work.scale, draw)
    most = min(one.replicas for one in ensembles)
    return FIGURES["figA2"].compute(replace(work, scale="quick"), tuple(one.at_most(most) for one in ensembles))


def gradient_by_depth(work: Work, draw: int) -> list[Contrast]:
    """Logarithms of the factors by which the late rms of the gradient grows with each layer."""
    parts = _ensembles.gradients(work.scale, draw)
    levels = [log_mean(each) for each in FIGURES["figA3"].compute(work, parts).late]
    names = [one.label for one in parts]
    return [independent(f"{names[k + 1]} over {names[k]}", levels[k + 1], levels[k]) for k in range(len(parts) - 1)]


def gradient_by_minima(work: Work, draw: int) -> list[Contrast]:
    """Logarithm of the late rms of the gradient on few rows, with many minima, over that on many rows."""
    parts = _ensembles.gradients_by_rows(work.scale, draw)
    few, many = parts[::2], parts[1::2]
    return [independent(a.label, _late(work, a), _late(work, b)) for a, b in zip(few, many, strict=True)]


def _late(work: Work, ensemble: Ensemble) -> PerRun:
    """Logarithm of the rms over time of the norm of the gradient from step 10^4 on, at the steps of the curves."""
    runs = work.runs(ensemble)
    norms = np.asarray(runs.gradient_norm, dtype=np.float64)[:, runs.curve_steps >= LATE]
    return log_mean(np.sqrt((norms**2).mean(axis=1)))
