"""The whole explanation of an ensemble, its figure and its command."""

import json
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from matplotlib.text import Text
from scipy import stats
from support.cli import agescape
from support.figures import flaws

from bridge import explain, inherent_structures
from bridge.cli import run
from bridge.commands._explanation_report import describe_explanation
from bridge.commands._explanation_summary import summarize
from bridge.explanation import (
    PARTS,
    Quenches,
    changed_at_t_star,
    decomposition_steps,
    exit_temperatures,
    nearest_lags,
    predict_hopping,
    region_around,
    runs_changed_at_t_star,
    shares_at_t_star,
)
from bridge.explanation._explanation import compared, part_fits, ran_away_by, reachable_threshold, spaced_lags
from bridge.explanation._hopping_comparison import hopping_lags, of_covered
from bridge.mapping import _quenching as quenching, quenched_snapshots
from bridge.plots import EXPLANATION_PANELS, PART_NAMES, plot_explanation
from bridge.plots._explanation import explanation_panels
from dynamics import SGD, MeanSquareDisplacement, aging, mean_square_displacement, train
from landscape import CrossEntropyLoss, Database, datasets, explore, quench
from landscape.networks import MLP
from landscape.plots import save_figure
from landscape.stationary import same_point

THRESHOLD = 2e-3


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    data = datasets.ljat(rows=100, seed=0)
    network = MLP((2, 3, 4))
    loss = CrossEntropyLoss(network, data, 1e-3)
    explore(loss, folder / "small.db", searches=100, seed=0)
    times = {"waiting_times": [100, 200, 400], "lags": [1, 3, 10, 30, 100, 300, 1000, 1600]}
    optimizer = SGD(0.05, 20, precision="float64")
    runs = train(
        CrossEntropyLoss(network, data, 1e-3), optimizer, replicas=4, steps=2000, path=folder / "sgd.h5", **times
    )
    return folder, loss, runs


@pytest.fixture(scope="module")
def found(files):
    folder, loss, runs = files
    with Database(folder / "small.db") as database:
        return explain(runs, loss, database=database, threshold=THRESHOLD, longest=1000, quenches=Quenches(lags=4))


def test_every_part_is_what_its_own_function_says(files, found):
    _, _, runs = files
    np.testing.assert_array_equal(found.msd.values, mean_square_displacement(runs).values)
    assert set(found.predictions) == set(found.agreements) == {"descent", "local", "own_minimum", "last_minimum"}
    assert found.decomposition.total.lags.tolist() == [10, 30, 300, 1000]
    np.testing.assert_allclose(
        found.decomposition.total.values, found.msd.values[:, :, [2, 3, 5, 6]], rtol=1e-12, atol=1e-18
    )
    np.testing.assert_allclose(sum(found.decomposition.shares[name] for name in PARTS), 1.0)
    # expanded at minima of the same basin both harmonic models are one
    same = found.quenched.basins[:, np.searchsorted(found.quenched.steps, runs.waiting_times)]
    same = same == found.quenched.basins[:, -1:]
    own, last = (found.predictions[name].values for name in ("own_minimum", "last_minimum"))
    np.testing.assert_allclose(own[same], last[same], rtol=1e-6)


def test_hops_are_what_their_own_functions_say(files, found):
    folder, loss, runs = files
    ids = found.predicted_jumps.minimum_ids
    at = np.searchsorted(found.quenched.steps, runs.waiting_times)
    with Database(folder / "small.db") as database:
        region = region_around(ids[:, at], database)
    temperatures = exit_temperatures(loss, region.minima, region.states, SGD(0.05, 20))
    lags = hopping_lags(runs.lags, found.hopping.observed.lags)
    for name, hopping in found.hopping.predicted.items():
        again = predict_hopping(
            ids[:, at],
            region,
            loss.network,
            temperatures[name],
            learning_rate=0.05,
            waiting_times=runs.waiting_times,
            lags=lags,
        )
        np.testing.assert_allclose(hopping.same, again.same)
        np.testing.assert_allclose(hopping.displacement.values, again.displacement.values)
        fit = aging(of_covered(again.displacement, again.covered), THRESHOLD)
        np.testing.assert_array_equal(found.hopping.fits[name].t_star.value, fit.t_star.value)
        naive = sum(stay / dwell for stay, dwell in zip(found.hopping.observed.stays, again.dwell_times, strict=True))
        assert found.hopping.expected_departures[name] == pytest.approx(naive)
    shared = np.isin(found.decomposition.hop.lags, found.hopping.observed.lags)
    assert found.hopping.predicted["curved"].covered.all()
    # a run that has not moved modulo symmetry is in the same minimum
    same = (found.decomposition.hop.values[..., shared] < 1e-4).mean(axis=0)
    np.testing.assert_allclose(found.hopping.observed.same.value, same)


