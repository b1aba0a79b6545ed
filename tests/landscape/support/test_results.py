"""Results say what they are, and become tables and labeled arrays."""

import ast
import dataclasses
import importlib
import inspect
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from bridge.comparison import Comparison, ComparisonRow
from bridge.residence import Dwells, visits
from dynamics import SGD, aging, mean_square_displacement, train
from dynamics.displacement import SymmetricDisplacement
from dynamics.synthetic import aging_walk, brownian
from landscape import CrossEntropyLoss, LandscapeGraph, Minimum, datasets, disconnectivity_tree, explore
from landscape.database import Verification
from landscape.networks import MLP
from landscape.support import Estimate, Result
from landscape.support._fields import described

WAITING_TIMES, LAGS = np.array([10, 30, 100]), np.array([1, 10, 100, 1000])


@pytest.fixture(scope="module")
def msd():
    rng = np.random.default_rng(0)
    return mean_square_displacement(aging_walk(5, 20, WAITING_TIMES, LAGS, 1e-2, rng=rng, mu=0.8))


@pytest.fixture
def fit(msd):
    return aging(msd, 1e-2, resamples=10)


def public_results():
    """Every frozen dataclass that a room exports and that inherits `Result`."""
    root = Path(__file__).resolve().parents[3]
    for stub in sorted(root.glob("*/*/__init__.pyi")):
        module = importlib.import_module(".".join(stub.parent.relative_to(root).parts))
        for node in ast.parse(stub.read_text()).body:
            for name in getattr(node, "names", ()):
                found = getattr(module, name.name)
                if inspect.isclass(found) and issubclass(found, Result) and found is not Result:
                    yield found


def test_a_result_is_three_lines_at_most_with_what_matters(fit):
    first, second, *rest = repr(fit).splitlines()
    assert first == "Aging (replica: 5, waiting_time: 3)"
    assert second.strip().startswith("mu = 0.")
    assert "threshold = 0.01" in second
    assert [line.strip().partition(":")[0] for line in rest] == ["status"]
    assert all(len(line) < 120 for line in repr(fit).splitlines())


def test_what_all_results_show_exists():
    """`shows` names attributes by text, which no linter follows."""
    found = list(public_results())
    assert len(found) > 70
    for cls in found:
        names = {field.name for field in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else {"path"}
        for shown in cls._shows:
            first = shown.partition(".")[0]
            assert first in names or isinstance(inspect.getattr_static(cls, first), property), (cls, shown)
        assert cls.__repr__ is Result.__repr__, cls


def test_the_docstrings_of_all_results_give_their_arrays_axes():
    """A field whose type is an array has a documented shape, or its axes could have no names."""
    unnamed = {
        f"{cls.__name__}.{field.name}"
        for cls in public_results()
        if dataclasses.is_dataclass(cls)
        for field in dataclasses.fields(cls)
        if str(field.type).startswith("numpy.ndarray")
        and getattr(described(cls).get(field.name), "letters", None) is None
    }
    assert unnamed == set()


def test_html_escapes_what_files_say():
    hostile = "<script>alert(1)</script>"
    text = Verification(Path(hostile), 1, 2, True, (), 0)._repr_html_()
    assert hostile not in text
    assert "&lt;script&gt;" in text


def test_a_landscape_has_a_picture():
    graph = LandscapeGraph([0.1, 0.2, 0.3], [0.4, 0.5], [[0, 1], [1, 2]])
    assert graph._repr_html_().count("M") >= 5  # one path for each of five nodes
    assert "<svg" in disconnectivity_tree(graph)._repr_html_()
    bounded = LandscapeGraph([0.1, 0.2, 0.3], [0.4], [[0, 1]], bound_edges=[[1, 2]], bounds=[0.5])
    solid, dashed = (part.split('"')[0].count("M") for part in bounded._repr_html_().split('<path d="')[1:])
    assert (solid, dashed) == (4, 1)  # of five nodes, one joins by the bound
    assert "stroke-dasharray" not in graph._repr_html_()
    assert "<svg" not in LandscapeGraph([], [], np.empty((0, 2), int))._repr_html_()


def test_an_interval_and_a_unit_are_beside_the_number():
    minimum = Minimum(np.zeros(2), 0.25, 1e-12, np.array([1.0, 2.0]), hessian_rounding=0.0)
    assert "value = 0.25 nats" in repr(minimum)
    assert repr(minimum).startswith("Minimum (parameter: 2, mode: 2)")


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((0.784, 0.701, 0.859), "mu = 0.78 [0.70, 0.86]"),
        ((236.4, 200.2, 308.9), "mu = 236 [200, 309]"),
        ((3.2e-7, 3e-7, 4e-7), "mu = 3.2e-07 [3e-07, 4e-07]"),
        ((12.0, 8.0, np.inf), "mu = 12 [8, inf]"),
        ((0.784, np.nan, np.nan), "mu = 0.784 (no interval)"),
        ((np.nan, np.nan, np.nan), "mu = undetermined"),
    ],
)
def test_an_estimate_is_told_with_its_interval(fit, ends, text):
    told = repr(dataclasses.replace(fit, mu=Estimate(*ends, "why"))).splitlines()
    assert told[1].strip().startswith(f"{text}, threshold = ")
    assert told[2].strip() == "status: why"


