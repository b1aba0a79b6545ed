"""The landscapes of the MNIST networks, on data that are small enough for a test."""

import dataclasses
import json

import numpy as np
import pytest
from support.figures import flaws

from bridge.figures import FIGURES, Ensemble, Verdict, Work, _mnist_landscape as figure, judge, reproduce
from bridge.figures._barriers import Crossings
from bridge.figures._said_of_mnist import SAID_OF_MNIST_LANDSCAPE
from bridge.mapping import QuenchedSnapshots
from dynamics.displacement import MeanSquareDisplacement
from landscape.losses import LARGE
from landscape.networks import MLP

HOLDS, FAILS, UNDECIDED = Verdict
TINY = tuple(Ensemble(hidden, 3, 12_000, rows=100, snapshots="all") for hidden in ((2,), (2, 2)))


def test_the_scales_are_the_stand_in_and_the_papers_networks():
    quick, paper = (figure.ensembles(scale) for scale in ("quick", "paper"))
    assert [one.layer_sizes for one in quick] == [(10, 5, 10), (10, 5, 5, 10), (10, 5, 5, 5, 10)]
    assert [one.n_parameters for one in quick] == [115, 145, 175]
    assert [one.layer_sizes for one in paper] == [(784, 5, 10), (784, 5, 5, 10), (784, 5, 5, 5, 10)]
    assert {one.training_rows for one in paper} == {60_000}
    assert all(one.n_parameters == MLP(one.layer_sizes).n_parameters for one in (*quick, *paper))
    assert min(one.n_parameters for one in paper) > LARGE


def test_fewer_rows_have_their_own_files_and_take_less_time():
    whole = figure.ensembles("paper")[0]
    some = whole.at_most(rows=1000)
    assert (some.training_rows, some.rows) == (1000, 1000)
    assert whole.at_most(rows=60_000) == whole
    assert len({whole.name, some.name}) == len({whole.landscape, some.landscape}) == 2
    assert figure.seconds(some) == pytest.approx(figure.seconds(whole) / 60)


def test_names_tell_apart_principal_components_and_kept_snapshots():
    base = Ensemble((5,), 2, 100, dataset="mnist", batch_size=50)
    others = [dataclasses.replace(base, **change) for change in ({"pca": 10}, {"snapshots": "all"})]
    assert len({one.name for one in (base, *others)}) == 3
    assert [one.kept_snapshots for one in (base, *others)] == ["waiting", "all", "all"]
    assert len({one.landscape for one in (base, *others)}) == 2  # snapshots make no other landscape


def quenched(basins, steps):
    basins = np.array(basins)
    nothing = np.zeros((*basins.shape, 2))
    runs = np.arange(len(basins))
    return QuenchedSnapshots(runs, np.array(steps), nothing, nothing, nothing[..., 0], basins, "flow")


def test_changes_are_those_between_tw_and_tw_plus_the_lag():
    found = quenched([[1, 1, 2, 2], [3, 4, 3, 3], [5, 5, 0, 5]], [10, 15, 20, 25])  # 0: unknown
    msd = MeanSquareDisplacement(np.array([10, 20]), np.array([2, 5]), np.arange(12.0).reshape(3, 2, 2))
    changes = figure.changes(found, msd, 5)
    np.testing.assert_array_equal(changes.changed, [[False, False], [True, False], [False, False]])
    np.testing.assert_array_equal(changes.known, [[True, True], [True, True], [True, False]])
    np.testing.assert_array_equal(changes.moved, [[1.0, 3.0], [5.0, 7.0], [9.0, 11.0]])
    np.testing.assert_allclose(changes.share.value, [1 / 3, 0.0])


def test_late_over_early_is_the_ratio_of_means_over_the_known():
    values, known = np.array([[1.0, 9.0, 2.0, 4.0], [3.0, 5.0, 6.0, 8.0]]), np.ones((2, 4), dtype=bool)
    assert figure.late_over_early(values, known).value == pytest.approx((20 / 4) / (18 / 4))
    known[0, 1] = False
    assert figure.late_over_early(values, known).value == pytest.approx((20 / 4) / (9 / 3))
    assert np.isnan(figure.late_over_early(np.zeros((2, 4)), known).value)


def test_interval_of_late_over_early_covers_a_known_ratio():
    rng = np.random.default_rng(0)
    means, known = np.array([2.0, 2.0, 2.0, 1.0, 1.0, 1.0]), np.ones((40, 6), dtype=bool)
    found = [figure.late_over_early(rng.exponential(means, (40, 6)), known, rng=k) for k in range(10)]
    covered = [one.low <= 0.5 <= one.high for one in found]
    assert sum(covered) >= 8
    assert all(one.high < 1 for one in found)


