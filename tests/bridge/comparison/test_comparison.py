"""The number of minima against mu, as rows and tables, and rank correlations."""

import csv
import json
import math
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from scipy.stats import spearmanr
from support.comparisons import ROW, UNKNOWN
from support.landscapes import (
    FEW_SEARCHES,
    SEARCHES,
    make_loss,
    near,
    trajectories,
)

from bridge import compare, inherent_structures
from bridge.comparison import (
    CONTROL,
    LANDSCAPE,
    RUNS,
    _rows as comparison,
    rank_correlations,
    row_dict,
    write_comparison,
)
from bridge.comparison._correlation import rank_correlation, spearman_interval
from bridge.comparison._rows import lowest_barriers
from dynamics import SGD, train
from landscape import Database, LandscapeGraph, explore
from landscape.search import estimate_minima
from landscape.support import Estimate, to_json

ESTIMATES = ("estimated_minima", "mu")
COLUMNS = [  # of the tables that versions before wrote
    "study", "hidden", "parameters", "dataset", "dataset_seed", "rows", "searches", "minima", "transition_states",
    "components", "estimated_minima", "estimated_minima_low", "estimated_minima_high", "minima_from_sgd",
    "lowest_loss", "replicas", "steps", "threshold", "mu", "mu_low", "mu_high", "mu_runs_mean", "mu_control",
    "funnelled", "frustration", "median_barrier", "median_climb", "visited_minima", "visited_entropy", "mu_status",
]  # fmt: skip


@pytest.fixture(scope="session")
def studied(tmp_path_factory):
    """Folders as `study` makes them: one and two levels deep, one with a control, one without."""
    root = tmp_path_factory.mktemp("studied")
    for name, hidden in (("x/h2-2", (2, 2)), ("h3", (3,))):
        loss = make_loss(hidden)
        explore(loss, root / name / LANDSCAPE, searches=SEARCHES)
        estimate_minima(loss, root / name / LANDSCAPE, starts=16)
        options = {"replicas": 3, "steps": 200, "path": root / name / RUNS}
        train(loss, SGD(batch_size=20), **options)
    train(
        loss,
        SGD(noise="full"),
        **options | {"path": root / name / CONTROL, "replicas": 2},
    )
    (root / "empty").mkdir()
    (root / "half").mkdir()
    (root / "half" / LANDSCAPE).write_bytes((root / "h3" / LANDSCAPE).read_bytes())
    return root


def test_compare(studied):
    rows = compare(studied).rows
    assert [(row.hidden, row.parameters, row.rows, row.dataset, row.dataset_seed) for row in rows] == [
        ("3", 25, 100, "ljat", 0),
        ("2,2", 24, 100, "ljat", 0),
    ]
    for row in rows:
        with Database(studied / {"3": "h3", "2,2": "x/h2-2"}[row.hidden] / LANDSCAPE) as database:
            assert (row.minima, row.transition_states) == (len(database.minima), len(database.transition_states))
            assert row.lowest_loss == database.minima[0].point.value
        assert row.minima_from_sgd == 0
        assert row.minima <= row.estimated_minima.value
        assert row.estimated_minima.low <= row.estimated_minima.value <= row.estimated_minima.high
        assert row.mu.low <= row.mu.value <= row.mu.high
        assert (row.replicas, row.steps, row.threshold) == (3, 200, 1e-2)
    assert np.isfinite(rows[0].mu_control)
    assert np.isnan(rows[1].mu_control)
    assert repr(compare(studied)) == repr(compare(str(studied)))


def test_compare_one_folder(studied):
    (row,) = compare(studied / "h3").rows
    assert row.hidden == "3"
    assert row.study == "h3"


def test_compare_with_another_threshold(studied):
    one, other = (compare(studied / "h3", threshold=threshold).rows[0] for threshold in (1e-2, 3e-3))
    assert other.threshold == 3e-3
    assert other.mu.value != one.mu.value


