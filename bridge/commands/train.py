"""Command `train`."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from bridge.commands._cluster import cluster
from bridge.commands._data_options import LossOptions, introduce
from bridge.commands._module_options import PANEL
from bridge.commands._notes import note
from bridge.commands._optimizer_options import LARGEST_SHARE, OptimizerOptions
from bridge.commands._options import (
    AsJson,
    Hidden,
    Jobs,
    Lags,
    LagsPerDecade,
    Scheduler,
    Seed,
    WaitingTimes,
    describe,
    describe_runs,
)
from bridge.commands._parsing import parse_grid
from bridge.commands._progress import progress_bar
from bridge.commands._realizations import describe_ensemble, describe_training, realization_files
from bridge.commands._results import Summary, Table, show
from bridge.commands._words import counted, data_in_words, estimated, loss_unit, number
from dynamics.training import (
    Glorot,
    ModuleLoss,
    Points,
    Start,
    parse_start,
    train as run_train,
    train_module,
    warn_of_large_minibatches,
)

START_HELP = (
    "Initial parameters: glorot; normal:SD; file:F.npz (or npy; an array of points, run r starts at row r modulo their "
    "number); minima:F.db (lowest first) or minima:F.db:3,7 (these ids); snapshots:F.h5:10000 (run r where run r of "
    "another file was at step 10000) or snapshots:F.h5:10000:0 (all where run 0 was), as for twins with another seed."
)
SNAPSHOTS_HELP = (
    "all: store parameters at every waiting time + lag. waiting: store them at 0, the waiting times and the end only, "
    "and accumulate mean square displacements (also per layer) and fourth moments on the fly: a small file, from which "
    "age computes everything but the split into drift and noise."
)
MULTIPLE_HELP = (
    "Make lags multiples of this many steps, or of the epoch. Without replacement, the noise of an epoch nearly "
    "cancels, so the displacement dips at its multiples; choose waiting times that are multiples as well."
)
SEEDS_HELP = (
    "Train on this many realizations of a generated data set, from --dataset-seed upward: one file each, F-seed0.h5 "
    "and so on for --output F.h5."
)


def train(
    output: Annotated[Path, typer.Option(help="HDF5 file to make, or to continue.")],
    hidden: Hidden = None,
    replicas: Annotated[int, typer.Option(min=1, help="Number of runs.")] = 100,
    steps: Annotated[int, typer.Option(min=2, help="Length of each run (steps).")] = 150_000,
    start: Annotated[str, typer.Option(help=START_HELP)] = "glorot",
    *,
    steps_by: OptimizerOptions,
    options: LossOptions,
    dataset_seeds: Annotated[int | None, typer.Option(min=1, help=SEEDS_HELP)] = None,
    waiting_times: WaitingTimes = None,
    lags: Lags = None,
    lags_per_decade: LagsPerDecade = 16,
    lags_multiple_of: Annotated[str, typer.Option(help=MULTIPLE_HELP)] = "1",
    snapshots: Annotated[str, typer.Option(help=SNAPSHOTS_HELP)] = "all",
    seed: Seed = 0,
    device: Annotated[
        str, typer.Option(help="Device of torch for a module, e.g. cuda.", rich_help_panel=PANEL)
    ] = "cpu",
    jobs: Jobs = -1,
    scheduler: Scheduler = None,
    as_json: AsJson = False,
) -> None:
    """Train an ensemble of networks and record their trajectories.

    Run the same command with more --replicas to add runs; after a kill it continues where it stopped.
    """
    optimizer = steps_by.make()
    begins = parse_start(start)
    if options.module is not None and snapshots != "all":
        msg = f"--snapshots must be all for a module; got {snapshots!r}"
        raise ValueError(msg)
    files = realization_files(output, options.dataset, options.dataset_seed, dataset_seeds)
    begin, taken, results = time.perf_counter(), 0, []
    with cluster(scheduler), progress_bar() as bar:
        for number, file in files.items():
            loss = replace(options, dataset_seed=number).trained(hidden)
            warning = introduce(loss.data)
            warn_of_large_minibatches(loss.data, optimizer, largest=LARGEST_SHARE)
            counts: list[int] = []
            times = parse_grid(
                steps,
                waiting_times,
                lags,
                lags_per_decade,
                lags_multiple_of,
                epoch=-(-loss.data.rows // optimizer.batch_size),
            )

            def report(done: int, total: int, number: int = number, counts: list[int] = counts) -> None:
                counts.append(done)
                bar("train" if dataset_seeds is None else f"train on data set {number}", done, total)

            common: dict[str, Any] = {
                "replicas": replicas,
                "steps": steps,
                "seed": seed,
                "path": file,
                "waiting_times": times[0],
                "lags": times[1],
                "progress": report,
            }
            if isinstance(loss, ModuleLoss):
                runs = train_module(loss, optimizer, start=points_of(begins), device=device, **common)
            else:
                runs = run_train(loss, optimizer, start=begins, jobs=jobs, snapshots=snapshots, **common)
            taken += (counts[-1] - counts[0]) * steps
            results.append(
                describe_ensemble(runs, file, loss) | describe_runs(runs.metadata) | describe(loss.data) | warning
            )
    speed = taken / (time.perf_counter() - begin)
    described = describe_training(results, speed, several=dataset_seeds is not None)
    described["loss_unit"] = runs.loss_unit
    if described["loss_rose"]:
        note(
            f"{described['loss_rose']} of the runs end at a higher loss than they started with; unless their noise is "
            "meant to do that, choose a smaller --learning-rate"
        )
    show(described, summarize(described), as_json=as_json)


def summarize(result: dict[str, Any]) -> Summary:
    """What a person reads of an ensemble, or of several on realizations of the data."""
    several = result.get("realizations", [result])
    tables, (words, name, unit) = [], scored(result)
    if len(several) > 1:
        columns = ("data seed", "final loss", f"final {words}", "file")
        rows = [
            (
                str(r["dataset_seed"]),
                estimated(r, "final_loss", runs=r["replicas"]),
                estimated(r, f"final_{name}", unit, runs=r["replicas"]),
                str(r["output"]),
            )
            for r in several
        ]
        tables.append(Table(columns, rows))
    speed, runs = result["replica_steps_per_second"], len(several) if len(several) > 1 else result["replicas"]
    on = f", on {len(several)} realizations of the data" if len(several) > 1 else ""
    return Summary(
        verdict=f"{counted(result['replicas'], 'run')} of {counted(result['steps'], 'step')}{on}. The mean loss at the "
        f"end is {estimated(result, 'final_loss', loss_unit(result), runs=runs)}, the {words} "
        f"{estimated(result, f'final_{name}', unit, runs=runs)}.",
        facts={
            "test loss at the end, without penalty": estimated(result, "final_test_loss", loss_unit(result), runs=runs),
            f"test {words} at the end": estimated(result, f"final_test_{name}", unit, runs=runs),
            "runs whose loss rose": f"{result['loss_rose']:,}",
            **({"speed": number(speed, "steps per second, all runs together")} if speed else {}),
            **data_in_words(result),
        },
        tables=tables,
        notes=[*([] if speed else ["All runs were in the file already."]), "Measure the aging with agescape age."],
        files={"runs": result["output"]},
    )


def scored(result: dict[str, Any]) -> tuple[str, str, str]:
    """How well the runs predict: in words, by its name, and its unit; R^2 for a regression, which has no accuracy."""
    return ("R^2", "r_squared", "") if "final_r_squared" in result else ("accuracy", "accuracy", "%")


def points_of(start: Start) -> NDArray[np.float64] | None:
    """Where runs of a module start: points (K, P), or None for its own random initialization."""
    if isinstance(start, Glorot):
        return None
    if isinstance(start, Points):
        return start.points
    msg = f"--start must be glorot (the module's own initialization), file: or minima: for a module; got {start}"
    raise ValueError(msg)
