import io
import json
import os
import pickle
import sqlite3
import zipfile
from contextlib import closing, redirect_stdout
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.public import PUBLIC, needs_public
from support.sql import alter

from landscape import CrossEntropyLoss, Database, explore, interchange, loss_of, merge, quench, symmetry, verify
from landscape.database import Discovery, _discoveries
from landscape.database._pickles import dump_array
from landscape.interchange import pele_adapter, read_pathsample
from landscape.networks import MLP

try:
    import pele
    from pele.storage import Database as PeleDatabase
    from pele.utils.optim_compatibility import OptimDBConverter, WritePathsampleDB
except ImportError:
    pele = None

needs_pele = pytest.mark.skipif(pele is None, reason="pele has no wheel for this platform")

NETWORK = MLP((2, 3, 4))
P = NETWORK.n_parameters
FOUND = Discovery("0123456789ab", 3, 70, "flow")


@pytest.fixture(scope="module")
def little_loss(few_data):
    return CrossEntropyLoss(NETWORK, few_data)


@pytest.fixture(scope="module")
def explored(little_loss, tmp_path_factory):
    """Minima and transition states, and where three points were quenched to."""
    path = tmp_path_factory.mktemp("explored") / "f.db"
    explore(little_loss, path, searches=48)
    with Database(path) as database, database.transaction():
        for point, method, number in (("x", "flow", 2), ("y", "flow", None), ("x", "lbfgs", 1)):
            database.add_inherent_structure(point, method, number, None if number else "saddle")
        _discoveries.write_discovery(database._connection, 2, FOUND)
        assert len(database.transition_states) > 3
    return path


@pytest.fixture
def exported(explored, tmp_path):
    """The file in every format."""
    paths = {"npz": tmp_path / "f.npz", "graphml": tmp_path / "f.graphml", "pathsample": tmp_path / "ps"}
    with Database(explored) as database:
        interchange.export_npz(database, paths["npz"])
        interchange.export_graphml(database, paths["graphml"])
        interchange.export_pathsample(database, paths["pathsample"])
    return paths


def test_who_found_a_minimum_goes_along(exported, tmp_path):
    interchange.import_npz(exported["npz"], tmp_path / "again.db")
    with Database(tmp_path / "again.db") as again:
        assert {m.id: m.discovery for m in again.minima if m.discovery} == {2: FOUND}
        assert again.unmapped("flow") == {"y": "saddle"}
    nodes = nx.read_graphml(exported["graphml"]).nodes
    assert {name: node["replica"] for name, node in nodes.items() if "replica" in node} == {"2": 3}


def test_exports_of_older_versions_say_nothing_of_it(exported, tmp_path):
    with np.load(exported["npz"]) as archive:
        kept = {name: archive[name] for name in archive.files if not name.startswith(("discoveries", "unmapped"))}
    np.savez(tmp_path / "old.npz", **kept)
    interchange.import_npz(tmp_path / "old.npz", tmp_path / "again.db")
    with Database(tmp_path / "again.db") as again:
        assert not any(m.discovery for m in again.minima)
        assert again.unmapped("flow") == {}


def dump(path):
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def points(path):
    """Losses, coordinates and ends, lowest first."""
    with Database(path) as database:
        graph = database.graph()
        return (
            [(m.point.value, m.point.coordinates.tolist()) for m in database.minima],
            [(t.point.value, t.point.coordinates.tolist()) for t in database.transition_states],
            np.sort(graph.edges, axis=1).tolist(),
        )


def same_graph(a, b):
    np.testing.assert_array_equal(a.losses, b.losses)
    np.testing.assert_array_equal(a.transition_losses, b.transition_losses)
    np.testing.assert_array_equal(np.sort(a.edges, axis=1), np.sort(b.edges, axis=1))


class Payload:
    def __init__(self, sentinel):
        self.sentinel = sentinel

    def __reduce__(self):
        return os.system, (f"touch {self.sentinel}",)


# ---------------------------------------------------------------- npz


def test_npz_gives_the_same_database_again(explored, exported, tmp_path):
    found = interchange.import_npz(exported["npz"], tmp_path / "again.db")
    assert dump(tmp_path / "again.db") == dump(explored)
    with Database(explored) as database:
        assert (found.minima, found.transition_states) == (len(database.minima), len(database.transition_states))
        assert found.searches == len(database.attempts()) == 48


def test_npz_without_biases_in_the_penalty(few_data, tmp_path):
    """One eigenvalue fewer than parameters: the zero mode is left out."""
    loss = CrossEntropyLoss(NETWORK, few_data, regularize_biases=False)
    explore(loss, tmp_path / "f.db", searches=40)
    with Database(tmp_path / "f.db") as database:
        assert {minimum.point.eigenvalues.size for minimum in database.minima} == {P - 1}
        interchange.export_npz(database, tmp_path / "f.npz")
    interchange.import_npz(tmp_path / "f.npz", tmp_path / "again.db")
    assert dump(tmp_path / "again.db") == dump(tmp_path / "f.db")


def test_an_empty_database_passes_through_every_format(little_loss, tmp_path):
    explore(little_loss, tmp_path / "f.db", searches=0)
    with Database(tmp_path / "f.db") as database:
        interchange.export_npz(database, tmp_path / "f.npz")
        interchange.export_graphml(database, tmp_path / "f.graphml")
        interchange.export_pathsample(database, tmp_path / "ps")
    interchange.import_npz(tmp_path / "f.npz", tmp_path / "again.db")
    assert dump(tmp_path / "again.db") == dump(tmp_path / "f.db")
    assert interchange.read_graphml(tmp_path / "f.graphml").graph.n_minima == 0
    found = interchange.import_pathsample(tmp_path / "ps", little_loss, tmp_path / "third.db")
    assert (found.minima, found.minimum_status) == (0, {})


def test_numpy_alone_reads_the_npz(explored, exported):
    with np.load(exported["npz"], allow_pickle=False) as file, Database(explored) as database:
        arrays = dict(file)
        minima = sorted(database.minima, key=lambda stored: stored.id)
        np.testing.assert_array_equal(arrays["minima_losses"], [m.point.value for m in minima])
        np.testing.assert_array_equal(arrays["minima_coordinates"], [m.point.coordinates for m in minima])
        np.testing.assert_array_equal(arrays["minima_traces"], [m.point.trace for m in minima])
        np.testing.assert_array_equal(arrays["minima_hits"], [m.hits for m in minima])
        assert arrays["minima_orbit_sizes"].tolist() == [str(m.orbit_size) for m in minima]
        assert len(arrays["transition_states_minimum_ids"]) == len(database.transition_states)
        assert json.loads(str(arrays["provenance"]))["dataset_sha256"] == database.provenance.dataset_sha256
    assert not any(array.dtype.hasobject for array in arrays.values())


