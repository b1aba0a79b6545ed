"""Landscapes of other programs on the command line: drawn, measured and written again, without a loss."""

import csv
from collections import Counter

import numpy as np
import pytest
from support.cli import agescape, assert_complaint, good, strict_json
from support.paths import DATABASES, EXAMPLES, ROOT

from landscape import Database
from landscape.graph import components, minimax_barriers, superbasins
from landscape.interchange import read_network, read_pygt_rates
from landscape.kinetics import Barriers, committors, first_passage_times, langer_rates

DB = DATABASES / "n1000-h10.db"
MINIMA = "-2.0 1.0 2 1 1 1\n-1.5 2.0 1 1 1 1\n-1.0 0.5 1 1 1 1\n 0.0 0. 1 1 1 1\n"
STATES = "-0.5 1.0 1 1 2 1 1 1\n-0.25 1.5 2 2 3 1 1 1\n-3.0 1.5 2 2 3 1 1 1\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """PATHSAMPLE's files of four minima, one of them alone. Not to be written to."""
    folder = tmp_path_factory.mktemp("theirs")
    files = {
        "min.data": MINIMA,
        "ts.data": STATES,
        "min.A": "1\n1\n",
        "min.B": "1\n3\n",
        "communities.dat": "0\n0\n1\n1\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_a_folder_is_drawn_without_a_loss(folder, tmp_path):
    for path in (folder, folder / "min.data"):
        result = strict_json(good("graph", path, "--output", tmp_path / "g.svg", "--color", "community", "--json").out)
        assert (result["minima"], result["transition_states"], result["components"]) == (4, 2, 2)
        assert result["left_out"] == {"transition states below one of their minima": 1}
        assert result["connected_to_global"] == 2
        assert (tmp_path / "g.svg").is_file()
    said = good("graph", folder, "--output", tmp_path / "g.svg", "--label", "id").out
    assert "Left out, transition states below one of their minima: 1." in said
    assert_complaint(
        agescape("graph", folder, "--output", tmp_path / "g.svg", "--color", "hits"),
        "--color must be one of loss, id, log-determinant, point-group-order, community, which",
    )


def test_a_module_is_refused_for_a_file_of_another_program(folder, tmp_path):
    pytest.importorskip("torch")
    module = ("--module", f"{ROOT}/tests/support/modules/nets.py:Net(hidden=2)")
    done = agescape("graph", folder, "--output", tmp_path / "g.svg", "--color", "community", *module)
    assert_complaint(done, "is no database of agescape: it belongs to no module, leave --module out")


def test_kinetics_between_the_sets_of_a_folder(folder, tmp_path):
    result = strict_json(good("kinetics", folder, "--temperature", 0.5, "--level", -0.4, "--json").out)
    network = read_network(folder)
    rates = network.rates(0.5)
    assert result["committors"][:3] == pytest.approx(committors(rates, [0], [2])[:3])
    assert result["first_passage_times"][:3] == pytest.approx(first_passage_times(rates, [2])[:3])
    assert result["mean_first_passage_time_there"] == pytest.approx(first_passage_times(rates, [2])[0])
    assert result["rate_constant_back"] == pytest.approx(1 / first_passage_times(rates, [0])[2])
    assert result["superbasins"] == superbasins(network.graph, -0.4).tolist() == [0, 0, 1, -1]
    assert result["barriers"] == [-2.0, -0.5, -0.25, None]
    assert (result["dynamics"], result["from"], result["to"]) == ("harmonic", 1, 1)
    good(
        "kinetics", folder, "--temperature", 0.5, "--from", 2, "--to", folder / "min.B", "--output", tmp_path / "t.csv"
    )
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["1", "2", "3", "4"]
    assert [float(row["committors"]) for row in rows[1:3]] == [0.0, 1.0]
    assert "1 minimum not connected to the global minimum" in good("kinetics", folder).out


def test_kinetics_of_a_database_is_overdamped():
    result = strict_json(good("kinetics", DB, "--temperature", 1e-4, "--from", "2,5", "--to", "3", "--json").out)
    with Database(DB) as database:
        graph, rates = database.graph(), langer_rates(Barriers.of_database(database), 1e-4)
        a, b = database.positions([2, 5]), database.positions([3])
    assert result["dynamics"] == "overdamped"
    assert result["committors"] == pytest.approx(committors(rates, a, b), abs=1e-14)
    assert result["barriers"] == pytest.approx(minimax_barriers(graph, 0))


def test_heat_capacity_and_funnels_of_a_folder_and_a_database(folder):
    found = strict_json(good("kinetics", folder, "--temperatures", "0.05,2", "--json").out)["superposition"]
    network = read_network(folder)
    right = network.superposition(np.geomspace(0.05, 2, 200))
    assert found["heat_capacity"] == pytest.approx(right.heat_capacity)
    assert found["free_energies"][0] == [0.0] * 200
    assert network.positions(found["funnels"])[0] == network.graph.losses.argmin()
    with Database(DB) as database:
        barriers = Barriers.of_database(database)
    rates = langer_rates(barriers, 1e-3)
    ours = read_network(DB).superposition([1e-3])
    shares = rates.equilibrium
    mean = shares @ (barriers.losses - barriers.losses.min())
    assert ours.energy[0] == pytest.approx(mean)
    assert "heat capacity beyond the vibrations" in good("kinetics", DB, "--temperatures", "1e-4,1e-1").out
    for given in ("1", "2,1", "0,1", "a,b"):
        assert_complaint(agescape("kinetics", DB, "--temperatures", given), "--temperatures must be two ascending")


WRONG = [
    (("{folder}", "--from", "1", "--to", "2"), "--temperature"),
    (("{folder}", "--temperature", "0"), "temperature must be positive"),
    (("{folder}", "--temperature", "1", "--from", "9"), "no minimum with the id 9"),
    (("{folder}", "--temperature", "1", "--from", "1", "--to", "1"), "targets must not be sources"),
    (("{folder}/nothing",), "no file or folder at"),
    (("{db}", "--temperature", "1", "--rotations"), "no moments of inertia"),
    (("{db}", "--temperature", "1", "--from", "1"), "give both --from and --to"),
]


@pytest.mark.parametrize(("arguments", "complaint"), WRONG)
def test_what_kinetics_refuses(folder, arguments, complaint):
    arguments = [part.format(folder=folder, db=DB) for part in arguments]
    assert_complaint(agescape("kinetics", *arguments), complaint)


def test_written_for_pygt_topography_searcher_and_lonkit(folder, tmp_path):
    good("export", DB, "--output", tmp_path / "pygt", "--format", "pygt", "--temperature", 1e-3)
    with Database(DB) as database:
        graph, right = database.graph(), langer_rates(Barriers.of_database(database), 1e-3)
    np.testing.assert_allclose(read_pygt_rates(tmp_path / "pygt").escape_rates, right.escape_rates, rtol=1e-12)
    good("export", DB, "--output", tmp_path / "ts", "--format", "topsearch")
    np.testing.assert_array_equal(read_network(tmp_path / "ts").graph.losses, graph.losses)
    result = strict_json(good("export", DB, "--output", tmp_path / "f.csv", "--json").out)
    assert (result["format"], result["minima"]) == ("lon", graph.n_minima)
    said = good("graph", tmp_path / "f.csv", "--output", tmp_path / "f.svg").out.replace("\n", " ")
    assert "a lower bound on the barrier" in said
    good("export", folder, "--output", tmp_path / "theirs", "--format", "pygt", "--temperature", 1)
    assert (tmp_path / "theirs" / "ts_conns.dat").read_text() == "1 2\n2 3\n"
    labels = Counter((tmp_path / "theirs" / "communities.dat").read_text().split())
    assert labels == Counter(map(str, components(read_network(folder).graph).tolist()))
    for arguments, complaint in (
        ((folder, "--output", tmp_path / "x.npz"), "is no database of agescape: --format npz needs one"),
        ((DB, "--output", tmp_path / "x.npz", "--temperature", 1), "--temperature is only for --format pygt"),
        ((DB, "--output", tmp_path / "x.txt", "--format", "lon"), "F.csv or F.nodes"),
    ):
        assert_complaint(agescape("export", *arguments), complaint)


def test_topography_searcher_files_of_a_network_are_certified(tmp_path):
    small = DATABASES / "n1000-h1-1.db"
    good("export", small, "--output", tmp_path / "ts", "--format", "topsearch")
    command = ("import", tmp_path / "ts", "--hidden", "1,1", "--rows", 1000, "--jobs", 1, "--output", tmp_path / "a.db")
    result = strict_json(good(*command, "--json").out)
    assert result["minimum_status"] == {"CERTIFIED": result["minima"]}


def test_the_published_landscape(tmp_path):
    result = strict_json(good("kinetics", EXAMPLES / "landscape-5-5" / "landscape.npz", "--json").out)
    assert (result["minima"], result["components"], result["dataset"]) == (448, 85, "ljat")
