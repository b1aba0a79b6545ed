"""Landscapes against the number of rows and the depth: explores each, then tabulates them.

    python examples/landscapes.py --minutes 8 results/landscapes           # all of them, eight minutes each
    python examples/landscapes.py --minutes 60 --only 1000:5,5 results/landscapes

Minutes are processor time of one core, so that other work on the machine does not change what is found. Continues
the files in the folder: more minutes add searches. Writes one database and one log of the progress for each
landscape, and for all of them landscapes.csv and landscapes.png, their disconnectivity graphs.
"""

import argparse
import csv
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from bridge.plots import plot_graph
from landscape import CrossEntropyLoss, Database, datasets, explore
from landscape.graph import components, funnelling, visible_tree
from landscape.networks import MLP
from landscape.plots import draw_panels, save_figure
from landscape.search import Exploration, summarize

ROWS = (1000, 100, 316, 3162, 10_000)
DEPTHS = ((10,), (5, 5), (4, 4, 4))
CHAINS = ((1,), (1, 1), (1, 1, 1))
PLATEAU = 0.02  # nats below the best constant predictor: minima above this count as on the plateau
LOWEST = (50, 200, 500)
LEVELS = 40  # of a graph
CHUNK = 30.0  # seconds by the clock between two lines of the log

Hidden = tuple[int, ...]  # units of each hidden layer


def cases() -> Iterator[tuple[int, Hidden]]:
    """Yield every landscape: rows and hidden layers."""
    for rows in ROWS:
        yield from ((rows, hidden) for hidden in DEPTHS)
        if rows == 1000:
            yield from ((rows, hidden) for hidden in CHAINS)


def name_of(hidden: Hidden, separator: str = ",") -> str:
    """Hidden layers as text."""
    return separator.join(map(str, hidden))


def file_of(folder: Path, rows: int, hidden: Hidden, suffix: str) -> Path:
    """Where what belongs to a landscape is kept."""
    return folder / f"n{rows}-h{name_of(hidden, '-')}{suffix}"


def run(rows: int, hidden: Hidden, folder: Path, budget: float) -> None:
    """Explore one landscape until it took `budget` seconds of processor time in all."""
    log = file_of(folder, rows, hidden, ".jsonl")
    spent = json.loads(log.read_text().splitlines()[-1])["seconds"] if log.exists() else 0.0
    data = datasets.ljat(rows=rows, seed=0)
    loss = CrossEntropyLoss(MLP((data.n_features, *hidden, data.n_classes)), data, 1e-4)
    began = time.process_time() - spent
    while spent < budget:
        database, seconds = file_of(folder, rows, hidden, ".db"), min(CHUNK, budget - spent)
        found = explore(loss, database, budget=seconds, jobs=1)
        spent = time.process_time() - began
        with log.open("a") as file:
            file.write(json.dumps({"seconds": round(spent, 1), **progress(found)}) + "\n")


def progress(found: Exploration) -> dict:
    """What the log says: counts, and how many of the lowest minima the global minimum is connected with."""
    with Database(found.path) as database:
        connected = components(database.graph()) == 0
    lowest = {f"connected_of_{k}": int(connected[:k].sum()) for k in LOWEST}
    names = ("searches", "minima", "transition_states", "components", "lowest_loss", "coverage")
    numbers = {**vars(found), "coverage": found.coverage.value}
    return {name: numbers[name] for name in names} | lowest | {"connected": int(connected.sum())}


def describe(path: Path) -> dict:
    """One row of the table."""
    with Database(path) as database:
        found, minima, funnels = summarize(database), database.minima, funnelling(database.graph())
        values = np.array([minimum.point.value for minimum in minima])
        estimate, provenance = found.estimated_minima, database.provenance
        plateau = datasets.reload(provenance.dataset).constant_entropy - PLATEAU
    assert estimate is not None
    return {
        "rows": provenance.dataset["rows"],
        "hidden": name_of((provenance.layer_sizes or ())[1:-1]),
        **progress(found),
        "at_least": round(estimate.low),
        "chao1": round(estimate.value) if np.isfinite(estimate.value) else None,
        "random_starts": found.random_starts,
        "funnelled": round(funnels.share, 3),
        "funnelled_connected": round(funnels.connected_share, 3),
        "frustration": round(funnels.frustration, 3),
        "plateau": int((values > plateau).sum()),
        "highest_loss": float(values.max()),
    }


def draw(paths: dict[tuple[int, Hidden], Path], target: Path) -> None:
    """Draw what the global minimum is connected with: a row of graphs for each N, a column for each depth."""

    def graph(n: int, hidden: Hidden, ax: Axes) -> None:
        if (n, hidden) not in paths:
            ax.set_axis_off()
            return
        with Database(paths[n, hidden]) as database:
            tree = visible_tree(database.graph(), LEVELS, connected=True)
            plot_graph(tree, ax, funnels=funnelling(database.graph()))
        ax.set_title(f"N = {n}, hidden {name_of(hidden)}\n{ax.get_title()}")

    panels = {f"{n} {name_of(hidden)}": partial(graph, n, hidden) for n in sorted(ROWS) for hidden in DEPTHS}
    save_figure(draw_panels(panels, columns=len(DEPTHS), panel=(4.2, 3.4)), target, dpi=70)


def main() -> None:
    """Explore, then write the table and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--minutes", type=float, default=8.0, help="processor time for each landscape, earlier runs included"
    )
    parser.add_argument("--only", action="append", help="rows:hidden, e.g. 1000:5,5; may be repeated")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for rows, hidden in cases():
        if not options.only or f"{rows}:{name_of(hidden)}" in options.only:
            run(rows, hidden, options.folder, 60.0 * options.minutes)
            print(f"{rows} rows, {name_of(hidden)}", flush=True)
    paths = {
        (rows, hidden): path
        for rows, hidden in cases()
        if (path := file_of(options.folder, rows, hidden, ".db")).exists()
    }
    draw(paths, options.folder / "landscapes.png")
    table = [describe(path) for path in paths.values()]
    with (options.folder / "landscapes.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


if __name__ == "__main__":
    main()