def rewritten(path, **changes):
    """The npz file with arrays replaced; None leaves one out."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: array for name, array in (dict(file) | changes).items() if array is not None}
    np.savez(path, **arrays)
    return path


def change(name, index, value):
    def apply(arrays):
        array = arrays[name].copy()
        array[index] = value
        return {name: array}

    return apply


DAMAGES = [
    (lambda a: {"minima_losses": None}, "it has no array 'minima_losses'"),
    (lambda a: {"minima_losses": a["minima_losses"][:-1]}, "minima_losses should be"),
    (lambda a: {"minima_losses": a["minima_losses"].astype(str)}, "minima_losses should be of kind f"),
    (lambda a: {"minima_coordinates": a["minima_coordinates"][:, 1:]}, "minima_coordinates should be"),
    (lambda a: {"attempts_kind": a["attempts_kind"][:-1]}, r"attempts_\* are of different lengths"),
    (lambda a: {"attempts_search": np.zeros_like(a["attempts_search"])}, "UNIQUE"),
    (change("minima_losses", 0, np.nan), "entry 0 of minima has numbers that are not finite"),
    (change("minima_coordinates", (1, 2), np.inf), "entry 1 of minima has numbers that are not finite"),
    (change("minima_eigenvalues", (0, 3), np.nan), "entry 0 of minima has numbers that are not finite"),
    (change("transition_states_eigenvectors", (0, 3), np.nan), "entry 0 of transition_states has an eigenvector"),
    (change("minima_hits", 0, -1), "has -1 hits"),
    (change("minima_searches", 0, -5), "search -5"),
    (change("minima_ids", 0, 2), "minima_ids should be 1"),
    (change("transition_states_minimum_ids", (0, 1), 999), "it names minimum 999"),
    (change("transition_states_minimum_ids", (0, 0), -1), "it names minimum -1"),
    (change("inherent_structures_minimum_id", 0, 999), "it names minimum 999"),
    (change("transition_states_losses", 0, -3.0), "entry 0 of transition_states: it is below one of its minima"),
    (lambda a: {"provenance": np.array("[]")}, "provenance cannot be read"),
    (lambda a: {"provenance": np.array("no JSON")}, "is damaged"),
    (lambda a: {"provenance": np.array("[" * 100_000)}, "provenance cannot be read"),
    (lambda a: {"provenance": np.array(str(a["provenance"]).replace('"schema": 1', '"schema": 99'))}, "schema 99"),
    (lambda a: {"provenance": np.array(str(a["provenance"]).replace("[2, 3, 4]", "[2, 9, 4]"))}, "has 67 parameters"),
    (lambda a: {"minima_origins": np.array([Payload("x")] * len(a["minima_ids"]))}, "minima_origins.npy"),
]


@pytest.mark.parametrize(("damage", "what"), DAMAGES, ids=[what[:30] for _, what in DAMAGES])
def test_a_damaged_npz_is_refused_by_name_and_leaves_nothing(exported, tmp_path, damage, what):
    with np.load(exported["npz"], allow_pickle=False) as file:
        rewritten(exported["npz"], **damage(dict(file)))
    with pytest.raises(ValueError, match=what) as caught:
        interchange.import_npz(exported["npz"], tmp_path / "again.db")
    assert str(exported["npz"]) in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.graphml", "f.npz", "ps"]


def test_one_minimum_twice_is_refused(exported, tmp_path, rng):
    with np.load(exported["npz"], allow_pickle=False) as file:
        theta, losses = file["minima_coordinates"].copy(), file["minima_losses"].copy()
    theta[1], losses[1] = symmetry.random_image(NETWORK, theta[0], rng=rng), losses[0]
    rewritten(exported["npz"], minima_coordinates=theta, minima_losses=losses)
    with pytest.raises(ValueError, match="entry 1 of minima is the same point as the one with id 1"):
        interchange.import_npz(exported["npz"], tmp_path / "again.db")


def test_an_error_of_the_analysis_is_not_taken_for_damage(exported, tmp_path, monkeypatch):
    """Only what the file says can be damaged: a mistake in our code surfaces as what it is, and leaves no file."""

    def mistaken(*_):
        raise TypeError("a mistake in the loss")

    monkeypatch.setattr(CrossEntropyLoss, "value_and_gradient", mistaken)
    with pytest.raises(TypeError, match=r"^a mistake in the loss") as caught:
        interchange.import_npz(exported["npz"], tmp_path / "again.db")
    assert caught.value.__notes__ == [f"in {exported['npz']}"]
    assert not (tmp_path / "again.db").exists()


def test_what_the_database_would_set_aside_is_refused_by_name(exported, tmp_path):
    with np.load(exported["npz"], allow_pickle=False) as file:
        rewritten(exported["npz"], search_origins_number=file["search_origins_number"] - 2**60,
                  search_origins_seed=np.array(["7" * 2000] * len(file["search_origins_seed"])))  # fmt: skip
    with pytest.raises(ValueError, match="would hold damaged rows") as caught:
        interchange.import_npz(exported["npz"], tmp_path / "again.db")
    assert caught.value.__notes__ == [f"in {exported['npz']}"]
    assert not (tmp_path / "again.db").exists()


def test_a_pickle_in_an_npz_does_not_run(exported, tmp_path):
    sentinel = tmp_path / "sentinel"
    rewritten(exported["npz"], extra=np.array([Payload(sentinel)], dtype=object))
    with pytest.raises(ValueError, match=r"extra\.npy is not a plain array"):
        interchange.import_npz(exported["npz"], tmp_path / "again.db")
    assert not sentinel.exists()
    np.load(exported["npz"], allow_pickle=True)["extra"]  # it would have
    assert sentinel.exists()


def bomb(path, shape, dtype="<f8", content=b"", method=zipfile.ZIP_STORED):
    """An npz file whose one array says to be of this shape."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (118 - len(header) - 1) + b"\n"
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("provenance.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content)
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ("(1000000000000,)",),
        ("(10000000000, 10000000000, 10000000000)",),
        ("(-1,)", "<f8", bytes(8)),
        ("(3,)", "<f8", bytes(8)),
        ("(10000000000,)", "<U0"),
        ("(8000000,)", "<f8", bytes(64_000_000), zipfile.ZIP_DEFLATED),
        ("(1, ", "<f8"),
        ("(1,)", "<q9"),
    ],
)
def test_an_npz_takes_no_more_memory_than_it_has_bytes(tmp_path, arguments):
    path = bomb(tmp_path / "bomb.npz", *arguments)
    with pytest.raises(ValueError, match=r"bomb\.npz"):
        interchange.import_npz(path, tmp_path / "again.db")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_npz(exported, tmp_path, share):
    content = exported["npz"].read_bytes()
    exported["npz"].write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"f\.npz"):
        interchange.import_npz(exported["npz"], tmp_path / "again.db")