def test_the_lag_and_the_runs_behind_the_shares(found):
    at, lags = nearest_lags(found), found.decomposition.total.lags
    for w, t_star in enumerate(found.fit.t_star.value):
        assert at[w] == min(range(lags.size), key=lambda k: abs(np.log(lags[k] / t_star)))
    forced = replace(found, decomposition=replace(found.decomposition, changed=found.decomposition.changed | True))
    np.testing.assert_allclose(changed_at_t_star(forced).value, 1.0)
    forced = replace(found, decomposition=replace(found.decomposition, changed=found.decomposition.changed & False))
    np.testing.assert_allclose(changed_at_t_star(forced).value, 0.0)


def test_the_shares_have_the_intervals_of_resampled_runs(found):
    parts, at = found.decomposition, nearest_lags(found)
    rng, w = np.random.default_rng(1), 0
    known = parts.known[:, w, at[w]]
    runs = known.size
    assert known.all()
    total = parts.total.values[:, w, at[w]]
    for name, share in shares_at_t_star(found).items():
        part = getattr(parts, name).values[:, w, at[w]]
        assert share.value[w] == pytest.approx(parts.shares[name][w, at[w]])
        samples = [part[k].sum() / total[k].sum() for k in rng.integers(runs, size=(3000, runs))]
        reach = stats.t.isf(0.025, runs - 1) * np.std(samples) * np.sqrt(runs / (runs - 1))
        if reach > 0:
            assert share.value[w] - share.low[w] == pytest.approx(reach, rel=0.1)
        else:
            assert np.isnan(share.low[w])
    changed = runs_changed_at_t_star(found)
    expected = stats.binomtest(int(parts.changed[:, w, at[w]].sum()), runs).proportion_ci(0.95)
    assert (changed.low[w], changed.high[w]) == pytest.approx((expected.low, expected.high))


def test_it_is_drawn(found):
    predicted = found.hopping.predicted
    rng = np.random.default_rng(0)  # numbers that can be told from any others
    filled = {name: replace(each, same=rng.random(each.same.shape)) for name, each in predicted.items()}
    found = replace(found, hopping=replace(found.hopping, predicted=filled))
    figure = plot_explanation(found, "a title")
    assert set(explanation_panels(found)) == set(EXPLANATION_PANELS)
    labels = [text.get_text() for text in figure.axes[4].get_legend().get_texts()]
    assert any("measured" in label and "mu" in label for label in labels)
    assert any("predicted hops" in label for label in labels)
    assert figure.axes[0].get_title() == "$t_w$ = 100"
    correlation = {line.get_label(): line for line in figure.axes[3].lines}
    np.testing.assert_array_equal(
        correlation["predicted, T near the minimum"].get_ydata(), found.hopping.predicted["curved"].same[0]
    )
    assert len(plot_explanation(replace(found, hopping=None)).axes) == 6
    (shared,) = figure.legends  # of the three panels of displacements
    assert "measured" in {text.get_text() for text in shared.get_texts()}
    assert not any(ax.get_legend() for ax in figure.axes[:3])
    (alone,) = plot_explanation(found, panels=["displacement-last"]).axes
    assert alone.get_legend()
    assert [line.get_label() for line in figure.axes[6].lines[:5]] == list(PART_NAMES.values())


@pytest.fixture(scope="module")
def partly(files):
    """An explanation where quenches of some snapshots found no minimum, all of run 3 among them."""
    folder, loss, runs = files

    def some(*arguments, **options):
        found = quenched_snapshots(*arguments, **options)
        basins, coordinates, losses = (array.copy() for array in (found.basins, found.coordinates, found.losses))
        for lost in ((0, 0), (1, -1), (3, slice(None))):
            basins[lost], coordinates[lost], losses[lost] = 0, np.nan, np.nan
        return replace(found, basins=basins, coordinates=coordinates, losses=losses)

    with (
        Database(folder / "small.db") as database,
        mock.patch("bridge.explanation._explanation.quenched_snapshots", some),
    ):
        return explain(runs, loss, database=database, threshold=THRESHOLD, longest=1000, quenches=Quenches(lags=4))


