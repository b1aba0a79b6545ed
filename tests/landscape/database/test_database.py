import os
import pickle
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy._core import numeric
from support.databases import (
    DAMAGES,
    FOUND,
    NETWORK,
    PROVENANCE,
    WRITER,
    P,
    a_minimum,
    a_transition_state,
    assert_a_damaged_row_is_set_aside,
    contents,
    same,
)
from support.sql import alter

from landscape import Database, Minimum, symmetry
from landscape.database import Attempt, Provenance, UnsafePickleError, _pickles, load_array
from landscape.database._pickles import dump_array
from landscape.interchange import pele_adapter
from landscape.networks import MLP

# ---------------------------------------------------------------- round trip


def test_what_goes_in_comes_out(path, rng):
    minima = [a_minimum(rng, 0.5), a_minimum(rng, 0.4)]
    state = a_transition_state(rng)
    attempt = Attempt(0, "saddle", (1, None), "CONVERGED", 31)
    with Database.create(path, PROVENANCE) as database, database.transaction():
        ids = [database.add_minimum(minimum, origin="start", search=k)[0] for k, minimum in enumerate(minima)]
        database.add_transition_state(state, (ids[1], ids[0]), origin="saddle")
        database.add_attempt(attempt)
        database.add_inherent_structure("digest", "flow", ids[0])
        database.add_inherent_structure("nowhere", "flow", None)
    with Database(path) as database:
        assert database.provenance == PROVENANCE
        assert database.network == NETWORK
        assert [m.id for m in database.minima] == [ids[1], ids[0]]  # lowest first
        assert all(same(database.minimum(i).point, minimum) for i, minimum in zip(ids, minima, strict=True))
        assert [(m.hits, m.origin, m.search) for m in database.minima] == [(1, "start", 1), (1, "start", 0)]
        assert {m.orbit_size for m in database.minima} == {48}
        (stored,) = database.transition_states
        assert same(stored.point, state)
        assert (stored.minimum_ids, stored.hits, stored.origin, stored.search) == ((ids[0], ids[1]), 1, "saddle", None)
        assert database.attempts() == [attempt]
        assert database.inherent_structures("flow") == {"digest": ids[0], "nowhere": None}
        assert database.inherent_structures("lbfgs") == {}
        graph = database.graph()
        np.testing.assert_array_equal(graph.losses, [0.4, 0.5])
        np.testing.assert_array_equal(graph.edges, [[1, 0]])
        np.testing.assert_array_equal(graph.transition_losses, [0.6])
        np.testing.assert_array_equal(database.positions([[ids[0]], [ids[1]], [ids[0]]]), [[1], [0], [1]])
        assert database.positions([]).shape == (0,)
        with pytest.raises(KeyError, match="no minimum with the id 999"):
            database.positions([ids[0], 999])


@pytest.fixture
def from_a_run(filled, rng):
    """The file with a minimum that a snapshot found, and a snapshot on a saddle."""
    with Database(filled) as database, database.transaction():
        database.add_minimum(a_minimum(rng, 0.3), origin="sgd", hits=0, discovery=FOUND)
        database.add_inherent_structure("here", "flow", None, "saddle")
    return filled


def test_who_found_a_minimum_and_why_a_snapshot_has_none(from_a_run):
    with Database(from_a_run) as database:
        assert [m.discovery for m in database.minima] == [FOUND, None, None, None]
        assert database.minimum(4).discovery == FOUND
        assert database.unmapped("flow") == {"here": "saddle"}
        assert database.unmapped("lbfgs") == {}


def test_a_discovery_that_is_rolled_back_leaves_no_trace(filled, rng):
    before = contents(filled)

    def fail():
        with Database(filled) as database, database.transaction():
            database.add_minimum(a_minimum(rng, 0.3), origin="sgd", hits=0, discovery=FOUND)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert contents(filled) == before


def test_files_of_older_versions_have_no_such_tables_and_stay_without(filled, rng):
    tables = {line.split()[2] for line in contents(filled) if line.startswith("CREATE TABLE")}
    assert not {name for name in tables if "discoveries" in name or "unmapped" in name}
    with Database(filled) as database:
        assert database.minimum(1).discovery is None
        assert database.unmapped("flow") == {}