@pytest.fixture(scope="module")
def npz_bytes(explored, tmp_path_factory):
    path = tmp_path_factory.mktemp("bytes") / "f.npz"
    with Database(explored) as database:
        interchange.export_npz(database, path)
    return path.read_bytes()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_an_npz_with_wrong_bytes_is_read_or_refused_with_its_path(npz_bytes, tmp_path_factory, data):
    folder, content = tmp_path_factory.mktemp("broken"), bytearray(npz_bytes)
    for _ in range(data.draw(st.integers(1, 4))):
        # half of them at the end, where the table of contents is
        content[data.draw(st.integers(-2_000, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "f.npz").write_bytes(content)
    message = None
    try:
        interchange.import_npz(folder / "f.npz", folder / "again.db")
    except ValueError as error:
        message = "\n".join([str(error), *getattr(error, "__notes__", [])])
    assert message is None or str(folder / "f.npz") in message
    assert (folder / "again.db").exists() == (message is None)


# ---------------------------------------------------------------- GraphML


def test_graphml_gives_the_same_graph_again(explored, exported):
    with Database(explored) as database:
        same_graph(interchange.read_graphml(exported["graphml"]).graph, database.graph())


def test_networkx_reads_all_that_is_known_of_the_points(explored, exported):
    network = nx.read_graphml(exported["graphml"], node_type=int, force_multigraph=True)
    with Database(explored) as database:
        assert json.loads(network.graph["provenance"]) == json.loads(json.dumps(database.provenance.stored))
        assert list(network) == [minimum.id for minimum in database.minima]
        for minimum in database.minima:
            node = network.nodes[minimum.id]
            assert (node["loss"], node["hits"], node["origin"]) == (minimum.point.value, minimum.hits, minimum.origin)
            assert (node["trace"], node["log_determinant"]) == (minimum.point.trace, minimum.point.log_determinant)
            assert node["orbit_size"] == minimum.orbit_size
            assert node["lowest_eigenvalue"] == minimum.point.eigenvalues[0] > 0
        for state in database.transition_states:
            edge = network.edges[(*state.minimum_ids, state.id)]
            assert (edge["loss"], edge["hits"]) == (state.point.value, state.hits)
            assert edge["lowest_eigenvalue"] < 0


def test_parallel_edges_and_loops_have_keys(explored, tmp_path):
    path = tmp_path / "f.db"
    path.write_bytes(explored.read_bytes())
    with Database(path) as database, database.transaction():
        low = database.minima[0].id
        for k, state in enumerate(database.transition_states[:3]):
            database.add_transition_state(replace(state.point, value=1.0 + k), (low, low), origin="saddle")
    with Database(path) as database:
        interchange.export_graphml(database, tmp_path / "f.graphml")
        graph = interchange.read_graphml(tmp_path / "f.graphml").graph
        same_graph(graph, database.graph())
        assert (graph.edges[-3:] == 0).all()


def test_a_huge_orbit_size_is_written_as_a_real_number(explored, tmp_path, monkeypatch):
    with Database(explored) as database:
        huge = [replace(minimum, orbit_size=2**70) for minimum in database.minima]
        monkeypatch.setattr(Database, "minima", huge)
        interchange.export_graphml(database, tmp_path / "f.graphml")
    network = nx.read_graphml(tmp_path / "f.graphml")
    assert {data["orbit_size"] for _, data in network.nodes(data=True)} == {2.0**70}


NS = 'xmlns="http://graphml.graphdrawing.org/xmlns"'
KEYS = (
    '<key id="n" for="node" attr.name="loss" attr.type="{0}"/><key id="e" for="edge" attr.name="loss" attr.type="{0}"/>'
)


def graphml(body, kind="double", start="", edges="undirected"):
    return f'{start}<graphml {NS}>{KEYS.format(kind)}<graph edgedefault="{edges}">{body}</graph></graphml>'


def node(name, loss):
    return f'<node id="{name}"><data key="n">{loss}</data></node>'


def edge(a, b, loss, key=""):
    return f'<edge {key} source="{a}" target="{b}"><data key="e">{loss}</data></edge>'


def test_graphml_of_others(tmp_path):
    body = node("b", 0.5) + node("a", 0.25) + edge("a", "b", 0.75) + edge("b", "a", 0.625) + edge("a", "a", 1)
    (tmp_path / "f.graphml").write_text(graphml(body))
    graph = interchange.read_graphml(tmp_path / "f.graphml").graph
    assert graph.losses.tolist() == [0.25, 0.5]
    assert graph.transition_losses.tolist() == [0.625, 0.75, 1.0]
    assert np.sort(graph.edges, axis=1).tolist() == [[0, 1], [0, 1], [0, 0]]


def test_what_lies_below_its_minima_is_left_out_and_counted(tmp_path):
    (tmp_path / "f.graphml").write_text(graphml(PAIR + edge("a", "b", 0.15) + edge("a", "b", 0.3)))
    found = interchange.read_graphml(tmp_path / "f.graphml")
    assert found.graph.transition_losses.tolist() == [0.3]
    assert found.left_out == {"transition states below one of their minima": 1}


PAIR = node("a", 0.1) + node("b", 0.2)
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
GROUP = '<node id="a" yfiles.foldertype="group"><graph>'
WRONG_GRAPHML = {
    "no XML": ("text", "syntax error"),
    "nothing": ("", "no element found"),
    "other XML": ("<html/>", "GraphML"),
    "cut short": (graphml(PAIR)[:-10], "no element found|unclosed"),
    "entities": (graphml(node("a", "&b;"), start=LAUGHS), "a document type is refused"),
    "external entity": (
        graphml(PAIR, start='<!DOCTYPE x SYSTEM "file:///etc/passwd">'),
        "a document type is refused",
    ),
    "directed": (graphml(PAIR, edges="directed"), "directed"),
    "one id twice": (graphml(PAIR + node("a", 0.3)), "ids of their own"),
    "one key twice": (graphml(PAIR + 2 * edge("a", "b", 0.3, 'id="7"')), "ids of their own"),
    "unknown end": (graphml(PAIR + edge("a", "c", 0.3)), "ids of their own"),
    "no loss": (graphml('<node id="a"/>'), "node 'a' must have a finite number"),
    "text": (graphml(PAIR, kind="string"), "must have a finite number"),
    "not finite": (graphml(node("a", "nan")), "must have a finite number"),
    "too large": (graphml(node("a", "1e999")), "must have a finite number"),
    "no number": (graphml(node("a", "x")), "could not convert"),
    "unknown type": (graphml(PAIR, kind="object"), "not GraphML"),
    "unknown key": (graphml('<node id="a"><data key="q">1</data></node>'), "not GraphML"),
    "deep": (
        graphml('<node id="a" yfiles.foldertype="group"><graph>' * 3_000 + "</graph></node>" * 3_000),
        "GraphML|id",
    ),
}


@pytest.mark.parametrize("kind", WRONG_GRAPHML)
def test_wrong_graphml_is_refused_with_its_path(tmp_path, kind):
    text, what = WRONG_GRAPHML[kind]
    path = tmp_path / "f.graphml"
    path.write_text(text)
    with pytest.raises(ValueError, match=what) as caught:
        interchange.read_graphml(path)
    assert str(path) in str(caught.value)


def test_a_document_type_does_not_hide_behind_an_encoding(tmp_path):
    path = tmp_path / "f.graphml"
    path.write_text(graphml(PAIR, start=LAUGHS), encoding="utf-16")
    with pytest.raises(ValueError, match="a document type is refused"):
        interchange.read_graphml(path)
    path.write_text(graphml(PAIR), encoding="utf-16")
    assert interchange.read_graphml(path).graph.losses.tolist() == [0.1, 0.2]


# ---------------------------------------------------------------- PATHSAMPLE


def test_pathsample_gives_the_same_points_again(explored, exported, little_loss, tmp_path):
    found = interchange.import_pathsample(
        exported["pathsample"], little_loss, tmp_path / "again.db", check_paths=True, seed=3
    )
    assert found.minimum_status == {"CERTIFIED": found.minima}
    assert found.transition_state_status == {"CERTIFIED": found.transition_states}
    assert points(tmp_path / "again.db") == points(explored)
    assert verify(tmp_path / "again.db", paths=True).failures == ()
    with Database(tmp_path / "again.db") as database:
        assert database.provenance.seed == 3
        stored = (*database.minima, *database.transition_states)
        assert {(point.hits, point.origin, point.search) for point in stored} == {(0, "import", None)}
        assert database.attempts() == []
    again = explore(little_loss, tmp_path / "again.db", searches=4, seed=3)
    assert again.minima >= found.minima


def test_the_columns_of_pathsample(explored, exported):
    folder = exported["pathsample"]
    lines = [[line.split() for line in (folder / name).read_text().splitlines()] for name in ("min.data", "ts.data")]
    coordinates = [np.fromfile(folder / name, "<f8").reshape(-1, P) for name in ("points.min", "points.ts")]
    with Database(explored) as database:
        graph = database.graph()
        for words, theta, minimum in zip(lines[0], coordinates[0], database.minima, strict=True):
            assert len(words) == 6
            assert float(words[0]) == minimum.point.value
            assert float(words[1]) == pytest.approx(np.linalg.slogdet(_hessian(database, minimum)).logabsdet, rel=1e-9)
            assert int(words[2]) * minimum.orbit_size == symmetry.group_order(NETWORK)
            assert words[3:] == ["1"] * 3
            np.testing.assert_array_equal(theta, minimum.point.coordinates)
        for words, theta, state, ends in zip(
            lines[1], coordinates[1], database.transition_states, graph.edges, strict=True
        ):
            assert len(words) == 8
            positive = state.point.eigenvalues[state.point.eigenvalues > 0]
            assert float(words[1]) == pytest.approx(np.log(positive).sum())
            assert [int(word) - 1 for word in words[3:5]] == ends.tolist()
            np.testing.assert_array_equal(theta, state.point.coordinates)


def _hessian(database, stored):
    return loss_of(database).hessian(stored.point.coordinates)


def test_pathsample_in_the_hand_of_others(exported, little_loss, tmp_path):
    """Rounded energies, Fortran's exponents, blank lines and big-endian coordinates."""
    folder = exported["pathsample"]
    for name, energies in (("min.data", 1), ("ts.data", 1)):
        rows = [line.split() for line in (folder / name).read_text().splitlines()]
        text = [f"   {float(row[0]):.3e}".replace("e", "D") + "   " + "  ".join(row[energies:]) for row in rows]
        (folder / name).write_text("\r\n".join(text) + "\r\n\n")
    for name in ("points.min", "points.ts"):
        np.fromfile(folder / name, "<f8").astype(">f8").tofile(folder / name)
    expected = interchange.import_pathsample(folder, little_loss, tmp_path / "big.db", byte_order=">")
    assert expected.minimum_status == {"CERTIFIED": expected.minima}
    with pytest.raises(ValueError, match="none of its"):
        interchange.import_pathsample(folder, little_loss, tmp_path / "little.db")
    assert not (tmp_path / "little.db").exists()


def test_an_export_replaces_an_older_one(explored, exported, tmp_path):
    before = {path.name: path.read_bytes() for path in exported["pathsample"].iterdir()}
    assert before.keys() == {"min.data", "ts.data", "points.min", "points.ts"}
    (exported["pathsample"] / "min.data").write_text("something else")
    with Database(explored) as database:
        interchange.export_pathsample(database, exported["pathsample"])
    assert {path.name: path.read_bytes() for path in exported["pathsample"].iterdir()} == before


def test_an_export_that_fails_is_not_taken_for_a_whole(explored, exported, little_loss, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr("landscape.interchange._pathsample._state_line", fail)
    with Database(explored) as database, pytest.raises(OSError, match="no space"):
        interchange.export_pathsample(database, exported["pathsample"])
    with pytest.raises(FileNotFoundError, match=r"min\.data"):
        interchange.import_pathsample(exported["pathsample"], little_loss, tmp_path / "again.db")
    assert all(not path.name.startswith(".") for path in exported["pathsample"].iterdir())


WRONG_PATHSAMPLE = [
    ("min.data", lambda text: text[: text.rindex(b"\n", 0, -1)], r"min\.data: expected one line for each"),
    ("min.data", lambda text: text + text, "expected one line for each"),
    ("min.data", lambda text: text * 10_000, "expected one line for each"),
    ("min.data", lambda text: text.replace(b" 1 1 1 1", b" x 1 1 1", 1), r"min\.data, line 1: expected finite numbers"),
    ("min.data", lambda text: b"nan" + text[text.index(b" ") :], "line 1: expected finite numbers"),
    ("min.data", lambda text: b"********" + text[text.index(b" ") :], "line 1: expected finite numbers"),
    ("min.data", lambda text: b"\xff\xfe" + text, "line 1: expected finite numbers"),
    ("min.data", lambda text: b"0.5\n" + text[text.index(b"\n") + 1 :], "line 1: expected finite numbers"),
    ("ts.data", lambda text: b"1 1 1 0 1\n" + text[text.index(b"\n") + 1 :], r"ts\.data, line 1: .* found 0 and 1"),
    ("ts.data", lambda text: b"1 1 1 1 99\n" + text[text.index(b"\n") + 1 :], "found 1 and 99"),
    ("ts.data", lambda text: b"1 1 1 1 1.5\n" + text[text.index(b"\n") + 1 :], "line 1: expected finite numbers"),
    ("points.min", lambda data: data[:-1], r"points\.min: expected records of 25 float64 numbers \(200 bytes\)"),
    ("points.min", lambda data: data[: -8 * P], "expected one line for each"),
    ("points.ts", lambda data: data + bytes(8 * P), r"ts\.data: expected one line for each"),
    ("points.ts", lambda data: data[:-4], r"points\.ts: expected records"),
]


@pytest.mark.parametrize(("name", "damage", "what"), WRONG_PATHSAMPLE)
def test_wrong_files_of_pathsample(exported, little_loss, tmp_path, name, damage, what):
    path = exported["pathsample"] / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=what):
        interchange.import_pathsample(exported["pathsample"], little_loss, tmp_path / "again.db")
    assert not (tmp_path / "again.db").exists()


@pytest.mark.parametrize("name", ["min.data", "ts.data", "points.min", "points.ts"])
def test_a_missing_file_of_pathsample(exported, little_loss, tmp_path, name):
    (exported["pathsample"] / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        interchange.import_pathsample(exported["pathsample"], little_loss, tmp_path / "again.db")


def test_huge_files_are_not_read(exported, little_loss, tmp_path):
    with (exported["pathsample"] / "min.data").open("r+b") as file:
        file.truncate(2**40)  # sparse
    with pytest.raises(ValueError, match="found 1099511627776 bytes"):
        interchange.import_pathsample(exported["pathsample"], little_loss, tmp_path / "again.db")


# ---------------------------------------------------------------- what becomes of points


def changed(exported, which, apply):
    """Coordinates of the exported minima or transition states after a change."""
    path = exported["pathsample"] / f"points.{which}"
    coordinates = np.fromfile(path, "<f8").reshape(-1, P)
    apply(coordinates)
    coordinates.tofile(path)


def statuses(exported, loss, output, **options):
    found = interchange.import_pathsample(exported["pathsample"], loss, output, **options)
    assert verify(output, loss).failures == ()
    return found.minimum_status, found.transition_state_status, found


def test_points_a_little_off_are_polished(explored, exported, little_loss, tmp_path, rng):
    for which in ("min", "ts"):
        changed(exported, which, lambda theta: np.add(theta, 1e-6 * rng.normal(size=theta.shape), out=theta))
    minima, states, found = statuses(exported, little_loss, tmp_path / "again.db", check_paths=True)
    assert minima == {"POLISHED": found.minima}
    assert states == {"POLISHED": found.transition_states}
    for ours, theirs in zip(points(explored), points(tmp_path / "again.db"), strict=True):
        assert len(ours) == len(theirs)
    assert points(explored)[2] == points(tmp_path / "again.db")[2]


def test_points_far_off_are_turned_away(exported, little_loss, tmp_path, rng):
    def apply(theta):
        theta[0] = NETWORK.glorot_uniform(rng)  # as good as never stationary
        theta[1] += 0.05 * rng.normal(size=P)
        theta[2, 3] = np.nan
        theta[3] = 1e200

    def apply_to_states(theta):
        theta[0] = np.inf

    changed(exported, "min", apply)
    changed(exported, "ts", apply_to_states)
    n, n_states = (np.fromfile(exported["pathsample"] / f"points.{which}").size // P for which in ("min", "ts"))
    minima, states, _ = statuses(exported, little_loss, tmp_path / "again.db")
    assert minima["CERTIFIED"] == n - 4
    assert minima["NOT_FINITE"] == 2
    assert minima.get("INDEX", 0) + minima.get("GRADIENT", 0) == 2
    assert states["NOT_FINITE"] == 1
    assert sum(states.values()) == n_states


@pytest.mark.parametrize(("which", "column"), [("min", 0), ("ts", 1)])
def test_a_point_that_would_have_to_move_far_is_turned_away(exported, little_loss, tmp_path, which, column):
    """Along a soft mode the gradient stays small: not it, but the way to the stationary point says how far it is."""

    def apply(theta):
        mode = np.linalg.eigh(little_loss.hessian(theta[0]))[1][:, column]
        moved = [theta[0] + step * mode for step in (0.04, 0.15)]
        gradients = [np.sqrt((little_loss.value_and_gradient(point)[1] ** 2).mean()) for point in moved]
        assert 1e-10 < min(gradients) < max(gradients) < 1e-4
        theta[:2] = moved

    changed(exported, which, apply)
    minima, states, _ = statuses(exported, little_loss, tmp_path / "again.db")
    status = minima if which == "min" else states
    assert (status["POLISHED"], status["GRADIENT"]) == (1, 1)


def test_images_are_one_point(exported, little_loss, tmp_path, rng):
    def apply(theta):
        theta[1] = symmetry.random_image(NETWORK, theta[0], rng=rng)

    changed(exported, "min", apply)
    lines = (exported["pathsample"] / "min.data").read_text().splitlines()
    (exported["pathsample"] / "min.data").write_text("\n".join([lines[0], lines[0], *lines[2:]]))
    minima, _, found = statuses(exported, little_loss, tmp_path / "again.db")
    assert minima == {"CERTIFIED": found.minima, "DUPLICATE": 1}


def test_saddles_and_minima_are_not_taken_for_one_another(exported, little_loss, tmp_path):
    minima, states = (
        np.fromfile(exported["pathsample"] / f"points.{which}").reshape(-1, P)[0] for which in ("min", "ts")
    )
    changed(exported, "min", lambda theta: theta.__setitem__(-1, states))
    changed(exported, "ts", lambda theta: theta.__setitem__(0, minima))
    found = statuses(exported, little_loss, tmp_path / "again.db")
    assert found[0]["INDEX"] == found[1]["INDEX"] == 1
    assert found[1]["ENDS_UNKNOWN"] >= 1  # states at the highest minimum


def ends(exported, apply):
    path = exported["pathsample"] / "ts.data"
    rows = [line.split() for line in path.read_text().splitlines()]
    apply(rows)
    path.write_text("\n".join(" ".join(map(str, row)) for row in rows) + "\n")


def test_wrong_ends_are_seen_on_request(explored, exported, little_loss, tmp_path):
    with Database(explored) as database:
        n, graph = len(database.minima), database.graph()
    state, other = next(
        (k, j)
        for k in range(graph.n_transition_states)
        for j in range(n)
        if j not in graph.edges[k] and graph.losses[j] < graph.transition_losses[k]
    )
    ends(exported, lambda rows: rows[state].__setitem__(3, other + 1))
    _, unchecked, _ = statuses(exported, little_loss, tmp_path / "a.db")
    _, checked, _ = statuses(exported, little_loss, tmp_path / "b.db", check_paths=True)
    assert "OTHER_ENDS" not in unchecked
    assert checked["OTHER_ENDS"] == 1
    with Database(tmp_path / "b.db") as database:
        assert len(database.transition_states) == graph.n_transition_states - 1


def test_a_transition_state_below_its_ends_is_turned_away(explored, exported, little_loss, tmp_path):
    with Database(explored) as database:
        graph = database.graph()
    if graph.transition_losses[0] >= graph.losses[-1]:
        pytest.fail("this landscape has no such pair: choose another")
    ends(exported, lambda rows: rows[0].__setitem__(4, graph.n_minima))
    _, states, _ = statuses(exported, little_loss, tmp_path / "again.db")
    assert states["BELOW_ENDS"] == 1


def test_another_loss_has_other_points(exported, few_data, little_loss, tmp_path):
    other = CrossEntropyLoss(NETWORK, few_data, 1e-3)
    with pytest.raises(ValueError, match=r"none of its .* minima is one of this loss"):
        interchange.import_pathsample(exported["pathsample"], other, tmp_path / "again.db")
    larger = CrossEntropyLoss(MLP((2, 4, 4)), few_data)
    with pytest.raises(ValueError, match="expected records of 32 float64 numbers"):
        interchange.import_pathsample(exported["pathsample"], larger, tmp_path / "again.db")
    with pytest.raises(ValueError, match="jobs must be"):
        interchange.import_pathsample(exported["pathsample"], little_loss, tmp_path / "again.db", jobs=0)
    assert not (tmp_path / "again.db").exists()


def test_workers_change_nothing_and_progress_counts(exported, little_loss, tmp_path):
    calls = []
    interchange.import_pathsample(
        exported["pathsample"], little_loss, tmp_path / "a.db", progress=lambda done, total: calls.append((done, total))
    )
    interchange.import_pathsample(exported["pathsample"], little_loss, tmp_path / "b.db", jobs=2)
    assert dump(tmp_path / "a.db") == dump(tmp_path / "b.db")
    n = len(calls)
    assert calls == [(k + 1, n) for k in range(n)]


def test_an_existing_file_is_never_replaced(explored, exported, little_loss):
    before = explored.read_bytes()
    for call in (
        lambda: interchange.import_npz(exported["npz"], explored),
        lambda: interchange.import_pathsample(exported["pathsample"], little_loss, explored),
    ):
        with pytest.raises(FileExistsError, match=r"f\.db exists already"):
            call()
    assert explored.read_bytes() == before


# ---------------------------------------------------------------- pele


def pele_database(path, minima, states):
    """A database with pele's tables alone, as pele 2 of its schema makes it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            "PRAGMA user_version = 2;"
            "CREATE TABLE tbl_minima (_id INTEGER NOT NULL, energy FLOAT, coords BLOB, fvib FLOAT, pgorder INTEGER,"
            " invalid INTEGER, user_data BLOB, PRIMARY KEY (_id));"
            "CREATE TABLE tbl_transition_states (_id INTEGER NOT NULL, energy FLOAT, coords BLOB,"
            " _minimum1_id INTEGER, _minimum2_id INTEGER, eigenval FLOAT, eigenvec BLOB, fvib FLOAT, pgorder INTEGER,"
            " invalid INTEGER, user_data BLOB, PRIMARY KEY (_id));"
        )
        for number, (value, theta) in minima.items():
            connection.execute(
                "INSERT INTO tbl_minima (_id, energy, coords) VALUES (?, ?, ?)", (number, value, dump_array(theta))
            )
        for number, (value, theta, pair) in states.items():
            connection.execute(
                "INSERT INTO tbl_transition_states (_id, energy, coords, _minimum1_id, _minimum2_id)"
                " VALUES (?, ?, ?, ?, ?)",
                (number, value, dump_array(theta), *pair),
            )
    return path


@pytest.fixture
def theirs(explored, tmp_path):
    """The explored points in a file as pele makes it, with other ids."""
    with Database(explored) as database:
        minima = {m.id + 10: (m.point.value, m.point.coordinates) for m in database.minima}
        states = {
            t.id + 20: (t.point.value, t.point.coordinates, [k + 10 for k in t.minimum_ids])
            for t in database.transition_states
        }
    return pele_database(tmp_path / "pele.db", minima, states)


def test_a_database_like_those_of_pele(explored, theirs, little_loss, tmp_path):
    before = theirs.read_bytes()
    found = interchange.import_pele(theirs, little_loss, tmp_path / "ours.db", check_paths=True)
    assert found.minimum_status == {"CERTIFIED": found.minima}
    assert points(tmp_path / "ours.db") == points(explored)
    assert theirs.read_bytes() == before


@needs_pele
def test_what_peles_own_quench_and_database_hold(little_loss, tmp_path, rng):
    """pele's gradients end at 1e-7: the points are polished."""
    with pele_adapter._sqlalchemy_silenced():
        database = PeleDatabase(db=str(tmp_path / "pele.db"), accuracy=1e-9)
        for _ in range(8):
            end = pele_adapter.quench_cpp(little_loss, NETWORK.glorot_uniform(rng), 1e-7)
            database.addMinimum(end.value, end.coordinates)
        pele_adapter.close_database(database)
    found = interchange.import_pele(tmp_path / "pele.db", little_loss, tmp_path / "ours.db")
    assert found.minimum_status["POLISHED"] == found.minima > 1
    assert found.minimum_status.keys() <= {"POLISHED", "DUPLICATE"}
    assert verify(tmp_path / "ours.db").failures == ()


@needs_pele
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # pele's converter leaves them open
def test_what_we_write_peles_converter_reads(explored, exported, tmp_path):
    with pele_adapter._sqlalchemy_silenced(), redirect_stdout(io.StringIO()):
        names = {"mindata": "min.data", "tsdata": "ts.data", "pointsmin": "points.min", "pointsts": "points.ts"}
        files = {key: str(exported["pathsample"] / name) for key, name in names.items()}
        database = PeleDatabase(db=str(tmp_path / "pele.db"))
        OptimDBConverter(database, ndof=P, **files).convert()
        with Database(explored) as ours:
            position = {minimum.id: k for k, minimum in enumerate(ours.minima, start=1)}
            for minimum, stored in zip(database.minima(), ours.minima, strict=True):
                assert (minimum.energy, minimum.fvib) == (stored.point.value, stored.point.log_determinant)
                np.testing.assert_array_equal(minimum.coords, stored.point.coordinates)
            states = sorted(database.transition_states(), key=lambda state: state.energy)
            for state, stored in zip(states, ours.transition_states, strict=True):
                assert state.energy == stored.point.value
                assert {state.minimum1.id(), state.minimum2.id()} == {position[k] for k in stored.minimum_ids}
                np.testing.assert_array_equal(state.coords, stored.point.coordinates)
        pele_adapter.close_database(database)


@needs_pele
def test_what_pele_writes_we_read(explored, little_loss, tmp_path):
    (tmp_path / "ps").mkdir()
    theirs = pele_adapter.open_database(explored)
    with pele_adapter._sqlalchemy_silenced():
        names = {"mindata": "min.data", "tsdata": "ts.data", "pointsmin": "points.min", "pointsts": "points.ts"}
        WritePathsampleDB(theirs, **{key: str(tmp_path / "ps" / name) for key, name in names.items()}).write_db()
    pele_adapter.close_database(theirs)
    interchange.import_pathsample(tmp_path / "ps", little_loss, tmp_path / "again.db", check_paths=True)
    assert points(tmp_path / "again.db") == points(explored)


@needs_pele
def test_the_example_that_pele_brings():
    """60 atoms, written by PATHSAMPLE itself: energies, columns and ends are where we look for them."""
    folder = Path(pele.__file__).parent / "utils" / "tests"
    found = read_pathsample(folder, 180)
    assert (found.minima.shape, found.states.shape) == ((2, 180), (1, 180))
    assert found.ends.tolist() == [[0, 1]]
    assert found.minima[0, [0, 2, -1]] == pytest.approx([1.53700142, 0.87783657, -0.50953229], abs=1e-5)
    assert found.states[0, [0, 2, -1]] == pytest.approx([1.548324, 0.18178001, -0.50953229], abs=1e-5)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tbl_minima SET coords = ? WHERE _id = 12",
        "UPDATE tbl_transition_states SET coords = ? WHERE _id = 21",
    ],
)
def test_a_pickle_in_a_database_of_pele_does_not_run(theirs, little_loss, tmp_path, statement):
    sentinel = tmp_path / "sentinel"
    alter(theirs, statement, pickle.dumps(Payload(sentinel)))
    with pytest.raises(ValueError, match=r"pele\.db is refused: coords of .* it names posix\.system"):
        interchange.import_pele(theirs, little_loss, tmp_path / "ours.db")
    assert not sentinel.exists()


def test_what_pele_may_keep_beside_the_points_is_not_read(theirs, little_loss, tmp_path):
    alter(theirs, "UPDATE tbl_minima SET user_data = ?", pickle.dumps(Payload(tmp_path / "sentinel")))
    interchange.import_pele(theirs, little_loss, tmp_path / "ours.db")
    assert not (tmp_path / "sentinel").exists()
    with closing(sqlite3.connect(tmp_path / "ours.db")) as connection:
        assert connection.execute("SELECT count(*) FROM tbl_minima WHERE user_data NOTNULL").fetchone() == (0,)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DROP TABLE tbl_transition_states", "no database of pele: table tbl_transition_states has no"),
        ("ALTER TABLE tbl_minima DROP COLUMN coords", "table tbl_minima has no column 'coords'"),
        ("CREATE VIEW v AS SELECT 1", "trigger or view 'v'"),
        (
            "CREATE TRIGGER t AFTER INSERT ON tbl_minima BEGIN DELETE FROM tbl_minima; END",
            "trigger or view 't'",
        ),
        (
            "UPDATE tbl_transition_states SET _minimum1_id = 999 WHERE _id = 21",
            "transition state 21 connects minima 999",
        ),
        ("UPDATE tbl_transition_states SET _minimum1_id = NULL WHERE _id = 21", "connects minima None"),
        ("UPDATE tbl_minima SET coords = NULL", "is not a plain array"),
        ("UPDATE tbl_minima SET coords = 'text'", "is not a plain array"),
    ],
)
def test_wrong_databases_of_pele(theirs, little_loss, tmp_path, statement, what):
    alter(theirs, statement)
    with pytest.raises(ValueError, match=what) as caught:
        interchange.import_pele(theirs, little_loss, tmp_path / "ours.db")
    assert str(theirs) in str(caught.value)
    assert not (tmp_path / "ours.db").exists()


