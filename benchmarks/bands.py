"""Paths between minima of a database: their height at a given cost, and what searches from bands find.

Height: the highest point above the higher minimum, mean over pairs of minima. Searches: `search_along_band`, its
transition states that certify per processor second. With --barriers: the highest loss of the whole path, straight
pieces included, above the certified minimax barrier, for elastic bands and minimax paths. Processor times, one thread;
with --before also of an older code, on the same pairs.

    agescape explore --rows 1000 --hidden 4,4,4 --searches 128 --output n1000.db
    python benchmarks/bands.py n1000.db --before ../a-worktree-of-an-older-commit
    python benchmarks/bands.py n1000.db --barriers 20 --bands 0 --searches 0
"""

import argparse
import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from _earlier_code import codes_of, environment_of, of_that_code

LOWEST = 100  # minima to choose from
SURFACE_STEPS = (60, 200, 600, 2000)
WITHIN = 0.002  # nats above the certified barrier
PATH_STEPS = (10, 20, 40, 60, 100, 150)
BAND_STEPS = ((24, 60), (24, 150), (24, 600), (60, 1000))  # images, steps


def pairs_of(minima, n):
    rng = np.random.default_rng(0)
    return [[minima[k] for k in rng.choice(min(len(minima), LOWEST), 2, replace=False)] for _ in range(n)]


def heights(loss, pairs, steps):
    """Processor milliseconds a band, mean height above the higher minimum, mean number of peaks."""
    symmetry = of_that_code("symmetry", "landscape")
    elastic_band = of_that_code("elastic_band", "landscape.search")

    ends = [symmetry.nearest_image(loss.network, b.coordinates, a.coordinates) for a, b in pairs]
    began = time.process_time()
    bands = [elastic_band(loss, a.coordinates, end, steps=steps) for (a, _), end in zip(pairs, ends, strict=True)]
    seconds = time.process_time() - began
    tops = [band.values.max() - max(a.value, b.value) for band, (a, b) in zip(bands, pairs, strict=True)]
    return 1e3 * seconds / len(pairs), float(np.mean(tops)), float(np.mean([band.peaks.size for band in bands]))


def searches(loss, pairs, steps):
    """Processor seconds, transition states and those with distinct losses of searches along bands."""
    search_along_band = of_that_code("search_along_band", "landscape.search")

    began = time.process_time()
    results = [result for a, b in pairs for result in search_along_band(loss, a, b, steps=steps, max_steps=150)]
    seconds = time.process_time() - began
    values = [result.transition_state.value for result in results if result.transition_state is not None]
    return seconds, len(values), len(set(np.round(values, 8)))


def certified(database, n):
    """Pairs (start, aligned end, minimax barrier) of random minima of the largest component."""
    symmetry, graph_room = of_that_code("symmetry", "landscape"), importlib.import_module("landscape.graph")
    graph, ids, rng = database.graph(), database.minimum_ids(), np.random.default_rng(0)
    labels = graph_room.components(graph)
    largest = np.flatnonzero(labels == np.bincount(labels).argmax())
    for _ in range(n):
        i, j = rng.choice(largest, 2, replace=False)
        a, b = (database.minimum(int(ids[k])).point.coordinates for k in (i, j))
        yield a, symmetry.nearest_image(database.network, b, a), graph_room.minimax_barrier(graph, int(i), int(j))


