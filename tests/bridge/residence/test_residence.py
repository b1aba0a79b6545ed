"""Still there, left, or unknown: every view of all short sequences of minima against one naive walk over them."""

from itertools import pairwise, product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from bridge import InherentStructures, dwells, jumps, visits
from bridge.explanation import jump_rates, observed_hops
from bridge.mapping import UNKNOWN, QuenchedSnapshots
from bridge.residence import Residence, departures, history, persistence, residual_dwells
from landscape.graph import LandscapeGraph

STEPS = np.array([0, 10, 20, 40, 80, 160])
ALL = [np.array(list(product([UNKNOWN, 1, 2], repeat=n))) for n in range(1, STEPS.size + 1)]  # (3^n, n) each


def structures(ids, steps=None):
    ids = np.atleast_2d(ids)
    steps = STEPS[: ids.shape[1]] if steps is None else np.array(steps)
    return InherentStructures(steps, ids, np.where(ids > 0, ids / 10, np.nan), np.empty(0, np.int64), "flow")


def quenched(ids):
    nothing = np.zeros((*ids.shape, 1))
    losses = np.where(ids > 0, ids / 10, np.nan)
    return QuenchedSnapshots(np.arange(len(ids)), STEPS[: ids.shape[1]], nothing, nothing, losses, ids, "flow")


DATABASE = SimpleNamespace(
    transition_states=[SimpleNamespace(id=7, minimum_ids=(1, 2), point=SimpleNamespace(value=0.5))],
    minimum=lambda number: SimpleNamespace(point=SimpleNamespace(value=number / 10)),
    minimum_ids=lambda: np.arange(1, 10),
    graph=lambda: LandscapeGraph(np.arange(1, 10) / 10, np.array([0.5]), np.array([[0, 1]])),
)


class Walk:
    """What one run tells, found by walking along it with the snapshots without a minimum thrown away."""

    def __init__(self, run, steps):
        self.run, self.steps = [int(i) for i in run], [int(s) for s in steps]
        self.seen = [(s, i) for s, i in zip(self.steps, self.run, strict=True) if i]
        self.stays = []  # [minimum, first step, last step]
        for s, i in self.seen:
            if self.stays and self.stays[-1][0] == i:
                self.stays[-1][2] = s
            else:
                self.stays.append([i, s, s])
        self.jumps = [(a[2], b[1], a[0], b[0]) for a, b in pairwise(self.stays)]  # left, entered, source, target

    def where(self, time):
        """The nearest snapshot with a minimum, the later one half-way between two; None outside of them."""
        if not self.seen or not self.seen[0][0] <= time <= self.seen[-1][0]:
            return None
        return min(self.seen, key=lambda one: (abs(one[0] - time), -one[0]))[1]

    def borders(self):
        """Begin and end of each stay."""
        middle = [0.5 * (left + entered) for left, entered, _, _ in self.jumps]
        return list(zip([self.stays[0][1], *middle], [*middle, self.stays[-1][2]], strict=True)) if self.stays else []

    def seen_in(self, minimum):
        """Steps whose nearest snapshot, known or not, is in a minimum: one by one."""
        return sum(
            self.run[min(range(len(self.steps)), key=lambda k: abs(self.steps[k] - (t + 0.5)))] == minimum
            for t in range(self.steps[0], self.steps[-1])
        )

    def stayed(self):
        """Steps between snapshots next to each other in the same minimum."""
        pairs = pairwise(zip(self.steps, self.run, strict=True))
        return sum(t - s for (s, a), (t, b) in pairs if a and a == b)


def walks(ids):
    return [Walk(run, STEPS[: ids.shape[1]]) for run in ids]


every_length = pytest.mark.parametrize("ids", ALL, ids=lambda ids: f"length {ids.shape[1]}")


# ---------------------------------------------------------------- all sequences of up to six snapshots