def test_other_columns_among_the_discoveries_are_reported(from_a_run):
    alter(from_a_run, "ALTER TABLE agescape_discoveries ADD COLUMN more TEXT")
    with pytest.raises(ValueError, match="column 'more' is unknown"):
        Database(from_a_run)


def test_a_loss_without_symmetries_is_stored_too(path, rng):
    provenance = Provenance(2, None, {}, "", 0.0, False, 0, {})
    with Database.create(path, provenance) as database, database.transaction():
        database.add_minimum(Minimum(np.array([1.0, 2.0]), 0.0, 0.0, np.ones(2)), origin="start")
    with Database(path) as database:
        assert database.network is None
        assert database.minima[0].orbit_size == 1


def test_the_group_may_be_larger_than_an_sqlite_integer(path, rng):
    network = MLP((2, 20, 20, 4))
    provenance = Provenance(network.n_parameters, network.layer_sizes, {}, "", 1e-4, True, 0, {})
    point = Minimum(rng.normal(size=network.n_parameters), 0.5, 0.0, np.ones(network.n_parameters))
    with Database.create(path, provenance) as database, database.transaction():
        database.add_minimum(point, origin="start")
    with Database(path) as database:
        assert database.minima[0].orbit_size == symmetry.group_order(network) > 2**64


def test_an_empty_database_has_an_empty_graph(path):
    with Database.create(path, PROVENANCE) as database:
        assert database.graph().n_minima == 0
        assert database.minima == database.transition_states == database.attempts() == []


def test_reading_does_not_change_the_file(filled):
    before = filled.read_bytes()
    with Database(filled) as database:
        database.graph()
        database.attempts()
        database.find_minimum(database.minima[0].point)
    assert filled.read_bytes() == before
    assert os.listdir(filled.parent) == [filled.name]


def test_creating_never_replaces_a_file(filled):
    before = filled.read_bytes()
    with pytest.raises(FileExistsError, match=str(filled)):
        Database.create(filled, PROVENANCE)
    assert filled.read_bytes() == before


# ---------------------------------------------------------------- identity


def test_an_image_is_one_more_hit(path, rng):
    point = a_minimum(rng)
    with Database.create(path, PROVENANCE) as database:
        with database.transaction():
            number, new = database.add_minimum(point, origin="start", search=0)
            assert new
            for _ in range(5):
                image = symmetry.random_image(NETWORK, point.coordinates, rng=rng) + 1e-6 * rng.normal(size=P)
                again = a_minimum(rng, 0.5 + 1e-11 * rng.normal(), image)
                assert database.add_minimum(again, origin="hop", search=1) == (number, False)
        assert (database.minima[0].hits, database.minima[0].origin) == (6, "start")
    with Database(path) as database:
        (stored,) = database.minima
        assert (stored.hits, stored.origin, stored.search) == (6, "start", 0)
        assert same(stored.point, point)


def test_images_of_points_with_dead_and_equal_units_are_one(path, rng):
    layers = NETWORK.unflatten(rng.normal(size=P))
    layers[0].kernel[:, 0] = layers[0].bias[0] = layers[1].kernel[0] = 0.0
    layers[0].kernel[:, 2], layers[0].bias[2] = -layers[0].kernel[:, 1], -layers[0].bias[1]
    layers[1].kernel[2] = -layers[1].kernel[1]
    theta = NETWORK.flatten(layers)
    with Database.create(path, PROVENANCE) as database, database.transaction():
        for _ in range(8):
            image = symmetry.random_image(NETWORK, theta, rng=rng) + 1e-7 * rng.normal(size=P)
            database.add_minimum(a_minimum(rng, 0.5, image), origin="start")
        assert [m.hits for m in database.minima] == [8]
        assert database.minima[0].orbit_size == 48 // (2 * 2)


def test_points_with_nearly_the_same_loss_stay_apart(path, rng):
    with Database.create(path, PROVENANCE) as database, database.transaction():
        for k in range(10):
            assert database.add_minimum(a_minimum(rng, 0.5 + 1e-11 * k), origin="start")[1]
        assert len(database.minima) == 10


