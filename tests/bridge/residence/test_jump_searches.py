"""Transition states searched from the jumps of runs."""

import shutil

import numpy as np
import pytest

from bridge import inherent_structures, jumps
from bridge.residence import barriers_from, search_jumps, unexplained
from dynamics import SGD, train
from landscape import CrossEntropyLoss, Database, explore, symmetry
from landscape.database import verify
from landscape.networks import MLP
from landscape.search import downhill

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def case(few_data, tmp_path_factory):
    """A loss, runs that jump, and the file of a database that knows no transition state."""
    loss = CrossEntropyLoss(MLP((2, 3, 3, 4)), few_data, 1e-4)
    path = tmp_path_factory.mktemp("jumps") / "landscape.db"
    explore(loss, path, searches=8, kinds=["start"])
    optimizer = SGD(batch_size=10, learning_rate=0.2)
    runs = train(loss, optimizer, replicas=3, steps=2000, seed=3, waiting_times=[10, 100, 300])
    with Database(path) as database:
        inherent_structures(runs, database, loss=loss, steps="all")
    return loss, runs, path


@pytest.fixture
def opened(case, tmp_path):
    with Database(shutil.copy(case[2], tmp_path / "copy.db")) as database:
        yield database


def mapped(case, database):
    loss, runs, _ = case
    return inherent_structures(runs, database, loss=loss, steps="all")


def test_states_of_jumps_are_found_and_hold(case, opened):
    loss, runs, _ = case
    structures = mapped(case, opened)
    before = jumps(structures, opened)
    assert (before.direct, before.connected) == (0, 0)
    result = search_jumps(structures, runs, opened, loss=loss)
    hops = jumps(structures, opened)
    assert result.searched == len(unexplained(before)) > 0
    assert result.transition_states == len(opened.transition_states) > 0
    assert hops.connected >= hops.direct > 0
    for state in opened.transition_states:
        assert (state.origin, state.hits) == ("jump", 0)
        ends = [end.minimum for end in downhill(loss, state.point.coordinates)]
        stored = [opened.minimum(number).point for number in state.minimum_ids]
        distances = [[symmetry.distance(loss.network, a.coordinates, b.coordinates) for b in stored] for a in ends]
        assert min(distances[0][0] + distances[1][1], distances[0][1] + distances[1][0]) < 1e-4
    assert not verify(opened.path, loss).failures
    seen = barriers_from(hops, loss, runs=runs, database=opened)
    for k in np.flatnonzero(hops.transition_states).tolist():
        top = next(s.point.value for s in opened.transition_states if s.id == hops.transition_states[k])
        theta = runs.snapshots[hops.runs[k]][list(runs.steps).index(hops.left[k])]
        assert seen[k] == pytest.approx(top - loss.value_and_gradient(np.asarray(theta, float))[0], abs=1e-12)
        assert hops.barriers[k] >= hops.path_barriers[k] > 0
    np.testing.assert_array_equal(np.isnan(seen), hops.transition_states == 0)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_workers_and_interruptions_change_nothing(case, opened, tmp_path, jobs):
    loss, runs, path = case
    structures = mapped(case, opened)
    search_jumps(structures, runs, opened, loss=loss, most=2, jobs=2)
    expected = [(state.point.value, state.minimum_ids) for state in opened.transition_states]
    assert expected

    def stop(done, _):
        if done == 1:
            raise KeyboardInterrupt

    with Database(shutil.copy(path, tmp_path / "other.db")) as database:
        again = {"loss": loss, "most": 2, "jobs": jobs, "path": tmp_path / "kept"}
        with pytest.raises(KeyboardInterrupt):
            search_jumps(structures, runs, database, progress=stop, **again)
        assert not database.transition_states
        assert len(list((tmp_path / "kept").iterdir())) == 1
        search_jumps(structures, runs, database, **again)
        assert [(state.point.value, state.minimum_ids) for state in database.transition_states] == expected


def test_only_as_many_jumps_as_asked_for(case, opened):
    loss, runs, _ = case
    structures = mapped(case, opened)
    assert search_jumps(structures, runs, opened, loss=loss, most=0).searched == 0
    with pytest.raises(ValueError, match="most must be at least 0; got -1"):
        search_jumps(structures, runs, opened, loss=loss, most=-1)