@every_length
def test_dwell_times(ids):
    stays = dwells(structures(ids))
    known = stays.minimum_ids > 0
    for r, walk in enumerate(walks(ids)):
        own = (stays.runs == r) & known
        assert stays.minimum_ids[own].tolist() == [i for i, _, _ in walk.stays]
        assert list(zip(stays.begins[own], stays.ends[own], strict=True)) == walk.borders()
        n = len(walk.stays)
        assert stays.left_censored[own].tolist() == [k == 0 for k in range(n)]
        assert stays.right_censored[own].tolist() == [k == n - 1 for k in range(n)]
        assert stays.shortest[own].sum() == walk.stayed()
        before, after = [walk.steps[0], *(j[0] for j in walk.jumps)], [*(j[1] for j in walk.jumps), walk.steps[-1]]
        assert stays.longest[own].tolist() == [b - a for a, b in zip(before, after, strict=True)][:n]
        for i in (1, 2):
            assert stays.seen[own & (stays.minimum_ids == i)].sum() == walk.seen_in(i)
    assert not stays.seen[~known].any()
    assert not stays.complete[~known].any()
    assert (np.bincount(stays.runs, stays.lengths) == STEPS[ids.shape[1] - 1]).all()  # without gaps
    assert ((stays.shortest <= stays.lengths) & (stays.lengths <= stays.longest)).all()


@every_length
def test_residual_dwell_times(ids):
    steps = STEPS[: ids.shape[1]]
    ages = np.union1d(steps, (steps[:-1] + steps[1:]) / 2)
    left = residual_dwells(dwells(structures(ids)), ages)
    for r, walk in enumerate(walks(ids)):
        for w, age in enumerate(ages.tolist()):
            now = walk.where(age)
            assert np.isnan(left.times[r, w]) == (now is None)
            if now is not None:
                held = [k for k, (a, b) in enumerate(walk.borders()) if a <= age <= b and walk.stays[k][0] == now][-1]
                assert left.times[r, w] == walk.borders()[held][1] - age
                assert left.censored[r, w] == (held == len(walk.stays) - 1)


@every_length
def test_departures_are_the_same_in_every_view(ids):
    walked, seen = walks(ids), structures(ids)
    expected = [(r, *jump) for r, walk in enumerate(walked) for jump in walk.jumps]
    hops, past, stays = jumps(seen, DATABASE), history(seen), dwells(seen)
    assert list(zip(hops.runs, hops.left, hops.entered, hops.sources, hops.targets, strict=True)) == expected
    assert past.departures == len(expected)
    assert past.returns == sum(len(walk.stays) - len({i for i, _, _ in walk.stays}) for walk in walked)
    counted = visits(seen, DATABASE)
    assert counted.jumps.tolist() == [len(walk.jumps) for walk in walked]
    assert counted.distinct.tolist() == [len({i for _, i in walk.seen}) for walk in walked]
    assert counted.direct_jumps == len(expected)
    for censored in (stays.left_censored, stays.right_censored):
        assert (~censored & (stays.minimum_ids > 0)).sum() == len(expected)
    if ids.shape[1] > 1:
        rates = jump_rates(quenched(ids))
        next_to = [k for _, a, b, _, _ in expected if (k := STEPS.searchsorted(a)) + 1 == STEPS.searchsorted(b)]
        assert rates.jumps.tolist() == np.bincount(next_to, minlength=ids.shape[1] - 1).tolist()
        assert rates.jumps.sum() + rates.unplaced == len(expected)
        assert rates.exposures.tolist() == ((ids[:, 1:] > 0) & (ids[:, :-1] > 0)).sum(axis=0).tolist()


@pytest.mark.parametrize("ids", ALL[1:], ids=lambda ids: f"length {ids.shape[1]}")
def test_departures_from_an_age(ids):
    steps, walked = STEPS[: ids.shape[1]], walks(ids)
    found = departures(structures(ids), steps[:-1])
    for (w, tw), (t, lag) in product(enumerate(steps[:-1].tolist()), enumerate(found.lags.tolist())):
        ends = [(walk.where(tw), walk.where(tw + lag)) for walk in walked]
        left = [None if None in pair else pair[0] != pair[1] for pair in ends]
        known = [value for value in left if value is not None]
        assert found.mean[w, t] == pytest.approx(np.mean(known) if known else np.nan, nan_ok=True)
        weight = len(left) / len(known) if known else np.nan
        np.testing.assert_allclose(found.values[:, w, t], [weight if value else 0 * weight for value in left])


