"""How often do intervals from few runs cover, and how often are sound fits refused? Processes whose answer is known.

    python benchmarks/intervals.py                        # the table of docs/concepts/intervals.md
    python benchmarks/intervals.py --trials 200 --only gaussian,log-normal
    python benchmarks/intervals.py --parts "Numbers over runs"

Prints Markdown tables; with --output F.json writes the numbers as well. Every number comes with its binomial standard
error. Waiting times of a run are dependent in all processes: runs that are ahead at one are ahead at the next.

- gaussian, log-normal: Delta_r(tw, t) = f_r(tw) (t / t*)^1.3 with t* ~ tw^0.7. The factors f_r of a run are 1 + 0.3 Z
  or exp(s Z), s = 0.3, 0.6, 1, with Z a stationary Gaussian process in ln tw (correlation e^-1 over a factor of e).
  Both averages have mu = 0.7, in closed form.
- wandering walk: 30 parameters whose diffusion coefficient wanders log-normally, s = 0.5 and 1.
- Brownian, Ornstein-Uhlenbeck, aging walk with 10 parameters, trap model with 20: mu = 0, 0, 0.7, 1.
- stays: runs of about 20 stays with exponential lengths; all runs have the same mean length, or one that varies by a
  factor exp(-+s) from run to run.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy import optimize, stats

from bridge.comparison._correlation import spearman_interval
from bridge.residence._over_runs import median_of_runs
from dynamics import MeanSquareDisplacement, Trajectories, aging, mean_square_displacement, synthetic
from dynamics.aging_times import (
    collapse,
    compare_forms,
    compare_realizations,
    generalized_diffusion,
    threshold_scan,
)
from dynamics.runs import WAITING_TIMES, log_lags
from dynamics.statistics import Status, mean_over_runs, ratio_over_runs, share_of_runs

RUNS = (2, 3, 4, 5, 8, 24)
OTHERS = ("gaussian", "log-normal 0.6", "Brownian")
MU, SLOPE = 0.7, 1.3
TW = np.array(WAITING_TIMES)
LAGS = log_lags(1000, 8)
STEP = 1e-2 * TW[0] ** MU / 80  # diffusion coefficient with t* = 40 at the first waiting time
LATE, LONG = np.array([3000, 6000, 12_000, 24_000, 50_000]), log_lags(200_000, 8)


@dataclass(frozen=True)
class Process:
    """A maker of displacements, with the truth about them."""

    make: Callable[[int, np.random.Generator], MeanSquareDisplacement]
    threshold: float
    t_star: np.ndarray
    mu_runs: float = float("nan")  # nan where no closed form is known
    alpha: float = float("nan")

    @property
    def mu(self) -> float:
        """Least-squares slope of the exact log t*."""
        tw = LATE if len(self.t_star) == len(LATE) else TW
        return round(float(np.polyfit(np.log(tw), np.log(self.t_star), 1)[0]), 9)


def factors(shape: Callable[[np.ndarray], np.ndarray], mean: float) -> Process:
    """Displacements that are exact power laws but for a factor of each run and waiting time with this mean."""
    t_star = 0.2 * TW**MU
    kept = np.exp(-np.diff(np.log(TW)))

    def make(runs: int, rng: np.random.Generator) -> MeanSquareDisplacement:
        z = rng.standard_normal((runs, TW.size))
        for k, decay in enumerate(kept):
            z[:, k + 1] = decay * z[:, k] + np.sqrt(1 - decay**2) * z[:, k + 1]
        return MeanSquareDisplacement(TW, LAGS, (shape(z) / mean)[..., None] * 1e-2 * (LAGS / t_star[:, None]) ** SLOPE)

    return Process(make, 1e-2, t_star, MU)


def walk(
    make: Callable[[int, np.random.Generator], Trajectories],
    threshold: float,
    t_star: np.ndarray,
    alpha: float = float("nan"),
) -> Process:
    """A process of `dynamics.synthetic`."""
    return Process(lambda runs, rng: mean_square_displacement(make(runs, rng)), threshold, t_star, alpha=alpha)


def wandering(spread: float) -> Process:
    """The aging walk with a wandering diffusion coefficient."""

    def make(runs: int, rng: np.random.Generator) -> Trajectories:
        return synthetic.wandering_walk(runs, 30, TW, LAGS, STEP, rng=rng, mu=MU, spread=spread)

    return walk(make, 1e-2, synthetic.aging_walk_t_star(TW, 1e-2, STEP, MU))


def log_normal(spread: float) -> Process:
    """Factors exp(s Z)."""
    return factors(lambda z: np.exp(spread * z), float(np.exp(spread**2 / 2)))


def trap_t_star() -> np.ndarray:
    """Where the closed form of the trap model (x = 1/2) reaches 1: t* ~ tw exactly."""
    fine = np.geomspace(1, 1e6, 20_001)
    return np.exp([np.interp(0.0, np.log(row), np.log(fine))
                   for row in synthetic.trap_model_displacement(LATE, fine, 0.5)])  # fmt: skip


PROCESSES = {
    "gaussian": factors(lambda z: np.maximum(1 + 0.3 * z, 1e-3), 1.0),
    "log-normal 0.3": log_normal(0.3),
    "log-normal 0.6": log_normal(0.6),
    "log-normal 1": log_normal(1.0),
    "wandering walk 0.5": wandering(0.5),
    "wandering walk 1": wandering(1.0),
    "Brownian": walk(
        lambda r, rng: synthetic.brownian(r, 10, TW, log_lags(5000, 8), 5e-6, rng=rng), 1e-2, np.full(6, 1000.0), 1.0
    ),
    "Ornstein-Uhlenbeck": walk(
        lambda r, rng: synthetic.ornstein_uhlenbeck(r, 10, TW, log_lags(5000, 8), 1e-2, 1000.0, rng=rng),
        1e-2, np.full(6, 1000 * np.log(2)),
    ),
    "aging walk": walk(
        lambda r, rng: synthetic.aging_walk(r, 10, TW, LAGS, STEP, rng=rng, mu=MU),
        1e-2, synthetic.aging_walk_t_star(TW, 1e-2, STEP, MU),
    ),
    "trap model": walk(lambda r, rng: synthetic.trap_model(r, 20, LATE, LONG, 0.5, rng=rng), 1.0, trap_t_star()),
}  # fmt: skip


STAYS = {"stays": 0.0, "stays, s = 0.5": 0.5, "stays, s = 1": 1.0}


def holds(low: float, high: float, truth: float, said: bool = True) -> float:
    """1 or 0, nan where no interval is given or its status is not ok."""
    return float(low <= truth <= high) if said and np.isfinite([low, high, truth]).all() else np.nan


def try_aging(name: str, runs: int, trial: int) -> dict[str, float]:
    """One ensemble: what is said of t* and mu."""
    process = PROCESSES[name]
    msd = process.make(runs, np.random.default_rng([trial, runs]))
    fit = aging(msd, process.threshold, resamples=200, rng=trial)
    ok = fit.status == Status.OK
    t_star = [
        holds(low, high, truth, ok) for low, high, truth in zip(*fit.t_star.interval, process.t_star, strict=True)
    ]
    runs_ok = fit.mu_runs_mean.status == Status.OK
    return {
        "coverage of mu": holds(fit.mu.low, fit.mu.high, process.mu, ok),
        "coverage of mu, whatever the status": holds(fit.mu.low, fit.mu.high, process.mu),
        "width of the interval of mu, median": fit.mu.high - fit.mu.low,
        "coverage of t_star": float(np.mean(t_star)),
        "coverage of mu_runs_mean": holds(fit.mu_runs_mean.low, fit.mu_runs_mean.high, process.mu_runs, runs_ok),
        "status ok": float(ok),
        "status AMBIGUOUS": float(fit.status == Status.AMBIGUOUS),
        "status UNEVEN_RUNS": float(fit.status == Status.UNEVEN_RUNS),
        "p below 0.01": float(fit.p_value < 0.01) if np.isfinite(fit.p_value) else np.nan,
        "false crossovers": float(fit.crossover is not None),
    }


def try_others(name: str, runs: int, trial: int) -> dict[str, float]:
    """One ensemble: what the other parts of the analysis say."""
    process = PROCESSES[name]
    msd = process.make(runs, np.random.default_rng([trial, runs]))
    window = process.threshold / np.sqrt(10), process.threshold * np.sqrt(10)
    diffusion = generalized_diffusion(msd, resamples=200, rng=trial)
    scan = threshold_scan(msd, np.geomspace(*window, 5), tolerance=10.0, resamples=200, rng=trial)
    forms = compare_forms(msd, process.threshold, resamples=300, rng=trial)
    tested = forms.status in (Status.OK, Status.NONE_FITS)
    power_law = diffusion.status == Status.OK
    return {
        "coverage of alpha": holds(diffusion.alpha.low, diffusion.alpha.high, process.alpha, power_law),
        "coverage of a": holds(
            diffusion.a.low, diffusion.a.high, process.mu * (1 if process.mu == 0 else SLOPE), power_law
        ),
        "p of D t^alpha below 0.01": float(diffusion.p_value < 0.01),
        "coverage of mu_flat of the scan": holds(scan.mu_flat.low, scan.mu_flat.high, process.mu),
        "p of the power law among the forms below 0.01": float(forms.p_value[2] < 0.01) if tested else np.nan,
    }


def try_collapse(name: str, runs: int, trial: int) -> dict[str, float]:
    """One ensemble: the exponent that collapses the decade about the threshold."""
    process = PROCESSES[name]
    msd = process.make(runs, np.random.default_rng([trial, runs]))
    window = process.threshold / np.sqrt(10), process.threshold * np.sqrt(10)
    found = collapse(msd, window, resamples=100, rng=trial)
    tested = found.status in (Status.OK, Status.DOES_NOT_COLLAPSE)
    return {
        "coverage of the exponent": holds(*found.exponent.interval, process.mu, found.status == Status.OK),
        "status ok": float(found.status == Status.OK),
        "p below 0.01": float(found.p_value < 0.01) if tested else np.nan,
    }


def try_realizations(_name: str, number: int, trial: int) -> dict[str, float]:
    """So many realizations, of 5 runs each: data and runs make equal parts of the spread."""
    rng = np.random.default_rng([trial, number])
    displacements = []
    for _ in range(number):
        slope = MU + 0.1 * rng.standard_normal()
        tilt = 0.1 * np.sqrt(5) * rng.standard_normal((5, 1)) * np.log(TW / 4000.0)
        t_star = 0.2 * 4000**MU * (TW / 4000) ** slope * np.exp(tilt)
        displacements.append(MeanSquareDisplacement(TW, LAGS, 1e-2 * (LAGS / t_star[..., None]) ** SLOPE))
    found = compare_realizations(displacements, resamples=2, rng=trial).mu
    curve = -np.polyfit(np.log(TW), (SLOPE * 0.1 * np.sqrt(5) * np.log(TW / 4000)) ** 2 / 2 / SLOPE, 1)[0]
    return {"coverage of the mean mu": holds(*found.mean.interval, MU + curve)}


def try_spearman(_name: str, rows: int, trial: int) -> dict[str, float]:
    """So many rows of a bivariate normal with Pearson's coefficient 0.8."""
    x, y = np.random.default_rng([trial, rows]).standard_normal((2, rows))
    value = float(stats.spearmanr(x, 0.8 * x + 0.6 * y).statistic)  # pyright: ignore
    return {"coverage of the coefficient": holds(*spearman_interval(value, rows, 0.95), 6 / np.pi * np.arcsin(0.4))}