def test_without_the_packages_the_error_names_what_to_install(msd, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    for convert in (msd.to_xarray, msd.to_pandas):
        with pytest.raises(ImportError, match=r"pip install 'agescape\[tables\]'"):
            convert()


def test_a_data_set_has_names_coordinates_and_units(msd, fit):
    pytest.importorskip("xarray")
    data = msd.to_xarray()
    assert data["values"].dims == ("replica", "waiting_time", "lag")
    np.testing.assert_array_equal(data["values"].sel(waiting_time=30, lag=100), msd.values[:, 1, 2])
    assert data["lag"].attrs["units"] == "steps"
    fitted = fit.to_xarray()
    assert fitted["t_star"].attrs["units"] == "steps"
    assert fitted["t_star_runs"].dims == ("replica", "waiting_time")
    assert fitted.attrs["threshold"] == fit.threshold
    assert set(fit.to_xarray("t_star").data_vars) == {"t_star"}
    for name, values in {"": fit.t_star.value, "_low": fit.t_star.low, "_high": fit.t_star.high}.items():
        assert fitted[f"t_star{name}"].dims == ("waiting_time",)
        assert fitted[f"t_star{name}"].attrs["units"] == "steps"
        np.testing.assert_array_equal(fitted[f"t_star{name}"], values)
    with pytest.raises(ValueError, match="names must be among"):
        fit.to_xarray("tstar")


def test_an_estimate_is_numbers_among_the_attributes(fit):
    pytest.importorskip("xarray")
    attributes = fit.to_xarray().attrs
    mu = fit.mu
    assert [attributes[f"mu{end}"] for end in ("", "_low", "_high")] == [mu.value, mu.low, mu.high]
    assert attributes["mu_status"] == mu.status


def threads():
    """Dask, where it is installed, without a cluster: one that another test closed stays its scheduler."""
    try:
        config = importlib.import_module("dask").config
    except ImportError:
        return nullcontext()
    return config.set(scheduler="threads")


def test_runs_carry_their_settings_and_all_their_times(tmp_path):
    xarray = pytest.importorskip("xarray")
    data = datasets.ljat(rows=40, seed=0, test_rows=5)
    loss = CrossEntropyLoss(MLP((2, 1, 4)), data)
    runs = train(loss, SGD(batch_size=7), replicas=2, steps=20, waiting_times=[2, 5], lags=[1, 4], seed=3)
    data = runs.to_xarray()
    told = {
        name: data.attrs[name] for name in ("noise", "batch_size", "seed", "learning_rate", "data_name", "data_rows")
    }
    assert told == {
        "noise": "sgd", "batch_size": 7, "seed": 3, "learning_rate": 0.05, "data_name": "ljat", "data_rows": 40,
    }  # fmt: skip
    assert data.attrs["layer_sizes"] == [2, 1, 4]
    assert (data["waiting_time"].values.tolist(), data["lag"].values.tolist()) == ([2, 5], [1, 4])
    assert "lag" not in runs.to_xarray("loss").coords
    with threads():
        data.to_netcdf(tmp_path / "runs.nc", engine="scipy")
    with xarray.open_dataset(tmp_path / "runs.nc", engine="scipy") as again:
        assert {name: again.attrs[name] for name in told} == told


def test_a_displacement_that_is_a_part_is_an_array(msd):
    pytest.importorskip("xarray")
    data = SymmetricDisplacement(msd, msd, True).to_xarray()
    assert data["plain"].dims == data["modulo"].dims == ("replica", "waiting_time", "lag")
    np.testing.assert_array_equal(data["lag"], LAGS)


def test_a_table_has_a_row_for_each_combination(msd, fit):
    pytest.importorskip("pandas")
    table = msd.to_pandas()
    assert table.index.names == ["replica", "waiting_time", "lag"]
    assert len(table) == 5 * 3 * 4
    assert table.loc[(4, 100, 10), "values"] == msd.values[4, 2, 1]
    runs = fit.to_pandas("replica", "waiting_time")
    assert runs.loc[(2, 30), "t_star"] == fit.t_star.value[1]
    assert runs.loc[(2, 30), "t_star_low"] == fit.t_star.low[1]
    assert runs.loc[(2, 30), "t_star_high"] == fit.t_star.high[1]
    np.testing.assert_array_equal(runs.loc[(2, 30), "t_star_runs"], fit.t_star_runs[2, 1])
    assert fit.to_pandas().index.name == "waiting_time"
    assert fit.to_pandas().attrs["units"]["t_star"] == "steps"
    with pytest.raises(ValueError, match="axes must be all those of an array"):
        fit.to_pandas("lag")
    with pytest.raises(ValueError, match=r"\(values: replica, waiting_time, lag; .*\); got waiting_time, lag"):
        msd.to_pandas("waiting_time", "lag")


def test_stays_are_a_table_and_so_is_a_comparison():
    pytest.importorskip("pandas")
    one, flag = np.array([3]), np.array([True])
    stays = Dwells(one, one, one * 1.0, one * 2.0, one, one, flag, flag, one * 1.0)
    assert stays.to_pandas()["runs"].tolist() == [3]
    fields = {field.name: 1 for field in dataclasses.fields(ComparisonRow)} | {"mu": Estimate(1, 0, 2)}
    assert Comparison((ComparisonRow(**fields),) * 2).to_pandas()["mu"].tolist() == [1, 1]


def test_an_estimate_is_formatted_with_its_interval():
    assert f"{Estimate(0.784, 0.7, 0.861):.2f}" == "0.78 [0.70, 0.86]"
    assert f"{Estimate(0.784, 0.7, 0.861)}" == str(Estimate(0.784, 0.7, 0.861))


def test_what_is_easily_passed_by_mistake_is_named():
    runs = brownian(3, 5, np.array([10, 20]), np.array([1, 2, 4]), 1e-4, rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match=r"got Trajectories: pass mean_square_displacement\(runs\)"):
        aging(runs)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"runs must be Trajectories; got str: load_trajectories"):
        mean_square_displacement("sgd.h5")  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"structures must be InherentStructures; got Trajectories"):
        visits(runs, None)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"loss must be a loss, .*; got str"):
        explore("x.db", runs)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"such as \(2, 4, 3\); got 4"):
        MLP(4)  # pyright: ignore[reportArgumentType]
    assert datasets.ljat(rows=20, test_rows=0).sha256 == datasets.ljat(rows=20, seed=0, test_rows=0).sha256
