"""Losses without isolated minima: what is said of them, and what does not enter a database."""

import json

import numpy as np
import pytest
from scipy.optimize import minimize
from support.cli import agescape

from bridge import inherent_structures
from bridge.mapping import SnapshotStatus
from dynamics import Trajectories
from dynamics.snapshots import loss_identity
from landscape import CrossEntropyLoss, Database, Dataset, Minimum, TransitionState, explore, merge, quench, verify
from landscape.database import _store as database_module
from landscape.descent import QuenchStatus
from landscape.losses import Surface
from landscape.networks import MLP
from landscape.search import SaddleStatus, find_transition_state
from landscape.search._storing import open_or_create
from landscape.stationary import StationaryPoint, certify

METHODS = ["lbfgs", "flow"]


def table(inputs, labels, n_classes=2):
    inputs = np.asarray(inputs, dtype=float)
    return Dataset(inputs, labels, n_classes, np.empty((0, inputs.shape[1])), np.empty(0, int), {"name": "a table"})


@pytest.fixture
def feature(rng):
    """One feature (60, 1)."""
    return rng.normal(size=(60, 1))


@pytest.fixture
def noisy(feature, rng):
    """Labels that no line separates."""
    return (feature[:, 0] + rng.normal(size=60) > 0).astype(int)


def regression(features, labels):
    """Lowest mean cross-entropy of a logistic regression on independent features, by SciPy."""
    design, signs = np.column_stack([features, np.ones(len(labels))]), 2.0 * labels - 1.0

    def value_and_gradient(w):
        margins = signs * (design @ w)
        return np.logaddexp(0.0, -margins).mean(), -(signs / (1.0 + np.exp(margins))) @ design / len(labels)

    start = np.zeros(design.shape[1])
    return minimize(value_and_gradient, start, jac=True, method="BFGS", options={"gtol": 1e-11}).fun


# ---------------------------------------------------------------- flat by construction: one minimum


def test_a_feature_that_others_determine_leaves_one_minimum(feature, noisy, tmp_path):
    """Each search ended in a point of its own: the loss is constant along a line that quenches did not know."""
    for k, more in enumerate((feature, 0.0 * feature + 3.0, 2.0 - 5.0 * feature, 0.0 * feature)):
        loss = CrossEntropyLoss(MLP((2, 2)), table(np.hstack([feature, more]), noisy), 0.0)
        found = explore(loss, tmp_path / f"{k}.db", searches=20)
        assert found.minima == 1
        assert found.lowest_loss == pytest.approx(regression(feature, noisy), abs=1e-12)
        assert found.advice is None
        assert not verify(tmp_path / f"{k}.db", loss).failures


def test_transition_states_are_the_points_nearest_to_the_origin_of_their_lines(few_data):
    loss, rng = CrossEntropyLoss(MLP((2, 2, 4)), few_data, 1e-2, regularize_biases=False), np.random.default_rng(3)
    bottom = quench(loss, loss.network.glorot_uniform(rng)).minimum
    direction = rng.normal(size=loss.n_parameters)
    start, along = bottom.coordinates + 0.3 * direction, 5.0 * loss.zero_modes[0]
    found = [find_transition_state(loss, theta, direction) for theta in (start, start + along)]
    assert [one.status for one in found] == [SaddleStatus.CONVERGED] * 2
    states = [one.transition_state for one in found]
    assert states[0].value == pytest.approx(states[1].value, abs=1e-12)
    assert loss.value(states[0].coordinates + along) == pytest.approx(states[0].value, abs=1e-12)  # it is a line
    for state in states:
        np.testing.assert_allclose(loss.zero_modes @ state.coordinates, 0.0, atol=1e-9)


# ---------------------------------------------------------------- no minimum at all


@pytest.mark.parametrize("hidden", [(), (2,)], ids=str)
def test_data_that_a_line_separates_have_no_minimum_without_a_penalty(hidden, feature, tmp_path):
    labels = (feature[:, 0] > 0).astype(int)
    loss = CrossEntropyLoss(MLP((1, *hidden, 2)), table(feature, labels), 0.0)
    found = explore(loss, tmp_path / "separable.db", searches=12)
    assert found.minima == 0
    assert found.statuses["RUNAWAY"] >= 10
    assert "use regularization > 0" in found.advice
    held = explore(CrossEntropyLoss(loss.network, loss.data, 1e-4), tmp_path / "held.db", searches=12)
    assert held.minima >= 1
    assert held.advice is None


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("regularization", "biases"), [(0.0, True), (1e-4, False)])
def test_a_class_without_rows_has_no_minimum_unless_its_bias_is_held(
    feature, noisy, regularization, biases, method, rng
):
    loss = CrossEntropyLoss(MLP((1, 3)), table(feature, noisy, n_classes=3), regularization, regularize_biases=biases)
    for _ in range(4):
        result = quench(loss, loss.network.glorot_uniform(rng), method=method)
        assert result.status is QuenchStatus.RUNAWAY
        with pytest.raises(ValueError, match="use regularization > 0"):
            result.minimum  # noqa: B018
    held = quench(CrossEntropyLoss(loss.network, loss.data, 1e-4), np.zeros(loss.n_parameters), method=method)
    assert held.converged


