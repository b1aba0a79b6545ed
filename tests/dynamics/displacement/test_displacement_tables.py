"""Curves of the displacement in tables: what is read of them, and mu with what one run says of its error."""

import numpy as np
import pytest
from scipy import stats

from dynamics import aging, analyze_aging, mean_square_displacement
from dynamics.displacement import MeanSquareDisplacement, is_displacement_table, read_displacement
from dynamics.statistics import Status
from dynamics.synthetic import aging_walk

TW, LAGS = np.array([50, 100, 200, 400]), np.unique(np.geomspace(1, 300, 30).astype(int))


@pytest.fixture(scope="module")
def msd():
    return mean_square_displacement(aging_walk(3, 200, TW, LAGS, 1e-2, mu=0.7, rng=0))


def long_rows(msd):
    return [(int(tw), int(t), msd.values[r, w, k], r)
            for r in range(msd.replicas) for w, tw in enumerate(TW) for k, t in enumerate(LAGS)]  # fmt: skip


def assert_same(read, msd):
    np.testing.assert_array_equal(read.waiting_times, msd.waiting_times)
    np.testing.assert_array_equal(read.lags, msd.lags)
    np.testing.assert_allclose(read.values, msd.values, rtol=1e-15)


@pytest.mark.parametrize("names", ["tw,t,msd,run", "waiting_time (steps),lag (steps),displacement,replica"])
def test_rows_in_any_order(msd, tmp_path, names):
    rows = long_rows(msd)
    np.random.default_rng(0).shuffle(rows)
    lines = [names, "# a comment", *(f"{int(tw)},{int(t)},{float(d)!r},{int(r)}" for tw, t, d, r in rows)]
    (tmp_path / "d.csv").write_text("\n".join(lines))
    assert_same(read_displacement(tmp_path / "d.csv"), msd)


def test_one_column_a_waiting_time(msd, tmp_path):
    one = msd.values[:1].copy()
    one[0, 2, 5:8] = np.nan
    columns = ["" if np.isnan(x) else repr(float(x)) for x in one[0].T.ravel()]
    rows = ["\t".join([str(t), *columns[4 * k : 4 * k + 4]]) for k, t in enumerate(LAGS)]
    (tmp_path / "d.tsv").write_text("\n".join(["tau\t" + "\t".join(f"tw = {tw}" for tw in TW), *rows]))
    read = read_displacement(tmp_path / "d.tsv")
    assert_same(read, MeanSquareDisplacement(TW, LAGS, one))
    assert not read.recorded[0, 2, 5:8].any()
    assert read.has_gaps


def test_arrays(msd, tmp_path):
    np.savez(tmp_path / "grid.npz", tw=TW, t=LAGS, msd=msd.values)
    assert_same(read_displacement(tmp_path / "grid.npz"), msd)
    tw, t, d, r = map(np.array, zip(*long_rows(msd), strict=True))
    np.savez(tmp_path / "rows.npz", waiting_times=tw, lags=t, msd=d, run=r)
    assert_same(read_displacement(tmp_path / "rows.npz"), msd)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tw,t,msd\n1,1,0.1\n1,1.5,0.2", "line 3: a lag must be a whole number of steps; got 1.5"),
        ("tw,t,msd\n0,1,0.1", "line 2: a waiting time must be a whole number of steps above 0; got 0"),
        ("tw,t,msd\n1,1,0.1\n1,2,-0.2", "line 3: a displacement must be finite and not negative; got -0.2"),
        ("tw,t,msd\n1,1,0.1\n2,1,0.1\n1,1,0.3", "line 4: waiting time 1 and lag 1 are there twice; several runs need"),
        ("tw,t,msd\n1,1,x", "line 2: expected a number, found 'x' in column msd"),
        ("tw,t\n1,1", "is no table of displacements: expected columns tw, t, msd and perhaps run, .* are tw, t"),
        ("1,1,0.1\n1,2,0.1", "its columns are unnamed"),
        ("t,10,20\n1,0.1", "line 2: expected 3 fields, found 2"),
        ("t,run 1 tw 10\n1,0.1", "is no table of displacements"),
        ("tw,t,msd\n1,1,nan", "has no displacement"),
        ("", "has no lines"),
    ],
)
def test_complaints(tmp_path, text, message):
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(ValueError, match=rf"d\.csv.*{message}"):
        read_displacement(tmp_path / "d.csv")