def above_barriers(loss, pairs):
    """A table: processor seconds a path, and its height above the certified barrier, of bands and minimax paths."""
    highest_point = of_that_code("highest_point", "landscape.descent")
    minimax_path = of_that_code("minimax_path", "landscape.search")
    elastic_band = of_that_code("elastic_band", "landscape.search")
    ways = [
        (f"elastic_band, {k} images, {n} steps", lambda a, b, k=k, n=n: elastic_band(loss, a, b, images=k, steps=n))
        for k, n in BAND_STEPS
    ]
    ways += [(f"minimax_path, {n} steps", lambda a, b, n=n: minimax_path(loss, a, b, steps=n)) for n in PATH_STEPS]
    minimax_path(loss, *pairs[0][:2], steps=2)  # compiles
    print(f"  {'':34} {'s':>6} {'median':>8} {'worst':>8}  within {WITHIN}   (mnats above the certified barrier)")
    for name, way in ways:
        began = time.process_time()
        paths = [way(a, b) for a, b, _ in pairs]
        seconds = (time.process_time() - began) / len(pairs)
        above = [highest_point(loss, path.points)[0] - pair[2] for path, pair in zip(paths, pairs, strict=True)]
        shares = np.mean(np.array(above) <= WITHIN)
        print(
            f"  {name:34} {seconds:6.2f} {1e3 * np.median(above):8.2f} {1e3 * max(above):8.2f}  {shares:.0%}",
            flush=True,
        )


def on_the_surface():
    """Length, peaks and status of bands between minima 0 and 1 of Mueller and Brown's surface."""
    MuellerBrown = of_that_code("MuellerBrown", "landscape.losses")
    elastic_band = of_that_code("elastic_band", "landscape.search")

    surface = MuellerBrown()
    start, end = surface.known_points().minima[:2]
    for steps in SURFACE_STEPS:
        band = elastic_band(surface, start, end, images=40, steps=steps)
        length = np.linalg.norm(np.diff(band.points, axis=0), axis=1).sum()
        status = band.status.name if hasattr(band, "status") else "no status"
        print(f"  surface, {steps:4} steps: length {length:.2f}, {band.peaks.size} peaks, {status}")


def work(job):
    Database = of_that_code("Database", "landscape")
    loss_of = of_that_code("loss_of", "landscape")
    search_along_band = of_that_code("search_along_band", "landscape.search")

    on_the_surface()
    with Database(job["database"]) as database:
        loss, minima = loss_of(database), [stored.point for stored in database.minima]
        pairs = list(certified(database, job["barriers"]))
    if pairs:
        above_barriers(loss, pairs)
    search_along_band(loss, *pairs_of(minima, 1)[0], steps=2)  # compiles
    for steps in job["steps"] if job["bands"] else ():
        cost, top, peaks = heights(loss, pairs_of(minima, job["bands"]), steps)
        print(f"  {steps:4} steps: {cost:.0f} ms a band, highest point {top:.4f} nats, {peaks:.1f} peaks", flush=True)
    for steps in job["search_steps"] if job["searches"] else ():
        seconds, found, distinct = searches(loss, pairs_of(minima, job["searches"]), steps)
        print(
            f"  {job['searches']} searches from bands of {steps} steps: {found} transition states, {distinct} "
            f"distinct, in {seconds:.0f} s: {found / seconds:.2f} a second, {distinct / seconds:.2f} distinct",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("databases", type=Path, nargs="*")
    parser.add_argument("--before", type=Path, help="root of a checkout of the code to compare with")
    parser.add_argument("--bands", type=int, default=16)
    parser.add_argument("--steps", type=int, nargs="*", default=[40, 100, 300])
    parser.add_argument("--searches", type=int, default=100)
    parser.add_argument("--search-steps", type=int, nargs="*", default=[40])
    parser.add_argument("--barriers", type=int, default=0, help="pairs whose certified barrier to compare with")
    parser.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work)
        return
    for database in arguments.databases:
        job = {"database": str(database.resolve()), "bands": arguments.bands, "steps": arguments.steps,
               "searches": arguments.searches, "search_steps": arguments.search_steps,
               "barriers": arguments.barriers}  # fmt: skip
        for name, code in codes_of(arguments.before).items():
            print(f"{database}, {name}:", flush=True)
            command = [sys.executable, __file__, "--work", json.dumps(job)]
            subprocess.run(command, env=environment_of(code), check=True)


if __name__ == "__main__":
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        main()
