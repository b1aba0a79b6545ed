"""Commands of the dynamics: train, age."""

import time
from pathlib import Path
from typing import Annotated

import typer

from bridge._aging_report import describe_analysis, describe_collapse, describe_control, shorten
from bridge._cluster import cluster
from bridge._console import progress_bar, show
from bridge._options import (
    AsJson,
    BatchSize,
    DataDir,
    DatasetName,
    DatasetSeed,
    Hidden,
    Jobs,
    LearningRate,
    Regularization,
    RegularizeBiases,
    Rows,
    Scheduler,
    Seed,
    Threshold,
    describe,
    describe_metadata,
    make_loss,
)
from dynamics import (
    NOISES,
    SGD,
    AgingAnalysis,
    Collapse,
    Trajectories,
    analyze_aging,
    compare_with_control,
    learning_rate_collapse,
    load_trajectories,
    make_noise,
    mean_square_displacement,
    parse_schedule,
    parse_start,
)
from dynamics import train as run_train
from dynamics.plots import plot_analysis
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
    learning_rate: LearningRate = 0.05,
    schedule: Annotated[str, typer.Option(help=SCHEDULE_HELP)] = "constant",
    momentum: Annotated[float, typer.Option(help="Of the heavy ball (Keras' form), in [0, 1).")] = 0.0,
    start: Annotated[str, typer.Option(help=START_HELP)] = "glorot",
    batch_size: BatchSize = 100,
    precision: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    dataset: DatasetName = "ljat",
    rows: Rows = None,
    dataset_seed: DatasetSeed = 0,
    data_dir: DataDir = None,
    regularization: Regularization = 1e-4,
    regularize_biases: RegularizeBiases = True,
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
    loss = make_loss(hidden, dataset, rows, dataset_seed, data_dir, regularization, regularize_biases)
    begin, counts = time.perf_counter(), []
    with cluster(scheduler), progress_bar() as bar:

        def report(done: int, total: int) -> None:
            counts.append(done)
            bar("train", done, total)

        runs = run_train(
            loss.network,
            loss.data,
            optimizer,
            replicas=replicas,
            steps=steps,
            seed=seed,
            regularization=regularization,
            regularize_biases=regularize_biases,
            noise=kind,
            label_noise=label_noise,
            start=begins,
            path=output,
            jobs=jobs,
            progress=report,
        )
    elapsed = time.perf_counter() - begin
    result = {
        "replicas": runs.replicas,
        "steps": int(runs.steps[-1]),
        "replica_steps_per_second": (counts[-1] - counts[0]) * steps / elapsed,
        "final_loss": float(runs.loss[:, -1].mean()),
        "final_accuracy": float(runs.accuracy[:, -1].mean()),
        "output": output,
        **describe(loss.data),
    }
    show(result, as_json=as_json)


def age(
    trajectories: Annotated[Path, typer.Argument(help="Runs that train wrote.")],
    threshold: Threshold = 1e-2,
    control: Annotated[Path | None, typer.Option(help="Runs of train --noise full, to compare with.")] = None,
    other_rate: Annotated[
        list[Path] | None, typer.Option(help="Runs with another learning rate, to collapse with; may be repeated.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Picture to write: svg, pdf or png.")] = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Mean square displacement, aging times t*(tw), the exponent mu, and what moves."""
    if output is not None:
        check_figure_path(output)
    runs = load_trajectories(trajectories)
    analysis = analyze_aging(runs, threshold, seed=seed)
    result = describe_analysis(analysis) | describe_metadata(runs.metadata.get("data", {}))
    descent = None
    if control is not None:
        descent_runs = load_trajectories(control)
        descent = analyze_aging(descent_runs, threshold, seed=seed)
        comparison = compare_with_control(runs, analysis.fit, descent_runs, descent.fit)
        result |= {"control_t_star": descent.fit.t_star, "control_mu": descent.fit.mu}
        result["control"] = describe_control(descent, comparison)
    if other_rate:
        result["learning_rate_collapse"] = describe_collapse(_collapse_rates(runs, analysis, other_rate, seed))
    if output is not None:
        figure = plot_analysis(analysis, str(trajectories), None if descent is None else descent.fit.t_star)
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
    return learning_rate_collapse(displacements, rates, analysis.fit.threshold, seed=seed)