def test_compare_counts_minima_from_sgd(studied, tmp_path, rng):
    loss = make_loss((3,))
    with Database(studied / "h3" / LANDSCAPE) as full:
        explore(loss, tmp_path / LANDSCAPE, searches=FEW_SEARCHES)
        with Database(tmp_path / LANDSCAPE) as few:
            known = len(few.minima)
            missing = next(m.point for m in full.minima if few.find_minimum(m.point) is None)
            inherent_structures(trajectories(loss, [[near(loss, missing.coordinates, rng)] * 6]), few)
    (tmp_path / RUNS).write_bytes((studied / "h3" / RUNS).read_bytes())
    (row,) = compare(tmp_path).rows
    assert (row.minima, row.minima_from_sgd) == (known + 1, 1)


@pytest.mark.parametrize(
    ("where", "said"),
    [(where, f"{where} holds no folder with {LANDSCAPE} and {RUNS}") for where in ("empty", "half")]
    + [("nowhere", "there is no folder .*nowhere")],
)
def test_compare_without_a_study(studied, where, said):
    with pytest.raises(FileNotFoundError, match=said):
        compare(studied / where)


def test_compare_sorts_by_size(studied, tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for file in (LANDSCAPE, RUNS):
            (tmp_path / name / file).write_bytes((studied / "h3" / file).read_bytes())
    sizes = {"a": "10", "b": "5"}
    monkeypatch.setattr(
        comparison, "compare_one", lambda folder, **_: replace(ROW, study=folder.name, hidden=sizes[folder.name])
    )
    assert [row.hidden for row in compare(tmp_path).rows] == ["5", "10"]


def test_compare_refuses_runs_of_another_landscape(studied, tmp_path):
    (tmp_path / LANDSCAPE).write_bytes((studied / "h3" / LANDSCAPE).read_bytes())
    (tmp_path / RUNS).write_bytes((studied / "x/h2-2" / RUNS).read_bytes())
    with pytest.raises(ValueError, match="layer_sizes"):
        compare(tmp_path)


def test_rows_of_several_studies_have_their_own_names(studied, tmp_path):
    for name in ("seed0/h3", "seed1/h3"):
        (tmp_path / name).mkdir(parents=True)
        for file in (LANDSCAPE, RUNS):
            (tmp_path / name / file).write_bytes((studied / "h3" / file).read_bytes())
    assert len({row.study for row in compare(tmp_path).rows}) == 2


def test_csv_round_trip(studied, tmp_path):
    rows = (*compare(studied).rows, ROW, replace(ROW, dataset_seed=None, dataset='a "b", c'))
    write_comparison(rows, tmp_path / "new" / "table.csv")
    with (tmp_path / "new" / "table.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["table.csv"]
    assert list(read[0]) == COLUMNS
    for text, row in zip(read, rows, strict=True):
        ends = {f"{name}_{end}": getattr(getattr(row, name), end) for name in ESTIMATES for end in ("low", "high")}
        middle = {name: getattr(row, name).value for name in ESTIMATES}
        for name, value in (vars(row) | middle | ends | {"mu_status": row.mu.status}).items():
            if isinstance(value, float):
                assert float(text[name]) == value or (math.isnan(float(text[name])) and math.isnan(value))
            else:
                assert text[name] == ("" if value is None else str(value))


def test_tables_in_latex_and_json(tmp_path):
    rows = (ROW, replace(ROW, hidden="2,2", mu=UNKNOWN))
    for suffix in ("tex", "json"):
        write_comparison(rows, tmp_path / f"t.{suffix}")
    lines = (tmp_path / "t.tex").read_text().splitlines()
    cells = [line.removesuffix(r" \\").split(" & ") for line in lines if "&" in line]
    assert len({len(row) for row in cells}) == 1
    assert [row[-2] for row in cells] == [r"$\mu$", "0.90 [0.70, 1.20]", "--"]
    assert json.loads((tmp_path / "t.json").read_text())["rows"][1]["mu"] is None
    with pytest.raises(ValueError, match=r"\.csv, \.json, \.tex; got .*t\.xls"):
        write_comparison(rows, tmp_path / "t.xls")


def test_lowest_barrier_is_that_to_another_minimum():
    graph = LandscapeGraph([0.0, 1.0, 2.0, 3.0], [1.5, 1.2, 2.1, 5.0], [[0, 1], [1, 1], [2, 0], [0, 1]])
    np.testing.assert_allclose(lowest_barriers(graph), [1.5, 0.5, 0.1, np.inf])


def test_rank_correlation_of_a_monotonic_law(rng):
    x = np.arange(1.0, 13.0)
    found = rank_correlation("minima", x, np.exp(-x), rng=rng)
    assert found.coefficient.value == pytest.approx(-1)
    assert found.coefficient.low == -1
    assert found.coefficient.high == pytest.approx(
        -0.983, abs=1e-3
    )  # ranks of 12 rows cannot tell -1 from somewhat less
    assert found.p < 0.001
    assert found.rows == 12


def test_interval_of_a_rank_correlation_covers_no_correlation(rng):
    covered = 0
    for _ in range(60):
        x, y = rng.normal(size=(2, 20))
        rho = spearmanr(x, y).statistic
        reach = 1.96 * np.sqrt((1 + rho**2 / 2) / 17)
        with mock.patch("bridge.comparison._correlation.permutation_test", return_value=mock.Mock(pvalue=1.0)):
            found = rank_correlation("minima", x, y, rng=rng)
        low, high = found.coefficient.interval
        assert (low, high) == pytest.approx(np.tanh(np.arctanh(rho) + np.array([-reach, reach])), abs=1e-3)
        covered += low <= 0 <= high
    assert covered >= 52


def test_the_spearman_interval_is_that_of_statpsych():
    """The example of https://dgbonett.github.io/statpsych/reference/ci.spear.html, 15 rows."""
    assert spearman_interval(0.8699639, 15, 0.95) == pytest.approx((0.5840951, 0.9638297), abs=1e-6)


@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_spearman_intervals_of_few_rows_cover(rho, rng):
    """Of the bivariate normal, whose coefficient is 6 / pi arcsin(rho / 2) (Pearson 1907)."""
    truth, covered = 6 / np.pi * np.arcsin(rho / 2), []
    for n in (4, 5, 6, 8):
        for _ in range(150):
            x, y = rng.standard_normal((2, n))
            value = float(spearmanr(x, rho * x + np.sqrt(1 - rho**2) * y).statistic)
            low, high = spearman_interval(value, n, 0.95)
            covered.append(low <= truth <= high)
    assert np.mean(covered) >= 0.93


@pytest.mark.parametrize("x", [[1, 2, 3], [1, 1, 1, 1, 1], [1, 2, 3, math.nan, math.nan]])
def test_rank_correlation_of_too_little_is_not_known(x, rng):
    assert np.isnan(rank_correlation("minima", x, np.arange(len(x)), rng=rng).coefficient.value)


def test_rank_correlations_leave_out_what_is_not_known(rng):
    rows = [replace(ROW, minima=k, mu=Estimate(0.1 * k, 0.0, 1.0), median_barrier=math.nan) for k in range(1, 7)]
    found = {part.quantity: part for part in rank_correlations(rows, rng=rng)}
    assert found["minima"].coefficient.value == pytest.approx(1)
    assert (found["median_barrier"].rows, found["minima"].rows) == (0, 6)


def test_row_as_json():
    values = json.loads(to_json(row_dict(ROW)))
    assert values["estimated_minima"] == {"value": 8.5, "low": 6.5, "high": 20.0}
    assert values["mu_control"] is None
    assert list(values) == [name for name in COLUMNS if name not in {"estimated_minima_low", "estimated_minima_high"}]
