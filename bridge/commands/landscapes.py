"""Commands of the landscape: data, explore."""

import dataclasses
import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from bridge.commands._cluster import cluster
from bridge.commands._console import parse_duration, progress_bar, show
from bridge.commands._options import (
    AsJson,
    DataDir,
    DatasetName,
    DatasetSeed,
    Hidden,
    InOrder,
    Jobs,
    LabelColumn,
    Regularization,
    RegularizeBiases,
    Rows,
    Scheduler,
    Seed,
    Standardize,
    data_options,
    describe,
    make_loss,
)
from bridge.commands._scales import warn_of_scales
from bridge.comparison import at_least, shown
from landscape import datasets
from landscape.search import CYCLE, KINDS, Exploration, estimate_minima, explore as run_explore


def data_ljat(
    output: Annotated[Path, typer.Option(help="File to write: csv or npz.")],
    rows: Annotated[int, typer.Option(min=1, help="Training rows.")] = 1000,
    edge: Annotated[float, typer.Option(help="Edge of the cube the atoms start in, in sigma.")] = 1.35,
    test_rows: Annotated[int, typer.Option(min=0, help="Further rows, for testing.")] = 4000,
    seed: Seed = 0,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Make an LJAT-like data set: which minimum three atoms relax to."""
    data = datasets.ljat(rows, seed, edge, test_rows=test_rows)
    datasets.write_table(data, output)
    result = {
        **describe(data),
        "class_counts": data.class_counts.tolist(),
        "constant_entropy": data.constant_entropy,
        "sha256": data.sha256,
        "output": output,
    }
    show(result, as_json=as_json)


def explore(
    hidden: Hidden,
    output: Annotated[Path, typer.Option(help="Database to make or to go on with.")],
    searches: Annotated[int | None, typer.Option(min=0, help="Total number of searches.")] = None,
    budget: Annotated[str | None, typer.Option(help="Time to search for instead, e.g. 90s, 10m, 2h.")] = None,
    completeness: Annotated[
        float | None,
        typer.Option(help="Stop once random starts have found this share of the minima that they reach, e.g. 0.95."),
    ] = None,
    estimate: Annotated[
        int | None,
        typer.Option(min=1, help="Quench so many fresh random starts, to say how many minima there are at least."),
    ] = None,
    kinds: Annotated[str | None, typer.Option(help=f"Kinds of search in turn, from {', '.join(KINDS)}.")] = None,
    dataset: DatasetName = "ljat",
    rows: Rows = None,
    dataset_seed: DatasetSeed = 0,
    data_dir: DataDir = None,
    in_order: InOrder = False,
    standardize: Standardize = False,
    label_column: LabelColumn = None,
    regularization: Regularization = 1e-4,
    regularize_biases: RegularizeBiases = True,
    seed: Seed = 0,
    jobs: Jobs = -1,
    scheduler: Scheduler = None,
    as_json: AsJson = False,
) -> None:
    """Find minima and transition states and store them in a database."""
    if (searches is None) == (budget is None) and (estimate is None or searches is not None):
        msg = "give either --searches or --budget, or --estimate alone"
        raise ValueError(msg)
    seconds = None if budget is None else parse_duration(budget)
    options = data_options(in_order, standardize, label_column)
    loss = make_loss(hidden, dataset, rows, dataset_seed, data_dir, regularization, regularize_biases, **options)
    warning = warn_of_scales(loss.data)
    with cluster(scheduler), progress_bar() as bar:
        found = None
        if estimate is None or searches is not None or seconds is not None:
            found = run_explore(
                loss,
                output,
                searches=searches,
                budget=seconds,
                completeness=completeness,
                kinds=CYCLE if kinds is None else kinds.split(","),
                seed=seed,
                jobs=jobs,
                progress=lambda done, total, now: bar("explore", done, total, _note(now)),
            )
        if found is None or estimate is not None:
            found = estimate_minima(
                loss,
                output,
                starts=estimate or 0,
                seed=seed,
                jobs=jobs,
                progress=lambda done, total, now: bar("random starts", done, total, _note(now)),
            )
    result = dataclasses.asdict(found) | {
        "advice": found.advice,
        "output": found.path,
        **describe(loss.data),
        **warning,
    }
    del result["path"]
    show(shown(result, found, as_json=as_json), as_json=as_json)
    if found.advice is not None:
        sys.stderr.write(f"{found.advice}\n")


def _note(now: Exploration) -> str:
    if now.estimated_minima is None:
        return "no minimum yet"
    text = f"{now.minima} minima"
    if math.isfinite(now.estimated_minima.value):
        text += f" of {at_least(now.estimated_minima)} (coverage by random starts {now.coverage:.0%})"
    return f"{text}, {now.transition_states} transition states, {now.components} components"