def test_databases_that_are_not_peles(explored, theirs, few_data, little_loss, tmp_path):
    with pytest.raises(ValueError, match="is a database of agescape"):
        interchange.import_pele(explored, little_loss, tmp_path / "ours.db")
    with pytest.raises(FileNotFoundError, match=r"missing\.db"):
        interchange.import_pele(tmp_path / "missing.db", little_loss, tmp_path / "ours.db")
    (tmp_path / "text.db").write_text("text " * 100)
    with pytest.raises(ValueError, match=r"text\.db is not an SQLite file"):
        interchange.import_pele(tmp_path / "text.db", little_loss, tmp_path / "ours.db")
    with pytest.raises(ValueError, match="have 25 coordinates, but the network of the loss has 32 parameters"):
        interchange.import_pele(theirs, CrossEntropyLoss(MLP((2, 4, 4)), few_data), tmp_path / "ours.db")
    for share in (0.3, 0.7):
        (tmp_path / "cut.db").write_bytes(theirs.read_bytes()[: int(share * theirs.stat().st_size)])
        with pytest.raises(ValueError, match=r"cut\.db"):
            interchange.import_pele(tmp_path / "cut.db", little_loss, tmp_path / "ours.db")


def test_points_quenched_by_hand_are_certified(little_loss, tmp_path, rng):
    """The certificate of an import is that of a quench."""
    results = [quench(little_loss, NETWORK.glorot_uniform(rng)) for _ in range(3)]
    minima = {k: (None, result.coordinates) for k, result in enumerate(results, start=1)}  # no energies
    found = interchange.import_pele(pele_database(tmp_path / "p.db", minima, {}), little_loss, tmp_path / "ours.db")
    with Database(tmp_path / "ours.db") as database:
        for result in results:
            stored = database.find_minimum(result.minimum)
            assert stored.point.value == pytest.approx(result.value, abs=1e-12)
            np.testing.assert_allclose(stored.point.eigenvalues, result.eigenvalues, rtol=1e-6)
        assert found.minima == len(database.minima)


