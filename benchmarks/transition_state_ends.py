"""Wrong ends per 1000 transition states, and what a transition state costs, before and after.

Follows all downhill paths of databases of transition states of (2, 4, 4, 4, 4) on ljat, seed 0, and compares the
minima at their ends with those of the flow at a path error of 1e-4; that flow with SciPy's Radau at rtol 1e-8 on some
of them and on every one where anything differs. Costs are processor seconds of single-ended searches, uphill and
downhill, from the same minima, the two codes by turns.

    agescape explore --rows 316 --hidden 4,4,4 --searches 600 --output n316.db
    agescape explore --rows 1000 --hidden 4,4,4 --searches 960 --output n1000.db
    python benchmarks/transition_state_ends.py n316.db n1000.db --before ../a-worktree-of-an-older-commit
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _earlier_code import codes_of, environment_of, of_that_code

DISPLACEMENTS = (0.05, 3.0)  # as in exploration
SAME = 1e-2  # distance of two ends that are one
VALUE = 1e-8  # nats


def search_costs(loss, minima, searches, seed):
    """Processor seconds and transition states of single-ended searches."""
    search_from_minimum = of_that_code("search_from_minimum", "landscape.search")

    found, began = 0, time.process_time()
    for search in range(searches):
        rng = np.random.default_rng([seed, search])
        displacement = float(np.exp(rng.uniform(*np.log(DISPLACEMENTS))))
        start = minima[int(rng.integers(len(minima)))]
        found += search_from_minimum(loss, start, rng=rng, displacement=displacement, max_steps=150).converged
    return time.process_time() - began, found


def work(job):
    """What the code under test says, as arrays: this runs in a process of its own."""
    Database = of_that_code("Database", "landscape")
    loss_of = of_that_code("loss_of", "landscape")
    downhill = of_that_code("downhill", "landscape.search")

    with Database(job["database"]) as database:
        loss = loss_of(database)
        minima = [stored.point for stored in database.minima]
        states = [stored.point.coordinates for stored in database.transition_states][: job["states"]]
    search_costs(loss, minima, 2, 0)  # compiles
    if job["what"] == "cost":
        seconds, found = search_costs(loss, minima, job["searches"], job["seed"])
        print(json.dumps({"seconds": seconds, "found": found}))
        return
    began = time.process_time()
    ends = np.array([[end.coordinates if end.converged else np.nan * end.coordinates for end in downhill(loss, state)]
                     for state in states])  # fmt: skip
    seconds = time.process_time() - began
    np.save(job["output"], ends)
    print(json.dumps({"seconds": seconds}))


def ask(job, code):
    environment = environment_of(code)
    command = [sys.executable, __file__, "--work", json.dumps(job)]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def reference(database, states):
    """Ends (T, 2, P) of the flow at 1e-4, local models of the transition states and the loss."""
    Database = of_that_code("Database", "landscape")
    loss_of = of_that_code("loss_of", "landscape")
    follow_down = of_that_code("follow_down", "landscape.descent")
    local_model = of_that_code("local_model", "landscape.stationary")

    with Database(database) as opened:
        loss = loss_of(opened)
        stored = opened.transition_states[:states]
        named = [[opened.minimum(k).point.value for k in one.minimum_ids] for one in stored]
    models = [local_model(loss, one.point.coordinates) for one in stored]
    paths = [[follow_down(loss, m, sign, path_errors=(1e-4,)) for sign in (1.0, -1.0)] for m in models]
    return np.array([[path.result.coordinates for path in pair] for pair in paths]), models, loss, stored, named


def differing(loss, ends, others):
    """Positions of the transition states one of whose paths ends elsewhere."""
    far = ~(np.linalg.norm(ends - others, axis=-1) < SAME)
    for k, side in zip(*np.nonzero(far), strict=True):  # a soft mode may leave the position open
        values = [loss.value_and_gradient(point[k, side])[0] for point in (ends, others) if np.isfinite(point).all()]
        far[k, side] = len(values) < 2 or abs(values[0] - values[1]) > VALUE
    return np.flatnonzero(far.any(axis=1))


def check_with_radau(loss, models, ends, which):
    """Positions where Radau at rtol 1e-8 ends elsewhere than the given ends."""
    radau_end = of_that_code("radau_end", "landscape.descent")

    wrong = []
    for k in which:
        found = [radau_end(loss, models[k], sign, rtol=1e-8) for sign in (1.0, -1.0)]
        points = np.array([np.nan * ends[k, 0] if one is None else one.coordinates for one in found])
        if len(differing(loss, points[None], ends[k][None])):
            wrong.append(int(k))
    return wrong


def compare(database, arguments):
    codes = codes_of(arguments.before)
    exact, models, loss, stored, named = reference(database, arguments.states)
    n, suspects = len(stored), set()
    print(f"{database}: {n} transition states")
    pairs = [sorted(loss.value_and_gradient(end)[0] for end in two) for two in exact]
    off = [k for k in range(n) if np.abs(np.array(pairs[k]) - sorted(named[k])).max() > VALUE]
    print(f"  stored ends:  {len(off)} differ from the flow at 1e-4 {[stored[k].id for k in off]}", flush=True)
    suspects |= set(off)
    with tempfile.TemporaryDirectory() as folder:
        for name, code in codes.items():
            output = f"{folder}/{name}.npy"
            job = {"what": "ends", "database": str(database), "states": arguments.states, "output": output}
            seconds = ask(job, code)["seconds"]
            wrong = differing(loss, np.load(output), exact)
            suspects |= set(wrong.tolist())
            print(
                f"  {name + ':':13} {len(wrong)} differ ({1e3 * len(wrong) / n:.1f} in 1000), {1e3 * seconds / n:.0f} "
                f"ms a transition state for both paths {[stored[k].id for k in wrong]}",
                flush=True,
            )
    some = np.linspace(0, n - 1, min(n, arguments.radau)).astype(int).tolist()
    for said, which in ((f"{len(some)} of them", some), (f"the {len(suspects)} that differ", sorted(suspects))):
        wrong = check_with_radau(loss, models, exact, which)
        print(
            f"  Radau, {said}: the flow at 1e-4 is wrong for {len(wrong)} {[stored[k].id for k in wrong]}", flush=True
        )
    for name in codes:
        codes_costs.setdefault(name, [])
    for seed in range(arguments.repeats):
        for name, code in codes.items():
            job = {"what": "cost", "database": str(database), "states": 1, "searches": arguments.searches, "seed": seed}
            codes_costs[name].append(ask(job, code))


codes_costs: dict[str, list[dict]] = {}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("databases", type=Path, nargs="*")
    parser.add_argument("--before", type=Path, help="root of a checkout of the code to compare with")
    parser.add_argument("--states", type=int, help="look at the first so many of each database")
    parser.add_argument("--radau", type=int, default=20, help="transition states of each to compare with Radau")
    parser.add_argument("--searches", type=int, default=100, help="for the cost, each time")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work)
        return
    for database in arguments.databases:
        compare(database.resolve(), arguments)
    costs = {
        name: (sum(r["seconds"] for r in runs), sum(r["found"] for r in runs)) for name, runs in codes_costs.items()
    }
    for name, (seconds, found) in costs.items():
        print(f"{name}: {1e3 * seconds / found:.0f} processor ms a transition state ({found} in {seconds:.0f} s)")
    if "before" in costs:
        before, after = (costs[name][0] / costs[name][1] for name in ("before", "after"))
        print(f"cost after / before: {after / before:.2f}")


if __name__ == "__main__":
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        main()
