"""Command `explain`."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
import typer
from numpy.typing import NDArray

from bridge.commands._explanation_summary import summarize
from bridge.commands._figure_options import FigureSize, OptionalPicture, check_figure, chosen_panels, panel_option
from bridge.commands._module_options import ModuleOptions
from bridge.commands._options import (
    AsJson,
    DataDir,
    FirstRuns,
    Jobs,
    RunsFile,
    Seed,
    Threshold,
    describe_runs,
)
from bridge.commands._progress import progress_bar
from bridge.commands._results import show
from bridge.commands._time_ahead import following, say_time_ahead
from bridge.explanation import (
    Explanation,
    Hopping,
    HoppingComparison,
    Quenches,
    changed_at_t_star,
    explain,
    exponential_rate,
    known_at_t_star,
    mean_dwell_time,
    mean_of_covered,
    nearest_lags,
    runs_changed_at_t_star,
    shares_at_t_star,
)
from bridge.mapping import UNKNOWN, check_same_loss, quench_folder
from bridge.plots import EXPLANATION_PANELS, plot_explanation
from dynamics.aging_times import Aging, Agreement
from dynamics.runs import Trajectories, load_trajectories, loss_of_runs
from landscape.database import Database
from landscape.descent import Method
from landscape.plots import save_figure
from landscape.support import in_numbers


def explain_aging(
    database: Annotated[Path, typer.Argument(help="Database of minima and transition states; it is only read.")],
    trajectories: RunsFile,
    output: OptionalPicture = None,
    panel: Annotated[str | None, panel_option(", ".join(EXPLANATION_PANELS))] = None,
    size: FigureSize = "screen",
    runs: FirstRuns = None,
    threshold: Threshold = 1e-2,
    tolerance: Annotated[
        float, typer.Option(help="Relative deviation up to which a prediction of the displacement counts as holding.")
    ] = 0.2,
    longest: Annotated[
        int | None,
        typer.Option(min=2, help="Longest lag of descent and quenches (steps). [default: the last waiting time]"),
    ] = None,
    quench_lags: Annotated[int, typer.Option(min=2, help="Number of lags at which snapshots are quenched.")] = 8,
    method: Annotated[
        str, typer.Option(help="Map to minima: flow (gradient flow, the true basin) or lbfgs (faster).")
    ] = "flow",
    store: Annotated[
        Path | None, typer.Option(help="Folder for finished quenches and descents. [default: TRAJECTORIES.explain]")
    ] = None,
    data_dir: DataDir = None,
    *,
    modules: ModuleOptions,
    seed: Seed = 0,
    jobs: Jobs = -1,
    as_json: AsJson = False,
) -> None:
    """Tell whether relaxation down the slope or hops between basins explain the measured aging."""
    check_figure(output, panel, size)
    panels = chosen_panels(panel, EXPLANATION_PANELS)
    ensemble = load_trajectories(trajectories).at_most(runs)
    loss = loss_of_runs(ensemble, module=modules.loaded(), data_dir=data_dir)
    with Database(database) as opened, progress_bar() as line, ExitStack() as stack:
        check_same_loss(ensemble, opened)
        is_long = method in get_args(Method) and say_time_ahead(loss, lambda cost: {"a quench": cost.seconds(method)})
        watched, bar = stack.enter_context(following(loss, line, "explain", is_long=is_long))
        found = explain(
            ensemble,
            watched,
            database=opened,
            threshold=threshold,
            tolerance=tolerance,
            longest=longest,
            quenches=Quenches(
                quench_lags,
                method,  # pyright: ignore
                quench_folder(trajectories) if store is None else None,
            ),
            store=trajectories.with_name(trajectories.name + ".explain") if store is None else store,
            rng=seed,
            jobs=jobs,
            progress=bar,
        )
    result = describe_explanation(found) | describe_runs(ensemble.metadata)
    if output is not None:
        title = f"{_architecture(ensemble)}, {ensemble.replicas} runs"
        result["output"] = save_figure(plot_explanation(found, title, panels=panels, size=size), output)
    show(result, summarize(result), as_json=as_json)


def _architecture(runs: Trajectories) -> str:
    """What was trained, in words."""
    if runs.module is not None:
        return f"module {runs.module.name}"
    return f"hidden layers {','.join(str(n) for n in runs.layer_sizes[1:-1])}"


def describe_explanation(found: Explanation) -> dict[str, Any]:
    """Every number of an explanation but the displacements themselves."""
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
    at, lags, jumps = nearest_lags(found), found.decomposition.total.lags, found.jumps
    shares = shares_at_t_star(found)
    at_risk = jumps.exposures * np.diff(jumps.steps)
    return {
        "waiting_times": found.msd.waiting_times,
        "measured": describe_fit(found.fit),
        "relaxation": relaxations,
        "decomposition": {
            "lags": np.where(at >= 0, lags[at], 0),
            "shares": {name: share.value for name, share in shares.items()},
            "shares_interval": {name: np.stack(share.interval, axis=-1) for name, share in shares.items()},
            **in_numbers(
                {
                    "changed_basin": runs_changed_at_t_star(found),
                    "known_runs": np.where(at >= 0, known_at_t_star(found), np.nan),
                    "share_of_changed": changed_at_t_star(found),
                }
            ),
            "exact_images": found.decomposition.exact_images,
            "parts": {name: describe_fit(fit) for name, fit in found.parts.items()},
        },
        "jumps": {
            "steps": jumps.steps,
            "jumps": jumps.jumps,
            "runs": jumps.exposures,
            "to_images": jumps.images,
            "unplaced": jumps.unplaced,
            **in_numbers({"rate": exponential_rate(at_risk, jumps.jumps)}),
        },
        "predicted_jumps": _describe_predicted(found),
        "hopping": None if found.hopping is None else describe_hopping(found.hopping),
        "threshold": found.fit.threshold,
        "replicas": found.msd.replicas,
        "method": found.quenched.method,
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
    return numbers | {"mu_runs_mean": fit.mu_runs_mean.value, "status": str(fit.status)}


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
        **in_numbers({"coverage": found.predicted["curved"].coverage}),
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
