"""Networks without a loss: what text files say, how Fortran writes it, and what other programs read of ours."""

import pickle
import sqlite3
from contextlib import closing

import networkx as nx
import numpy as np
import pytest
from support.paths import DATABASES

from landscape import Database, disconnectivity_tree
from landscape.database import loss_of
from landscape.graph import components, minimax_barriers
from landscape.interchange import (
    export_graphml,
    export_lon,
    export_npz,
    export_pathsample,
    export_pygt,
    export_topsearch,
    import_topsearch,
    network_of,
    read_network,
    read_pygt_rates,
    read_set,
    read_topsearch,
)
from landscape.interchange._text_tables import number
from landscape.kinetics import Barriers, committors, langer_rates

SMALL = DATABASES / "n1000-h10.db"


def written(folder, minima, states, **more):
    folder.mkdir(exist_ok=True)
    (folder / "min.data").write_text(minima)
    (folder / "ts.data").write_text(states)
    for name, text in more.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1.0D-3", 1e-3), ("1.0d+03", 1e3), ("0.1-101", 1e-102), ("-0.25+200", -2.5e199), (".5", 0.5), ("7.", 7.0),
        ("1E5", 1e5), ("3", 3.0), ("-1.5Q2", -150.0),
    ],
)  # fmt: skip
def test_numbers_as_fortran_writes_them(word, value):
    assert number(word) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("word", ["****", "nan", "1_0", "1e999", "", "0x1", "1.0-", "inf", "1 2", "--1"])
def test_words_that_are_no_numbers(word):
    with pytest.raises(ValueError, match="expected a"):
        number(word)


MINIMA = "-2.0D0 0.1D+1 2 1. 2. 3.\n\n-1.5 2.0 1 1. 2. 3.\r\n-1.0 0.5-100 1 1. 2. 3.\n 0.0 0. 1 1. 2. 3.\n"
STATES = """\
-0.5 1.0 1 1 2 1. 2. 3.
-0.5 1.0 1 2 1 1. 2. 3.
-0.25 1.5 2 1 1 1. 2. 3.
-1.0000001 1.5 1 2 3 1. 2. ****
-1.2 1.5 1 3 1 1. 2. 3.
"""


def test_degenerate_repeated_and_low_transition_states_and_minima_alone(tmp_path):
    """The energies have seven digits after the point: a last digit below a minimum is rounding, 0.2 is not."""
    network = read_network(written(tmp_path, MINIMA, STATES))
    graph = network.graph
    assert graph.losses.tolist() == [-2.0, -1.5, -1.0, 0.0]
    assert graph.edges.tolist() == [[0, 1], [1, 0], [0, 0], [1, 2]]
    assert network.left_out == {"transition states below one of their minima": 1}
    assert network.repeated == 1
    assert "moments_of_inertia" not in network.transition_columns  # asterisks
    assert network.columns["moments_of_inertia"].shape == (4, 3)
    assert network.columns["log_product"].tolist() == [1.0, 2.0, 0.5e-100, 0.0]
    assert components(graph).tolist() == [0, 0, 0, 1]
    assert minimax_barriers(graph, 0).tolist() == [-2.0, -0.5, -0.5, np.inf]  # level with minimum 2
    rates = network.rates(0.5)
    first = 0.5 * np.exp(np.array([1.0 - 1.0, 1.0 - 1.5]) / 2) / (2 * np.pi)  # o_i / o_b is 2 and 1
    assert rates.rates[0, 1] == pytest.approx(2 * 4 * first[0] * np.exp(-1.5 / 0.5))  # two of them
    assert rates.image_rates[0] == pytest.approx(2 * 2 * first[1] * np.exp(-1.75 / 0.5))
    assert rates.escape_rates[3] == 0.0


def test_rotations_multiply_by_moments_of_inertia(tmp_path):
    minima, states = "0. 0. 1 1. 2. 3.\n-1. 0. 1 2. 2. 2.\n", "1. 0. 1 1 2 1. 3. 8.\n"
    network = read_network(written(tmp_path, minima, states))
    plain, turning = (network.rates(1.0, rotations=rotations).rates.toarray() for rotations in (False, True))
    assert plain[0, 1] == pytest.approx(np.exp(-1.0) / (2 * np.pi))
    assert turning[0, 1] / plain[0, 1] == pytest.approx(2.0)  # sqrt(24 / 6)
    assert turning[1, 0] / plain[1, 0] == pytest.approx(3.0**0.5)


