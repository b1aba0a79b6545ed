"""Numbers about the phases of learning, on curves that are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from bridge.claims import _ensembles, _phases
from bridge.figures import Ensemble
from dynamics import MeanSquareDisplacement
from dynamics.runs import WAITING_TIMES

LAGS = np.array([1, 10, 1000, 20_000])


@pytest.fixture
def one(monkeypatch):
    """One ensemble of every claim."""
    ensemble = Ensemble((3,), 4, 30_000)
    monkeypatch.setattr(_ensembles, "depths", lambda scale, draw: (ensemble,))
    return ensemble


@pytest.mark.parametrize(
    ("factor", "exponent", "change"), [(1000, -0.5, -1), (0.001, 0.5, -1), (100, 0.5, 1), (1, 0, 0)]
)
def test_curves_approach_each_other_whichever_is_above(factor, exponent, change, one, monkeypatch):
    """The ratio of two curves is c t^e, so that |ln ratio| changes by -+ |e| ln(20000 / 1000)."""
    values = np.ones((4, len(WAITING_TIMES), 1)) * LAGS * np.array([0.5, 0.8, 1.2, 1.5])[:, None, None]
    values[:, 0] *= factor * LAGS**exponent
    msd = MeanSquareDisplacement(np.array(WAITING_TIMES), LAGS, values)
    monkeypatch.setattr(_phases, "displacement", lambda work, ensemble: msd)
    (found,) = _phases.approach(SimpleNamespace(scale="quick"), 0)
    assert found.value == pytest.approx(change * abs(exponent) * np.log(20))
    assert found.error == pytest.approx(0.0, abs=1e-12)  # all runs have the same ratio


def test_runs_leave_the_plateau_halfway_down():
    """Half of the rows in each of two classes: ln 2, and 0.1 at the end."""
    steps = np.array([0, 1, 10, 100, 1000])
    level = 0.5 * (np.log(2) + 0.1)
    loss = np.array([[2.0, 0.7, 0.6, level - 0.1, 0.1], [2.0, 0.7, 0.69, 0.68, 0.1]])
    loss[0, 2] = level + 0.1  # crosses in the middle of the logarithms of 10 and 100
    work = SimpleNamespace(
        runs=lambda ensemble: SimpleNamespace(loss=loss, curve_steps=steps),
        data=lambda ensemble: SimpleNamespace(labels=np.array([0, 1])),
    )
    early, late = _phases.leaving_times(work, None)
    assert early == pytest.approx(10**1.5)
    assert 100 < late < 1000


def test_bend_is_compared_between_runs_that_leave_late_and_early(one, monkeypatch):
    times = np.array(WAITING_TIMES)
    bends = (0.1, 0.1, 0.6, 0.6)
    each = np.array([np.where(times < 4000, times ** (0.7 + b), 4000**b * times**0.7) for b in bends])
    monkeypatch.setattr(_phases, "times", lambda work, ensemble: each)
    monkeypatch.setattr(_phases, "leaving_times", lambda work, ensemble: np.array([100.0, 120.0, 400.0, 500.0]))
    (found,) = _phases.bend_by_plateau(SimpleNamespace(scale="quick"), 0)
    assert found.value == pytest.approx(0.5)
