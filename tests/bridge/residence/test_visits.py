"""Dwell times, jumps, histories, overlaps and superbasins of sequences of minima that are known."""

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from bridge import InherentStructures, dwells, jumps
from bridge.mapping import SnapshotStatus
from bridge.residence import (
    Dwells,
    JumpStatus,
    compare_maps,
    departures,
    history,
    jumps_per_run,
    mean_overlap,
    median_dwell,
    occupation,
    occupation_at,
    overlap_of_runs,
    overlaps,
    persistence,
    residual_dwells,
    shared_minima,
    superbasin_history,
    superbasin_shares,
)
from bridge.residence._jumps import of_run
from dynamics import aging
from dynamics.statistics import Status
from landscape import Database, Minimum, TransitionState
from landscape.database import Provenance
from landscape.graph import superbasins

STEPS = np.array([0, 10, 20, 40, 80, 160])
SEQUENCES = np.array([[1, 1, 2, 1, 3, 3], [2, 2, 2, 2, 2, 2], [3, 0, 3, 4, 0, 1]])


def structures(ids, steps=STEPS, losses=None):
    """Inherent structures without snapshots: minimum k has loss k / 10."""
    ids = np.array(ids)
    losses = np.where(ids > 0, ids / 10, np.nan) if losses is None else losses
    return InherentStructures(np.array(steps), ids, losses, np.empty(0, np.int64), "flow")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Five minima with losses 0.1 ... 0.5 on a line; three transition states, two of them between 1 and 2."""
    path = tmp_path_factory.mktemp("known") / "known.db"
    nothing = Provenance(2, None, {"name": "known"}, "", 0.0, True, 0, {})
    with Database.create(path, nothing) as made, made.transaction():
        for k in range(1, 6):
            made.add_minimum(Minimum(np.array([float(k), 0.0]), k / 10, 0.0, np.array([1.0, 2.0])), origin="start")
        for k, (value, ends) in enumerate([(0.35, (1, 2)), (0.25, (2, 1)), (0.45, (2, 3))]):
            point = np.array([k + 0.5, 1.0])
            state = TransitionState(point, value, 0.0, np.array([-1.0, 2.0]), eigenvector=np.array([1.0, 0.0]))
            made.add_transition_state(state, ends, origin="saddle")
    with Database(path) as opened:
        yield opened


ids = arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 8)), elements=st.integers(0, 3))
quickly = settings(deadline=None, max_examples=40)
gaps = st.lists(st.integers(1, 50), min_size=8, max_size=8)


def random_structures(ids, gaps):
    return structures(ids, np.cumsum(gaps)[: ids.shape[1]])


# ---------------------------------------------------------------- dwell times


def test_dwell_times_of_a_known_run():
    stays = dwells(structures(SEQUENCES[:1]))
    assert stays.minimum_ids.tolist() == [1, 2, 1, 3]
    assert stays.begins.tolist() == [0, 15, 30, 60]
    assert stays.ends.tolist() == [15, 30, 60, 160]
    assert stays.lengths.tolist() == [15, 15, 30, 100]
    assert stays.shortest.tolist() == [10, 0, 0, 80]
    assert stays.longest.tolist() == [20, 30, 60, 120]
    assert stays.left_censored.tolist() == [True, False, False, False]
    assert stays.right_censored.tolist() == [False, False, False, True]
    assert stays.complete.tolist() == [False, True, True, False]


def test_a_run_without_a_minimum_in_between_is_covered_too():
    stays = dwells(structures(SEQUENCES))
    own = stays.runs == 2
    assert stays.minimum_ids[own].tolist() == [3, 4, 1]  # what is not known in between ends no stay
    assert stays.begins[own].tolist() == [0, 30, 100]
    assert stays.ends[own].tolist() == [30, 100, 160]
    assert stays.seen[own].tolist() == [5 + 15, 30, 40]
    ends = dwells(structures([[0, 0, 3, 3, 0, 0]]))
    assert ends.minimum_ids.tolist() == [0, 3, 0]
    assert ends.ends.tolist() == [20, 40, 160]
    assert not ends.complete.any()


@quickly
@given(ids, gaps)
def test_dwell_times_of_a_run_sum_to_its_length(ids, gaps):
    seen = random_structures(ids, gaps)
    stays = dwells(seen)
    for run in range(len(ids)):
        own = stays.runs == run
        assert stays.lengths[own].sum() == seen.steps[-1] - seen.steps[0]
        assert stays.begins[own][0] == seen.steps[0]
        assert stays.ends[own][-1] == seen.steps[-1]
        np.testing.assert_array_equal(stays.begins[own][1:], stays.ends[own][:-1])
        assert (np.diff(stays.minimum_ids[own]) != 0).all()
    assert ((stays.shortest <= stays.lengths) & (stays.lengths <= stays.longest)).all()


@quickly
@given(ids, gaps)
def test_the_minimum_of_a_stay_is_that_of_the_snapshots_in_it(ids, gaps):
    seen = random_structures(ids, gaps)
    stays = dwells(seen)
    for run, step_ids in enumerate(ids):
        for step, number in zip(seen.steps, step_ids, strict=True):
            holds = (stays.runs == run) & (stays.begins <= step) & (step <= stays.ends) & (stays.minimum_ids > 0)
            assert number == 0 or stays.minimum_ids[holds].tolist() == [number]


def test_residual_dwells_of_each_age():
    left = residual_dwells(dwells(structures(SEQUENCES)), [10, 20, 160])
    np.testing.assert_array_equal(left.times, [[5, 10, 0], [150, 140, 0], [20, 10, 0]])
    np.testing.assert_array_equal(left.lengths, [[15, 15, 100], [160, 160, 160], [30, 30, 60]])
    assert left.censored.tolist() == [[False, False, True], [True, True, True], [False, False, True]]
    np.testing.assert_array_equal(left.medians, [np.nan if k == 2 else (20, 10)[k] for k in range(3)])


def test_residual_dwells_outside_the_runs_are_refused():
    with pytest.raises(ValueError, match=r"0 \.\.\. 160; got 200"):
        residual_dwells(dwells(structures(SEQUENCES)), [10, 200])


def naive_kaplan_meier(times, censored):
    """Product over the ends of stays of (1 - ends / those still there)."""
    probability, result = 1.0, []
    for time in sorted(set(times)):
        there = sum(t >= time for t in times)
        ended = sum(t == time and not c for t, c in zip(times, censored, strict=True))
        probability *= 1 - ended / there
        result.append((time, probability))
    return result


def test_survival_counts_censored_stays(rng):
    ids = rng.integers(1, 3, (40, STEPS.size))
    left = residual_dwells(dwells(structures(ids)), [10])
    times, probabilities = left.survival(0)
    expected = naive_kaplan_meier(left.times[:, 0].tolist(), left.censored[:, 0].tolist())
    np.testing.assert_allclose(np.array(expected), np.column_stack([times, probabilities]), atol=1e-12)
    assert left.censored.any()


def test_no_survival_without_a_run():
    left = residual_dwells(dwells(structures(np.zeros((2, 6), np.int64))), [10])
    assert [part.size for part in left.survival(0)] == [0, 0]
    assert np.isnan(left.medians).all()


# ---------------------------------------------------------------- jumps


def test_jumps_of_known_runs(database):
    found = jumps(structures(SEQUENCES), database)
    assert list(zip(found.runs, found.left, found.entered, found.sources, found.targets, strict=True)) == [
        (0, 10, 20, 1, 2), (0, 20, 40, 2, 1), (0, 40, 80, 1, 3), (2, 20, 40, 3, 4), (2, 40, 160, 4, 1),
    ]  # fmt: skip
    lowest = {(s.minimum_ids, s.point.value): s.id for s in database.transition_states}
    assert found.transition_states.tolist() == [lowest[(1, 2), 0.25]] * 2 + [0] * 3
    np.testing.assert_allclose(found.barriers, [0.15, 0.05, np.nan, np.nan, np.nan], rtol=1e-12)
    assert found.statuses == [JumpStatus.DIRECT] * 2 + [JumpStatus.SEVERAL] + [JumpStatus.UNKNOWN] * 2
    np.testing.assert_allclose(found.path_barriers, [0.15, 0.05, 0.35, np.inf, np.inf], rtol=1e-12)
    assert (found.direct, found.connected) == (2, 3)
    assert of_run(found, 2).sources.tolist() == [3, 4]


@quickly
@given(ids=ids, gaps=gaps)
def test_stays_and_jumps_tell_the_same(database, ids, gaps):
    """Without snapshots that belong to no minimum there is a jump between any two stays."""
    seen = random_structures(np.maximum(ids, 1), gaps)
    stays, found = dwells(seen), jumps(seen, database)
    for run in range(len(ids)):
        numbers = stays.minimum_ids[stays.runs == run].tolist()
        own = of_run(found, run)
        assert list(pairwise(numbers)) == list(zip(own.sources.tolist(), own.targets.tolist(), strict=True))


def test_no_jumps(database):
    found = jumps(structures(SEQUENCES[1:2]), database)
    assert (found.runs.size, found.direct, found.statuses) == (0, 0, [])


# ---------------------------------------------------------------- histories


def test_history_of_known_runs():
    past = history(structures(SEQUENCES))
    np.testing.assert_allclose(past.mean_loss, [0.2, 0.15, 0.7 / 3, 0.7 / 3, 0.25, 0.2], rtol=1e-12)
    assert past.distinct.tolist() == [[1, 1, 2, 2, 3, 3], [1] * 6, [1, 1, 1, 2, 2, 3]]
    assert past.distinct_of_all.tolist() == [3, 3, 3, 4, 4, 4]
    assert past.minimum_ids.tolist() == [1, 2, 3, 4]
    assert past.first_visits.tolist() == [0, 0, 0, 40]
    assert (past.returns, past.departures) == (1, 5)
    assert past.return_probability.value == 0.2


def naive_history(ids):
    distinct = [[len(set(run[: s + 1]) - {0}) for s in range(len(run))] for run in ids]
    together = [len({i for run in ids for i in run[: s + 1]} - {0}) for s in range(len(ids[0]))]
    returns = departures = 0
    for run in ids:
        seen = [i for i in run if i]
        for k, (a, b) in enumerate(pairwise(seen)):
            departures += a != b
            returns += a != b and a in seen[k + 1 :]
    return distinct, together, returns, departures


@quickly
@given(ids, gaps)
def test_history_against_a_naive_one(ids, gaps):
    past = history(random_structures(ids, gaps))
    distinct, together, returns, departures = naive_history(ids.tolist())
    assert past.distinct.tolist() == distinct
    assert past.distinct_of_all.tolist() == together
    assert (past.returns, past.departures) == (returns, departures)
    assert ((past.low_loss <= past.high_loss) | np.isnan(past.low_loss)).all()


@quickly
@given(ids, gaps)
def test_persistence_against_a_naive_one(ids, gaps):
    seen = random_structures(ids, gaps)
    found = persistence(seen, seen.steps)
    for w in range(seen.steps.size):
        assert np.isnan(found.same[w, :w]).all()
        for s in range(w, seen.steps.size):
            runs = [run for run in ids.tolist() if run[w] and run[s]]
            there = [run for run in runs if run[s] == run[w]]
            back = [run for run in there if any(i not in {0, run[w]} for i in run[w : s + 1])]
            expected = [len(x) / len(runs) if runs else np.nan for x in (there, back)]
            np.testing.assert_allclose([found.same[w, s], found.returned[w, s]], expected, rtol=1e-12)


def test_persistence_of_another_step_is_refused():
    with pytest.raises(ValueError, match="30 is not"):
        persistence(structures(SEQUENCES), [10, 30])


def test_departures_of_known_runs():
    found = departures(structures(SEQUENCES), [10, 40])
    assert found.lags.tolist() == [10, 30, 40, 70, 120, 150]
    expected = [
        [[1, 0, 0, 1, 1, 1], [0, 1, 1, 1, 1, np.nan]],
        [[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, np.nan]],
        [[0, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, np.nan]],  # in no minimum at step 80: it left between 40 and 160
    ]
    np.testing.assert_array_equal(found.values, expected)


@pytest.mark.parametrize(("power", "mu"), [(0.0, 0.0), (1.0, 1.0)])
def test_departures_age_as_the_rates_do(power, mu):
    """Rates of hops that do not depend on age, and ones that fall as 1 / age."""
    rng, steps = np.random.default_rng(0), np.unique(np.geomspace(100, 1e5, 400).astype(int))
    clock = steps * 2e-4 if power == 0 else np.log(steps)
    hops = rng.poisson(np.diff(clock), (300, steps.size - 1)).cumsum(axis=1)
    seen = structures(np.hstack([np.ones((300, 1), int), 1 + hops]), steps)
    ages = steps[np.searchsorted(steps, [300, 1000, 3000, 10000])]
    fit = aging(departures(seen, ages), 0.2)
    assert fit.mu.value == pytest.approx(mu, abs=0.1)
    assert fit.mu.low - 0.05 < mu < fit.mu.high + 0.05


def test_departures_need_later_snapshots():
    with pytest.raises(ValueError, match="30 is not"):
        departures(structures(SEQUENCES), [30])
    with pytest.raises(ValueError, match="later mapped step"):
        departures(structures(SEQUENCES), [160])


def test_overlap_of_sets():
    shared = shared_minima(structures(SEQUENCES))
    np.testing.assert_allclose(shared, [[1, 1 / 3, 2 / 4], [1 / 3, 1, 0], [2 / 4, 0, 1]], rtol=1e-12)
    assert mean_overlap(shared) == pytest.approx((1 / 3 + 1 / 2) / 3, rel=1e-12)


def test_residence_has_intervals_over_the_runs(database):
    """Resampled by hand: a run and its copy are no pair."""
    rng = np.random.default_rng(4)
    seen = structures(rng.integers(1, 6, size=(9, 6)))
    shared, stays, hops = shared_minima(seen), dwells(seen), jumps(seen, database)
    per_run = [int((np.diff(row) != 0).sum()) for row in seen.minimum_ids]
    expected = (np.mean(per_run), *stats.t.interval(0.95, 8, loc=np.mean(per_run), scale=stats.sem(per_run)))
    found = jumps_per_run(hops, 9)
    assert (found.value, found.low, found.high) == pytest.approx(expected)
    overlaps_, medians, returns = [], [], []
    lengths = [stays.lengths[stays.complete & (stays.runs == r)] for r in range(9)]
    each = [history(structures(row[None])) for row in seen.minimum_ids]
    for _ in range(2000):
        drawn = rng.integers(9, size=9)
        pairs = [shared[a, b] for k, a in enumerate(drawn) for b in drawn[:k] if a != b]
        overlaps_.append(np.mean(pairs))
        medians.append(np.median(np.concatenate([lengths[r] for r in drawn])))
        returns.append(sum(each[r].returns for r in drawn) / sum(each[r].departures for r in drawn))
    for found, samples, value in (
        (overlap_of_runs(shared), overlaps_, mean_overlap(shared)),
        (median_dwell(stays, 9), medians, np.median(np.concatenate(lengths))),
        (history(seen).return_probability, returns, history(seen).returns / history(seen).departures),
    ):
        reach = stats.t.isf(0.025, 8) * np.std(samples) * np.sqrt(9 / 8)
        assert found.value == pytest.approx(value)
        assert found.value - found.low == pytest.approx(reach, rel=0.1)


def test_a_single_run_has_no_intervals(database):
    seen = structures(SEQUENCES[:1])
    for found in (
        jumps_per_run(jumps(seen, database), 1),
        median_dwell(dwells(seen), 1),
        history(seen).return_probability,
        compare_maps(seen, seen).share,
    ):
        assert np.isfinite(found.value)
        assert found.status == Status.TOO_FEW_RUNS
        assert np.isnan(found.interval).all()


def test_no_overlap_without_minima():
    shared = shared_minima(structures(np.zeros((2, 6), np.int64)))
    assert np.isnan(shared).all()
    assert np.isnan(mean_overlap(shared))
    assert np.isnan(mean_overlap(np.ones((1, 1))))


# ---------------------------------------------------------------- superbasins and occupation


def test_shares_of_superbasins_of_a_known_tree(database):
    """At 0.27 nats 1 and 2 are one superbasin, at 0.47 also 3; 5 is joined to nothing."""
    stays = dwells(structures([[1, 2, 3, 5]], [0, 10, 20, 30]))
    shares = superbasin_shares(stays, database, [0.15, 0.27, 0.47, 0.6])
    assert shares.levels.tolist() == [0.6, 0.47, 0.27, 0.15]
    assert shares.n_superbasins.tolist() == [3, 2, 1, 1]
    assert [labels.tolist() for labels in shares.superbasins] == [[0, 2], [0], [0], [0]]
    for found, expected in zip(shares.shares, [[5 / 6, 1 / 6], [5 / 6], [1 / 2], [1 / 6]], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(shares.above, [0, 1 / 6, 1 / 2, 5 / 6], atol=1e-12)
    p = np.array([5 / 6, 1 / 6])
    np.testing.assert_allclose(shares.effective, [np.exp(-(p * np.log(p)).sum()), 1, 1, 1], rtol=1e-12)
    np.testing.assert_allclose(shares.largest, [5 / 6, 5 / 6, 1 / 2, 1 / 6], rtol=1e-12)


@settings(deadline=None, max_examples=10)
@given(ids=ids, gaps=gaps)
def test_shares_of_superbasins_sum_to_one_and_agree_with_the_labels(database, ids, gaps):
    stays = dwells(random_structures(ids, gaps))
    shares = superbasin_shares(stays, database)
    sums = [part.sum() for part in shares.shares]
    np.testing.assert_allclose(np.array(sums) + shares.above + shares.unmapped, 1.0, rtol=1e-12)
    steps = np.cumsum(gaps)[: ids.shape[1]]
    cells = np.diff([steps[0], *(steps[:-1] + steps[1:]) / 2, steps[-1]])  # nearer to a snapshot than to any other
    if not stays.lengths.any():
        cells = np.ones(1)
    position = {minimum.id: k for k, minimum in enumerate(database.minima)}
    for level, labels, part in list(zip(shares.levels, shares.superbasins, shares.shares, strict=True))[::3]:
        naive = defaultdict(float)
        for run in ids.tolist():
            for number, cell in zip(run, cells, strict=True):
                if number and cell and (label := superbasins(database.graph(), level)[position[number]]) >= 0:
                    naive[label] += cell / (cells.sum() * len(ids))
        assert labels.tolist() == sorted(naive)
        np.testing.assert_allclose(part, [naive[label] for label in sorted(naive)], rtol=1e-12)


def test_occupation_of_all_of_one_run_and_at_an_age(database):
    stays = dwells(structures(SEQUENCES))
    together = occupation(stays, database)
    assert together.times.tolist() == [45 + 40, 15 + 160, 100 + 5 + 15, 30, 0]
    assert np.isnan(together.ages[4])
    one = occupation(stays, database, runs=[0])
    assert one.times.tolist() == [45, 15, 100, 0, 0]
    assert one.ages[1] == pytest.approx(np.sqrt(15 * 30), rel=1e-12)
    at = occupation_at(stays, database, 20)
    assert at.times.tolist() == [0, 15 + 160, 5 + 15, 0, 0]
    assert at.ages[[1, 2]] == pytest.approx([20, 20])
    assert occupation_at(stays, database, 160).times.tolist() == [40, 160, 100, 0, 0]


def test_occupation_refuses_other_runs_and_ages(database):
    stays = dwells(structures(SEQUENCES))
    with pytest.raises(ValueError, match=r"0 \.\.\. 2; got 3"):
        occupation(stays, database, runs=[0, 3])
    with pytest.raises(ValueError, match=r"0 \.\.\. 160; got 161"):
        occupation_at(stays, database, 161)


def test_at_its_last_snapshot_with_a_minimum_a_run_is_in_it(database):
    """Although nothing is known of it from then on."""
    stays = dwells(structures([[1, 1, 2, 0, 0, 0]]))
    assert stays.at(20).tolist() == [False, True, False]
    assert not stays.at(21).any()
    assert occupation_at(stays, database, 20).times[1] > 0
    assert np.isfinite(residual_dwells(stays, [20]).times).all()


@quickly
@given(ids, gaps)
def test_overlaps_in_time_are_those_of_all_pairs(ids, gaps):
    found = overlaps(random_structures(ids, gaps))
    assert len(found.visited) == len(ids[0])
    for s, (visited, together) in enumerate(zip(found.visited, found.together, strict=True)):
        sets = [set(run[: s + 1].tolist()) - {0} for run in ids]
        pairs = [(a, b) for i, a in enumerate(sets) for b in sets[:i] if a | b]
        now = [(a, b) for i, a in enumerate(ids[:, s]) for b in ids[:i, s] if a and b]
        jaccard = np.mean([len(a & b) / len(a | b) for a, b in pairs]) if pairs else np.nan
        assert visited == pytest.approx(jaccard, nan_ok=True)
        assert together == pytest.approx(np.mean([a == b for a, b in now]) if now else np.nan, nan_ok=True)


@quickly
@given(ids=ids, gaps=gaps, level=st.sampled_from([0.05, 0.15, 0.27, 0.36, 0.47, 0.6, None]))
def test_superbasins_in_time_are_those_of_each_run(database, ids, gaps, level):
    seen = random_structures(ids, gaps)
    found = superbasin_history(seen, database, level)
    labels = superbasins(database.graph(), found.level)
    for s in range(seen.steps.size):
        numbers = [labels[number - 1] for number in ids[:, s].tolist() if number]  # minimum k is the k-th lowest
        expected = {int(k): numbers.count(k) / len(ids) for k in set(numbers) if k >= 0}
        shares = dict(zip(found.superbasins.tolist(), found.shares[:, s].tolist(), strict=True))
        assert {k: share for k, share in shares.items() if share} == pytest.approx(expected)
        assert found.above[s] == pytest.approx(numbers.count(-1) / len(ids))
        assert found.unmapped[s] == pytest.approx((ids[:, s] == 0).mean())
    assert found.n_superbasins == labels.max() + 1


def test_the_level_is_that_of_the_most_superbasins(database):
    seen = structures([[1, 3, 5, 1, 3, 5], [3, 3, 3, 3, 3, 3]])
    shares = superbasin_shares(dwells(seen), database)
    assert superbasin_history(seen, database).level == shares.levels[np.nanargmax(shares.effective)]


# ---------------------------------------------------------------- maps


def test_disagreement_of_two_maps():
    other = SEQUENCES.copy()
    other[0, 1], other[1, 5], other[2, 1], other[2, 2] = 2, 1, 3, 0
    found = compare_maps(structures(SEQUENCES), structures(other))
    assert found.compared.tolist() == [3, 2, 2, 3, 2, 3]
    assert found.different.tolist() == [0, 1, 0, 0, 0, 1]
    assert found.share.value == 2 / 15
    np.testing.assert_allclose(found.shares, [0, 1 / 2, 0, 0, 0, 1 / 3])
    nothing = structures(np.zeros((1, 6), np.int64))
    assert np.isnan(compare_maps(nothing, nothing).share.value)
    assert np.isnan(compare_maps(nothing, nothing).shares).all()


def test_maps_of_other_snapshots_are_not_compared():
    with pytest.raises(ValueError, match="same steps"):
        compare_maps(structures(SEQUENCES), structures(SEQUENCES[:, :3], STEPS[:3]))
    with pytest.raises(ValueError, match="same runs"):
        compare_maps(structures(SEQUENCES), structures(SEQUENCES[:2]))


def test_statuses_follow_from_the_minima():
    seen = structures(SEQUENCES)
    assert seen.count(SnapshotStatus.MINIMUM) == seen.mapped == 16
    assert seen.count(SnapshotStatus.NOT_CONVERGED) == 2
    assert seen.statuses[2, 1] is SnapshotStatus.NOT_CONVERGED


def test_inputs_are_left_alone(database):
    ids, losses = SEQUENCES.copy(), np.where(SEQUENCES > 0, SEQUENCES / 10, np.nan)
    for array in (ids, losses):
        array.flags.writeable = False
    seen = replace(structures(SEQUENCES), minimum_ids=ids, losses=losses)
    stays = dwells(seen)
    for name in Dwells.__dataclass_fields__:
        getattr(stays, name).flags.writeable = False
    jumps(seen, database), history(seen), persistence(seen, [10]), shared_minima(seen)
    residual_dwells(stays, [10]), superbasin_shares(stays, database), occupation(stays, database)