def test_points_near_one_another_with_different_losses_stay_apart(path, rng):
    theta = rng.normal(size=P)
    with Database.create(path, PROVENANCE) as database, database.transaction():
        assert database.add_minimum(a_minimum(rng, 0.5, theta), origin="start")[1]
        assert database.add_minimum(a_minimum(rng, 0.5 + 1e-8, theta), origin="start")[1]


def test_find_minimum_finds_images_and_nothing_else(filled, rng):
    with Database(filled) as database:
        for stored in database.minima:
            image = symmetry.random_image(NETWORK, stored.point.coordinates, rng=rng)
            found = database.find_minimum(a_minimum(rng, stored.point.value, image))
            assert found == stored or found is stored
        assert database.find_minimum(a_minimum(rng, 0.45)) is None
        with pytest.raises(KeyError):
            database.minimum(99)


def test_parallel_transition_states_are_kept(filled, rng):
    with Database(filled) as database, database.transaction():
        ids = (database.minima[0].id, database.minima[1].id)
        first, second = a_transition_state(rng, 0.8), a_transition_state(rng, 0.8 + 1e-12)
        number, _ = database.add_transition_state(first, ids, origin="saddle")
        other, new = database.add_transition_state(second, ids, origin="saddle")
        assert new
        assert other != number
        image = symmetry.random_image(NETWORK, first.coordinates, rng=rng)
        again = a_transition_state(rng, 0.8, image)
        assert database.add_transition_state(again, ids[::-1], origin="saddle") == (number, False)
        own = database.add_transition_state(a_transition_state(rng, 0.9), (ids[0], ids[0]), origin="saddle")
        assert own[1]  # both ways down may end in images of one minimum
    with Database(filled) as database:
        assert [t.hits for t in database.transition_states] == [1, 1, 2, 1, 1]
        assert database.graph().n_transition_states == 5


def test_a_transition_state_needs_its_minima(filled, rng):
    before = contents(filled)
    with Database(filled) as database:
        with pytest.raises(sqlite3.IntegrityError), database.transaction():
            database.add_transition_state(a_transition_state(rng), (1, 99), origin="saddle")
        assert len(database.transition_states) == 2
    assert contents(filled) == before


# ---------------------------------------------------------------- transactions


def test_an_error_in_a_transaction_leaves_everything_as_before(filled, rng):
    before = contents(filled)
    with Database(filled) as database:
        known = database.minima
        with pytest.raises(RuntimeError, match="stop"), database.transaction():  # noqa: PT012
            database.add_minimum(a_minimum(rng), origin="start")
            database.add_minimum(known[0].point, origin="start")
            database.add_attempt(Attempt(1, "start", (None, None), "CONVERGED", 1))
            raise RuntimeError("stop")
        assert [(m.id, m.hits) for m in database.minima] == [(m.id, m.hits) for m in known]
        assert len(database.attempts()) == 1
    assert contents(filled) == before