@every_length
def test_persistence_counts_the_runs_that_are_known_at_both_steps(ids):
    steps = STEPS[: ids.shape[1]]
    later = persistence(structures(ids), steps)
    for w, s in product(range(steps.size), repeat=2):
        runs = [run for run in ids.tolist() if s >= w and run[w] and run[s]]
        there = [run for run in runs if run[w] == run[s]]
        again = [run for run in there if set(run[w : s + 1]) - {UNKNOWN, run[w]}]
        for found, part in ((later.same, there), (later.returned, again)):
            assert found[w, s] == pytest.approx(len(part) / len(runs) if runs else np.nan, nan_ok=True)


@pytest.mark.parametrize("ids", ALL[2:], ids=lambda ids: f"length {ids.shape[1]}")
def test_hops_that_were_observed(ids):
    steps, walked = STEPS[: ids.shape[1]], walks(ids)
    hopping = SimpleNamespace(waiting_times=steps[:1], covered=ids[:, :1] > 0, minimum_ids=np.array([1, 2]))
    seen = observed_hops(quenched(ids), ids, hopping, steps[1:])
    for t in range(steps.size - 1):
        runs = [run for run in ids.tolist() if run[0] and run[t + 1]]
        assert seen.same.value[0, t] == pytest.approx(np.mean([run[0] == run[t + 1] for run in runs]))
    for k, minimum in enumerate((1, 2)):
        stays = [(b - a, i) for w in walked for (a, b), (i, _, _) in zip(w.borders(), w.stays, strict=True)]
        assert seen.stays[k] == sum(length for length, i in stays if i == minimum)
        assert seen.departures[k] == sum(source == minimum for walk in walked for _, _, source, _ in walk.jumps)


def test_a_basin_that_the_database_does_not_know_is_elsewhere_and_no_minimum_is_nothing():
    """The same ids, 1 0 1: a basin without a number in the database is a departure, a failed quench is none."""
    ids, hopping = np.array([[1, 0, 1, 1]]), SimpleNamespace(
        waiting_times=STEPS[:1], covered=np.array([[True]]), minimum_ids=np.array([1])
    )  # fmt: skip
    unknown = quenched(ids)
    other = quenched(np.array([[1, 2, 1, 1]]))
    for snapshots, left, same in ((unknown, 0, np.nan), (other, 1, 0.0)):
        seen = observed_hops(snapshots, ids, hopping, STEPS[1:4])
        assert seen.departures.tolist() == [left]
        np.testing.assert_array_equal(seen.same.value[0], [same, 1.0, 1.0])


def test_the_case_of_the_issue():
    """1 1 0 1 1: the run was seen nowhere else, so no median dwell time is known."""
    seen = structures([[1, 1, 0, 1, 1]], [0, 100, 200, 300, 400])
    stays = dwells(seen)
    assert (stays.minimum_ids.tolist(), stays.lengths.tolist()) == ([1], [400.0])
    assert (stays.shortest.tolist(), stays.longest.tolist(), stays.seen.tolist()) == ([200], [400], [300.0])
    left = residual_dwells(stays, [0, 100, 300])
    assert left.censored.all()
    assert np.isnan(left.medians).all()
    assert history(seen).departures == jumps(seen, DATABASE).runs.size == 0
    assert not departures(seen, [0]).values.any()
    late = structures([[0, 1, 1, 0, 0]], [0, 100, 200, 300, 400])  # where it is before 100 and after 200 nobody knows
    assert np.isnan(departures(late, [0]).values).all()
    np.testing.assert_array_equal(departures(late, [100]).values[0, 0], [0.0, np.nan, np.nan])
    assert residual_dwells(dwells(late), [100]).times.tolist() == [[100.0]]


# ---------------------------------------------------------------- laws

some = st.integers(1, 4).flatmap(
    lambda runs: st.integers(1, 7).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, 4), min_size=n, max_size=n), min_size=runs, max_size=runs)
    )
).map(np.array)  # fmt: skip
times = st.lists(st.integers(1, 30), min_size=7, max_size=7).map(np.cumsum)
quickly = settings(deadline=None, max_examples=80)