def test_a_table_cannot_ask_for_all_memory(tmp_path):
    times = np.arange(1, 20_001)
    np.savez(tmp_path / "d.npz", tw=times, t=times, msd=np.ones(times.size))
    with pytest.raises(ValueError, match="1 runs, 20000 waiting times and 20000 lags: curves must share lags"):
        read_displacement(tmp_path / "d.npz")


def test_complaints_about_arrays(tmp_path):
    np.savez(tmp_path / "d.npz", tw=TW, t=LAGS, msd=np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"d\.npz: expected arrays tw .*got"):
        read_displacement(tmp_path / "d.npz")
    np.savez(tmp_path / "d.npz", inputs=TW)
    with pytest.raises(ValueError, match=r"d\.npz is no table of displacements: .* it has inputs"):
        read_displacement(tmp_path / "d.npz")


def test_a_table_is_recognized_by_its_names(tmp_path):
    texts = {"a.csv": "tw,t,msd\n1,1,1", "b.csv": "t,10,20\n1,1,1", "c.csv": "x,y,label\n1,2,a", "d.csv": "\x00\xff"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert [is_displacement_table(tmp_path / name) for name in texts] == [True, True, False, False]
    assert not is_displacement_table(tmp_path / "absent.csv")


# ---------------------------------------------------------------- what follows from curves alone


def test_curves_give_what_runs_give_but_drift(msd):
    runs = aging_walk(3, 200, TW, LAGS, 1e-2, mu=0.7, rng=0)
    ours, theirs = analyze_aging(msd, 2e-2), analyze_aging(runs, 2e-2)
    assert ours.fit.mu.value == theirs.fit.mu.value
    np.testing.assert_array_equal(ours.fit.t_star.interval, theirs.fit.t_star.interval)
    assert ours.collapse.exponent.value == theirs.collapse.exponent.value
    assert ours.moves.status == Status.ONLY_CURVES
    assert np.isnan(ours.moves.drift_share.value).all()


def test_the_error_of_the_fit_is_that_of_linear_regression(msd):
    one = MeanSquareDisplacement(TW, LAGS, msd.values[:1])
    fit = aging(one, 2e-2)
    line = stats.linregress(np.log(TW), np.log(fit.t_star.value))
    reach = stats.t.ppf(0.975, 2) * line.stderr
    np.testing.assert_allclose(fit.mu_scatter.interval, [line.slope - reach, line.slope + reach])
    assert fit.mu_scatter.value == pytest.approx(fit.mu.value)
    assert fit.mu.status == Status.TOO_FEW_RUNS
    assert aging(one.beyond(100), 2e-2).mu_scatter.status == Status.TWO_POINTS
    with pytest.raises(ValueError, match="waiting_time must be below the last one, 400; got 400"):
        one.beyond(400)


def test_both_averages_are_in_every_result(msd):
    first, other = aging(msd, 2e-2), aging(msd, 2e-2, average="mean of t*")
    np.testing.assert_array_equal(other.t_star_of_mean.value, first.t_star.value)
    np.testing.assert_array_equal(other.t_star_of_mean.interval, first.t_star.interval)
    assert (other.mu_of_mean.value, other.mu_of_mean.status) == (first.mu.value, first.mu.status)
    assert first.mu_of_mean is first.mu


@pytest.mark.slow
def test_how_often_the_error_of_the_fit_covers():
    """Of single runs whose t* is a power law: 0.95 within the sampling error (400 runs: 0.011)."""
    waiting, lags = np.unique(np.geomspace(100, 20_000, 10).astype(int)), np.unique(np.geomspace(1, 60, 40).astype(int))
    covered = []
    for seed in range(400):
        runs = aging_walk(1, 60, waiting, lags, 1e-3, mu=0.4, rng=seed)
        low, high = aging(mean_square_displacement(runs), 2e-3, resamples=2).mu_scatter.interval
        covered.append(low < 0.4 < high)
    assert 0.90 < np.mean(covered) < 0.99
