"""Commands that join landscape and dynamics: compare, study, info."""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import h5py
import numpy as np
import typer

from bridge import plots
from bridge.commands._cluster import cluster
from bridge.commands._console import parse_hidden, progress_bar, show, show_table
from bridge.commands._options import (
    AsJson,
    BatchSize,
    DataDir,
    DatasetName,
    DatasetSeed,
    InOrder,
    Jobs,
    LabelColumn,
    LearningRate,
    Rows,
    Scheduler,
    Seed,
    Standardize,
    Threshold,
    data_options,
    describe,
    describe_metadata,
)
from bridge.commands._scales import warn_of_scales
from bridge.comparison import (
    RankCorrelation,
    check_table_path,
    compare as compare_studies,
    rank_correlations,
    row_dict,
    shown,
    write_comparison,
)
from bridge.studies import StudySettings, scaled, study as run_study
from dynamics.runs import load_trajectories
from dynamics.training import SGD
from landscape import datasets
from landscape.database import Database
from landscape.plots import check_figure_path, save_figure
from landscape.search import summarize

Scale = Literal["quick", "paper"]


def compare(
    directory: Annotated[Path, typer.Argument(help="Folder of one or more studies.")],
    threshold: Threshold = 1e-2,
    output: Annotated[Path | None, typer.Option(help="Picture to write: svg, pdf or png.")] = None,
    table: Annotated[Path | None, typer.Option(help="Table to write: csv, tex or json.")] = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Number of minima against mu, one row per architecture and data set."""
    if output is not None:
        check_figure_path(output)
    if table is not None:
        check_table_path(table)
    comparison = compare_studies(directory, threshold=threshold)
    if output is not None:
        figure, axes = plots.new_figure(5.5, 4.2)
        plots.plot_comparison(comparison, axes[0])
        save_figure(figure, output)
    if table is not None:
        write_comparison(comparison.rows, table)
    found = rank_correlations(comparison.rows, rng=np.random.default_rng(seed))
    correlations = {part.quantity: _interval(part) for part in found if part.rows and np.isfinite(part.value)}
    more = {"rank_correlation": correlations} if as_json or correlations else {}
    _show_rows([row_dict(row) for row in comparison.rows], "rows", more, as_json=as_json)


def _interval(part: RankCorrelation) -> dict[str, float | int]:
    return {"value": part.value, "low": part.low, "high": part.high, "p": part.p, "rows": part.rows}


def _show_rows(rows: list[dict[str, Any]], key: str, more: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show({key: rows, **more}, as_json=True)
        return
    counts = ("hidden", "parameters", "rows", "minima", "at_least", "transition_states", "components")
    show_table(
        [row | {"at_least": _at_least(row["estimated_minima"])} for row in rows], (*counts, "mu", "mu_low", "mu_high")
    )
    show(more, as_json=False)


def _at_least(estimate: dict[str, float]) -> str:
    """How many minima there are at least, at 95 %; where there are too few random starts it is not determined."""
    return f"{estimate['low']:.0f}" if np.isfinite(estimate["value"]) else "?"


def study(
    output: Annotated[Path, typer.Option(help="Folder for everything the study makes.")] = Path("results/study"),
    scale: Annotated[
        Scale, typer.Option(help="quick: minutes; paper: the paper's runs and a longer search.")
    ] = "quick",
    hidden: Annotated[list[str], typer.Option(help="Architectures; repeat for several.")] = ["10", "5,5", "4,4,4"],  # noqa: B006
    dataset: DatasetName = "ljat",
    rows: Rows = None,
    dataset_seed: DatasetSeed = 0,
    data_dir: DataDir = None,
    in_order: InOrder = False,
    standardize: Standardize = False,
    label_column: LabelColumn = None,
    searches: Annotated[int | None, typer.Option(min=0, help="Searches of each landscape.")] = None,
    replicas: Annotated[int | None, typer.Option(min=2, help="Runs of each ensemble.")] = None,
    steps: Annotated[int | None, typer.Option(min=2, help="Steps of each run.")] = None,
    batch_size: BatchSize = 100,
    learning_rate: LearningRate = 0.05,
    threshold: Threshold = 1e-2,
    seed: Seed = 0,
    jobs: Jobs = -1,
    scheduler: Scheduler = None,
    as_json: AsJson = False,
) -> None:
    """Do it all: explore, train, age, map, compare, draw and report."""
    options = data_options(in_order, standardize, label_column)
    data = datasets.load(dataset, rows=rows, seed=dataset_seed, data_dir=data_dir, **options)
    architectures = tuple(parse_hidden(text) for text in hidden)
    settings = StudySettings(
        scale=scaled(scale, searches=searches, replicas=replicas, steps=steps),
        architectures=architectures,
        optimizer=SGD(learning_rate=learning_rate, batch_size=batch_size),
        threshold=threshold,
        seed=seed,
    )
    warning = warn_of_scales(data)
    with cluster(scheduler), progress_bar() as bar:
        result = run_study(data, output, settings, jobs=jobs, progress=bar)
    rows_ = [row_dict(row) for row in result.comparison.rows]
    more = {"report": result.report, "figures": list(result.figures), **describe(data), **warning}
    _show_rows(rows_, "architectures", more, as_json=as_json)


def info(
    file: Annotated[Path, typer.Argument(help="A database, a file of runs, or a data set.")],
    seed: Seed = 0,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Say what a file of ours holds."""
    if not file.is_file():
        msg = f"no file at {file}"
        raise FileNotFoundError(msg)
    with file.open("rb") as opened_file:
        start = opened_file.read(15)
    if not start:
        msg = f"{file} is empty"
        raise ValueError(msg)
    if start == b"SQLite format 3":
        with Database(file) as opened:
            provenance = dataclasses.asdict(opened.provenance)
            found = summarize(opened)
            result = shown(dataclasses.asdict(found), found, as_json=as_json)
            result |= {"advice": found.advice} | provenance | {"data": provenance["dataset"]}
            result = {"kind": "database of minima", **result, **describe_metadata(opened.provenance.dataset)}
            result["unchecked_ends"] = len(opened.unchecked_ends())
            result["found_by_runs"] = dict(Counter(one.run for one in opened.discoveries().values()))
            result["set_aside"] = len(opened.set_aside)
            if as_json:
                result["set_aside"] = [dataclasses.asdict(row) for row in opened.set_aside]
            else:
                result |= {f"set aside: {row.kind} {row.id}": row.why for row in opened.set_aside}
    elif h5py.is_hdf5(file):
        runs = load_trajectories(file)
        result = {
            "kind": "trajectories",
            "replicas": runs.replicas,
            "steps": int(runs.steps[-1]),
            "snapshots": len(runs.steps),
            "identity": runs.identity,
            "parameters": runs.n_parameters,
            **runs.metadata,
            **describe_metadata(runs.metadata.get("data", {})),
        }
    else:
        data = datasets.table(file)
        result = {
            "kind": "data set",
            **describe(data),
            "features": data.n_features,
            "class_counts": data.class_counts.tolist(),
            "constant_entropy": data.constant_entropy,
            "sha256": data.sha256,
        }
    show(result, as_json=as_json)