# ---------------------------------------------------------------- what a file says against what is there


def rewrite_points(exported, which, order):
    path = exported["pathsample"] / f"points.{which}"
    np.fromfile(path, "<f8").reshape(-1, P)[order].tofile(path)


@pytest.mark.parametrize(("which", "lines"), [("ts", "ts.data"), ("min", "min.data")])
@pytest.mark.parametrize("order", ["reversed", "shifted", "two swapped"])
def test_coordinates_in_another_order_than_the_lines_are_refused(exported, little_loss, tmp_path, which, lines, order):
    path = exported["pathsample"] / lines
    n = len(path.read_text().splitlines())
    rows = {"reversed": np.arange(n)[::-1], "shifted": np.roll(np.arange(n), 1), "two swapped": np.arange(n)}[order]
    if order == "two swapped":
        rows[[0, n - 1]] = n - 1, 0
    rewrite_points(exported, which, rows)
    what = rf"ps: coordinates and losses are in different orders\. .*{lines}, line \d+: the loss at its coordinates is"
    with pytest.raises(ValueError, match=what):
        interchange.import_pathsample(exported["pathsample"], little_loss, tmp_path / "again.db")
    assert not (tmp_path / "again.db").exists()


def say_another_loss(exported, name, line, change):
    path = exported["pathsample"] / name
    rows = [row.split() for row in path.read_text().splitlines()]
    rows[line][0] = change(rows[line][0])
    path.write_text("\n".join(map(" ".join, rows)) + "\n")
    return rows


