"""Visits and jumps of runs over the minima of a database."""

import math

import numpy as np
import pytest
from support.landscapes import STEPS, joined_pair, known_order, naive_visits, not_joined_pair, walk

from bridge import inherent_structures, visits
from bridge.mapping import SnapshotStatus, _quenching as quenching
from bridge.residence import per_minimum


def test_visits(loss, database):
    order = known_order(database)
    seen = visits(inherent_structures(walk(loss, database, order), database, steps=STEPS), database)
    counts, distinct, jumps, direct = naive_visits(order.tolist(), database)
    by_loss = sorted(set(order.ravel().tolist()), key=lambda i: database.minimum(i).point.value)
    assert seen.minimum_ids.tolist() == by_loss
    np.testing.assert_array_equal(seen.steps, STEPS)
    np.testing.assert_array_equal(seen.counts, [[counts[number, s] for s in range(STEPS.size)] for number in by_loss])
    assert seen.counts.sum(axis=0).tolist() == [2] * STEPS.size
    assert seen.distinct.tolist() == distinct
    assert seen.jumps.tolist() == jumps
    assert seen.direct_jumps == direct
    assert direct >= 2  # a to b and back
    a = by_loss.index(order[0, 0])
    steps = np.repeat(np.maximum(STEPS, 1), seen.counts[a])
    assert seen.mean_steps[a] == pytest.approx(math.exp(np.log(steps).mean()), rel=1e-12)


def test_direct_jumps_count_known_transition_states_only(loss, database):
    (a, b), (c, d) = joined_pair(database), not_joined_pair(database)
    runs = walk(loss, database, [[a, b, a, b, a, b], [c, d, c, d, c, d]])
    seen = visits(inherent_structures(runs, database, steps=STEPS), database)
    assert seen.jumps.tolist() == [5, 5]
    assert seen.direct_jumps == 5


def test_a_run_that_stays_does_not_jump(loss, database):
    number = database.minima[0].id
    seen = visits(inherent_structures(walk(loss, database, [[number] * 6]), database), database)
    assert (seen.jumps.tolist(), seen.distinct.tolist(), seen.direct_jumps) == ([0], [1], 0)


def test_per_minimum(loss, database):
    order = known_order(database)
    seen = visits(inherent_structures(walk(loss, database, order), database, steps=STEPS), database)
    numbers, ages = per_minimum(seen, database)
    for position, minimum in enumerate(database.minima):
        where = order == minimum.id
        assert numbers[position] == where.sum()
        if where.any():
            logs = np.log(np.maximum(np.broadcast_to(STEPS, order.shape)[where], 1))
            assert ages[position] == pytest.approx(math.exp(logs.mean()), rel=1e-12)
        else:
            assert np.isnan(ages[position])


def test_no_snapshot_with_a_minimum(loss, database, monkeypatch):
    runs = walk(loss, database, known_order(database))
    monkeypatch.setattr(quenching, "_quench_along", lambda _, points, __: [SnapshotStatus.NOT_CONVERGED] * len(points))
    found = inherent_structures(runs, database)
    assert found.mapped == 0
    seen = visits(found, database)
    assert (seen.minimum_ids.size, seen.jumps.sum(), seen.distinct.sum(), seen.direct_jumps) == (0, 0, 0, 0)
    numbers, ages = per_minimum(seen, database)
    assert numbers.sum() == 0
    assert np.isnan(ages).all()