def test_numbers_of_crossings_are_quartiles_over_the_exits():
    near = np.array([[1e-3, 1e-3], [1e-2, 1e-2]])
    numbers = Crossings(np.array([[2e-3, 4e-3], [5e-2, 0.0]]), near, near * 1e-4).numbers()
    assert numbers["exits"] == 3  # a barrier of zero is none
    assert numbers["decades_colder"] == pytest.approx(4.0)
    assert numbers["exits_below_3t"] == pytest.approx(1 / 3)
    assert numbers["barrier_over_t_near_minimum"] == pytest.approx(4.0)
    assert numbers["barrier_over_t_unstable"] == pytest.approx(4e4)
    assert np.isnan(Crossings(*(np.empty((0, 2)),) * 3).numbers()["barrier"])


def numbers(share=1.0, half=0.02, changed=(0.7, 1.4), moved=0.4, colder=(3.0, 5.0), least=(20, 900, 900)):
    full = np.full((3, 6), share)
    ratios = {"changed_late_over_early": np.mean(changed), "displacement_late_over_early": moved}
    ends = {"changed_late_over_early": changed, "displacement_late_over_early": (moved - 0.1, moved + 0.1)}
    intervals = {
        f"{name}{end}": np.full(3, value)
        for name in ratios
        for end, value in (("", ratios[name]), ("_low", ends[name][0]), ("_high", ends[name][1]))
    }
    return intervals | {
        "descent_share": full, "descent_share_low": full - half, "descent_share_high": full + half,
        "decades_colder": np.full(3, np.mean(colder)), "decades_colder_low": np.full(3, colder[0]),
        "decades_colder_high": np.full(3, colder[1]), "random_minima": np.array([18, 60, 64]),
        "random_starts": np.full(3, 64), "estimated_minima": np.maximum(least, [25, 1200, 2000]),
        "estimated_minima_low": np.array(least), "coverage_low": np.array([0.8, 0.0, 0.0]),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "name", "verdict"),
    [
        ({}, "descent_share", HOLDS),
        ({"share": 1.3}, "descent_share", FAILS),
        ({"share": 1.15, "half": 0.2}, "descent_share", UNDECIDED),
        ({"share": np.nan}, "descent_share", UNDECIDED),
        ({}, "changed_late_over_early", HOLDS),
        ({"changed": (0.1, 0.6)}, "changed_late_over_early", FAILS),
        ({"changed": (0.2, 1.5)}, "changed_late_over_early", UNDECIDED),  # as rare as the displacement is not excluded
        ({"changed": (np.nan, np.nan)}, "changed_late_over_early", UNDECIDED),  # no change at all
        ({}, "decades_colder", HOLDS),
        ({"colder": (0.1, 0.5)}, "decades_colder", FAILS),
        ({"colder": (1.0, 3.0)}, "decades_colder", UNDECIDED),
        ({}, "random_minima", HOLDS),
        ({"least": (20, 21, 900)}, "random_minima", UNDECIDED),
    ],
)
def test_verdicts(given, name, verdict):
    found = {one.name: one.verdict for one in judge(SAID_OF_MNIST_LANDSCAPE, numbers(**given))}
    assert found[name] == verdict


@pytest.mark.slow
def test_figure_end_to_end(tmp_path, monkeypatch):
    """On LJAT-like data, whose loss is the cheapest; a second call reads what the first one stored."""
    monkeypatch.setattr(figure, "SMALL", figure.Effort(24, 8, 24, 4))
    tiny = dataclasses.replace(FIGURES["mnist-landscape"], ensembles=lambda scale: TINY)
    seen = []
    made = reproduce(tiny, tmp_path, progress=lambda stage, done, total: seen.append(stage.split()[0]))
    assert {"train", "explore", "quench", "start", "descend"} <= set(seen)  # and "join", unless all is joined
    content = json.loads(made.files[0].read_text(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    ours = content["ours"]
    assert ours["hidden"] == ["2", "2,2"]
    assert all(n >= 1 for n in ours["visited_minima"])
    assert np.shape(ours["descent_share"]) == np.shape(ours["changed_share"]) == (2, len(ours["waiting_times"]))
    assert [one["name"] for one in content["statements"]] == [one.name for one in SAID_OF_MNIST_LANDSCAPE]
    seen.clear()
    again = reproduce(tiny, tmp_path, progress=lambda stage, done, total: seen.append((stage, done, total)))
    assert all(done == total for stage, done, total in seen)  # nothing was made again
    assert json.loads(again.files[0].read_text())["ours"] == ours
    result = figure.compute(Work(tmp_path / "quick" / "runs"), TINY)
    assert flaws(tiny.draw(result)) == []