def test_snapshots_without_a_minimum_leave_the_rest_as_it_is(found, partly):
    np.testing.assert_array_equal(partly.agreements["descent"].share.value, found.agreements["descent"].share.value)
    own, whole = partly.models["own_minimum"], found.models["own_minimum"]
    assert own.known.tolist() == [[False, True, True], [True] * 3, [True] * 3, [False] * 3]
    np.testing.assert_allclose(own.msd.values[own.known], whole.msd.values[own.known], rtol=1e-9)
    for w in range(3):  # the share at t* is that of the runs that are known
        k = np.abs(np.log(found.msd.lags / partly.agreements["own_minimum"].measured.t_star.value[w])).argmin()
        runs = own.known[:, w]
        expected = whole.msd.values[runs, w, k].mean() / found.msd.values[runs, w, k].mean()
        assert partly.agreements["own_minimum"].share.value[w] == pytest.approx(expected, rel=1e-9)
    known = partly.decomposition.known
    assert not known[3].any()
    np.testing.assert_allclose(sum(partly.decomposition.shares[name] for name in PARTS), 1.0)
    described = describe_explanation(partly)
    assert np.isfinite(described["relaxation"]["own_minimum"]["anharmonicity"]).all()
    assert described["jumps"]["runs"].max() <= 3


def texts(figure):
    """All words of a figure."""
    return [text.get_text() for text in figure.findobj(Text)]


PANELS_OF_WORDS = ["same-minimum", "aging", "shares", "dwells"]


@pytest.mark.slow
def test_figures_say_in_words_what_is_not_determined(found, partly, tmp_path):
    fit = replace(found.fit, mu=replace(found.fit.mu, value=np.nan, low=np.nan, high=np.nan))
    away = replace(
        found, fit=fit, ran_away=found.ran_away | {"local": np.array([0.0, 0.5, 1.0])},
        hopping=replace(found.hopping, predicted={
            name: replace(each, same=each.same * np.nan, dwell_times=each.dwell_times[:0])
            for name, each in found.hopping.predicted.items()
        }),
    )  # fmt: skip
    figures = [plot_explanation(partly, "a title"), plot_explanation(away, panels=PANELS_OF_WORDS)]
    for figure in figures:
        assert flaws(figure) == []
        assert not any("nan" in text.split() or "= nan" in text for text in texts(figure))
    save_figure(figures[1], tmp_path / "away.png", dpi=30)
    words = " ".join(texts(figures[1]))
    assert "measured: $\\mu$ not determined" in words
    assert "ran away at 2 $t_w$" in words
    assert words.count("No run is in a minimum that") == 2


def test_shares_of_models_that_ran_away_are_words(found):
    shares = [1.5, 2e85, np.nan]
    fit = {"share": shares, "ran_away": np.array([0.0, 0.25, np.nan])}
    described = describe_explanation(found)
    described["relaxation"]["local"] |= fit
    rows = {row[0]: row[2] for row in summarize(described).tables[0].rows}
    assert rows["quadratic model at theta(tw)"] == "ran away at 1 waiting time"
    described["relaxation"]["local"] |= {"share": np.full(3, np.nan), "ran_away": np.zeros(3)}
    rows = {row[0]: row[2] for row in summarize(described).tables[0].rows}
    assert rows["quadratic model at theta(tw)"] == "no t*"
    away = ran_away_by(found.models["local"], found.fit.t_star.value)
    lags = found.models["local"].msd.lags
    for w, t_star in enumerate(found.fit.t_star.value):
        k = next(k for k, lag in enumerate(lags) if lag >= t_star)
        assert away[w] == found.models["local"].ran_away[:, w, k].mean()
    everywhere = np.ones_like(found.models["local"].ran_away)
    gone = ran_away_by(replace(found.models["local"], ran_away=everywhere), found.fit.t_star.value)
    compared_ = compared(found.msd, found.predictions["local"], gone, THRESHOLD, tolerance=0.2, rng=0)
    assert np.isnan(compared_.share.value).all()
    assert np.isnan(compared_.deviation).all()