@pytest.mark.parametrize("method", METHODS)
def test_snapshots_whose_quench_runs_away_say_so(feature, noisy, method, rng, tmp_path):
    """And what to do; so does a later call, from the file of minima or from the folder of finished quenches."""
    loss = CrossEntropyLoss(MLP((1, 3)), table(feature, noisy, n_classes=3), 0.0)
    points, steps, curves = rng.normal(size=(2, 3, loss.n_parameters)), np.arange(3), np.zeros((2, 1))
    runs = Trajectories(
        loss.network.layer_sizes, steps, points, np.array([1]), np.array([1]), steps[:1], curves, curves, curves,
        loss_identity(loss),
    )  # fmt: skip
    for name in ("a", "a", "b"):
        with open_or_create(loss, tmp_path / f"{name}.db", 0) as database:
            found = inherent_structures(runs, database, loss=loss, method=method, path=tmp_path / "quenches")
        assert found.count(SnapshotStatus.RUNAWAY) == found.minimum_ids.size == 4
        assert "use regularization > 0" in SnapshotStatus.RUNAWAY.value
        assert not found.known.any()


class Along(Surface):
    """f(x) + y^2 / 2 of (x, y); f gives value, slope and curvature."""

    def __init__(self, f):
        super().__init__(2)
        self.f = f

    def value_gradient_hessian(self, theta):
        x, y = theta
        value, slope, curvature = self.f(x)
        return value + 0.5 * y * y, np.array([slope, y]), np.diag([curvature, 1.0])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("f", "status"),
    [
        (lambda x: (0.3 + np.exp(-x), -np.exp(-x), np.exp(-x)), QuenchStatus.RUNAWAY),
        (lambda x: (1.0 / x, -(x**-2.0), 2.0 * x**-3.0), QuenchStatus.RUNAWAY),
        (lambda x: (0.3 + x**4, 4.0 * x**3, 12.0 * x**2), QuenchStatus.DEGENERATE),
        (lambda x: (x**6, 6.0 * x**5, 30.0 * x**4), QuenchStatus.DEGENERATE),
        (lambda x: (0.3, 0.0, 0.0), QuenchStatus.DEGENERATE),
        (lambda x: (0.3 + 1e-6 * x**2 + x**4, 2e-6 * x + 4.0 * x**3, 2e-6 + 12.0 * x**2), QuenchStatus.CONVERGED),
        (lambda x: (0.3 + 1e-9 * (x - 2.0) ** 2, 2e-9 * (x - 2.0), 2e-9), QuenchStatus.CONVERGED),
    ],
    ids=["exponential", "1/x", "x^4", "x^6", "constant", "x^2 + x^4", "soft"],
)
def test_what_newtons_step_tells_apart(f, status, method):
    result = quench(Along(f), [1.0, 0.5], method=method)
    assert result.status is status


class Hills(Surface):
    """a x^2 + b y^2 + c z^2, up to a factor: signs by choice."""

    def __init__(self, *curvatures):
        super().__init__(len(curvatures))
        self.curvatures = np.array(curvatures)

    def value_gradient_hessian(self, theta):
        return 0.5 * float(self.curvatures @ theta**2), self.curvatures * theta, np.diag(self.curvatures)


@pytest.mark.parametrize(
    ("curvatures", "kind", "index", "flat"),
    [
        ((1.0, 2.0, 3.0), Minimum, 0, 0),
        ((-1.0, 2.0, 3.0), TransitionState, 1, 0),
        ((-1.0, -2.0, 3.0), StationaryPoint, 2, 0),
        ((1e-17, 2.0, 3.0), StationaryPoint, 0, 1),
        ((-1e-17, 2.0, 3.0), StationaryPoint, 0, 1),
        ((-1.0, 1e-17, 3.0), StationaryPoint, 1, 1),
        ((1e-9, 2e-9, 3e-9), Minimum, 0, 0),
    ],
)
def test_a_certificate_is_of_the_type_that_its_index_says(curvatures, kind, index, flat):
    found = certify(Hills(*curvatures), np.zeros(3))
    assert type(found) is kind
    assert (found.index, found.flat) == (index, flat)