@pytest.mark.parametrize("offset", [1e-4, -0.03, 5.0])
def test_a_point_with_another_loss_than_the_file_says_is_turned_away(explored, exported, little_loss, tmp_path, offset):
    say_another_loss(exported, "ts.data", 1, lambda text: repr(float(text) + offset))
    _, states, found = statuses(exported, little_loss, tmp_path / "again.db")
    assert states["LOSS"] == 1
    (line,) = found.contradictions
    assert line.startswith(f"{exported['pathsample'] / 'ts.data'}, line 2: the loss at its coordinates is 0.")
    with Database(explored) as database, Database(tmp_path / "again.db") as again:
        expected = [state.point.value for state in database.transition_states]
        del expected[1]
        assert [state.point.value for state in again.transition_states] == expected


def test_a_minimum_with_another_loss_takes_its_transition_states_along(exported, little_loss, tmp_path):
    rows = say_another_loss(exported, "min.data", 0, lambda text: repr(float(text) - 0.01))
    minima, states, found = statuses(exported, little_loss, tmp_path / "again.db")
    ends = [row.split()[3:5] for row in (exported["pathsample"] / "ts.data").read_text().splitlines()]
    assert minima == {"LOSS": 1, "CERTIFIED": len(rows) - 1}
    assert states["ENDS_UNKNOWN"] == sum("1" in pair for pair in ends)
    assert len(found.contradictions) == 1