def test_the_command(files, tmp_path, capsys, monkeypatch):
    folder, _, _ = files
    options = {"threshold": THRESHOLD, "jobs": 1, "longest": 300, "quench-lags": 3, "store": tmp_path / "store"}
    arguments = ["explain", str(folder / "small.db"), str(folder / "sgd.h5")]
    arguments += [f"--{name}={value}" for name, value in options.items()]
    before = (folder / "small.db").read_bytes()
    printed = []
    for more in (["--json", "--output", str(tmp_path / "figure.svg")], []):
        monkeypatch.setattr("sys.argv", ["agescape", *arguments, *more])
        with pytest.raises(SystemExit) as ended:
            run()
        assert ended.value.code == 0
        printed.append(capsys.readouterr().out)
    first = json.loads(printed[0])
    assert first["output"] == str(tmp_path / "figure.svg")
    again = next(line for line in printed[1].splitlines() if line.startswith("descent without noise"))
    assert f"{first['relaxation']['descent']['mu']:.2f}" in again  # from what the store remembers
    assert first["waiting_times"] == [100, 200, 400]
    assert first["rows"] == 100
    assert set(first["decomposition"]["shares"]) == set(PARTS)
    for name in ("descent", "local", "own_minimum", "last_minimum"):
        assert {"mu", "mu_low", "t_star", "share", "holds_from", "agreement"} <= set(first["relaxation"][name])
    assert first["relaxation"]["last_minimum"]["zero_modes"] == 0
    assert {"known_minima", "rates", "expected"} <= set(first["predicted_jumps"])
    hopping = first["hopping"]
    assert {"same", "same_interval", "dwell_times", "inherent", "raw"} <= set(hopping["observed"])
    assert set(hopping["predicted"]) == {"curved", "unstable"}
    for foretold in hopping["predicted"].values():
        assert {"status", "same", "displacement", "dwell_times", "departures", "left_out", "fit"} <= set(foretold)
    assert len(hopping["coverage"]) == len(hopping["coverage_interval"]) == 3
    assert set(first["decomposition"]["shares_interval"]) == set(PARTS)
    for name in ("runs in minima that the database knows", "observed", "master equation, T near the minimum"):
        assert name in printed[1]
    assert first["predicted_jumps"]["measured"] == sum(first["jumps"]["jumps"])
    assert (folder / "small.db").read_bytes() == before  # nothing is added


def test_runs_of_adam_are_explained_without_a_clock(files, found):
    """Basins, barriers and observed hops are those of any runs; what takes the learning rate for a clock is named."""
    folder, loss, runs = files
    about = {"optimizer": "adam", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}
    renamed = replace(runs, metadata=dict(runs.metadata) | about)  # of SGD, as if they were Adam's
    options = {"threshold": THRESHOLD, "longest": 100, "quenches": Quenches(lags=2)}
    with (
        Database(folder / "small.db") as database,
        mock.patch("bridge.explanation._explanation.quenched_snapshots", return_value=found.quenched),
    ):
        ours = explain(renamed, loss, database=database, **options)
    assert ours.without_clock == "optimizer = 'adam'"
    assert not found.without_clock
    for name in ("hop", "image", "intra", "cross"):
        one, other = (getattr(each.decomposition, name).values for each in (ours, found))
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(sum(ours.decomposition.shares.values()), 1.0)
    seen, expected = ours.hopping.observed, found.hopping.observed
    np.testing.assert_array_equal(seen.same.value, expected.same.value)
    np.testing.assert_array_equal(seen.departures, expected.departures)
    np.testing.assert_array_equal(ours.predicted_jumps.barriers, found.predicted_jumps.barriers)
    described = describe_explanation(ours)
    assert set(described["relaxation"]) == {"descent"}
    assert described["predicted_jumps"]["rates"] == described["hopping"]["predicted"] == {}
    said = summarize(described)
    assert any("not the learning rate times a gradient (optimizer = 'adam')" in note for note in said.notes)
    assert [row[0] for row in said.tables[0].rows] == ["measured", "descent without noise"]
    assert not any("upper bounds" in note for note in said.notes)
    described["decomposition"]["exact_images"] = False
    assert any("hops are upper bounds" in note for note in summarize(described).notes)
    assert flaws(plot_explanation(ours, panels=["same-minimum", "aging", "shares", "parts"])) == []


def test_other_runs_than_the_database_are_refused(files, tmp_path, capsys, monkeypatch):
    folder, loss, _ = files
    explore(CrossEntropyLoss(loss.network, loss.data, 1e-2), tmp_path / "other.db", searches=1, seed=0)
    monkeypatch.setattr("sys.argv", ["agescape", "explain", str(tmp_path / "other.db"), str(folder / "sgd.h5")])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 2
    assert "regularization" in capsys.readouterr().err


# ---------------------------------------------------------------- choices


