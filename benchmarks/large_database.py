"""A database of 10^5 minima and 10^6 transition states: load it, make its tree, draw it; time and memory of each.

    python benchmarks/large_database.py make big.db            # a few minutes, 2.6 GB
    python benchmarks/large_database.py load big.db            # a process of its own, so that its memory is its own
    python benchmarks/large_database.py batch copy.db          # what explore does between two batches; adds to the file

The points are random and no stationary points of anything; losses, edges and hits are like those of a landscape: minima
at a random depth below a plateau, transition states between near ones, most joined to the lowest component.
"""

import argparse
import json
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from landscape import Database, Minimum, TransitionState, disconnectivity_tree, symmetry
from landscape.database import Provenance
from landscape.database._pickles import dump_array
from landscape.graph import funnelling
from landscape.networks import MLP
from landscape.plots import plot_disconnectivity, save_figure
from landscape.search import CYCLE, summarize
from landscape.search._memory import CANDIDATES, Memory, Neighbors
from landscape.search._planning import BATCH
from landscape.search._searches import Found, Task
from landscape.search._storing import next_search, store

NETWORK = MLP((2, 5, 5, 4))  # 69 parameters
CHUNK = 10_000
REPEATS = 20


def make(path: Path, n: int, m: int) -> None:
    """Write a database of n minima, m transition states and m searches with plain SQL: no comparing, no aligning."""
    rng = np.random.default_rng(0)
    provenance = Provenance(
        NETWORK.n_parameters,
        NETWORK.layer_sizes,
        {"name": "ljat", "rows": 1000, "seed": 0},
        "0" * 64,
        1e-4,
        True,
        0,
        {},
    )
    Database.create(path, provenance).close()
    losses = 0.48 + 0.3 * rng.beta(2, 3, n)
    first = rng.integers(n, size=m)
    ends = np.sort(np.stack([first, (first + rng.geometric(2e-4, m)) % n], axis=1), axis=1)
    barriers = losses[ends].max(axis=1) + rng.exponential(2e-3, m)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        for a in range(0, n, CHUNK):
            insert(connection, rng, np.arange(a, min(n, a + CHUNK)), losses, None)
        for a in range(0, m, CHUNK):
            insert(connection, rng, np.arange(a, min(m, a + CHUNK)), barriers, ends)
        pairs = rng.integers(1, n + 1, (m // BATCH * BATCH, 2)).tolist()
        rows = ((k, "connect", a, b, "CONVERGED", 30) for k, (a, b) in enumerate(pairs))
        connection.executemany("INSERT INTO agescape_attempts VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")


def insert(
    connection: sqlite3.Connection,
    rng: np.random.Generator,
    ids: np.ndarray,
    losses: np.ndarray,
    ends: np.ndarray | None,
) -> None:
    """Rows of pele's table and of ours."""
    table = "minima" if ends is None else "transition_states"
    size = (ids.size, NETWORK.n_parameters)
    points, modes, spectra = rng.normal(size=size), rng.normal(size=size), np.sort(rng.exponential(1.0, size), axis=1)
    if ends is not None:
        spectra[:, 0] *= -1
    pele, ours = [], []
    for k, number in enumerate(ids.tolist()):
        joined = () if ends is None else (*(ends[number] + 1).tolist(), -1.0, dump_array(modes[k]))
        pele.append((number + 1, float(losses[number]), dump_array(points[k]), *joined, 0.0, 1, 0))
        ours.append(
            (number + 1, "0" * 64, 1 + number % 3, "start", number, 1e-11, spectra[k].tobytes(), 0.0, 1.0, "3840")
        )
    more = "" if ends is None else " _minimum1_id, _minimum2_id, eigenval, eigenvec,"
    marks = ", ".join("?" * len(pele[0]))
    connection.executemany(
        f"INSERT INTO tbl_{table} (_id, energy, coords,{more} fvib, pgorder, invalid) VALUES ({marks})", pele
    )
    connection.executemany(f"INSERT INTO agescape_{table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ours)


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print wall and processor time of a part, and the most memory so far."""
    wall, processor = time.perf_counter(), time.process_time()
    yield
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{what:<12} {time.perf_counter() - wall:7.2f} s wall {time.process_time() - processor:7.2f} s processor "
        f"{memory:6.2f} GiB at most",
        flush=True,
    )


def load(path: Path, output: Path) -> None:
    """Measure all that `agescape info` and `agescape graph` do."""
    with measured("load"):
        database = Database(path)
    with measured("graph"):
        graph = database.graph()
    with measured("summarize"):
        print(summarize(database))
    with measured("tree"):
        tree = disconnectivity_tree(graph)
    with measured("levels"):
        grouped = disconnectivity_tree(graph, 40, connected=True)
    with measured("funnels"):
        print(f"share {funnelling(graph).share:.3f}")
    from matplotlib.figure import Figure  # noqa: PLC0415 - only here, not where a database is made

    for name, one in (("exact", tree), ("grouped", grouped)):
        with measured(f"plot {name}"):
            figure = Figure((6.0, 5.0))
            plot_disconnectivity(one, figure.add_subplot())
            save_figure(figure, output.with_name(f"{output.stem}-{name}{output.suffix}"))
    database.close()


def batch(path: Path) -> dict[str, float]:
    """Processor seconds of what `explore` does by itself for one batch: all that no worker can do for it.

    To know the neighbors of 10^5 minima takes many minutes, once; here a thousand find theirs, the others get random
    ones.
    """
    rng, seconds = np.random.default_rng(1), {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        begin = time.process_time()
        yield
        seconds[name] = time.process_time() - begin

    with timed("open"):
        database = Database(path)
    with database:
        memory, neighbors = Memory(database, BATCH), Neighbors(NETWORK)
        points = [(number, database.minimum(number).point) for number in np.sort(database.minimum_ids()).tolist()]
        neighbors._invariants.append(np.array([symmetry.invariants(NETWORK, p.coordinates) for _, p in points]))
        neighbors._ids.append(np.array([number for number, _ in points]))
        neighbors._points += [point.coordinates for _, point in points]
        symmetry.distances(NETWORK, points[0][1].coordinates, points[1][1].coordinates[None])  # compiled, or read
        with timed("neighbors of one"):
            for k in range(REPEATS):
                neighbors._add(len(points) + 1 + k, rng.normal(size=NETWORK.n_parameters))
        later = np.repeat(np.arange(1, len(points)), CANDIDATES)
        pairs = np.column_stack([(later * rng.random(len(later))).astype(np.int64), later])
        neighbors._pairs.append(neighbors._ids.values[pairs])
        neighbors._distances.append(rng.uniform(0.1, 3.0, len(later)))
        memory._neighbors = neighbors
        memory._update(database.minimum_ids(), done := next_search(database))
        results = [found(rng, database, done + k) for k in range(BATCH)]
        with timed("store"):
            store(database, results)
        with timed("summarize"):
            summarize(database)
        with timed("plan"):
            memory.plan(done + BATCH, done + 2 * BATCH, 0, CYCLE)
    seconds["neighbors of one"] /= REPEATS
    new = seconds["neighbors of one"] * BATCH  # `plan` looked for those of the batch's minima, too
    return seconds | {"batch": seconds["store"] + seconds["summarize"] + seconds["plan"], "neighbors of a batch": new}


def found(rng: np.random.Generator, database: Database, search: int) -> Found:
    """A transition state, above a new minimum and a known one."""
    loss, modes = 0.48 + 0.3 * rng.beta(2, 3), np.sort(rng.exponential(1.0, NETWORK.n_parameters))
    known = database.minimum(int(rng.choice(database.minimum_ids()))).point
    new = Minimum(rng.normal(size=NETWORK.n_parameters), loss, 1e-11, modes)
    state = TransitionState(
        rng.normal(size=NETWORK.n_parameters), max(loss, known.value) + 1e-3, 1e-11, modes * ([-1.0] + [1.0] * 68),
        eigenvector=rng.normal(size=NETWORK.n_parameters),
    )  # fmt: skip
    return Found(Task(search, "connect", 0), (), ((state, (new, known)),), "CONVERGED", 30)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["make", "load", "batch"])
    parser.add_argument("path", type=Path)
    parser.add_argument("--minima", type=int, default=100_000)
    parser.add_argument("--transition-states", type=int, default=1_000_000)
    parser.add_argument("--output", type=Path, default=Path("large.png"))
    given = parser.parse_args()
    if given.what == "make":
        make(given.path, given.minima, given.transition_states)
    elif given.what == "batch":
        print(json.dumps(batch(given.path), indent=1))
    else:
        load(given.path, given.output)