@pytest.mark.parametrize("digits", [3, 5, 10])
def test_a_loss_is_compared_to_its_last_digit(exported, little_loss, tmp_path, digits):
    for name in ("min.data", "ts.data"):
        for line in range(len((exported["pathsample"] / name).read_text().splitlines())):
            say_another_loss(exported, name, line, lambda text: f"{float(text):.{digits}f}")
    _, _, found = statuses(exported, little_loss, tmp_path / "again.db")
    assert found.contradictions == ()
    say_another_loss(exported, "ts.data", 0, lambda text: f"{float(text) + 2.0 * 10.0**-digits:.{digits}f}")
    _, states, _ = statuses(exported, little_loss, tmp_path / "more.db")
    assert states.get("LOSS", 0) == (digits < 6)  # below 1e-6 numbers of single precision could differ


def test_energies_of_pele_that_are_others(theirs, little_loss, tmp_path):
    """As in a file that was made by hand: the row is named as pele names it."""
    alter(theirs, "UPDATE tbl_transition_states SET energy = energy + 0.001 WHERE _id = 21")
    found = interchange.import_pele(theirs, little_loss, tmp_path / "ours.db")
    assert found.transition_state_status["LOSS"] == 1
    assert found.contradictions[0].startswith("transition state 21: the loss at its coordinates is")
    alter(theirs, "UPDATE tbl_minima SET energy = energy + 0.1")  # all, as of a loss without its penalty
    with pytest.raises(ValueError, match=r"none of its .* x the loss in the file differs from that at its coordinates"):
        interchange.import_pele(theirs, little_loss, tmp_path / "more.db")


def test_what_pele_marked_as_invalid_is_left_out(explored, theirs, little_loss, tmp_path):
    alter(theirs, "UPDATE tbl_minima SET invalid = 0")
    alter(theirs, "UPDATE tbl_minima SET invalid = 1 WHERE _id = 12")
    alter(theirs, "UPDATE tbl_transition_states SET invalid = 1 WHERE _id = 21")
    found = interchange.import_pele(theirs, little_loss, tmp_path / "ours.db")
    with Database(explored) as database:
        graph, homeless = database.graph(), [s.id for s in database.transition_states if 2 in s.minimum_ids]
    assert found.minimum_status == {"INVALID": 1, "CERTIFIED": graph.n_minima - 1}
    assert found.transition_state_status["INVALID"] == 1
    assert found.transition_state_status.get("ENDS_UNKNOWN", 0) == len({*homeless} - {1})
    as_said = interchange.read_pele(theirs).graph()
    with Database(tmp_path / "ours.db") as database:
        np.testing.assert_allclose(as_said.losses, database.graph().losses, rtol=1e-12)
        np.testing.assert_array_equal(as_said.edges, database.graph().edges)


def test_only_ends_that_were_followed_count_as_checked(exported, little_loss, tmp_path):
    found = interchange.import_pathsample(exported["pathsample"], little_loss, tmp_path / "a.db")
    checked = interchange.import_pathsample(exported["pathsample"], little_loss, tmp_path / "b.db", check_paths=True)
    assert (found.unchecked_ends, checked.unchecked_ends) == (found.transition_states, 0)
    with Database(tmp_path / "a.db") as database:
        assert database.unchecked_ends() == {state.id for state in database.transition_states}
    assert verify(tmp_path / "a.db").unchecked_ends == found.transition_states
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection:  # as files of older versions
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert not any("unchecked" in name for name in names)