def test_a_search_for_a_transition_state_does_not_end_in_a_degenerate_one():
    surface = Hills(-1.0, 0.0, 1.0)
    result = find_transition_state(surface, [1e-3, 0.0, 0.0], [1.0, 0.0, 0.0])
    assert result.status is SaddleStatus.DEGENERATE
    assert result.transition_state is None


# ---------------------------------------------------------------- the database


def degenerate_minimum(size, value=0.5):
    return Minimum(np.zeros(size), value, 1e-11, np.concatenate([[3e-17], np.ones(size - 1)]))


def test_a_database_takes_no_point_whose_index_is_another(small_loss, tmp_path):
    size = small_loss.n_parameters
    saddle = Minimum(np.zeros(size), 0.5, 1e-11, np.concatenate([[-1.0], np.ones(size - 1)]))
    state = TransitionState(np.zeros(size), 0.5, 1e-11, np.ones(size), eigenvector=np.ones(size))
    with open_or_create(small_loss, tmp_path / "a.db", 0) as database, database.transaction():
        with pytest.raises(ValueError, match="it has 1 negative eigenvalues, not 0"):
            database.add_minimum(saddle, origin="start")
        with pytest.raises(ValueError, match="1 of its eigenvalues are zero within rounding"):
            database.add_minimum(degenerate_minimum(size), origin="start")
        with pytest.raises(ValueError, match="it has 0 negative eigenvalues, not 1"):
            database.add_transition_state(state, (1, 1), origin="start")
        assert database.find_minimum(saddle) is None
        assert database.n_minima == 0


def test_files_of_older_versions_with_degenerate_points_open_and_verify_names_them(feature, tmp_path, monkeypatch):
    """At lambda = 0 a dead unit leaves its incoming weights free: 0 eigenvalues, which an older version stored."""
    labels = np.arange(60) % 2
    loss = CrossEntropyLoss(MLP((1, 1, 2)), table(np.abs(feature) * 0 + feature**2, labels), 0.0)
    theta = np.zeros(loss.n_parameters)
    theta[:2] = 0.3, 0.1
    point = certify(loss, theta)
    assert point.flat >= 1
    old = Minimum(point.coordinates, point.value, point.rms_gradient, np.abs(point.eigenvalues) + 1e-18)
    monkeypatch.setattr(database_module, "new_minimum_problem", lambda *_: None)
    path = tmp_path / "old.db"
    with open_or_create(loss, path, 0) as database, database.transaction():
        database.add_minimum(old, origin="start")
    with Database(path) as database:
        assert database.n_minima == 1
        assert database.minima[0].point.flat >= 1
    whats = " ".join(failure.what for failure in verify(path, loss).failures)
    assert "it is degenerate: along" in whats
    with pytest.raises(ValueError, match=r"old.db: minimum 1 is degenerate, flat along"):
        merge([path], tmp_path / "merged.db")


def test_verify_names_a_point_from_which_the_loss_runs_away(feature, tmp_path, monkeypatch):
    loss = CrossEntropyLoss(MLP((1, 2)), table(feature, (feature[:, 0] > 0).astype(int)), 0.0)
    far = quench(loss, np.array([-1.0, 1.0, 0.0, 0.0]), max_steps=200).coordinates
    point = certify(loss, far)
    monkeypatch.setattr(database_module, "new_minimum_problem", lambda *_: None)
    with open_or_create(loss, tmp_path / "old.db", 0) as database, database.transaction():
        database.add_minimum(
            Minimum(far, point.value, point.rms_gradient, np.abs(point.eigenvalues) + 1e-18), origin="start"
        )
    whats = [failure.what for failure in verify(tmp_path / "old.db", loss).failures]
    assert any("the loss decreases without bound" in what for what in whats)


def test_the_command_says_in_a_sentence_why_nothing_was_found(tmp_path):
    rows = "\n".join(f"{x},{int(x > 0)}" for x in np.linspace(-1.0, 1.0, 20).tolist())
    (tmp_path / "t.csv").write_text(f"x,label\n{rows}\n")
    arguments = f"explore --hidden 2 --dataset {tmp_path}/t.csv --regularization 0 --searches 8 --jobs 1 --json"
    result = agescape(*arguments.split(), "--output", tmp_path / "t.db")
    found = json.loads(result.out)
    assert found["minima"] == 0
    assert found["statuses"].get("RUNAWAY", 0) >= 6
    assert "use regularization > 0" in found["advice"]
    assert "use --regularization > 0" in result.err
