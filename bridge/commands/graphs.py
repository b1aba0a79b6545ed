"""Commands that draw what a database of minima holds: graph, path, geometry."""

import csv
import dataclasses
import io
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bridge import plots
from bridge.commands._console import show
from bridge.commands._options import AsJson, Jobs, Seed, describe_metadata
from landscape.database import PROPERTIES, Database, StoredMinimum, loss_of, minimum_property
from landscape.datasets import CHUNK, fresh_rows, is_generated
from landscape.descent import loss_profile
from landscape.graph import Pathway, fastest_path, funnelling, minimax_barrier
from landscape.losses import CrossEntropyLoss
from landscape.plots import check_figure_path, new_figure, plot_geometry, plot_profile, save_figure
from landscape.search import summarize
from landscape.stationary import LocalGeometry, local_geometry
from landscape.support import write_text

File = Annotated[Path, typer.Argument(help="Database of minima.")]
Picture = Annotated[Path, typer.Option(help="Picture to write: svg, pdf or png.")]
TEST_ROWS = 2**15  # by default
MANY_LABELS = 8  # minima on a way whose ids are written below them


def graph(
    database: File,
    output: Picture,
    levels: Annotated[int | None, typer.Option(min=1, help="Group at so many equally spaced losses.")] = None,
    whole: Annotated[bool, typer.Option(help="Also show minima above all transition states.")] = False,
    color: Annotated[str | None, typer.Option(help=f"Color minima by: {', '.join(PROPERTIES)}.")] = None,
    label: Annotated[str | None, typer.Option(help="Write below the 40 lowest minima: one of the same.")] = None,
    connected: Annotated[bool, typer.Option(help="Only minima that some way joins to the lowest one.")] = False,
    max_minima: Annotated[int | None, typer.Option(min=1, help="Only so many of the lowest minima.")] = None,
    emin: Annotated[float | None, typer.Option(help="Lowest loss to show, in nats.")] = None,
    emax: Annotated[float | None, typer.Option(help="Highest loss to show, in nats.")] = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Draw the disconnectivity graph of a database and say how funnelled the landscape is."""
    check_figure_path(output)
    figure, axes = new_figure(6.0, 5.0)
    with Database(database) as opened:
        _check_minima(opened, 1)
        found, funnels = summarize(opened), funnelling(opened.graph())
        plots.plot_graph(
            opened,
            axes[0],
            levels=levels,
            whole=whole,
            connected=connected,
            max_minima=max_minima,
            emin=emin,
            emax=emax,
            color=None if color is None else minimum_property(opened, color, jobs=jobs),
            labels=None if label is None else minimum_property(opened, label, jobs=jobs),
            funnels=funnels,
        )
        described = describe_metadata(opened.provenance.dataset)
        unchecked = len(opened.unchecked_ends())
    save_figure(figure, output)
    result = {
        "minima": found.minima,
        "transition_states": found.transition_states,
        "unchecked_ends": unchecked,
        "components": found.components,
        "levels": levels,
        "funnelled": funnels.share,
        "funnelled_connected": funnels.connected_share,
        "frustration": funnels.frustration,
        "funnels": len(funnels.funnels),
        "output": output,
        **described,
    }
    show(result, as_json=as_json)


def path(
    database: File,
    a: Annotated[int, typer.Argument(help="Id of the first minimum (graph --label id).")],
    b: Annotated[int, typer.Argument(help="Id of the last minimum.")],
    output: Picture,
    temperature: Annotated[
        float | None, typer.Option(help="The fastest way at this temperature, in nats, instead of the lowest.")
    ] = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Draw the loss along the way from one minimum to another."""
    check_figure_path(output)
    figure, axes = new_figure(6.0, 3.6)
    with Database(database) as opened:
        _check_minima(opened, 2)
        way = _way(opened, a, b, temperature)
        minima = [opened.minima[i] for i in way.minima.tolist()]
        states = [opened.transition_states[k] for k in way.transition_states.tolist()]
        loss = loss_of(opened)
        described = describe_metadata(opened.provenance.dataset)
    profile = loss_profile(loss, [m.point for m in minima], [s.point for s in states])
    ids = [m.id for m in minima]
    shown = ids if len(ids) <= MANY_LABELS else [i if k in (0, len(ids) - 1) else "" for k, i in enumerate(ids)]
    plot_profile(profile, axes[0], labels=shown, title=_describe_way(a, b, way, temperature))
    save_figure(figure, output)
    result = {
        "minima": ids,
        "transition_states": [s.id for s in states],
        "highest_loss": way.highest,
        "climb": way.climb,
        "length": float(profile.lengths[-1]),
        "temperature": temperature,
        "log_probability": way.log_probability,
        "output": output,
        **described,
    }
    show(result, as_json=as_json)


def geometry(
    database: File,
    output: Picture,
    table: Annotated[Path | None, typer.Option(help="Table to write, as csv.")] = None,
    test_rows: Annotated[
        int | None,
        typer.Option(min=2, help="Rows of a generated data set to test on. [default: 32768]"),
    ] = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    as_json: AsJson = False,
) -> None:
    """Draw the generalization error of the minima against the trace of their Hessians."""
    check_figure_path(output)
    figure, axes = new_figure(5.5, 4.2)
    with Database(database) as opened:
        _check_minima(opened, 2)
        minima = opened.minima
        loss = _with_test_rows(loss_of(opened), test_rows, database)
        found = local_geometry(loss, [m.point for m in minima], jobs=jobs)
        described = describe_metadata(opened.provenance.dataset)
    plot_geometry(found, axes[0])
    save_figure(figure, output)
    if table is not None:
        write_text(table, _csv(minima, found))
    result = {
        "minima": len(minima),
        "rank_correlation": found.rank_correlation,
        "median_trace": float(np.median(found.traces)),
        "median_generalization_error": float(np.median(found.generalization_errors)),
        "median_generalization_error_error": float(np.median(found.test_errors)),
        "test_rows": int(loss.data.test_labels.size),
        "best_test_accuracy": float(found.test_accuracies.max()),
        "table": table,
        "output": output,
        **described,
    }
    show(result, as_json=as_json)


def _with_test_rows(loss: CrossEntropyLoss, test_rows: int | None, database: Path) -> CrossEntropyLoss:
    """The loss with more rows to test on where they can be made; ValueError where there are none."""
    data = loss.data
    if is_generated(data):
        rows = TEST_ROWS if test_rows is None else test_rows
        parts = [fresh_rows(data, chunk) for chunk in range(-(-rows // CHUNK))]
        inputs = np.concatenate([part.inputs for part in parts])[:rows]
        labels = np.concatenate([part.labels for part in parts])[:rows]
        data = dataclasses.replace(data, test_inputs=inputs, test_labels=labels)
        return CrossEntropyLoss(loss.network, data, loss.regularization, regularize_biases=loss.regularize_biases)
    if test_rows is not None:
        msg = f"--test-rows is for generated data sets; {database} is of {data.metadata.get('path', 'mnist')}"
        raise ValueError(msg)
    if not data.test_labels.size:
        msg = (
            f"the data of {database}, {data.metadata.get('path', data.metadata.get('name'))}, have no test rows, so "
            f"there is no generalization error: all {data.rows} rows train. Explore with fewer --rows"
        )
        raise ValueError(msg)
    return loss


def _check_minima(database: Database, fewest: int) -> None:
    """Raise a ValueError unless a database holds so many minima."""
    if (number := database.n_minima) < fewest:
        held = {0: "no minimum", 1: "only one minimum"}[number]
        msg = f"{database.path} holds {held} yet; explore it further"
        raise ValueError(msg)


def _way(database: Database, a: int, b: int, temperature: float | None) -> Pathway:
    """The way between two minima of a database, named by their ids."""
    ids = database.minimum_ids()
    for number in (a, b):
        if number not in ids:
            msg = f"{database.path} has no minimum with the id {number}"
            raise ValueError(msg)
    if a == b:
        msg = f"the ends of a way must be two different minima; got {a} twice"
        raise ValueError(msg)
    graph = database.graph()
    start, end = database.positions([a, b]).tolist()
    if not np.isfinite(minimax_barrier(graph, start, end)):
        msg = f"{database.path} has no way from minimum {a} to minimum {b}; explore it further"
        raise ValueError(msg)
    if temperature is None:
        return fastest_path(graph, start, end)
    states = database.transition_states
    return fastest_path(
        graph,
        start,
        end,
        temperature=temperature,
        log_determinants=[s.point.log_product for s in states],
        multiplicities=[float(s.orbit_size) for s in states],
    )


def _describe_way(a: int, b: int, way: Pathway, temperature: float | None) -> str:
    kind = "lowest way" if temperature is None else f"fastest way at T = {temperature:g} nats"
    steps = len(way.transition_states)
    return f"{kind} from {a} to {b}: {steps} transition state{'' if steps == 1 else 's'}"


def _csv(minima: list[StoredMinimum], found: LocalGeometry) -> str:
    columns: dict[str, Any] = {
        "id": [minimum.id for minimum in minima],
        "loss": found.losses,
        "trace": found.traces,
        "log_determinant": found.log_determinants,
        "lowest_eigenvalue": found.eigenvalues[:, 0],
        "highest_eigenvalue": found.eigenvalues[:, -1],
        "train_cross_entropy": found.train_cross_entropies,
        "test_cross_entropy": found.test_cross_entropies,
        "generalization_error": found.generalization_errors,
        "generalization_error_error": found.test_errors,
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