def test_a_kill_in_a_transaction_leaves_everything_as_before(filled):
    before, bytes_before = contents(filled), filled.read_bytes()
    with subprocess.Popen([sys.executable, "-c", WRITER, str(filled)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "half way\n"
        writer.send_signal(signal.SIGKILL)
    assert filled.read_bytes() != bytes_before  # the journal is needed
    with Database(filled) as database:
        assert len(database.minima) == 3
    assert contents(filled) == before
    assert os.listdir(filled.parent) == [filled.name]


def test_a_second_writer_gives_up_with_a_clear_error(filled, rng):
    with closing(sqlite3.connect(filled, isolation_level=None)) as first, Database(filled) as database:
        first.execute("BEGIN IMMEDIATE")
        database._connection.execute("PRAGMA busy_timeout = 50")
        with pytest.raises(TimeoutError, match=str(filled)), database.transaction():
            pytest.fail("inside")
        first.execute("ROLLBACK")
        with database.transaction():
            database.add_minimum(a_minimum(rng), origin="start")


def test_a_second_writer_waits(filled, rng):
    started = threading.Event()

    def hold():
        with closing(sqlite3.connect(filled, isolation_level=None)) as first:
            first.execute("BEGIN IMMEDIATE")
            started.set()
            threading.Event().wait(0.3)
            first.execute("COMMIT")

    holder = threading.Thread(target=hold)
    holder.start()
    started.wait()
    with Database(filled) as database, database.transaction():
        database.add_minimum(a_minimum(rng), origin="start")
    holder.join()
    with Database(filled) as database:
        assert len(database.minima) == 4


def test_a_writer_sees_what_another_wrote_meanwhile(filled, rng):
    point = a_minimum(rng)
    with Database(filled) as one, Database(filled) as two:
        for database in (one, two):
            with database.transaction():
                database.add_minimum(point, origin="start")
    with Database(filled) as database:
        assert sorted(m.hits for m in database.minima) == [1, 1, 1, 2]


def test_a_commit_that_a_reader_blocks_is_rolled_back(filled, rng):
    with closing(sqlite3.connect(filled)) as reader, Database(filled) as database:
        cursor = reader.execute("SELECT * FROM tbl_minima")
        cursor.fetchone()  # a shared lock until the last row is read
        database._connection.execute("PRAGMA busy_timeout = 50")
        with pytest.raises(TimeoutError, match=str(filled)), database.transaction():
            database.add_minimum(a_minimum(rng), origin="start")
        cursor.close()
        assert len(database.minima) == 3
        with database.transaction():
            database.add_minimum(a_minimum(rng), origin="start")


# ---------------------------------------------------------------- files that are not ours, or damaged


def test_a_missing_file(path):
    with pytest.raises(FileNotFoundError, match=str(path)):
        Database(path)
    with pytest.raises(FileNotFoundError):
        Database(path.parent)


@pytest.mark.parametrize("content", [b"", b"not SQLite at all " * 400, b"SQLite format 3\0" + bytes(4096)])
def test_a_file_that_is_no_database(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=str(path)):
        Database(path)


def test_a_database_of_something_else(path):
    alter(path, "CREATE TABLE tbl_minima (x INTEGER)")
    with pytest.raises(ValueError, match=r"is not a database of minima of agescape: it has no table 'agescape_"):
        Database(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file(filled, share):
    content = filled.read_bytes()
    filled.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=str(filled)):
        Database(filled)


def test_another_schema_version(filled):
    alter(filled, "PRAGMA user_version = 1")
    with pytest.raises(ValueError, match="has schema version 1; expected 2"):
        Database(filled)
    alter(filled, "PRAGMA user_version = 2")
    alter(filled, "UPDATE agescape_provenance SET value = '99' WHERE name = 'schema'")
    with pytest.raises(ValueError, match="written by another version of agescape: schema 99"):
        Database(filled)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER surprise AFTER INSERT ON tbl_minima BEGIN DELETE FROM tbl_minima; END",
        "CREATE VIEW surprise AS SELECT * FROM tbl_minima",
    ],
)
def test_a_file_with_a_trigger_or_view_is_refused(filled, statement):
    alter(filled, statement)
    with pytest.raises(ValueError, match=r"is refused: it holds the trigger or view 'surprise'"):
        Database(filled)


def test_a_missing_minimum(filled):
    alter(filled, "DELETE FROM agescape_minima WHERE minimum_id = 2")
    with Database(filled) as database:
        assert [(row.kind, row.id, row.why) for row in database.set_aside] == [
            ("transition state", 1, "it connects minima (1, 2), and 2 is missing or damaged"),
            ("transition state", 2, "it connects minima (2, 3), and 2 is missing or damaged"),
        ]
        assert (database.n_minima, database.n_transition_states) == (2, 0)


@pytest.mark.parametrize("all_rows", [False, True])
@pytest.mark.parametrize(("table", "column", "value", "why"), DAMAGES)
def test_a_damaged_row_is_set_aside_and_all_else_is_there(filled, table, column, value, why, all_rows):
    assert_a_damaged_row_is_set_aside(filled, table, column, value, why, all_rows=all_rows)


