import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from support.sql import alter

from landscape import CrossEntropyLoss, Database, explore, quench, symmetry
from landscape.database._pickles import dump_array
from landscape.graph import minimax_barriers
from landscape.interchange import pele_adapter
from landscape.losses import MuellerBrown
from landscape.networks import MLP

try:
    import pele
except ImportError:
    pele = None

needs_pele = pytest.mark.skipif(pele is None, reason="pele has no wheel for this platform")


@pytest.fixture(scope="module")
def explored(few_data, tmp_path_factory):
    path = tmp_path_factory.mktemp("pele") / "landscape.db"
    explore(CrossEntropyLoss(MLP((2, 3, 4)), few_data), path, searches=48)
    return path


# ---------------------------------------------------------------- database and graph


@needs_pele
def test_pele_opens_the_file_and_does_not_change_it(explored):
    before = explored.read_bytes()
    theirs = pele_adapter.open_database(explored)
    try:
        with Database(explored) as ours:
            assert theirs.number_of_minima() == len(ours.minima) > 2
            assert theirs.number_of_transition_states() == len(ours.transition_states) > 2
            for minimum, stored in zip(theirs.minima(), ours.minima, strict=True):
                assert (minimum.id(), minimum.energy) == (stored.id, stored.point.value)
                np.testing.assert_array_equal(minimum.coords, stored.point.coordinates)
                assert minimum.user_data is None
            assert theirs.get_lowest_energy_minimum().energy == ours.minima[0].point.value
    finally:
        pele_adapter.close_database(theirs)
    assert explored.read_bytes() == before
    assert os.listdir(explored.parent) == [explored.name]


@needs_pele
def test_peles_graph_has_our_minima_and_our_barriers(explored, capsys):
    graph = pele_adapter.disconnectivity_graph(explored, nlevels=500)
    assert capsys.readouterr().out == ""
    energies = sorted(leaf.data["minimum"].energy for leaf in graph.tree_graph.get_leaves())
    with Database(explored) as database:
        ours = database.graph()
    highest = minimax_barriers(ours, 0)
    connected = ours.losses[np.isfinite(highest)]
    np.testing.assert_array_equal(energies, connected)
    width = graph.energy_levels[1] - graph.energy_levels[0]
    lowest = next(leaf for leaf in graph.tree_graph.get_leaves() if leaf.data["minimum"].energy == energies[0])
    above = [lowest, *lowest.get_ancestors()]
    for leaf in graph.tree_graph.get_leaves():
        if leaf is lowest:
            continue
        meeting = next(node for node in [leaf, *leaf.get_ancestors()] if node in above)
        position = int(np.flatnonzero(ours.losses == leaf.data["minimum"].energy)[0])
        # pele's nodes lie at the lower edge of the level in which the barrier falls
        assert abs(meeting.data["ethresh"] - highest[position]) <= 1.01 * width


@needs_pele
def test_pele_draws_the_graph(explored):
    graph = pele_adapter.disconnectivity_graph(explored)
    axes = Figure().add_subplot()
    graph.plot(axes=axes)
    assert axes.collections


@needs_pele
def test_a_file_without_connections_has_no_graph(copy):
    alter(copy, "DELETE FROM agescape_transition_states")
    alter(copy, "DELETE FROM tbl_transition_states WHERE _minimum1_id != _minimum2_id")
    with pytest.raises(ValueError, match=f"{copy} holds no transition state between two minima"):
        pele_adapter.disconnectivity_graph(copy)


# ---------------------------------------------------------------- files that pele must not open


class Payload:
    def __init__(self, sentinel):
        self.sentinel = sentinel

    def __reduce__(self):
        return os.system, (f"touch {self.sentinel}",)


ORPHAN = "INSERT INTO tbl_minima (energy, coords) VALUES (0.1, ?)"  # a row that we do not read, and pele does
ORPHAN_STATE = (
    "INSERT INTO tbl_transition_states (energy, coords, eigenvec, _minimum1_id, _minimum2_id)"
    " SELECT 9.0, coords, ?, 1, 1 FROM tbl_minima LIMIT 1"
)
PROPERTY = "INSERT INTO tbl_system_property (property_name, pickle_value) VALUES ('x', ?)"


@needs_pele
@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE tbl_minima SET coords = ? WHERE _id = 2", "the position of minimum 2"),
        ("UPDATE tbl_transition_states SET coords = ? WHERE _id = 1", "the position of transition state 1"),
        ("UPDATE tbl_transition_states SET eigenvec = ? WHERE _id = 1", "the eigenvector of transition state 1"),
        ("UPDATE tbl_minima SET user_data = ? WHERE _id = 2", "user_data of tbl_minima 2 is set"),
        ("UPDATE tbl_transition_states SET user_data = ? WHERE _id = 1", "user_data of tbl_transition_states 1 is set"),
        (PROPERTY, "pickle_value of tbl_system_property 1 is set"),
        (ORPHAN, "coords of tbl_minima"),
        (ORPHAN_STATE, "eigenvec of tbl_transition_states"),
    ],
)
def test_a_hostile_pickle_anywhere_is_refused_and_never_runs(copy, tmp_path, statement, where):
    sentinel = tmp_path / "sentinel"
    alter(copy, statement, pickle.dumps(Payload(sentinel)))
    for call in (pele_adapter.open_database, pele_adapter.disconnectivity_graph):
        with pytest.raises(ValueError, match=where) as caught:
            call(copy)
        assert str(copy) in str(caught.value)
    assert not sentinel.exists()


