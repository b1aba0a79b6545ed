"""Command `geometry`."""

import csv
import dataclasses
import io
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bridge.commands._database_checks import check_minima
from bridge.commands._figure_options import FigureSize, Picture, check_figure
from bridge.commands._module_options import ModuleOptions
from bridge.commands._options import AsJson, DatabaseFile, DataDir, Jobs, describe_metadata
from bridge.commands._results import Summary, show
from bridge.commands._words import UNKNOWN, counted, data_in_words, loss_unit, number, share, with_interval
from bridge.comparison import FEWEST, rank_correlation
from landscape.database import Database, StoredMinimum, loss_of
from landscape.datasets import CHUNK, Dataset, fresh_rows, is_generated
from landscape.losses import DataLoss, TorchLoss
from landscape.plots import draw_panels, plot_geometry, save_figure
from landscape.stationary import LocalGeometry, local_geometry
from landscape.support import in_numbers, write_text

TEST_ROWS = 2**15  # by default


def geometry(
    database: DatabaseFile,
    output: Picture,
    table: Annotated[Path | None, typer.Option(help="Table to write: csv.")] = None,
    test_rows: Annotated[
        int | None,
        typer.Option(min=2, help=f"Test rows of a generated data set. [default: {TEST_ROWS}]"),
    ] = None,
    size: FigureSize = "screen",
    data_dir: DataDir = None,
    *,
    modules: ModuleOptions,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Draw the generalization error of the minima against the trace of their Hessians."""
    check_figure(output)
    with Database(database) as opened:
        check_minima(opened, 2)
        minima = opened.minima
        loss = _with_test_rows(loss_of(opened, module=modules.loaded(), data_dir=data_dir), test_rows, database)
        found = local_geometry(loss, [m.point for m in minima], jobs=jobs)
        described = describe_metadata(opened.provenance.dataset)
    rank = rank_correlation("trace", found.traces, found.generalization_errors, rng=0)
    figure = draw_panels({"geometry": partial(plot_geometry, found)}, panel=(5.5, 4.2), size=size)
    save_figure(figure, output)
    if table is not None:
        write_text(table, _csv(minima, found))
    result = {
        "minima": len(minima),
        "loss_unit": loss.unit,
        **in_numbers({"rank_correlation": rank.coefficient}),
        "rank_correlation_p": rank.p,
        "median_trace": float(np.median(found.traces)),
        **in_numbers({"median_generalization_error": found.generalization.map(np.median)}),
        "test_rows": len(loss.data.test_labels),
        **_scores(found, loss.data),
        "table": table,
        "output": output,
        **described,
    }
    show(result, summarize(result), as_json=as_json)


def _with_test_rows(loss: DataLoss, test_rows: int | None, database: Path) -> DataLoss:
    """The loss with more rows to test on where they can be made; ValueError where there are none."""
    data = loss.data
    if is_generated(data):
        rows = TEST_ROWS if test_rows is None else test_rows
        parts = [fresh_rows(data, chunk) for chunk in range(-(-rows // CHUNK))]
        inputs = np.concatenate([part.inputs for part in parts])[:rows]
        labels = np.concatenate([part.labels for part in parts])[:rows]
        data = dataclasses.replace(data, test_inputs=inputs, test_labels=labels)
        if isinstance(loss, TorchLoss):
            return loss.on(data)
        return type(loss)(loss.network, data, loss.regularization, regularize_biases=loss.regularize_biases)
    if test_rows is not None:
        source = data.metadata.get("path", data.metadata.get("name"))
        msg = f"--test-rows needs a generated data set; that of {database} is {source}"
        raise ValueError(msg)
    if not data.test_labels.size:
        msg = (
            f"the data of {database}, {data.metadata.get('path', data.metadata.get('name'))}, have no test rows, so "
            f"there is no generalization error: all {data.rows} rows train. Explore with fewer --rows"
        )
        raise ValueError(msg)
    return loss


def summarize(result: dict[str, Any]) -> Summary:
    """What a person reads of the geometry of minima."""
    error = (result[f"median_generalization_error{end}"] for end in ("", "_low", "_high"))
    files = {"figure": result["output"]} | ({"table": result["table"]} if result["table"] else {})
    return Summary(
        verdict=f"The rank correlation of the curvature (trace of the Hessian) and the generalization error of "
        f"{counted(result['minima'], 'minimum', 'minima')} is {_correlation(result)}.",
        facts={
            "trace of the Hessian, median": number(result["median_trace"], loss_unit(result)),
            "generalization error, median": with_interval(*error, unit=loss_unit(result), digits=4),
            **_best(result),
            "test rows": f"{result['test_rows']:,}",
            **data_in_words(result),
        },
        files=files,
    )


def _scores(found: LocalGeometry, data: Dataset) -> dict[str, float]:
    """How well the best minimum predicts the test rows: its accuracy, or R^2 for a regression."""
    if not data.is_regression:
        return {"best_test_accuracy": float(found.test_accuracies.max())}
    spread = 0.5 * float(data.test_labels.var(axis=0).sum())
    return {"best_test_r_squared": 1.0 - float(found.test_data_losses.min()) / spread if spread else float("nan")}


def _best(result: dict[str, Any]) -> dict[str, str]:
    if "best_test_r_squared" in result:
        return {"test R^2, best": number(result["best_test_r_squared"])}
    return {"test accuracy, best": share(result["best_test_accuracy"])}


def _correlation(result: dict[str, Any]) -> str:
    """The coefficient with its interval and p, or why there is none."""
    numbers = [result[f"rank_correlation{end}"] for end in ("", "_low", "_high")]
    if not np.isfinite(numbers[0]):
        return f"{UNKNOWN}: it takes {FEWEST} minima, and neither may be constant"
    return f"{with_interval(*numbers)} (p = {result['rank_correlation_p']:.2g}, as if the minima were independent)"


def _csv(minima: list[StoredMinimum], found: LocalGeometry) -> str:
    columns: dict[str, Any] = {
        "id": [minimum.id for minimum in minima],
        "loss": found.losses,
        "trace": found.traces,
        "log_determinant": found.log_determinants,
        "lowest_eigenvalue": found.lowest_eigenvalues,
        "highest_eigenvalue": found.highest_eigenvalues,
        "train_data_loss": found.train_data_losses,
        "test_data_loss": found.test_data_losses,
        "generalization_error": found.generalization_errors,
        "generalization_error_low": found.generalization.low,
        "generalization_error_high": found.generalization.high,
        "train_accuracy": found.train_accuracies,
        "test_accuracy": found.test_accuracies,
        "origin": [minimum.origin for minimum in minima],
    }
    for name in ("run", "replica", "step", "method"):  # of the snapshot that found a minimum, if one did
        columns[name] = [None if m.discovery is None else getattr(m.discovery, name) for m in minima]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(np.asarray(values).tolist() for values in columns.values()), strict=True))
    return text.getvalue()