def test_a_file_with_wrong_bytes_is_read_or_refused_with_its_path(filled):
    content, rng = filled.read_bytes(), np.random.default_rng(0)
    used = np.flatnonzero(np.frombuffer(content, np.uint8))
    broken, refused = filled.with_name("broken.db"), 0
    for _ in range(500):
        damaged = bytearray(content)
        for position in rng.choice(used, 3):
            damaged[position] = rng.integers(256)
        broken.write_bytes(damaged)
        message = read_everything(broken)
        assert message is None or str(broken) in message
        refused += message is not None
    assert refused > 100


def read_everything(path):
    """None, or the message of the ValueError that reading a file raises, or what is said of rows that are set aside."""
    try:
        with Database(path) as database:
            database.graph()
            database.attempts()
            database.inherent_structures("flow")
            return f"{path}: {'; '.join(map(str, database.set_aside))}" if database.set_aside else None
    except ValueError as error:
        return str(error)


# ---------------------------------------------------------------- hostile pickles


class Payload:
    """Unpickling this would run a command that makes a file."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def hostile_pickles(sentinel):
    """Name in the message (or None), and pickle."""
    command = f"touch {sentinel}"
    nested = pickle.loads(dump_array(np.ones(P))) * 1.0
    yield "posix.system", pickle.dumps(Payload(os.system, command))
    yield "posix.system", pickle.dumps(Payload(os.system, command), protocol=0)
    yield "builtins.eval", pickle.dumps(Payload(eval, f"open({str(sentinel)!r}, 'w')"))
    yield "builtins.getattr", pickle.dumps(Payload(getattr, nested, "tofile"))
    yield "subprocess.Popen", pickle.dumps(Payload(subprocess.Popen, ["touch", str(sentinel)]))
    yield "posix.system", pickle.dumps((np.ones(P), Payload(os.system, command)))
    yield "posix.system", pickle.dumps(np.array([Payload(os.system, command)], dtype=object))
    yield "numpy.load", b"cnumpy\nload\n(S'" + str(sentinel).encode() + b"'\ntR."
    yield "landscape.database._pickles.dump_array", b"clandscape.database._pickles\ndump_array\n(tR."
    yield "numpy.ndarray.tofile", b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93."
    yield None, pickle.dumps(np.array([1, "a", None], dtype=object))
    yield None, pickle.dumps(np.arange(P))
    yield None, pickle.dumps(np.ones(P, dtype=np.float32))
    yield None, pickle.dumps(np.ones(P, dtype=">f8"))
    yield None, pickle.dumps(np.ones(P, dtype=complex))
    yield None, pickle.dumps(np.ones((5, 5)))
    yield None, pickle.dumps([1.0] * P)
    yield None, pickle.dumps("text")
    yield None, dump_array(np.ones(P))[:-20]
    yield None, b"\x80\x04]r\xff\xff\xff\x7f."  # memo entry 2^31 - 1: an allocation of 16 GB
    yield None, b"]p2147483647\n."
    yield None, b""
    yield None, b"."
    yield None, b"\x80\x04" + b"(" * 100_000
    yield None, b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"."
    yield None, b"\x80\x04\x82\x01."  # an extension code
    yield None, b"\x80\x04Pposix\n."  # a persistent id


def test_plain_arrays_of_every_protocol_are_read(rng):
    array = rng.normal(size=P)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        np.testing.assert_array_equal(load_array(pickle.dumps(array, protocol=protocol)), array)
    old = pickle.dumps(array, protocol=2).replace(b"numpy._core", b"numpy.core")  # as NumPy 1 wrote it
    np.testing.assert_array_equal(load_array(old), array)
    np.testing.assert_array_equal(pickle.loads(dump_array(array)), array)
    assert load_array(dump_array(array)).flags.writeable
    np.testing.assert_array_equal(load_array(dump_array(np.zeros(0))), np.zeros(0))


def pickled_by_python_2(array, protocol):
    """What its pickle module made of a NumPy array: bytes as texts, opcode by opcode."""
    data = array.astype("<f8").tobytes()
    if protocol == 0:  # text alone
        return (
            b"cnumpy.core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntp2\nS'b'\np3\ntp4\nRp5\n"
            + f"(I1\n(I{array.size}\ntp6\n".encode()
            + b"cnumpy\ndtype\np7\n(S'f8'\np8\nI0\nI1\ntp9\nRp10\n"
            b"(I3\nS'<'\np11\nNNNI-1\nI-1\nI0\ntp12\nbI00\n" + b"S" + repr(data)[1:].encode() + b"\np13\ntp14\nb."
        )
    size = b"M" + struct.pack("<H", array.size)
    string = b"U" + bytes([len(data)]) + data if len(data) < 256 else b"T" + struct.pack("<i", len(data)) + data
    start = b"\x80\x02" if protocol == 2 else b""
    pair, three, false = (b"\x85", b"\x87", b"\x89") if protocol == 2 else (b"t", b"t", b"I00\n")
    mark = b"" if protocol == 2 else b"("
    return (
        start + b"cnumpy.core.multiarray\n_reconstruct\nq\x01" + mark + b"cnumpy\nndarray\nq\x02"
        + mark + b"K\x00" + pair + b"U\x01b" + three + b"Rq\x03(K\x01" + mark + size + pair
        + b"cnumpy\ndtype\nq\x04" + mark + b"U\x02f8K\x00K\x01" + three + b"Rq\x05"
        + b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb" + false + string + b"tb."
    )  # fmt: skip


@pytest.mark.parametrize("protocol", [0, 1, 2])
@pytest.mark.parametrize("n", [1, 18, 31, 32, 500])
def test_arrays_that_python_2_pickled_are_read(rng, protocol, n):
    array = rng.normal(size=n) * 10.0 ** rng.integers(-300, 300, n)  # all bytes occur
    blob = pickled_by_python_2(array, protocol)
    np.testing.assert_array_equal(pickle.loads(blob, encoding="latin1"), array)  # what others make of it
    np.testing.assert_array_equal(load_array(blob), array)


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_python_2_may_name_no_more_than_python_3(tmp_path, protocol):
    sentinel = tmp_path / "sentinel"
    good = pickled_by_python_2(np.ones(3), protocol)
    for name in (b"posix\nsystem", b"os\nsystem", b"__builtin__\neval", b"copy_reg\n_reconstructor"):
        for blob in (
            b"c" + name + b"\n(S'touch " + str(sentinel).encode() + b"'\ntR.",
            good.replace(b"numpy\ndtype", name),
            good.replace(b"numpy.core.multiarray\n_reconstruct", name),
        ):
            with pytest.raises(UnsafePickleError, match=r"it names .*\."):
                load_array(blob)
    assert not sentinel.exists()


@pytest.mark.parametrize("text", ["S'abc'", "S'12345678'", "V\\u0141bcdefgh", "V12345678", "N", "I7"])
def test_other_data_of_python_2_are_refused_or_as_many_bytes(text):
    blob = pickled_by_python_2(np.ones(1), 0)
    start = blob.index(b"I00\n") + 4
    changed = blob[:start] + text.encode() + blob[blob.index(b"\np13") :]
    if "12345678" in text:
        np.testing.assert_array_equal(load_array(changed), np.frombuffer(b"12345678", "<f8"))
        return
    with pytest.raises(UnsafePickleError):
        load_array(changed)


def test_a_refused_file_is_not_left_locked(filled):
    alter(filled, "UPDATE tbl_minima SET coords = ?", pickle.dumps(os.system))
    with pytest.raises(ValueError, match="is refused") as caught:
        Database(filled)
    with closing(sqlite3.connect(filled, timeout=0.05)) as connection:
        connection.execute("DELETE FROM tbl_minima")  # the error still holds the frames that raised it
        connection.commit()
    assert caught


@pytest.mark.parametrize(
    ("table", "column", "name", "kind"),
    [
        ("tbl_minima", "coords", "position", "minimum"),
        ("tbl_transition_states", "coords", "position", "transition state"),
        ("tbl_transition_states", "eigenvec", "eigenvector", "transition state"),
    ],
)
def test_hostile_pickles_are_refused_and_nothing_runs(filled, tmp_path, table, column, name, kind):
    """A file whose pickle names what no array needs is refused; a row with any other pickle is set aside."""
    sentinel = tmp_path / "sentinel"
    for foreign, blob in hostile_pickles(sentinel):
        alter(filled, f"UPDATE {table} SET {column} = ? WHERE _id = 1", blob)
        if foreign is None:
            with Database(filled) as database:
                (row, *_) = database.set_aside
                assert (row.kind, row.id) == (kind, 1)
                assert f"its {name} " in row.why
                assert 1 not in {p.id for p in (database.minima if kind == "minimum" else database.transition_states)}
        else:
            with pytest.raises(ValueError, match=f"is refused: the {name} of {kind} 1 is not a plain array") as caught:
                Database(filled)
            assert str(filled) in str(caught.value)
            assert foreign in str(caught.value)
        assert not sentinel.exists()


def test_the_payloads_would_run(tmp_path):
    sentinel = tmp_path / "sentinel"
    name, blob = next(hostile_pickles(sentinel))
    assert name == "posix.system"
    pickle.loads(blob)
    assert sentinel.exists()


@settings(max_examples=300, deadline=None)
@given(
    cut=st.integers(0, 400),
    position=st.integers(0, 400),
    replacement=st.binary(max_size=6),
    protocol=st.sampled_from([0, 2, 4, 5]),
)
def test_damaged_pickles_are_arrays_or_refused(cut, position, replacement, protocol):
    blob = bytearray(pickle.dumps(np.arange(3.0), protocol=protocol))
    blob[position : position + len(replacement)] = replacement
    try:
        array = load_array(bytes(blob[: len(blob) - cut % 5]))
    except UnsafePickleError:
        return
    assert array.dtype == np.float64
    assert array.ndim == 1


def from_buffer(data, n):
    return pickle.dumps(Payload(numeric._frombuffer, data, np.dtype("f8"), (n,), "C"), protocol=4)


def test_a_number_in_place_of_a_buffer_is_refused():
    with pytest.raises(UnsafePickleError):
        load_array(from_buffer(8 * P, P))


def test_a_pickle_leaves_no_trace_in_the_reader():
    admitted = list(_pickles._ADMITTED.items())
    before = [dict(getattr(value, "__dict__", {})) for _, value in admitted]
    for (module, name), _ in admitted:
        blob = f"c{module}\n{name}\n".encode() + b"}S'trace'\nI1\nsb."
        with pytest.raises(UnsafePickleError):
            load_array(blob)
    try:
        assert [dict(getattr(value, "__dict__", {})) for _, value in admitted] == before
    finally:
        for _, value in admitted:
            if "trace" in getattr(value, "__dict__", {}):
                del value.trace


# ---------------------------------------------------------------- pele


def test_pele_sees_the_same_numbers_and_draws_them(filled):
    pytest.importorskip("pele")
    before = filled.read_bytes()
    database = pele_adapter.open_database(filled)
    try:
        with Database(filled) as ours:
            minima, states = ours.minima, sorted(ours.transition_states, key=lambda t: t.id)
            for theirs, stored in zip(database.minima(), minima, strict=True):
                assert theirs.energy == stored.point.value
                assert theirs.id() == stored.id
                assert theirs.fvib == stored.point.log_determinant
                assert theirs.pgorder == 1
                np.testing.assert_array_equal(theirs.coords, stored.point.coordinates)
            for theirs, stored in zip(database.transition_states(), states, strict=True):
                assert theirs.energy == stored.point.value
                assert theirs.eigenval == stored.point.eigenvalues[0]
                assert (theirs.minimum1.id(), theirs.minimum2.id()) == stored.minimum_ids
                assert theirs.minimum1.id() < theirs.minimum2.id()
                np.testing.assert_array_equal(theirs.coords, stored.point.coordinates)
                np.testing.assert_array_equal(theirs.eigenvec, stored.point.eigenvector)
            assert len(minima) == 3
            assert len(states) == 2
    finally:
        pele_adapter.close_database(database)
    graph = pele_adapter.disconnectivity_graph(filled)
    leaves = graph.tree_graph.get_leaves()
    assert sorted(leaf.data["minimum"].energy for leaf in leaves) == [0.4, 0.45, 0.5]
    assert filled.read_bytes() == before