def median_stay(spread: float) -> float:
    """Median of exponential lengths whose mean is exp(spread Z), Z normal, by Gauss and Hermite."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights /= weights.sum()
    return float(optimize.brentq(lambda x: weights @ np.exp(-x * np.exp(-spread * nodes)) - 0.5, 1e-6, 1e3))


def try_over_runs(name: str, runs: int, trial: int) -> dict[str, float]:
    """One ensemble: stays of a run, share of the time in marked ones, median length, a share of the runs."""
    spread, rng = STAYS[name], np.random.default_rng([trial, runs])
    numbers = rng.poisson(20, runs)
    of_run = np.repeat(np.arange(runs), numbers)
    lengths = rng.exponential(np.exp(spread * rng.standard_normal(runs))[of_run])
    mine = rng.random(lengths.size) < 0.3
    parts, wholes = np.bincount(of_run, lengths * mine, runs), np.bincount(of_run, lengths, runs)
    found = {
        "mean": (mean_over_runs(numbers), 20.0),
        "ratio of sums": (ratio_over_runs(parts, wholes, within=(0.0, 1.0), resamples=200, rng=trial), 0.3),
        "median": (median_of_runs(lengths, of_run, runs, within=(0.0, np.inf)), median_stay(spread)),
        "share of runs": (share_of_runs(int((rng.random(runs) < 0.3).sum()), runs), 0.3),
    }
    return {
        f"coverage of the {what}": holds(float(each.low), float(each.high), truth)
        for what, (each, truth) in found.items()
    }


def rates(rows: list[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """Mean of each column over the trials that have it, and its binomial standard error; of the width the median."""
    result = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        values = values[np.isfinite(values)]
        if name.startswith("width"):
            result[name] = (float(np.median(values)) if values.size else np.nan, np.nan)
            continue
        mean = float(values.mean()) if values.size else np.nan
        result[name] = mean, float(np.sqrt(max(mean * (1 - mean), 1 / len(rows)) / max(values.size, 1)))
    return result


def tables(title: str, results: dict[str, dict[str, tuple[float, float]]], heads: tuple[str, str]) -> str:
    """Markdown, a table for each quantity: rows are processes, columns numbers of runs."""
    text = [f"\n## {title}"]
    names = list(dict.fromkeys(key.split(";")[0] for key in results))
    columns = list(dict.fromkeys(key.split(";")[1] for key in results))
    for quantity in next(iter(results.values())):
        text += [f"\n**{quantity}**\n", f"| {heads[0]} | " + " | ".join(columns) + f" {heads[1]} |"]
        text += ["|" + "---|" * (len(columns) + 1)]
        for name in names:
            cells = [_cell(quantity, *results[f"{name};{column}"][quantity]) for column in columns]
            text += [f"| {name} | " + " | ".join(cells) + " |"] * any(cell != "-" for cell in cells)
    return "\n".join(text)


def _cell(quantity: str, value: float, error: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.2f}" if quantity.startswith("width") else f"{value:.3f}({max(round(1000 * error), 1)})"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--only", default=",".join(PROCESSES), help="processes whose names begin so")
    parser.add_argument("--parts", action="append", help="titles of the parts to run; may be repeated")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    names = [name for name in PROCESSES if any(name.startswith(part) for part in arguments.only.split(","))]

    def run(function: Callable[..., dict[str, float]], *case: Any, trials: int) -> dict[str, tuple[float, float]]:
        jobs = (delayed(function)(*case, trial) for trial in range(trials))
        return rates(Parallel(n_jobs=arguments.jobs, batch_size=50)(jobs))  # pyright: ignore

    n, parts = arguments.trials, {}
    others = [name for name in names if name in OTHERS]
    for title, function, chosen, numbers, trials in (
        ("t_star and mu", try_aging, names, RUNS, n),
        ("Other exponents", try_others, others, RUNS, max(n // 4, 1)),
        ("Data collapse", try_collapse, others, (3, 4, 8), max(n // 20, 1)),
        ("Mean over realizations", try_realizations, ["5 runs each"], (2, 3, 4, 8), max(n // 4, 1)),
        ("Rank correlation", try_spearman, ["bivariate normal, 0.8"], (4, 5, 6, 8, 12, 24), n),
        ("Numbers over runs", try_over_runs, list(STAYS), RUNS, max(n // 2, 1)),
    ):
        if chosen and title in (arguments.parts or [title]):
            head = f"{title}, {trials} trials"
            parts[head] = {f"{name};{k}": run(function, name, k, trials=trials) for name in chosen for k in numbers}
            unit = {try_realizations: "realizations", try_spearman: "rows"}.get(function, "runs")
            print(tables(head, parts[head], ("process", unit)), flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps(parts, indent=1).replace("NaN", "null") + "\n")


if __name__ == "__main__":
    main()
