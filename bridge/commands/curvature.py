"""Command `curvature`."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.stats import norm, t

from bridge.commands._figure_options import FigureSize, OptionalPicture, check_figure, chosen_panels, panel_option
from bridge.commands._options import AsJson, DataDir, FirstRuns, Jobs, RunsFile, Seed, describe_runs
from bridge.commands._parsing import parse_steps
from bridge.commands._progress import progress_bar
from bridge.commands._results import Summary, Table, show
from bridge.commands._runs_options import RunsOptions
from bridge.commands._time_ahead import following, say_time_ahead
from bridge.commands._words import counted, data_in_words, loss_unit, number
from dynamics.plots import CURVATURE_PANELS, plot_curvature
from dynamics.runs import load_trajectories
from dynamics.spectra import (
    Curvature,
    CurvatureEstimates,
    curvature as exact_curvature,
    estimate_curvature,
)
from landscape.plots import save_figure
from landscape.search import Cost
from landscape.support import labeled


def curvature(
    trajectories: RunsFile,
    steps: Annotated[
        str | None,
        typer.Option(
            help="Steps at which to measure, e.g. 1300,10000; each needs a snapshot. [default: ten of the snapshots]"
        ),
    ] = None,
    runs: FirstRuns = None,
    output: OptionalPicture = None,
    panel: Annotated[str | None, panel_option(", ".join(CURVATURE_PANELS))] = None,
    size: FigureSize = "screen",
    lanczos: Annotated[
        bool, typer.Option("--lanczos", help="Estimate spectra, with errors, instead of computing exact Hessians.")
    ] = False,
    probes: Annotated[int, typer.Option(min=2, help="Random vectors per snapshot, with --lanczos.")] = 10,
    lanczos_steps: Annotated[
        int, typer.Option(min=2, help="Hessian-vector products per random vector, with --lanczos.")
    ] = 80,
    store: Annotated[
        Path | None, typer.Option(help="Folder for finished snapshots. [default: TRAJECTORIES.curvature]")
    ] = None,
    data_dir: DataDir = None,
    *,
    descended: RunsOptions,
    seed: Seed = 0,
    jobs: Jobs = -1,
    as_json: AsJson = False,
) -> None:
    """Measure Hessian spectra, gradients and gradient noise along the runs.

    In the JSON, gradient_norm is |g| of the full training loss (the paper reports 0.02, 0.07 and 0.12 for one, two and
    three hidden layers) and gradient_rms is |g| / sqrt(P), with P parameters.
    """
    check_figure(output, panel, size)
    panels = chosen_panels(panel, CURVATURE_PANELS)
    wanted = parse_steps(steps)
    ensemble = load_trajectories(trajectories).at_most(runs)
    ensemble, loss = descended.described(ensemble, data_dir)
    is_long = say_time_ahead(loss, partial(_snapshot, products=probes * lanczos_steps if lanczos else None))
    with progress_bar() as line, following(loss, line, "curvature", is_long=is_long) as (watched, bar):
        common: dict[str, Any] = {
            "steps": wanted,
            "path": trajectories.with_name(trajectories.name + ".curvature") if store is None else store,
            "jobs": jobs,
            "progress": lambda done, total: bar("curvature", done, total),
        }
        if lanczos:
            found: Curvature | CurvatureEstimates = estimate_curvature(
                ensemble, watched, seed=seed, probes=probes, lanczos_steps=lanczos_steps, **common
            )
        else:
            found = exact_curvature(ensemble, watched, **common)
    result = describe_curvature(found) | {"loss_unit": loss.unit} | describe_runs(ensemble.metadata)
    if output is not None:
        figure = plot_curvature(found, str(trajectories), panels=panels, size=size)
        result["output"] = save_figure(figure, output)
    show(result, summarize(result), as_json=as_json)


def _snapshot(cost: Cost, products: int | None) -> dict[str, float]:
    """Seconds of a snapshot: two eigenproblems, of the Hessian and of the noise, or so many products."""
    return {"a snapshot": 2.0 * cost.spectrum if products is None else 2.0 * products * cost.gradient}


def summarize(result: dict[str, Any]) -> Summary:
    """What a person reads of curvatures: means over the runs with their 95 % intervals."""
    unit = loss_unit(result)
    columns = {
        labeled("loss", unit): "loss",
        labeled("|g|", unit): "gradient_norm",
        "negative eigenvalues": "negative_eigenvalues",
        "lowest eigenvalue": "smallest_eigenvalue",
        "highest eigenvalue": "largest_eigenvalue",
        labeled("temperature", unit): "effective_temperature",
    }
    numbers = [
        [_with_reach(*both) for both in zip(result[name], result[f"{name}_high"], strict=True)]
        for name in columns.values()
    ]
    steps = [f"{step:,}" for step in np.asarray(result["steps"]).tolist()]
    method = "exact Hessians" if result["method"] == "exact" else "Lanczos estimates"
    first, last = (np.asarray(result["negative_eigenvalues"])[k] for k in (0, -1))
    return Summary(
        verdict=f"Of {counted(result['parameters'], 'eigenvalue')}, {number(float(first), '', 3)} are negative at step "
        f"{steps[0]} and {number(float(last), '', 3)} at step {steps[-1]} (mean of {counted(result['runs'], 'run')}, "
        f"{method}).",
        facts={
            **_rate(result["learning_rate"]),
            "batch size": counted(result["batch_size"], "row"),
            **data_in_words(result),
        },
        tables=[Table(("step", *columns), list(zip(steps, *numbers, strict=True)))],
        notes=[_what_reaches(result["runs"], result["method"])],
        files={"figure": result["output"]} if result.get("output") else {},
    )


def _rate(rate: float) -> dict[str, str]:
    """The learning rate; for other optimizers than SGD what is missing."""
    return {"learning rate": f"{rate:g}"} if np.isfinite(rate) else {"temperature": "none: only SGD's noise has one"}


def _with_reach(value: float, high: float) -> str:
    """A number and how far its interval reaches, if that is known."""
    return f"{value:.3g}" + (f" +- {high - value:.2g}" if np.isfinite(high) else "")


def _what_reaches(runs: int, method: str) -> str:
    """What stands behind the signs in the table."""
    if runs > 1:
        return f"+-: 95 % intervals of the mean (Student's, {runs} runs); none where all runs agree."
    return "+-: 95 % intervals of the estimates, of one run." if method == "lanczos" else "One run has no intervals."


def describe_curvature(found: Curvature | CurvatureEstimates) -> dict[str, Any]:
    """What the JSON says: a value per step, the mean over the runs, and standard errors.

    Errors are those over the runs; for one run those of the estimate, or none. Ends of intervals are NAME_low and
    NAME_high, at 95 %.
    """
    values: dict[str, Any] = {
        "gradient_rms": found.gradient_rms,
        "gradient_norm": found.gradient_norms,
        "loss": found.losses,
        "noise_trace": found.noise_traces,
        "effective_temperature": found.temperatures,
    }
    if isinstance(found, CurvatureEstimates):
        low, high = found.negative_bounds
        values |= {
            "negative_eigenvalues": found.negative_eigenvalues,
            "negative_at_least": found.negative_at_least,
            "negative_low": low,
            "negative_high": high,
            "trace": found.traces,
            "largest_eigenvalue": found.largest,
            "smallest_eigenvalue": found.smallest,
            "alignment": (found.alignments, found.alignment_errors),
        }
    else:
        values |= {
            "negative_eigenvalues": found.negative_eigenvalues,
            "negative_share": found.negative_share,
            "negative_weight": found.negative_weight,
            "trace": found.traces,
            "largest_eigenvalue": found.largest,
            "smallest_eigenvalue": found.smallest,
            "alignment": found.alignments,
            "isotropic_alignment": found.isotropic_alignments,
            "overlap": found.overlaps,
            "curved_temperature": found.curved_temperatures,
        }
    result: dict[str, Any] = {"steps": found.steps, "runs": found.runs.size}
    for name, value in values.items():
        estimate, error = value if isinstance(value, tuple) else (value, None)
        result[name] = estimate.mean(axis=0)
        result[f"{name}_error"] = standard_error(estimate, error)
        known = np.where(result[f"{name}_error"] > 0.0, result[f"{name}_error"], np.nan)
        reach = quantile(len(estimate)) * known
        result |= {f"{name}_low": result[name] - reach, f"{name}_high": result[name] + reach}
    return result | {
        "method": "lanczos" if isinstance(found, CurvatureEstimates) else "exact",
        "parameters": found.n_parameters,
        "learning_rate": found.learning_rate,
        "batch_size": found.batch_size,
        "replacement": found.replacement,
    }


def quantile(runs: int) -> float:
    """How many standard errors of a mean over runs a 95 % interval reaches: Student's; of one estimate the normal."""
    return float(t.isf(0.025, runs - 1) if runs > 1 else norm.isf(0.025))


def standard_error(values: NDArray[Any], errors: NDArray[Any] | None) -> NDArray[np.float64]:
    """Standard error (S,) over the runs of `values` (R, S); of a single run its own, or nan."""
    if len(values) > 1:
        return values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return np.full(values.shape[1], np.nan) if errors is None else errors[0]
