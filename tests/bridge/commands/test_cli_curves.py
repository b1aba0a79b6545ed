"""`agescape age` on tables of displacements, its two averages, and later waiting times."""

import numpy as np
import pytest
from support.cli import agescape, assert_complaint, strict_json
from support.public import PUBLIC, needs_public

from dynamics import aging, mean_square_displacement
from dynamics.displacement import MeanSquareDisplacement, read_displacement
from dynamics.runs import write_trajectories
from dynamics.synthetic import aging_walk

TW, LAGS = np.array([50, 100, 200, 400, 800]), np.unique(np.geomspace(1, 300, 30).astype(int))
AT = ("--threshold", "2e-2")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Runs, the same displacement as a table, and one run of it."""
    folder = tmp_path_factory.mktemp("curves")
    runs = aging_walk(4, 100, TW, LAGS, 1e-2, mu=0.7, rng=0)
    write_trajectories(folder / "runs.h5", runs)
    msd = mean_square_displacement(runs)
    np.savez(folder / "d.npz", tw=TW, t=LAGS, msd=msd.values)
    rows = [f"{tw},{t},{float(msd.values[0, w, k])!r}" for w, tw in enumerate(TW) for k, t in enumerate(LAGS)]
    (folder / "one.csv").write_text("\n".join(["tw,t,msd", *rows]))
    return folder


def said(*arguments):
    done = agescape(*arguments)
    assert done.code == 0, done.err
    return done.out


def test_a_table_gives_the_numbers_of_its_runs(files):
    ours, theirs = (strict_json(said("age", files / name, *AT, "--json")) for name in ("d.npz", "runs.h5"))
    for name in ("mu", "mu_low", "mu_high", "t_star", "collapse", "threshold_scan", "diffusion", "pairs"):
        assert ours[name] == theirs[name], name
    assert "curves of the displacement without the runs" in ours["what_moves"]["status"]


def test_one_run_says_what_its_error_is(files):
    text = said("age", files / "one.csv", *AT, "--from-waiting-time", "60")
    fit = aging(read_displacement(files / "one.csv"), 2e-2)
    ends = "[{:.2f}, {:.2f}]".format(*fit.mu_scatter.interval)
    assert f"mu, error of the fit alone {fit.mu.value:.2f} {ends}" in " ".join(text.split())
    assert "mu beyond tw = 60 steps, error of the fit alone" in text
    assert "it says nothing of other runs" in " ".join(text.split())
    assert "one run: no interval" in text


def test_the_average_is_named(files, tmp_path):
    named = ("--average", "mean of t*")
    found = strict_json(said("age", files / "runs.h5", *AT, *named, "--json"))
    runs = mean_square_displacement(aging_walk(4, 100, TW, LAGS, 1e-2, mu=0.7, rng=0))
    assert found["average"] == "mean of t*"
    assert found["mu"] == pytest.approx(aging(runs, 2e-2, average="mean of t*").mu.value)
    assert found["mu_of_mean"] == pytest.approx(aging(runs, 2e-2).mu.value)
    picture = ("--output", tmp_path / "a.svg", "--panel", "aging")
    text = said("age", files / "runs.h5", *AT, *named, *picture, "--from-waiting-time", "60")
    assert "mu of the mean of t* = " in text
    assert "mu beyond tw = 60 steps" in text
    assert "mean of" in (tmp_path / "a.svg").read_text()
    assert_complaint(
        agescape("age", files / "runs.h5", "--average", "median"), "average must be one of 't* of the mean', 'mean of"
    )


def test_the_average_over_several_files(files, tmp_path):
    for seed in (1, 2):
        write_trajectories(tmp_path / f"{seed}.h5", aging_walk(4, 100, TW, LAGS, 1e-2, mu=0.7, rng=seed))
    paths = [tmp_path / "1.h5", tmp_path / "2.h5"]
    found = strict_json(said("age", *paths, *AT, "--average", "mean of t*", "--json"))
    single = [strict_json(said("age", path, *AT, "--average", "mean of t*", "--json"))["mu"] for path in paths]
    assert found["average"] == "mean of t*"
    assert found["mu"] == pytest.approx(np.mean(single))


def test_what_needs_runs(files):
    assert_complaint(agescape("age", files / "d.npz", "--control", files / "runs.h5"), "--control needs files of runs;")
    assert_complaint(agescape("age", files / "d.npz", "--other-rate", files / "runs.h5"), "--other-rate needs files of")
    assert_complaint(agescape("age", files / "runs.h5", "--from-waiting-time", "800"), "waiting_time must be below the")
    (files / "x.csv").write_text("a,b\n1,2")
    assert_complaint(agescape("age", files / "x.csv"), "x.csv is no table of displacements: expected columns tw, t")


@needs_public
def test_a_network_of_others(tmp_path):
    """dnn-msd: its README says mu = 0.71 ... 0.80 for tw >= 20001 at thresholds 0.5 ... 20, and 0.05 ... 0.16 over all.

    The reference crossings are interpolated here, from the files themselves.
    """
    from scipy.io import loadmat  # noqa: PLC0415

    rows, references = ["tw,t,msd"], {0.5: [], 5.0: [], 20.0: []}
    files = sorted((PUBLIC / "dnn-msd").glob("*.mat"), key=lambda path: int(path.stem[3:]))
    for path in files:
        content = loadmat(path)
        tw, (t, d) = int(content["waiting_time"][0, 0]), content["tau_msd"].T
        rows += [f"{tw},{lag:.0f},{float(value)!r}" for lag, value in zip(t, d, strict=True)]
        for threshold, times in references.items():
            k = int(np.argmax(d >= threshold))
            share = np.log(threshold / d[k - 1]) / np.log(d[k] / d[k - 1])
            times.append(t[k - 1] * (t[k] / t[k - 1]) ** share)
    (tmp_path / "dnn.csv").write_text("\n".join(rows))
    msd = read_displacement(tmp_path / "dnn.csv")
    assert isinstance(msd, MeanSquareDisplacement)
    for threshold, times in references.items():
        fit, later = aging(msd, threshold), aging(msd.beyond(20_000), threshold)
        np.testing.assert_allclose(fit.t_star.value, times)
        assert 0.70 < later.mu.value < 0.81
        assert 0.04 < fit.mu.value < 0.17
