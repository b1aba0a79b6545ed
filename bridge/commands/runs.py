"""Commands of the dynamics: train, age."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands._aging_report import describe_analysis, describe_collapse, describe_control, shorten
from bridge.commands._cluster import cluster
from bridge.commands._console import progress_bar, show
from bridge.commands._options import (
    AsJson,
    BatchSize,
    DataDir,
    DatasetName,
    DatasetSeed,
    Hidden,
    InOrder,
    Jobs,
    LabelColumn,
    LearningRate,
    Regularization,
    RegularizeBiases,
    Rows,
    Scheduler,
    Seed,
    Standardize,
    Threshold,
    data_options,
    describe,
    describe_metadata,
    make_loss,
    parse_steps,
)
from bridge.commands._realizations import (
    describe_ensemble,
    describe_realizations,
    describe_training,
    load_realizations,
    realization_files,
)
from bridge.commands._scales import warn_of_scales
from dynamics.aging_times import (
    BEND,
    AgingAnalysis,
    Collapse,
    analyze_aging,
    compare_with_control,
    learning_rate_collapse,
)
from dynamics.displacement import mean_square_displacement
from dynamics.noises import NOISES, make_noise
from dynamics.plots import plot_analysis, plot_exponents
from dynamics.runs import Trajectories, default_waiting_times, load_trajectories, log_lags
from dynamics.training import SGD, parse_schedule, parse_start, train as run_train
from landscape.plots import check_figure_path, save_figure

NOISE_HELP = (
    f"{', '.join(NOISES)}. sgd: minibatches in epochs, without replacement; replacement: with; persistent: rows stay "
    "in the minibatch and out of it for a while (--persistence); full: all rows, no noise; langevin: all rows and "
    "thermal noise (--temperature); gaussian and gaussian-replacement: all rows and Gaussian noise with the covariance "
    "of sgd's minibatches or of replacement's."
)
SCHEDULE_HELP = (
    "Factor of the learning rate at step s: constant; step:EVERY,FACTOR; power:SCALE[,EXPONENT] for "
    "(1 + s / SCALE)^-EXPONENT; cosine:DURATION[,FINAL]; or a linear warmup:DURATION[+OTHER] before one of these."
)
START_HELP = (
    "glorot; normal:SD; file:F.npz (or npy, an array of points, replica r starts at row r modulo their number); "
    "minima:F.db (lowest first) or minima:F.db:3,7 (these ids)."
)

SNAPSHOTS_HELP = (
    "all: at every waiting time + lag; waiting: at 0, the waiting times and the end only, with the mean square "
    "displacements (also per layer) and fourth moments taken on the way. Then the file is small whatever the lags, and "
    "everything in age but the split into drift and noise still works."
)
MULTIPLE_HELP = (
    "Log-spaced lags are multiples of so many steps, or of the epoch: without replacement the noise of an epoch nearly "
    "cancels, and the mean square displacement dips at its multiples. Then take waiting times that are multiples, too."
)


SEEDS_HELP = (
    "Train on so many realizations of a generated data set, --dataset-seed and those that follow it: one file each, "
    "F-seed0.h5 and so on for --output F.h5."
)


def train(
    hidden: Hidden,
    output: Annotated[Path, typer.Option(help="HDF5 file to make or to go on with.")],
    replicas: Annotated[int, typer.Option(min=1, help="Number of runs.")] = 100,
    steps: Annotated[int, typer.Option(min=2, help="Steps of each run.")] = 150_000,
    noise: Annotated[str, typer.Option(help=NOISE_HELP)] = "sgd",
    temperature: Annotated[float | None, typer.Option(help="T of langevin, in nats.")] = None,
    persistence: Annotated[
        float | None, typer.Option(help="Steps tau of persistent: memberships decorrelate as exp(-s / tau).")
    ] = None,
    label_noise: Annotated[
        float, typer.Option(help="Probability that a drawn row gets another label, anew at each draw.")
    ] = 0.0,
    shared_order: Annotated[
        bool, typer.Option(help="All runs see the same minibatches in the same order; their starts differ.")
    ] = False,
    learning_rate: LearningRate = 0.05,
    schedule: Annotated[str, typer.Option(help=SCHEDULE_HELP)] = "constant",
    momentum: Annotated[float, typer.Option(help="Of the heavy ball (Keras' form), in [0, 1).")] = 0.0,
    start: Annotated[str, typer.Option(help=START_HELP)] = "glorot",
    batch_size: BatchSize = 100,
    precision: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    dataset: DatasetName = "ljat",
    rows: Rows = None,
    dataset_seed: DatasetSeed = 0,
    dataset_seeds: Annotated[int | None, typer.Option(min=1, help=SEEDS_HELP)] = None,
    data_dir: DataDir = None,
    in_order: InOrder = False,
    standardize: Standardize = False,
    label_column: LabelColumn = None,
    regularization: Regularization = 1e-4,
    regularize_biases: RegularizeBiases = True,
    waiting_times: Annotated[
        str | None, typer.Option(help="Steps such as 1000,2000,5000. [default: the paper's, as far as the runs reach]")
    ] = None,
    lags: Annotated[str | None, typer.Option(help="Steps such as 1,10,100, instead of log-spaced ones.")] = None,
    lags_per_decade: Annotated[int, typer.Option(min=1, help="Log-spaced lags a decade.")] = 16,
    lags_multiple_of: Annotated[str, typer.Option(help=MULTIPLE_HELP)] = "1",
    snapshots: Annotated[str, typer.Option(help=SNAPSHOTS_HELP)] = "all",
    seed: Seed = 0,
    jobs: Jobs = -1,
    scheduler: Scheduler = None,
    as_json: AsJson = False,
) -> None:
    """Train an ensemble of networks and record where they are."""
    kind = make_noise(noise, temperature=temperature, persistence=persistence)
    optimizer = SGD(
        learning_rate=learning_rate,
        batch_size=batch_size,
        precision=precision,  # pyright: ignore
        momentum=momentum,
        schedule=parse_schedule(schedule),
    )
    begins = parse_start(start)
    options = data_options(in_order, standardize, label_column)
    files = realization_files(output, dataset, dataset_seed, dataset_seeds)
    begin, taken, results = time.perf_counter(), 0, []
    with cluster(scheduler), progress_bar() as bar:
        for number, file in files.items():
            loss = make_loss(hidden, dataset, rows, number, data_dir, regularization, regularize_biases, **options)
            warning = warn_of_scales(loss.data)
            counts: list[int] = []
            times = two_time_grid(
                steps, waiting_times, lags, lags_per_decade, lags_multiple_of, epoch=-(-loss.data.rows // batch_size)
            )

            def report(done: int, total: int, number: int = number, counts: list[int] = counts) -> None:
                counts.append(done)
                bar("train" if dataset_seeds is None else f"train on data set {number}", done, total)

            runs = run_train(
                loss,
                optimizer,
                replicas=replicas,
                steps=steps,
                seed=seed,
                noise=kind,
                label_noise=label_noise,
                shared_order=shared_order,
                start=begins,
                path=file,
                jobs=jobs,
                waiting_times=times[0],
                lags=times[1],
                snapshots=snapshots,
                progress=report,
            )
            taken += (counts[-1] - counts[0]) * steps
            results.append(describe_ensemble(runs, file) | describe(loss.data) | warning)
    speed = taken / (time.perf_counter() - begin)
    described = describe_training(results, speed, several=dataset_seeds is not None)
    if described["loss_rose"]:
        typer.echo(
            f"agescape: {described['loss_rose']} of the runs end at a higher loss than they began with: if their noise "
            "is not meant to do that, choose a smaller --learning-rate",
            err=True,
        )
    show(described, as_json=as_json)


def two_time_grid(
    steps: int, waiting_times: str | None, lags: str | None, per_decade: int, multiple_of: str, epoch: int
) -> tuple[list[int], list[int]]:
    """Waiting times and lags that the options of `train` describe; ValueError where one is no such thing."""
    waiting = parse_steps(waiting_times, "waiting-times") or default_waiting_times(steps).tolist()
    if given := parse_steps(lags, "lags"):
        return waiting, given
    if multiple_of != "epoch" and not (multiple_of.isdecimal() and int(multiple_of)):
        msg = f"--lags-multiple-of must be a whole number of steps >= 1, or epoch; got {multiple_of!r}"
        raise ValueError(msg)
    multiple = epoch if multiple_of == "epoch" else int(multiple_of)
    longest = max(1, steps - waiting[0])
    if multiple > longest:
        msg = f"--lags-multiple-of must be at most {longest}, steps less the first waiting time; got {multiple}"
        raise ValueError(msg)
    return waiting, log_lags(longest, per_decade, multiple_of=multiple).tolist()


def age(
    trajectories: Annotated[
        list[Path], typer.Argument(help="Runs that train wrote; several files for as many realizations of the data.")
    ],
    threshold: Threshold = 1e-2,
    control: Annotated[Path | None, typer.Option(help="Runs of train --noise full, to compare with.")] = None,
    other_rate: Annotated[
        list[Path] | None, typer.Option(help="Runs with another learning rate, to collapse with; may be repeated.")
    ] = None,
    from_waiting_time: Annotated[
        float, typer.Option(help="Bend: mu of several files is also fitted to the waiting times beyond it (steps).")
    ] = BEND,
    output: Annotated[Path | None, typer.Option(help="Picture to write: svg, pdf or png.")] = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Mean square displacement, aging times t*(tw), the exponent mu, and what moves; with several files the spread."""
    if output is not None:
        check_figure_path(output)
    if len(trajectories) > 1:
        if control is not None or other_rate:
            msg = "--control and --other-rate go with one file of runs; got several"
            raise ValueError(msg)
        spread, metadata = load_realizations(trajectories, threshold, from_waiting_time, seed)
        several: dict[str, Any] = describe_realizations(spread, trajectories, metadata)
        if output is not None:
            several["output"] = save_figure(plot_exponents(spread), output)
        show(several, as_json=as_json)
        return
    path = trajectories[0]
    runs = load_trajectories(path)
    analysis = analyze_aging(runs, threshold, rng=seed)
    result = describe_analysis(analysis) | describe_metadata(runs.metadata.get("data", {}))
    descent = None
    if control is not None:
        descent_runs = load_trajectories(control)
        descent = analyze_aging(descent_runs, threshold, rng=seed)
        comparison = compare_with_control(runs, analysis.fit, descent_runs, descent.fit)
        result |= {"control_t_star": descent.fit.t_star, "control_mu": descent.fit.mu}
        result["control"] = describe_control(descent, comparison)
    if other_rate:
        result["learning_rate_collapse"] = describe_collapse(_collapse_rates(runs, analysis, other_rate, seed))
    if output is not None:
        figure = plot_analysis(analysis, str(path), None if descent is None else descent.fit.t_star)
        result["output"] = save_figure(figure, output)
    show(result if as_json else shorten(result), as_json=as_json)


def _collapse_rates(runs: Trajectories, analysis: AgingAnalysis, paths: list[Path], seed: int) -> Collapse:
    """Collapse of t* on learning rate x steps, over these runs and those in the other files."""
    others = [load_trajectories(path) for path in paths]
    rates = []
    for path, ensemble in [(None, runs), *zip(paths, others, strict=True)]:
        rate = ensemble.metadata.get("learning_rate")
        if not isinstance(rate, int | float):
            msg = f"{path or 'the file of trajectories'} must say its learning_rate to be collapsed with others"
            raise ValueError(msg)
        rates.append(float(rate))
    displacements = [analysis.msd, *(mean_square_displacement(ensemble) for ensemble in others)]
    return learning_rate_collapse(displacements, rates, analysis.fit.threshold, rng=seed)