def test_lags_are_spread_evenly_in_the_logarithm():
    lags = np.unique(np.geomspace(1, 1000, 40).astype(int))
    chosen = spaced_lags(lags, 4)
    np.testing.assert_allclose(np.log10(chosen), [1, 5 / 3, 7 / 3, 3], atol=0.1)
    assert spaced_lags(lags, 1000).tolist() == lags[lags >= 10].tolist()
    for wrong in ((lags, 1), (lags[:1], 5)):
        with pytest.raises(ValueError, match="lags of the quenches must be at least 2"):
            spaced_lags(*wrong)


def test_a_threshold_that_all_waiting_times_reach(found):
    waiting, lags = np.array([10, 100]), np.array([1, 10, 100])
    values = np.array([[[1e-6, 1e-4, 1e-2], [1e-7, 1e-5, 1e-3]]])
    msd = MeanSquareDisplacement(waiting, lags, values)
    assert reachable_threshold(msd, 5e-4) == 5e-4
    chosen = reachable_threshold(msd, 1.0)
    assert 1e-6 < chosen < 1e-3
    nothing = replace(msd, values=np.zeros_like(values))
    assert reachable_threshold(nothing, 1e-2) == 1e-2
    still = replace(found.decomposition.image, values=np.zeros_like(found.decomposition.image.values))
    fits = part_fits(replace(found.decomposition, image=still), 1e-2)
    assert "train longer runs or choose a smaller threshold" in str(fits["image"].status)  # the remedy


@pytest.fixture
def quenches(monkeypatch):
    """Digests of all snapshots that are quenched."""
    digests, true_quench = [], quenching._quench_along

    def counted(loss, points, method):
        digests.extend(theta.tobytes() for theta in points)
        return true_quench(loss, points, method)

    monkeypatch.setattr(quenching, "_quench_along", counted)
    return digests


@pytest.mark.parametrize("first", ["overlay", "explain"])
def test_overlay_and_explain_quench_nothing_twice(files, tmp_path, quenches, first):
    folder, _, runs = files
    (tmp_path / "small.db").write_bytes((folder / "small.db").read_bytes())
    (tmp_path / "sgd.h5").write_bytes((folder / "sgd.h5").read_bytes())
    commands = {
        "overlay": ["--output", str(tmp_path / "o.svg")],
        "explain": ["--longest", "1000", "--quench-lags", "4"],
    }
    for name in sorted(commands, key=lambda name: name != first):
        arguments = [name, str(tmp_path / "small.db"), str(tmp_path / "sgd.h5"), *commands[name], "--jobs", "1"]
        assert agescape(*arguments).code == 0
    steps = decomposition_steps(runs, [10, 30, 300, 1000])
    wanted = {theta.tobytes() for run in runs.snapshots for theta in run[np.isin(runs.steps, [*steps, 2000])]}
    assert len(quenches) == len(set(quenches)) == len(wanted)
    assert set(quenches) == wanted


def test_what_overlay_quenched_serves_explain_bit_for_bit(files, found, tmp_path, quenches):
    folder, loss, runs = files
    (tmp_path / "small.db").write_bytes((folder / "small.db").read_bytes())
    with Database(tmp_path / "small.db") as database:
        mapped = inherent_structures(runs, database, path=tmp_path / "quenches")
    quenches.clear()
    again = quenched_snapshots(runs, loss, steps=found.quenched.steps, path=tmp_path / "quenches")
    assert len(quenches) == runs.replicas * (found.quenched.steps.size - mapped.steps.size)
    for name in ("coordinates", "basins", "points"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found.quenched, name))
    quenches.clear()
    (tmp_path / "other.db").write_bytes((folder / "small.db").read_bytes())  # it has no cache of its own
    with Database(tmp_path / "other.db") as database:
        remapped = inherent_structures(runs, database, path=tmp_path / "quenches")
    assert not quenches
    np.testing.assert_array_equal(remapped.minimum_ids, mapped.minimum_ids)
    np.testing.assert_array_equal(remapped.losses, mapped.losses)


def test_each_snapshot_ends_where_its_own_flow_does(files, found):
    """Although the flow goes along the runs: bit for bit the first in each basin, and the same basins."""
    _, loss, _ = files
    for r, points in enumerate(found.quenched.points):
        own = [quench(loss, theta, method="flow").minimum for theta in points]
        basins = found.quenched.basins[r]
        for s, basin in enumerate(basins):
            first = int(np.argmax(basins == basin))
            assert same_point(None, own[first], own[s])
            np.testing.assert_array_equal(found.quenched.coordinates[r, s], own[first].coordinates)
            assert not any(same_point(None, own[s], own[k]) for k in np.flatnonzero(basins != basin))