@needs_pele
def test_pele_itself_would_run_it(copy, tmp_path):
    theirs = pele_adapter.open_database(copy)
    alter(copy, "UPDATE tbl_minima SET user_data = ?", pickle.dumps(Payload(tmp_path / "sentinel")))
    assert theirs.minima()[0].user_data == 0  # the exit code of the command
    assert (tmp_path / "sentinel").exists()
    pele_adapter.close_database(theirs)


@needs_pele
def test_even_a_harmless_object_in_an_open_column_is_refused(copy):
    alter(copy, "UPDATE tbl_minima SET user_data = ? WHERE _id = 1", pickle.dumps({"a": 1}))
    with pytest.raises(ValueError, match="pele would unpickle it"):
        pele_adapter.open_database(copy)


@needs_pele
def test_text_in_place_of_a_pickle_is_refused(copy):
    alter(copy, ORPHAN, "cposix\nsystem\n(S'true'\ntR.")
    with pytest.raises(ValueError, match="is not a plain array"):
        pele_adapter.open_database(copy)


@needs_pele
def test_rows_of_peles_own_with_plain_arrays_are_fine(copy):
    alter(copy, ORPHAN, dump_array(np.ones(25)))
    theirs = pele_adapter.open_database(copy)
    assert theirs.get_lowest_energy_minimum().energy == 0.1
    pele_adapter.close_database(theirs)


@needs_pele
def test_files_that_are_not_ours_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.db"):
        pele_adapter.open_database(tmp_path / "missing.db")
    assert not (tmp_path / "missing.db").exists()
    (tmp_path / "text.db").write_text("text")
    with pytest.raises(ValueError, match=r"text\.db is not an SQLite file"):
        pele_adapter.open_database(tmp_path / "text.db")


@needs_pele
def test_a_path_that_sqlalchemy_would_misread_is_refused(copy):
    strange = copy.rename(copy.with_name("copy.db?mode=memory"))
    with pytest.raises(ValueError, match="question mark"):
        pele_adapter.open_database(strange)
    spaced = strange.rename(copy.with_name("a b%20#c.db"))
    theirs = pele_adapter.open_database(spaced)
    assert theirs.number_of_minima() > 2
    pele_adapter.close_database(theirs)


@needs_pele
def test_no_warning_gets_out(explored):
    program = (
        "import sys; from landscape.interchange import pele_adapter; "
        "database = pele_adapter.open_database(sys.argv[1]); database.minima()[0].coords; "
        "pele_adapter.close_database(database); pele_adapter.disconnectivity_graph(sys.argv[1])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, explored], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_pele_the_error_says_where_it_runs(small_loss, explored, monkeypatch):
    monkeypatch.setitem(sys.modules, "pele", None)
    for name in [name for name in sys.modules if name.startswith("pele.")]:
        monkeypatch.delitem(sys.modules, name)
    for call in (
        lambda: pele_adapter.open_database(explored),
        lambda: pele_adapter.disconnectivity_graph(explored),
        lambda: pele_adapter.potential(small_loss),
        lambda: pele_adapter.quench_cpp(small_loss, np.zeros(25)),
        lambda: pele_adapter.quench_py(small_loss, np.zeros(25)),
    ):
        with pytest.raises(ImportError, match="wheels for Linux on x86_64 and for macOS"):
            call()


# ---------------------------------------------------------------- potential and minimizers


@needs_pele
def test_the_potential_is_the_loss(small_loss, rng):
    potential, theta = pele_adapter.potential(small_loss), rng.normal(size=25)
    value, gradient, hessian = small_loss.value_gradient_hessian(theta)
    assert potential.getEnergy(theta) == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(potential.getGradient(theta), gradient, rtol=1e-12)
    np.testing.assert_allclose(potential.getHessian(theta), hessian, rtol=1e-12)
    np.testing.assert_allclose(potential.NumericalDerivative(theta.copy()), gradient, atol=1e-7)


@needs_pele
@pytest.mark.parametrize("minimise", [pele_adapter.quench_cpp, pele_adapter.quench_py])
def test_peles_minimizers_end_in_minima_of_ours(small_loss, minimise, rng):
    for _ in range(3):
        start = small_loss.network.glorot_uniform(rng)
        before = start.copy()
        start.flags.writeable = False
        result = minimise(small_loss, start, 1e-8)
        assert (start == before).all()
        assert result.converged
        value, gradient = small_loss.value_and_gradient(result.coordinates)
        assert result.value == pytest.approx(value, rel=1e-12)
        assert result.rms_gradient == pytest.approx(np.sqrt((gradient**2).mean()), rel=1e-6)
        assert result.rms_gradient <= 1e-8
        assert result.evaluations > 10
        polished = quench(small_loss, result.coordinates)
        assert symmetry.distance(small_loss.network, polished.coordinates, result.coordinates) < 1e-2


@needs_pele
@pytest.mark.parametrize("minimise", [pele_adapter.quench_cpp, pele_adapter.quench_py])
def test_options_reach_pele(minimise):
    surface = MuellerBrown()
    near = surface.known_points().minima[2]
    short = minimise(surface, near + 0.1, 1e-8, nsteps=1)
    whole = minimise(surface, near + 0.1, 1e-8)
    assert not short.converged
    assert whole.converged
    np.testing.assert_allclose(whole.coordinates, near, atol=1e-6)
