"""Points without a full spectrum in a database."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from support import sql

from landscape import Database, explore, interchange, merge, verify
from landscape.database._inertias import NAME
from landscape.interchange import network_of
from landscape.search._storing import open_or_create
from landscape.stationary import inertia_model, point_of_inertia


@pytest.fixture(scope="module")
def spectra(small_loss, tmp_path_factory):
    """A file as `explore` makes it."""
    path = tmp_path_factory.mktemp("spectra") / "f.db"
    explore(small_loss, path, searches=36, kinds=("start", "saddle"))
    return path


@pytest.fixture(scope="module")
def explored(small_loss, spectra):
    """The same points with inertias."""
    path = spectra.parent / "inertias.db"
    with Database(spectra) as old, open_or_create(small_loss, path, 0) as new, new.transaction():
        ids = {}
        for stored in old.minima:
            point = point_of_inertia(inertia_model(small_loss, stored.point.coordinates))
            ids[stored.id], _ = new.add_minimum(point, origin="start")
        for stored in old.transition_states:
            point = point_of_inertia(inertia_model(small_loss, stored.point.coordinates))
            new.add_transition_state(point, tuple(ids[k] for k in stored.minimum_ids), origin="saddle")
    return path


def tables(path):
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def points(path):
    with Database(path) as database:
        return [stored.point for stored in (*database.minima, *database.transition_states)]


def numbers_of(path):
    found = [(*point.coordinates, *point.eigenvalues, *point.inertia.to_array()) for point in points(path)]
    return [list(map(float, row)) for row in found]


def test_files_of_small_networks_have_no_inertias(spectra, explored):
    assert NAME not in tables(spectra)
    assert NAME in tables(explored)


def test_an_inertia_is_read_again_and_says_what_the_spectrum_says(spectra, explored):
    for full, found in zip(points(spectra), points(explored), strict=True):
        assert full.inertia is None
        assert found.inertia is not None
        assert type(found) is type(full)
        assert found.signs == full.signs
        assert found.index == full.index
        assert found.log_determinant == pytest.approx(full.log_determinant, rel=1e-7)
        assert found.trace == pytest.approx(full.trace, rel=1e-9)
        assert found.known.softest == pytest.approx(full.known.softest, rel=1e-5)
        assert found.known.largest == pytest.approx(full.known.largest, rel=2e-2)
        if full.index:
            assert found.log_product == pytest.approx(full.log_product, rel=1e-7)
            assert abs(found.eigenvector @ full.eigenvector) == pytest.approx(1.0, abs=1e-9)


def test_rates_need_no_spectrum(spectra, explored):
    with Database(spectra) as old, Database(explored) as new:
        for name in ("columns", "transition_columns"):
            expected, found = (getattr(network_of(database), name) for database in (old, new))
            for key in {"log_product", "lowest_eigenvalue"} & expected.keys():
                np.testing.assert_allclose(found[key], expected[key], rtol=1e-6)


def test_verify_repeats_the_certificate(explored, small_loss):
    found = verify(explored, small_loss, paths=True)
    assert found.failures == ()
    assert found.minima > 1
    assert found.transition_states > 1


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda numbers: numbers.__setitem__(slice(0, 3), [1, 0, len(numbers)]), "set aside"),
        (lambda numbers: numbers.__setitem__(2, numbers[2] - 1), "its eigenvalues are different"),
        (lambda numbers: numbers.__setitem__(3, np.nan), "set aside: the numbers of its inertia are not finite"),
        (lambda numbers: numbers.__setitem__(0, 0.5), "set aside: an inertia should be"),
    ],
)
def test_a_changed_inertia_is_found(copy, small_loss, change, what):
    with closing(sqlite3.connect(copy)) as connection:
        ((blob,),) = connection.execute(f"SELECT numbers FROM {NAME} WHERE minimum_id = 1")
    numbers = np.frombuffer(blob, "<f8").copy()
    change(numbers)
    assert sql.alter(copy, f"UPDATE {NAME} SET numbers = ? WHERE minimum_id = 1", numbers.tobytes()) == 1
    failures = [one.what for one in verify(copy, small_loss).failures if (one.kind, one.id) == ("minimum", 1)]
    assert any(what in failure for failure in failures)


@pytest.mark.parametrize("column", ["log_determinant = 1.0", "trace = -1.0"])
def test_changed_columns_are_found(copy, small_loss, column):
    sql.alter(copy, f"UPDATE agescape_minima SET {column} WHERE minimum_id = 1")
    assert any("log-determinant" in failure.what for failure in verify(copy, small_loss).failures)


def test_merging_and_arrays_keep_inertias(explored, small_loss, tmp_path):
    merge([explored], tmp_path / "merged.db")
    assert numbers_of(tmp_path / "merged.db") == numbers_of(explored)
    with Database(explored) as database:
        interchange.export_npz(database, tmp_path / "f.npz")
    interchange.import_npz(tmp_path / "f.npz", tmp_path / "again.db")
    assert numbers_of(tmp_path / "again.db") == numbers_of(explored)


def test_a_point_that_is_removed_takes_its_inertia_along(copy):
    sql.alter(copy, "UPDATE agescape_minima SET rms_gradient = 'none' WHERE minimum_id = 1")
    with Database(copy) as database:
        assert database.set_aside
        database.remove_set_aside()
    with closing(sqlite3.connect(copy)) as connection:
        assert not connection.execute(f"SELECT * FROM {NAME} WHERE minimum_id = 1").fetchall()


def test_an_undetermined_point_does_not_enter(explored, small_loss, tmp_path):
    minimum = points(explored)[0]
    vague = replace(minimum.inertia, signs=minimum.inertia.signs._replace(flat=1, positive=24))
    with (
        open_or_create(small_loss, tmp_path / "f.db", 0) as database,
        pytest.raises(ValueError, match="zero within rounding"),
        database.transaction(),
    ):
        database.add_minimum(replace(minimum, inertia=vague), origin="start")


@pytest.mark.slow
def test_verify_follows_the_paths_without_a_spectrum(explored, small_loss, tmp_path):
    assert verify(explored, small_loss, paths=True).failures == ()
    path = tmp_path / "wrong.db"
    path.write_bytes(explored.read_bytes())
    with Database(path) as database:
        state = next(s for s in database.transition_states if len(set(s.minimum_ids)) == 2)
        other = next(s.id for s in database.minima if s.id not in state.minimum_ids)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE tbl_transition_states SET _minimum1_id = ? WHERE _id = ?", (other, state.id))
    failures = [f for f in verify(path, small_loss, paths=True).failures if f.id == state.id]
    assert any("do not end in minima" in failure.what for failure in failures)
