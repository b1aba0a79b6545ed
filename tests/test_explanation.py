"""The whole explanation of an ensemble, its figure and its command."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bridge.cli import main
from bridge.decomposition import PARTS
from bridge.explanation import changed_at_t_star, explain, nearest_lags, part_fits, reachable_threshold, spaced_lags
from bridge.hopping import predict_hopping, region_around
from bridge.hopping_comparison import hopping_lags, of_covered
from bridge.kinetics import exit_temperatures
from bridge.kinetics_plots import PART_NAMES, plot_explanation
from dynamics import SGD, MeanSquareDisplacement, aging, mean_square_displacement, train
from landscape import MLP, CrossEntropyLoss, Database, datasets, explore

THRESHOLD = 2e-3


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    data = datasets.ljat(rows=100, seed=0)
    network = MLP((2, 3, 4))
    loss = CrossEntropyLoss(network, data, 1e-3)
    explore(loss, folder / "small.db", searches=24, seed=0)
    times = {"waiting_times": [100, 200, 400], "lags": [1, 3, 10, 30, 100, 300, 1000, 1600]}
    optimizer = SGD(0.05, 20, precision="float64")
    runs = train(network, data, optimizer, replicas=4, steps=2000, regularization=1e-3, path=folder / "sgd.h5", **times)
    return folder, loss, runs


@pytest.fixture(scope="module")
def found(files):
    folder, loss, runs = files
    with Database(folder / "small.db") as database:
        return explain(runs, loss, database=database, threshold=THRESHOLD, longest=1000, quench_lags=4)


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
    temperatures = exit_temperatures(loss, region.minima, region.states, 0.05, 20)
    lags = hopping_lags(runs.lags, found.hopping.observed.lags)
    for name, hopping in found.hopping.predicted.items():
        again = predict_hopping(ids[:, at], region, loss.network, temperatures[name], 0.05, runs.waiting_times, lags)
        np.testing.assert_allclose(hopping.same, again.same)
        np.testing.assert_allclose(hopping.displacement.values, again.displacement.values)
        fit = aging(of_covered(again.displacement, again.covered), THRESHOLD)
        np.testing.assert_array_equal(found.hopping.fits[name].t_star, fit.t_star)
        naive = sum(stay / dwell for stay, dwell in zip(found.hopping.observed.stays, again.dwell_times, strict=True))
        assert found.hopping.expected_departures[name] == pytest.approx(naive)
    shared = np.isin(found.decomposition.hop.lags, found.hopping.observed.lags)
    covered = found.hopping.predicted["curved"].covered
    if covered.all():  # a run that has not moved modulo symmetry is in the same minimum
        same = (found.decomposition.hop.values[..., shared] < 1e-4).mean(axis=0)
        np.testing.assert_allclose(found.hopping.observed.same, same)


def test_the_lag_and_the_runs_behind_the_shares(found):
    at, lags = nearest_lags(found), found.decomposition.total.lags
    for w, t_star in enumerate(found.fit.t_star):
        assert at[w] == min(range(lags.size), key=lambda k: abs(np.log(lags[k] / t_star)))
    forced = replace(found, decomposition=replace(found.decomposition, changed=found.decomposition.changed | True))
    np.testing.assert_allclose(changed_at_t_star(forced), 1.0)
    forced = replace(found, decomposition=replace(found.decomposition, changed=found.decomposition.changed & False))
    np.testing.assert_allclose(changed_at_t_star(forced), 0.0)


def test_it_is_drawn(found):
    figure = plot_explanation(found, "a title")
    labels = [text.get_text() for text in figure.axes[4].get_legend().get_texts()]
    assert any("measured" in label and "mu" in label for label in labels)
    assert any("hops foretold" in label for label in labels)
    assert figure.axes[0].get_title() == "$t_w$ = 100"
    correlation = {line.get_label(): line for line in figure.axes[3].lines}
    np.testing.assert_array_equal(
        correlation["foretold, T near the minimum"].get_ydata(), found.hopping.predicted["curved"].same[0]
    )
    assert len(plot_explanation(replace(found, hopping=None)).axes) == 6
    assert [line.get_label() for line in figure.axes[6].lines[:5]] == list(PART_NAMES.values())


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
            main()
        assert ended.value.code == 0
        printed.append(capsys.readouterr().out)
    first = json.loads(printed[0])
    assert first["output"] == str(tmp_path / "figure.svg")
    again = next(line for line in printed[1].splitlines() if line.startswith("descent"))
    assert f"mu {first['relaxation']['descent']['mu']:.6g}" in again  # from what the store remembers
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
    assert len(hopping["coverage"]) == 3
    for name in ("covered by database", "hops seen", "hops foretold, curved", "hops foretold, unstable"):
        assert name in printed[1]
    assert first["predicted_jumps"]["measured"] == sum(first["jumps"]["jumps"])
    assert (folder / "small.db").read_bytes() == before  # nothing is added


def test_other_runs_than_the_database_are_refused(files, tmp_path, capsys, monkeypatch):
    folder, loss, _ = files
    explore(CrossEntropyLoss(loss.network, loss.data, 1e-2), tmp_path / "other.db", searches=1, seed=0)
    monkeypatch.setattr("sys.argv", ["agescape", "explain", str(tmp_path / "other.db"), str(folder / "sgd.h5")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "regularization" in capsys.readouterr().err


# ---------------------------------------------------------------- choices


def test_lags_are_spread_evenly_in_the_logarithm():
    lags = np.unique(np.geomspace(1, 1000, 40).astype(int))
    chosen = spaced_lags(lags, 4)
    np.testing.assert_allclose(np.log10(chosen), [1, 5 / 3, 7 / 3, 3], atol=0.1)
    assert spaced_lags(lags, 1000).tolist() == lags[lags >= 10].tolist()
    for wrong in ((lags, 1), (lags[:1], 5)):
        with pytest.raises(ValueError, match="quench_lags must be at least 2"):
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
