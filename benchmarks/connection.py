"""Certified ways between minima: processor seconds until pairs, or the lowest k minima, are in one component.

Every run starts from its own copy of the database. Ours: `explore` with connect=(a, b), which joins both with the
global minimum, or connect="lowest:k". Code of before `connect` existed: the kinds "connect" and "escape" for pairs, its
default mixture for the lowest. Each stops at the first batch after which the goal is reached.

    agescape explore --rows 1000 --hidden 4,4,4 --searches 256 --output n1000.db
    python benchmarks/connection.py n1000.db --pairs 20 --before ../a-worktree-of-an-older-commit
    python benchmarks/connection.py n1000.db --pairs 0 --lowest 50 200 --seconds 900 --before ../a-worktree
"""

import argparse
import contextlib
import inspect
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _earlier_code import codes_of, environment_of, of_that_code


class StoppedError(Exception):
    """The pair is joined or its time is up."""


def pairs_of(path, n):
    """Ids of random pairs of minima in different components."""
    Database = of_that_code("Database", "landscape")
    rng, pairs = np.random.default_rng(0), []
    with Database(path) as database:
        ids = np.asarray(database.minimum_ids())
        labels = of_that_code("components", "landscape.graph")(database.graph())
    while len(pairs) < n:
        i, j = rng.choice(len(ids), 2, replace=False).tolist()
        if labels[i] != labels[j]:
            pairs.append((int(ids[i]), int(ids[j])))
    return pairs


def reached(path, goal):
    """Whether certified transition states join the goal: two ids, or the lowest k minima."""
    Database = of_that_code("Database", "landscape")
    with Database(path) as database:
        ids = np.asarray(database.minimum_ids()).tolist()  # by loss
        labels = of_that_code("components", "landscape.graph")(database.graph())
    members = labels[:goal] if isinstance(goal, int) else labels[[ids.index(k) for k in goal]]
    return bool(np.all(members == members[0]))


def join(path, goal, seconds):
    """Processor seconds until the goal is reached, the searches in the file, and whether it is."""
    explore, loss_of = of_that_code("explore", "landscape"), of_that_code("loss_of", "landscape")
    Database = of_that_code("Database", "landscape")
    with Database(path) as database:
        loss = loss_of(database)
    pair = not isinstance(goal, int)
    if "connect" in inspect.signature(explore).parameters:
        ways = {"connect": goal if pair else f"lowest:{goal}"}
    else:
        ways = {"kinds": ("connect", "escape")} if pair else {}
    began, searches = time.process_time(), 0

    def stop(done, _total, _found):
        nonlocal searches
        searches = done
        if time.process_time() - began > seconds or reached(path, goal):
            raise StoppedError

    with contextlib.suppress(StoppedError):
        explore(loss, path, budget=1e6, jobs=1, progress=stop, **ways)
    return time.process_time() - began, searches, reached(path, goal)


def work(job):
    goals = [tuple(pair) for pair in job["pairs"]] + job["lowest"]
    results = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        shutil.copy(job["database"], copy)
        join(copy, goals[0], 10.0)  # compiles
        for goal in goals:
            for file in Path(folder).iterdir():
                file.unlink()
            shutil.copy(job["database"], copy)
            results.append(join(copy, goal, job["seconds"]))
            name = f"lowest {goal}" if isinstance(goal, int) else f"pair {goal}"
            print("  {}: {:6.1f} s, {} searches in the file, joined: {}".format(name, *results[-1]), flush=True)
    if not job["pairs"]:
        return
    seconds, _, success = map(np.array, zip(*results[: len(job["pairs"])], strict=True))
    print(
        f"  {success.sum()} of {success.size} pairs joined; {seconds.mean():.1f} s a pair (median"
        f" {np.median(seconds):.1f}, longest {seconds.max():.1f}); {seconds.sum() / max(success.sum(), 1):.1f} s for"
        " each that is joined"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", type=Path, nargs="?")
    parser.add_argument("--before", type=Path, help="root of a checkout of the code to compare with")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0, help="processor seconds after which a goal is given up")
    parser.add_argument("--lowest", type=int, nargs="*", default=[], help="numbers of lowest minima to join")
    parser.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work)
        return
    job = {
        "database": str(arguments.database.resolve()),
        "pairs": pairs_of(arguments.database, arguments.pairs),
        "lowest": arguments.lowest,
        "seconds": arguments.seconds,
    }
    for name, code in codes_of(arguments.before).items():
        print(f"{arguments.database}, {name}:", flush=True)
        command = [sys.executable, __file__, "--work", json.dumps(job)]
        subprocess.run(command, env=environment_of(code), check=True)


if __name__ == "__main__":
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        main()
