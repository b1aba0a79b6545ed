"""Command `age`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands._aging_report import (
    describe_analysis,
    describe_collapse,
    describe_control,
    describe_difference,
    describe_later,
)
from bridge.commands._aging_summary import summarize_aging, summarize_realizations
from bridge.commands._curves import check_runs, open_runs_or_curves
from bridge.commands._figure_options import FigureSize, OptionalPicture, check_figure, chosen_panels, panel_option
from bridge.commands._options import AsJson, Seed, Threshold, describe_runs
from bridge.commands._realizations import describe_realizations, load_realizations
from bridge.commands._results import show
from dynamics.aging_times import (
    BEND,
    AgingAnalysis,
    Average,
    Collapse,
    aging,
    analyze_aging,
    compare_exponents,
    compare_with_control,
    learning_rate_collapse,
)
from dynamics.displacement import mean_square_displacement
from dynamics.plots import ANALYSIS_PANELS, EXPONENT_PANELS, plot_analysis, plot_exponents
from dynamics.runs import Trajectories, load_trajectories
from landscape.plots import save_figure

AGE_PANELS = f"{', '.join(ANALYSIS_PANELS)}; with several files {', '.join(EXPONENT_PANELS)}"


def age(
    trajectories: Annotated[
        list[Path],
        typer.Argument(
            help="Runs written by train, a Recorder or import-runs, or a table of displacements (csv or npz: tw, t, "
            "msd, perhaps run); give several files for several realizations of the data."
        ),
    ],
    threshold: Threshold = 1e-2,
    average: Annotated[
        str, typer.Option(help="Average over the runs whose power law is fitted: 't* of the mean' or 'mean of t*'.")
    ] = "t* of the mean",
    control: Annotated[Path | None, typer.Option(help="Control runs from train --noise full, to compare with.")] = None,
    compare_with: Annotated[
        list[Path] | None, typer.Option(help="Other runs: test whether their mu differs; may be repeated.")
    ] = None,
    other_rate: Annotated[
        list[Path] | None,
        typer.Option(help="Runs at another learning rate, to collapse t* on learning rate x steps; may be repeated."),
    ] = None,
    from_waiting_time: Annotated[
        float | None,
        typer.Option(
            help="Also fit mu to the waiting times beyond this one (steps). [default: none; with several files "
            f"{BEND:.0f}]",
        ),
    ] = None,
    output: OptionalPicture = None,
    panel: Annotated[str | None, panel_option(AGE_PANELS)] = None,
    size: FigureSize = "screen",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Measure the mean square displacement, the aging times t*(tw) and the exponent mu of t* ~ tw^mu.

    t*(tw) is the lag at which the displacement from waiting time tw reaches the threshold. With several files the
    spread of mu over realizations of the data is reported as well.
    """
    chosen: Average = average  # pyright: ignore[reportAssignmentType] (each analysis checks it)
    several = len(trajectories) > 1
    check_figure(output, panel, size)
    panels = chosen_panels(panel, EXPONENT_PANELS if several else ANALYSIS_PANELS)
    if several:
        if control is not None or other_rate or compare_with:
            msg = "--control, --compare-with and --other-rate need a single file of runs; got several"
            raise ValueError(msg)
        beyond = BEND if from_waiting_time is None else from_waiting_time
        spread, metadata = load_realizations(trajectories, threshold, beyond, seed, average=chosen)
        described: dict[str, Any] = describe_realizations(spread, trajectories, metadata)
        if output is not None:
            described["output"] = save_figure(plot_exponents(spread, panels=panels, size=size), output)
        show(described, summarize_realizations(described), as_json=as_json)
        return
    path = trajectories[0]
    runs = open_runs_or_curves(path)
    analysis = analyze_aging(runs, threshold, average=chosen, rng=seed)
    result = describe_analysis(analysis) | describe_runs(runs.metadata)
    later = None
    if from_waiting_time is not None:
        later = aging(analysis.msd.beyond(from_waiting_time), threshold, average=chosen, rng=seed)
        result |= describe_later(later, from_waiting_time)
    descent = None
    if control is not None:
        descent_runs = load_trajectories(control)
        descent = analyze_aging(descent_runs, threshold, average=chosen, rng=seed)
        comparison = compare_with_control(check_runs(runs, path, "--control"), analysis.fit, descent_runs, descent.fit)
        result |= {"control_t_star": descent.fit.t_star.value, "control_mu": descent.fit.mu.value}
        result["control"] = describe_control(descent, comparison)
    if compare_with:
        result["compared_with"] = {str(path): _compare(analysis, path, seed) for path in compare_with}
    if other_rate:
        ours = check_runs(runs, path, "--other-rate")
        result["learning_rate_collapse"] = describe_collapse(_collapse_rates(ours, analysis, other_rate, seed))
    if output is not None:
        t_star = None if descent is None else descent.fit.t_star.value
        figure = plot_analysis(analysis, str(path), t_star, later=later, panels=panels, size=size)
        result["output"] = save_figure(figure, output)
    show(result, summarize_aging(result), as_json=as_json)


def _compare(analysis: AgingAnalysis, path: Path, seed: int) -> dict[str, Any]:
    """Whether mu of the runs in another file differs."""
    threshold, average = analysis.fit.threshold, analysis.fit.average
    other = analyze_aging(open_runs_or_curves(path), threshold, average=average, rng=seed)
    difference = compare_exponents(analysis.msd, other.msd, threshold, average=average, rng=seed)
    return describe_difference(difference, other)


def _collapse_rates(runs: Trajectories, analysis: AgingAnalysis, paths: list[Path], seed: int) -> Collapse:
    """Collapse of t* on learning rate x steps, over these runs and those in the other files."""
    others = [load_trajectories(path) for path in paths]
    rates = []
    for path, ensemble in [(None, runs), *zip(paths, others, strict=True)]:
        rate = ensemble.metadata.get("learning_rate")
        if not isinstance(rate, int | float):
            msg = f"{path or 'the file of trajectories'} has no learning_rate in its metadata, which --other-rate needs"
            raise ValueError(msg)
        rates.append(float(rate))
    displacements = [analysis.msd, *map(mean_square_displacement, others)]
    return learning_rate_collapse(displacements, rates, analysis.fit.threshold, rng=seed)