def told(ids, steps):
    """All numbers that views make of sequences, whatever the minima are called."""
    seen = structures(ids, steps)
    stays, past = dwells(seen), history(seen)
    left = residual_dwells(stays, steps)
    return [
        stays.runs, stays.begins, stays.ends, stays.shortest, stays.longest, stays.left_censored, stays.right_censored,
        stays.seen, left.times, left.censored, left.medians, past.distinct, past.distinct_of_all, past.returns,
        past.departures, persistence(seen, steps).same,
        *(departures(seen, steps[:-1]).values if steps.size > 1 else ()),
    ]  # fmt: skip


@quickly
@given(some, times, st.permutations([1, 2, 3, 4]))
def test_what_minima_are_called_changes_nothing(ids, times, names):
    steps = times[: ids.shape[1]]
    renamed = np.array([0, *names])[ids]
    for a, b in zip(told(ids, steps), told(renamed, steps), strict=True):
        np.testing.assert_array_equal(a, b)


@quickly
@given(some, times)
def test_a_snapshot_without_a_minimum_is_as_if_it_had_not_been_taken(ids, times):
    """But for the ends of the run, between which all that is known is what the others say."""
    steps = times[: ids.shape[1]]
    for run in ids:
        kept = run > 0
        if not kept.any():
            continue
        stays, fewer = (dwells(structures(i[None], s)) for i, s in ((run, steps), (run[kept], steps[kept])))
        known = stays.minimum_ids > 0
        for name in ("minimum_ids", "begins", "ends", "left_censored", "right_censored"):
            np.testing.assert_array_equal(getattr(stays, name)[known], getattr(fewer, name))
        left, fewer = (residual_dwells(each, steps[kept]) for each in (stays, fewer))
        np.testing.assert_array_equal(left.times, fewer.times)
        np.testing.assert_array_equal(left.censored, fewer.censored)
        ages = np.linspace(steps[0], steps[-1], 50)
        everything, others = (Residence(s, i[None]) for i, s in ((run, steps), (run[kept], steps[kept])))
        np.testing.assert_array_equal(everything.at(ages), others.at(ages))


@quickly
@given(some, times, st.data())
def test_making_a_snapshot_unknown_never_tells_more(ids, times, data):
    steps = times[: ids.shape[1]]
    r, s = (data.draw(st.integers(0, n - 1)) for n in ids.shape)
    fewer = ids.copy()
    fewer[r, s] = UNKNOWN
    (more, past), (less, later) = ((dwells(structures(i, steps)), history(structures(i, steps))) for i in (ids, fewer))
    assert later.departures <= past.departures
    assert later.returns <= past.returns
    assert (later.distinct <= past.distinct).all()
    assert less.complete.sum() <= more.complete.sum()
    for name in ("shortest", "seen"):
        a, b = (np.bincount(each.minimum_ids, getattr(each, name), minlength=5)[1:] for each in (less, more))
        assert (a <= b).all(), name
    for age in steps:
        a, b = (np.isfinite(residual_dwells(each, age).times).sum() for each in (less, more))
        assert a <= b
    if steps.size > 1:
        a, b = (jump_rates(QuenchedSnapshots(
            np.arange(len(i)), steps, i[..., None] * 0.0, i[..., None] * 0.0, i * 1.0, i, "flow"
        )) for i in (fewer, ids))  # fmt: skip
        assert (a.jumps <= b.jumps).all()
        assert (a.exposures <= b.exposures).all()
        assert (a.exposures - a.jumps <= b.exposures - b.jumps).all()  # intervals in which a run was seen to stay


def product_limit(times, censored):
    """Median by Kaplan and Meier's product, one run after the other; of equal times the censored come last."""
    there, probability = len(times), 1.0
    for time, cut in sorted(zip(times, censored, strict=True)):
        probability *= 1.0 - (not cut) / there
        there -= 1
        if probability <= 0.5 + 1e-12:
            return time
    return np.nan


@quickly
@given(some, times)
def test_median_dwell_times_are_those_of_the_product_over_runs(ids, times):
    steps = times[: ids.shape[1]]
    left = residual_dwells(dwells(structures(ids, steps)), steps)
    for w in range(steps.size):
        known = np.isfinite(left.times[:, w])
        expected = product_limit(left.times[known, w].tolist(), left.censored[known, w].tolist())
        assert left.medians[w] == pytest.approx(expected, nan_ok=True)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"ids must have shape \(R, 3\).*got \(2, 4\)"):
        Residence(np.arange(3), np.ones((2, 4), dtype=int))