@pytest.mark.parametrize(
    ("minima", "states", "message"),
    [
        ("0. 0.\n", "", "topography"),
        ("0. 0. 1\n0. 0.\n", "", r"min\.data, line 2: expected 3 columns"),
        ("0. x 1\n", "", r"min\.data, line 1, column 2: expected a number, found 'x'"),
        ("0. 0. 1.5\n", "", r"min\.data, line 1, column 3: expected a whole number"),
        ("0. 0. 0\n", "", r"min\.data, line 1: the order of a point group must be 1 or more"),
        ("0. 0. 1\n", "1. 0. 1 1 2\n", r"ts\.data, line 1: expected one of the minima 1 \.\.\. 1, found 2"),
        ("0. 0. 1\n", "1. 0. 1\n", r"ts\.data, line 1: expected 5 columns"),
        ("0. 0. 1\n", "\xe9", "is not plain text"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, minima, states, message):
    folder = written(tmp_path, minima, states)
    if message == "topography":
        with pytest.raises(ValueError, match=r"min\.data, line 1, column 1: expected a whole number"):
            read_network(folder)
    else:
        with pytest.raises(ValueError, match=message):
            read_network(folder)


def test_what_is_missing_or_nothing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file or folder at .*nowhere"):
        read_network(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"has no min\.data: expected min\.data and ts\.data"):
        read_network(tmp_path)
    (tmp_path / "min.data").write_text("")
    with pytest.raises(FileNotFoundError, match=r"has no ts\.data"):
        read_network(tmp_path / "min.data")
    (tmp_path / "f.txt").write_text("a\n")
    with pytest.raises(ValueError, match=r"f\.txt is no landscape: expected a database"):
        read_network(tmp_path / "f.txt")
    (tmp_path / "ts.data").write_text("")
    assert read_network(tmp_path).graph.n_minima == 0


def test_sets_and_communities_lie_beside(tmp_path):
    folder = written(tmp_path, MINIMA, "", min_A="2\n1\n3\n", min_B="1 2", communities_dat="0\n1\n1\n0\n")
    network = read_network(folder)
    assert {name: minima.tolist() for name, minima in network.sets.items()} == {"A": [0, 2], "B": [1]}
    assert network.columns["community"].tolist() == [0, 1, 1, 0]
    for text in ("3\n1\n2\n", "1\n9\n", "1\nx\n", ""):
        (tmp_path / "min.A").write_text(text)
        with pytest.raises(ValueError, match=r"min\.A"):
            read_set(tmp_path / "min.A", 4)


# ---------------------------------------------------------------- ours, in all formats


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same landscape in every format that holds its transition states. Not to be written to."""
    folder = tmp_path_factory.mktemp("files")
    with Database(SMALL) as database:
        return files_of(database, folder)


def files_of(database, folder):
    export_npz(database, folder / "f.npz")
    export_graphml(database, folder / "f.graphml")
    export_pathsample(database, folder / "pathsample")
    export_topsearch(database, folder / "topsearch")
    export_pygt(network_of(database), folder / "pygt", temperature=1e-3)
    return [folder / name for name in ("f.npz", "f.graphml", "pathsample", "topsearch", "pygt")]


def test_every_format_holds_the_same_landscape(files):
    with Database(SMALL) as database:
        graph, ids = database.graph(), database.minimum_ids()
        right = disconnectivity_tree(graph)
        for path in files:
            network = read_network(path)
            np.testing.assert_array_equal(network.graph.losses, graph.losses)
            tree = disconnectivity_tree(network.graph)
            np.testing.assert_array_equal(tree.parents, right.parents)
            np.testing.assert_array_equal(tree.levels, right.levels)
            if path.suffix:
                assert network.ids.tolist() == ids.tolist()
                assert network.metadata["name"] == "ljat"


def test_rates_are_those_of_the_database(files):
    with Database(SMALL) as database:
        right = langer_rates(Barriers.of_database(database), 1e-4)
        for path in [SMALL, *files[:2]]:
            found = read_network(path).rates(1e-4)
            assert read_network(path).dynamics == "overdamped"
            np.testing.assert_allclose(found.steps.log_rates, right.steps.log_rates, rtol=1e-12)
            np.testing.assert_allclose(found.equilibrium, right.equilibrium, rtol=1e-10)


def test_pygt_reads_the_rates(tmp_path):
    """As its documentation of `read_ktn_info` and its lines say: k[2 i] leads from the first to the second minimum."""
    with Database(SMALL) as database:
        network = network_of(database)
    export_pygt(network, tmp_path, temperature=1e-3)
    logs, pairs = np.loadtxt(tmp_path / "ts_weights.dat"), np.loadtxt(tmp_path / "ts_conns.dat", int) - 1
    weights = np.exp(np.loadtxt(tmp_path / "stat_prob.dat"))
    assert abs(weights.sum() - 1.0) < 1e-10
    k = np.zeros((len(weights), len(weights)))
    for i, (a, b) in enumerate(pairs):
        k[b, a], k[a, b] = np.exp(logs[2 * i]), np.exp(logs[2 * i + 1])
    k -= np.diag(k.sum(axis=0))
    assert np.abs(k @ weights).max() < 1e-10
    mine, again = network.rates(1e-3), read_pygt_rates(tmp_path)
    np.testing.assert_allclose(committors(again, [0], [5]), committors(mine, [0], [5]), rtol=1e-12)
    minima = np.loadtxt(
        tmp_path / "min.data", dtype=[("e", float), ("s", float), ("o", int), *((c, float) for c in "xyz")]
    )
    np.testing.assert_array_equal(minima["e"], network.graph.losses)
    assert (np.loadtxt(tmp_path / "communities.dat", int) == components(network.graph)).all()
    (tmp_path / "ts_weights.dat").write_text("0\n")
    with pytest.raises(ValueError, match=r"ts_weights\.dat have two lines for each"):
        read_pygt_rates(tmp_path)


def test_topography_searcher_there_and_back(tmp_path):
    with Database(DATABASES / "n1000-h1-1.db") as database:
        export_topsearch(database, tmp_path / "ts")
        loss, n, m = loss_of(database), database.n_minima, database.n_transition_states
    points = read_topsearch(tmp_path / "ts")
    assert (points.minima.shape, points.states.shape) == ((n, loss.n_parameters), (m, loss.n_parameters))
    found = import_topsearch(tmp_path / "ts", loss, tmp_path / "again.db")
    assert found.minimum_status == {"CERTIFIED": n}
    assert found.transition_state_status == {"CERTIFIED": m}
    pairs = np.loadtxt(tmp_path / "ts" / "pairlist", int, ndmin=2)
    assert pairs.shape[1] == 2
    (tmp_path / "ts" / "min.data").write_text("0 1.0\n0 2.0\n")
    with pytest.raises(ValueError, match="numbers of the minima must differ"):
        read_network(tmp_path / "ts")


def test_local_optima_networks(tmp_path):
    with Database(SMALL) as database:
        network = network_of(database)
    export_lon(network, tmp_path / "f.csv")
    export_lon(network, tmp_path / "f.nodes")
    graph = network.graph
    theirs = nx.DiGraph()  # as lonkit and the R scripts make it
    for start, end, _ in (line.split() for line in (tmp_path / "f.edges").read_text().splitlines()):
        theirs.add_edge(int(start), int(end))
    ids = network.ids
    proper = {(int(a), int(b)) for a, b in ids[graph.edges] if a != b}
    assert set(theirs.edges) == proper | {pair[::-1] for pair in proper}
    for path in (tmp_path / "f.csv", tmp_path / "f.nodes", tmp_path / "f.edges"):
        found = read_network(path)
        order = np.argsort(found.graph.losses)
        assert sorted(found.graph.losses) == graph.losses.tolist()
        heights = found.graph.losses[found.graph.edges].max(axis=1)
        np.testing.assert_array_equal(found.graph.transition_losses, heights)
        assert {str(name) for name in found.ids[order]} == {str(name) for name in ids}
        with pytest.raises(ValueError, match="local optima network: it has no transition states"):
            found.rates(1.0)
    with pytest.raises(ValueError, match=r"F\.csv or F\.nodes; got .*f\.txt"):
        export_lon(network, tmp_path / "f.txt")
    (tmp_path / "g.csv").write_text("run,fit1,node1\n")
    with pytest.raises(ValueError, match=r"g\.csv is no trace of a local optima network: it has no column 'fit2'"):
        read_network(tmp_path / "g.csv")
    (tmp_path / "g.csv").write_text("run,fit1,node1,fit2,node2\n1,2.0,a,1.0,b\n1,1.0,b,1.0,b\n2,1.5,a,1.0,b\n")
    lowest = read_network(tmp_path / "g.csv")
    assert lowest.graph.losses.tolist() == [1.5, 1.0]
    assert lowest.left_out == {"moves from an optimum to itself": 1}


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


def test_no_pickle_of_pele_is_read(tmp_path):
    path, bomb = tmp_path / "pele.db", pickle.dumps(Bomb())
    with closing(sqlite3.connect(path)) as connection:
        point = "_id INTEGER PRIMARY KEY, energy FLOAT, coords BLOB, fvib FLOAT, pgorder INTEGER, invalid INTEGER"
        connection.execute(f"CREATE TABLE tbl_minima ({point}, user_data BLOB)")
        ends = "_minimum1_id INTEGER, _minimum2_id INTEGER, eigenval FLOAT"
        connection.execute(f"CREATE TABLE tbl_transition_states ({point}, {ends}, user_data BLOB)")
        for number, energy, invalid in ((3, -1.0, 0), (5, -2.0, None), (9, -3.0, 1)):
            row = (number, energy, bomb, 1.5, 2, invalid, bomb)
            connection.execute("INSERT INTO tbl_minima VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        for number, end in ((1, 5), (2, 9)):
            row = (number, 0.5, bomb, 1.0, 1, 0, 3, end, -4.0, bomb)
            connection.execute("INSERT INTO tbl_transition_states VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.commit()
    network = read_network(path)
    assert (network.ids.tolist(), network.graph.edges.tolist()) == ([3, 5], [[0, 1]])
    assert sum(network.left_out.values()) == 2
    assert network.transition_columns["lowest_eigenvalue"].tolist() == [-4.0]
    rate = network.rates(1.0).rates[0, 1]
    assert rate == pytest.approx(2 / (2 * np.pi) * np.exp((1.5 - 1.0) / 2 - 1.5))
    assert network.positions([5]).tolist() == [1]
    with pytest.raises(ValueError, match="no minimum with the id 9"):
        network.positions([9])
