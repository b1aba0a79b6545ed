"""Databases made by hand, what they hold, and damage to them."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from landscape import Database, Minimum, TransitionState
from landscape.database import Attempt, Discovery, Provenance
from landscape.database._pickles import dump_array
from landscape.networks import MLP
from support.sql import alter

NETWORK = MLP((2, 3, 4))
P = NETWORK.n_parameters
PROVENANCE = Provenance(
    n_parameters=P,
    layer_sizes=NETWORK.layer_sizes,
    dataset={"name": "ljat", "rows": 100, "seed": 0},
    dataset_sha256="0" * 64,
    regularization=1e-4,
    regularize_biases=True,
    seed=7,
    versions={"agescape": "0.1.0"},
)
FOUND = Discovery("0123456789ab", 3, 1000, "flow")


def a_minimum(rng, value=0.5, coordinates=None):
    coordinates = rng.normal(size=P) if coordinates is None else coordinates
    return Minimum(coordinates, value, 1e-11, np.sort(rng.uniform(0.1, 2.0, P)))


def a_transition_state(rng, value=0.6, coordinates=None):
    coordinates = rng.normal(size=P) if coordinates is None else coordinates
    eigenvalues = np.concatenate([[-0.3], np.sort(rng.uniform(0.1, 2.0, P - 1))])
    return TransitionState(coordinates, value, 1e-11, eigenvalues, rng.normal(size=P))


def fill(path, rng):
    """A file with three minima and two transition states."""
    with Database.create(path, PROVENANCE) as database, database.transaction():
        ids = [
            database.add_minimum(a_minimum(rng, value), origin="start", search=k)[0]
            for k, value in enumerate([0.5, 0.4, 0.45])
        ]
        database.add_transition_state(a_transition_state(rng, 0.6), (ids[0], ids[1]), origin="saddle", search=3)
        database.add_transition_state(a_transition_state(rng, 0.7), (ids[2], ids[1]), origin="saddle", search=4)
        database.add_attempt(Attempt(0, "start", (None, None), "CONVERGED", 12))
    return path


def contents(path):
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def same(a, b):
    """Two points with the same certificate, bit for bit."""
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in vars(a))


WRITER = """
import sys, time
import numpy as np
from landscape import Database, Minimum
database = Database(sys.argv[1])
database._connection.execute("PRAGMA cache_size = 1")  # half-written pages reach the file at once
with database.transaction():
    rng = np.random.default_rng(1)
    for k in range(200):
        point = Minimum(rng.normal(size=database.provenance.n_parameters), 1.0 + k, 1e-11, np.ones(25))
        database.add_minimum(point, origin="start")
    print("half way", flush=True)
    time.sleep(60)
"""


DAMAGES = [  # table, column, value, and what is said of it; nothing: the file is refused
    ("tbl_minima", "coords", dump_array(np.ones(P - 1)), f"its position should be {P} numbers"),
    ("tbl_minima", "coords", dump_array(np.full(P, np.nan)), f"its position should be {P} numbers, finite"),
    ("tbl_minima", "coords", dump_array(np.full(P, 1e200)), f"its position should be {P} numbers, finite and below"),
    ("tbl_minima", "coords", dump_array(np.ones((5, 5)).ravel()[: P - 1]), "its position should be"),
    ("tbl_minima", "coords", "text", "its position is not a plain array"),
    ("tbl_minima", "coords", None, "its position is not a plain array"),
    ("tbl_transition_states", "eigenvec", None, "its eigenvector is not a plain array"),
    ("agescape_provenance", "value", "no json", None),
    ("agescape_provenance", "value", "[]", None),
    ("agescape_provenance", "value", b"\xff", None),
    ("tbl_minima", "energy", None, "its loss is None"),
    ("tbl_minima", "energy", "text", "its loss is 'text'"),
    ("tbl_minima", "energy", np.inf, "its loss is inf"),
    ("tbl_transition_states", "energy", None, "its loss is None"),
    ("tbl_transition_states", "energy", -5.0, "it is below one of its minima 2 and 3, by 5.45 nats"),
    ("tbl_transition_states", "_minimum1_id", 99, "and 99 is missing or damaged"),
    ("tbl_transition_states", "_minimum1_id", None, "its end is None"),
    ("agescape_minima", "eigenvalues", "text", "its eigenvalues are not an array of numbers"),
    ("agescape_minima", "eigenvalues", b"123", "its eigenvalues are not an array of numbers"),
    ("agescape_minima", "eigenvalues", b"", "its eigenvalues should be 1 to"),
    ("agescape_minima", "eigenvalues", np.ones(P + 1).tobytes(), "its eigenvalues should be 1 to"),
    ("agescape_minima", "eigenvalues", np.full(P, np.nan).tobytes(), "its eigenvalues are not finite"),
    ("agescape_minima", "eigenvalues", np.linspace(-1.0, 1.0, P + 1)[1:].tobytes(), "negative eigenvalues, not 0"),
    ("agescape_transition_states", "eigenvalues", np.ones(P).tobytes(), "it has 0 negative eigenvalues, not 1"),
    ("agescape_minima", "rms_gradient", "text", "its rms gradient is 'text'"),
    ("agescape_minima", "orbit_size", "many", "its orbit size 'many'"),
    ("agescape_minima", "orbit_size", "0", "its orbit size '0'"),
    ("agescape_minima", "orbit_size", "9" * 5000, "its orbit size '9999"),
    ("agescape_minima", "origin", b"\xff", "its origin is"),
    ("agescape_minima", "hits", "text", "its hits is 'text'"),
    ("agescape_minima", "hits", -1, "its hits is -1"),
    ("agescape_minima", "search", 2**63 - 1, "its search is 9223372036854775807"),
]

KEYS = {
    "tbl_minima": "_id",
    "tbl_transition_states": "_id",
    "agescape_minima": "minimum_id",
    "agescape_transition_states": "transition_state_id",
}


def assert_a_damaged_row_is_set_aside(filled, table, column, value, why, *, all_rows):
    """Damage one of two tables of points, and in it one row or all; the file must open without these."""
    key = {
        "tbl_": "_id",
        "ages": f"{table.removeprefix('agescape_').removesuffix('s').replace('minima', 'minimum')}_id",
    }
    one = "" if all_rows or why is None else f" WHERE {key[table[:4]]} = 2"
    assert alter(filled, f"UPDATE {table} SET {column} = ?{one}", value)
    if why is None:
        with pytest.raises(ValueError, match=str(filled)):
            Database(filled)
        return
    kind = "minimum" if "minima" in table else "transition state"
    with Database(filled) as database:
        aside = {row.id: row.why for row in database.set_aside if row.kind == kind}
        assert why in aside[2]
        everything = {"minimum": {1, 2, 3}, "transition state": {1, 2}}
        assert aside.keys() == (everything[kind] if all_rows else {2})
        lost = {row.id for row in database.set_aside if row.kind == "transition state"}
        assert lost == (everything["transition state"] if all_rows or kind == "minimum" else {2})
        minima = everything["minimum"] - (aside.keys() if kind == "minimum" else set())
        assert {m.id for m in database.minima} == minima
        assert {t.id for t in database.transition_states} == everything["transition state"] - lost
        assert database.graph().n_minima == len(database.hits()) == len(minima)
        assert database.graph().n_transition_states == 2 - len(lost)
        for number in everything["minimum"] - minima:
            with pytest.raises(KeyError):
                database.minimum(number)
