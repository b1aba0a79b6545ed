"""Small landscapes, and runs in memory whose snapshots lie near their minima."""

from collections import Counter
from itertools import pairwise

import numpy as np

from dynamics import Trajectories
from landscape import CrossEntropyLoss, Database, datasets, symmetry
from landscape.networks import MLP

WIDE, DEEP = (3,), (2, 2)
SEARCHES, FEW_SEARCHES = 48, 16
DISPLACEMENT = 1e-3  # Euclidean: far inside the basins
STEPS = np.array([0, 10, 20, 40, 80, 160])


def make_loss(hidden, seed=0):
    data = datasets.ljat(100, seed, test_rows=0)
    return CrossEntropyLoss(MLP((2, *hidden, 4)), data)


def metadata_of(loss, **changes):
    return {
        "layer_sizes": list(loss.network.layer_sizes),
        "data_sha256": loss.data.sha256,
        "regularization": loss.regularization,
        "regularize_biases": loss.regularize_biases,
        "rows": loss.data.rows,
        "data": dict(loss.data.metadata),
    } | changes


def trajectories(loss, snapshots, steps=STEPS, **changes):
    """Runs (R, S, P) in memory with snapshots at `steps`; the waiting times are all steps but the first and last."""
    snapshots = np.array(snapshots)
    none = np.empty((len(snapshots), 0))
    return Trajectories(
        layer_sizes=loss.network.layer_sizes,
        steps=np.asarray(steps),
        snapshots=snapshots,
        waiting_times=np.asarray(steps)[1:-1],
        lags=np.array([10]),
        curve_steps=np.empty(0, np.int64),
        loss=none,
        accuracy=none,
        gradient_norm=none,
        metadata=metadata_of(loss, **changes),
    )


def near(loss, point, rng, displacement=DISPLACEMENT):
    """A random symmetric image of a point at a short distance from it."""
    noise = rng.normal(size=point.size)
    moved = point + displacement * noise / np.linalg.norm(noise)
    return symmetry.random_image(loss.network, moved, rng=rng)


def walk(loss, database, ids, rng=None, steps=STEPS):
    """Runs whose snapshots lie near these minima (R, S)."""
    rng = rng or np.random.default_rng(7)
    points = [[near(loss, database.minimum(i).point.coordinates, rng) for i in run] for run in ids]
    return trajectories(loss, points, steps)


def joined_pair(database):
    return next(state.minimum_ids for state in database.transition_states if len(set(state.minimum_ids)) == 2)


def not_joined_pair(database):
    joined = {state.minimum_ids for state in database.transition_states}
    ids = sorted(minimum.id for minimum in database.minima)
    return next((a, b) for a in ids for b in ids if a < b and (a, b) not in joined)


def known_order(database):
    """Two runs (2, S) over four minima, some of whose jumps follow a known transition state."""
    a, b = joined_pair(database)
    c, d = not_joined_pair(database)
    return np.array([[a, a, b, a, c, d], [d, d, d, c, c, c]])


def assert_same(a, b):
    np.testing.assert_array_equal(a.steps, b.steps)
    np.testing.assert_array_equal(a.minimum_ids, b.minimum_ids)
    np.testing.assert_array_equal(a.losses, b.losses)
    np.testing.assert_array_equal(a.new_ids, b.new_ids)
    assert a.method == b.method


def tables(path):
    """Everything an SQLite file holds."""
    with Database(path) as database:
        names = [name for (name,) in database._connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {name: sorted(database._connection.execute(f"SELECT * FROM {name}").fetchall()) for name in names}


def naive_visits(ids, database):
    """Counts {(minimum, step index): runs}, distinct and jumps per run, direct jumps; the slow way."""
    counts, distinct, jumps, direct = Counter(), [], [], 0
    joined = {frozenset(state.minimum_ids) for state in database.transition_states}
    for run in ids:
        for s, number in enumerate(run):
            counts[number, s] += 1
        distinct.append(len(set(run)))
        pairs = [(a, b) for a, b in pairwise(run) if a != b]
        jumps.append(len(pairs))
        direct += sum(frozenset(pair) in joined for pair in pairs)
    return counts, distinct, jumps, direct