def test_a_search_that_finds_the_same_checks_it(exported, little_loss, tmp_path):
    interchange.import_pathsample(exported["pathsample"], little_loss, tmp_path / "a.db")
    with Database(tmp_path / "a.db") as database:
        first, second, *others = database.transition_states
        with database.transaction():
            database.add_transition_state(first.point, first.minimum_ids, origin="saddle")
            database.add_transition_state(second.point, second.minimum_ids, origin="import", ends_checked=False)
        assert database.unchecked_ends() == {second.id, *(state.id for state in others)}


def test_unchecked_ends_pass_through_merging_and_npz(exported, little_loss, tmp_path):
    interchange.import_pathsample(exported["pathsample"], little_loss, tmp_path / "a.db")
    with Database(tmp_path / "a.db") as database, database.transaction():
        checked = database.transition_states[0]
        database.add_transition_state(checked.point, checked.minimum_ids, origin="saddle")
        n = database.n_transition_states
    merge([tmp_path / "a.db", tmp_path / "a.db"], tmp_path / "m.db")
    with Database(tmp_path / "m.db") as merged:
        interchange.export_npz(merged, tmp_path / "m.npz")
        interchange.export_graphml(merged, tmp_path / "m.graphml")
        assert len(merged.unchecked_ends()) == n - 1
    interchange.import_npz(tmp_path / "m.npz", tmp_path / "again.db")
    assert dump(tmp_path / "again.db") == dump(tmp_path / "m.db")
    edges = nx.read_graphml(tmp_path / "m.graphml", force_multigraph=True).edges(data="ends_checked")
    assert sorted(checked for _, _, checked in edges) == [False] * (n - 1) + [True]
    interchange.import_pathsample(exported["pathsample"], little_loss, tmp_path / "b.db", check_paths=True)
    for files in (["a.db", "b.db"], ["b.db", "a.db"]):  # what one file has checked is checked
        merge([tmp_path / name for name in files], tmp_path / "both.db")
        with Database(tmp_path / "both.db") as both:
            assert both.unchecked_ends() == frozenset()
        (tmp_path / "both.db").unlink()


def test_a_table_of_unchecked_ends_with_other_columns_is_refused(explored, tmp_path):
    (tmp_path / "f.db").write_bytes(explored.read_bytes())
    alter(tmp_path / "f.db", "CREATE TABLE agescape_unchecked_ends (x TEXT)")
    with (
        Database(tmp_path / "f.db") as database,
        pytest.raises(ValueError, match=r"f\.db was written by another version"),
    ):
        database.unchecked_ends()


@pytest.mark.parametrize("prefix", ["minima", "transition_states"])
def test_an_npz_whose_losses_are_others_is_refused(exported, tmp_path, prefix):
    name = f"{prefix}_losses"
    with np.load(exported["npz"], allow_pickle=False) as file:
        losses = file[name].copy()
    losses[2] += 1e-6
    rewritten(exported["npz"], **{name: losses})
    with pytest.raises(ValueError, match=rf"f\.npz .*entry 2 of {prefix} has the loss 0\..* the file says"):
        interchange.import_npz(exported["npz"], tmp_path / "again.db")
    assert not (tmp_path / "again.db").exists()


def test_an_npz_whose_points_are_not_stationary_is_refused(exported, tmp_path):
    with np.load(exported["npz"], allow_pickle=False) as file:
        theta = file["minima_coordinates"].copy()
    theta[1] += 1e-6  # second order in the loss, first in the gradient
    rewritten(exported["npz"], minima_coordinates=theta)
    with pytest.raises(ValueError, match="entry 1 of minima is not stationary"):
        interchange.import_npz(exported["npz"], tmp_path / "again.db")


def test_without_its_data_an_npz_is_taken_as_it_stands(exported, tmp_path):
    assert interchange.import_npz(exported["npz"], tmp_path / "a.db").losses_checked
    with np.load(exported["npz"], allow_pickle=False) as file:
        text = str(file["provenance"]).replace('"name": "ljat"', '"name": "unknown"')
    rewritten(exported["npz"], provenance=np.array(text))
    assert not interchange.import_npz(exported["npz"], tmp_path / "b.db").losses_checked


# ---------------------------------------------------------------- files of others, as they published them


def lennard_jones(points):
    """Energies of clusters (n, 3 N) with r^-12 and r^-6 alone."""
    x = np.reshape(points, (len(points), -1, 3))
    i, j = np.triu_indices(x.shape[1], 1)
    sixth = ((x[:, i] - x[:, j]) ** 2).sum(axis=2) ** -3
    return 4.0 * (sixth * (sixth - 1.0)).sum(axis=1)


@needs_public
@pytest.mark.parametrize(
    ("name", "n", "m", "atoms"),
    [("lj15.2.sqlite", 44, 44, 15), ("lj6_schema1.sqlite", 2, 1, 6), ("lj6_schema2.2.sqlite", 2, 1, 6)],
)
def test_databases_that_pele_wrote_under_python_2(name, n, m, atoms, little_loss, tmp_path):
    """Three ages of its schema; the energies of the coordinates that we read are those in the file."""
    path = PUBLIC / "pele-python2" / name
    found = interchange.read_pele(path)
    assert (found.minima.shape, found.states.shape) == ((n, 3 * atoms), (m, 3 * atoms))
    np.testing.assert_allclose(lennard_jones(found.minima), found.said_of_minima.losses, rtol=1e-12)
    np.testing.assert_allclose(lennard_jones(found.states), found.said_of_states.losses, rtol=1e-12)
    graph = found.graph()
    assert (graph.n_minima, graph.n_transition_states) == (n, m)
    with pytest.raises(ValueError, match=rf"have {3 * atoms} coordinates, but the network of the loss has 25"):
        interchange.import_pele(path, little_loss, tmp_path / "ours.db")


@needs_public
def test_the_files_of_lj38():
    found = interchange.read_pathsample(PUBLIC / "lj38")
    assert (found.minima.shape, found.states.shape) == ((64, 114), (70, 114))
    np.testing.assert_allclose(lennard_jones(found.minima), found.said_of_minima.losses, rtol=1e-12)
    np.testing.assert_allclose(lennard_jones(found.states), found.said_of_states.losses, rtol=1e-12)
    assert found.graph().losses[0] == pytest.approx(-173.928426591)  # the truncated octahedron


@needs_public
@pytest.mark.parametrize("name", ["collagen", "ktn-9state", "topsearch"])
def test_folders_without_coordinates_say_so(name):
    with pytest.raises(FileNotFoundError, match=rf"{name} has no points\.min: expected min\.data, ts\.data"):
        interchange.read_pathsample(PUBLIC / name)


def test_number_of_coordinates_from_the_files(exported, tmp_path):
    assert interchange.read_pathsample(exported["pathsample"]).minima.shape[1] == P
    (exported["pathsample"] / "min.data").write_text("")
    with pytest.raises(ValueError, match=r"points\.min: expected 0 records"):
        interchange.read_pathsample(exported["pathsample"])
    with (exported["pathsample"] / "min.data").open("r+b") as file:
        file.truncate(2**40)  # sparse
    with pytest.raises(ValueError, match=r"points\.min: expected 0 records"):
        interchange.read_pathsample(exported["pathsample"])
