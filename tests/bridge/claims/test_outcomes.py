"""Each claim with made-up numbers of which it is known what they say, and each measure on made-up runs."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from bridge.claims import CLAIMS, Within, _aging_times, _curvature, _ensembles, judge_claims, verdict_of
from bridge.figures import Ensemble, Verdict
from dynamics import MeanSquareDisplacement
from dynamics.runs import WAITING_TIMES

SAYS = {  # a number of which anybody would say that the claim holds, and one that it fails
    "aging": (0.5, -0.5),
    "aging_mnist": (0.5, -0.5),
    "noise": (-0.5, 0.0),
    "subaging": (0.7, 1.3),
    "subaging_mnist": (0.7, 1.3),
    "chains": (0.5, -0.5),
    "learning_rate": (0.0, 0.3),
    "batch_size": (0.0, -0.3),
    "threshold": (0.02, 0.3),
    "depth": (0.0, 0.3),
    "depth_mnist": (-0.02, -0.3),
    "alpha_mnist": (0.0, -0.3),
    "alpha": (0.0, 0.3),
    "first_phase": (0.9, 0.1),
    "second_phase": (-0.1, 0.5),
    "approach": (-1.0, 1.0),
    "bend": (0.5, -0.5),
    "minima_and_rows": (2.0, -2.0),
    "funnels": (0.5, -0.5),
    "gradient_depth": (0.5, -0.5),
    "gradient_minima": (0.5, -0.5),
    "fewer_negative": (-10.0, 10.0),
    "fewer_negative_mnist": (-100.0, 100.0),
    "some_negative": (6.0, 0.5),
    "some_negative_mnist": (60.0, 0.5),
    "negative_by_noise": (3.0, -3.0),
    "trace": (0.9, -0.5),
    "trace_given_rows": (0.7, -0.5),
}
TIMES = np.array(WAITING_TIMES)


def numbers_of(claim, value, spread):
    """Two contrasts, on as many realizations as the claim has, and with runs that spread as much."""
    values = (
        value + spread * np.linspace(-1.0, 1.0, claim.draws)[:, None] * np.ones(2) if claim.draws > 1 else [[value] * 2]
    )
    shape = np.shape(values)
    return {
        "contrasts": ["a", "b"],
        "values": values,
        "errors": np.full(shape, spread),
        "freedoms": np.full(shape, 9.0),
        "scale": "quick",
        "size": "",
    }


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_can_hold_fail_and_stay_open(name):
    claim, (good, bad) = CLAIMS[name], SAYS[name]
    for value, spread, expected in ((good, 1e-3, "holds"), (bad, 1e-3, "fails"), (good, 1e3, "undecided")):
        (found,) = judge_claims([claim], {name: numbers_of(claim, value, spread)})
        assert found.verdict == expected
        alone = claim.draws == 1 and expected != "undecided"
        assert found.in_words == f"{expected} for one realization" if alone else expected


def test_claims_without_numbers_have_no_verdict():
    numbers = {"depth": numbers_of(CLAIMS["depth"], 0.0, 1e-3)}
    assert [one.name for one in judge_claims(CLAIMS.values(), numbers)] == ["depth"]


def test_equivalence_over_realizations_is_that_of_scipys_tests():
    """Two one-sided tests of each contrast at 2.5 %, and a two-sided one at 5 % over their number."""
    rng, margin, found = np.random.default_rng(7), 0.1, set()
    for center, spread in [(0.0, 0.02), (0.0, 0.1), (0.12, 0.02), (0.3, 0.05), (0.06, 0.03)] * 6:
        values = rng.normal(center, spread, (4, 3))
        low = stats.ttest_1samp(values, -margin, alternative="greater").pvalue
        high = stats.ttest_1samp(values, margin, alternative="less").pvalue
        same, zero = np.maximum(low, high), stats.ttest_1samp(values, 0.0).pvalue
        surely = {"holds": (same < 0.025).all(), "fails": ((zero < 0.05 / 3) & ~(same < 0.025 / 3)).any()}
        expected = "fails" if surely["fails"] else "holds" if surely["holds"] else "undecided"
        numbers = {"values": values, "errors": np.ones((4, 3)), "freedoms": np.ones((4, 3))}
        assert verdict_of(Within(margin), numbers) == expected
        found.add(expected)
    assert found == set(Verdict)


def exponent(ensemble, threshold):
    """A made-up mu that depends on everything that the claims vary."""
    return (
        0.6
        + 0.1 * len(ensemble.hidden)
        + 0.02 * (ensemble.hidden[0] - 3)
        + 0.2 * (ensemble.batch_size == 200)
        - 0.3 * ensemble.noise.all_rows
        + 0.05 * np.log10(ensemble.training_rows)
        + 0.1 * np.log10(threshold)
        + ensemble.learning_rate
    )


@pytest.fixture
def made_up(monkeypatch):
    """Four runs of every ensemble with t* = c tw^mu, where c differs between runs."""

    def displacement(work, ensemble):
        times = np.array(ensemble.waiting_times or WAITING_TIMES)
        return MeanSquareDisplacement(times, np.array([1, 2]), np.ones((4, times.size, 2)))

    def times(work, ensemble, threshold=1e-2):
        waiting = displacement(work, ensemble).waiting_times
        return np.array([1.0, 2.0, 2.0, 3.0])[:, None] * waiting ** exponent(ensemble, threshold)

    monkeypatch.setattr(_aging_times, "displacement", displacement)
    monkeypatch.setattr(_aging_times, "times", times)
    rows = SimpleNamespace(data=lambda ensemble: SimpleNamespace(rows=ensemble.training_rows))
    return SimpleNamespace(scale="quick", data=rows.data)


def differences(values):
    return [b - a for k, a in enumerate(values) for b in values[k + 1 :]]


LJAT = [0.6 + 0.1 * depth + 0.02 * (width - 3) for depth, width in ((1, 10), (2, 5), (3, 4))]
MNIST = [0.6 + 0.1 * depth + 0.04 for depth in (1, 2, 3)]
CONSTANT = 0.05 * 3 - 0.2 + 0.05  # of N = 1000, Delta* = 0.01, rate 0.05
OF_MNIST = 0.05 * np.log10(60_000) - 0.3 + 0.05
GROWTH = np.log(TIMES[-1] / TIMES[0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aging", (np.array(LJAT) + CONSTANT) * GROWTH),
        ("aging_mnist", (np.array(MNIST) + OF_MNIST) * GROWTH),
        ("chains", (np.array([0.66, 0.76, 0.86]) + CONSTANT) * GROWTH),
        ("subaging", np.array(LJAT) + CONSTANT),
        ("subaging_mnist", np.array(MNIST) + OF_MNIST),
        ("noise", [0.3] * 3),
        ("batch_size", [0.0] * 3 + [0.2] * 3),
        ("learning_rate", [-0.025] * 3 + [0.05] * 3),
        ("threshold", [-0.1, 0.1 * np.log10(0.3)] * 3),
        ("depth", differences(LJAT)),
        ("depth_mnist", differences(MNIST)),
        ("alpha_mnist", [0.04, 0.08, 0.12, 0.16, 0.20]),
        ("alpha", 0.05 * np.log10(np.array([1000, 3162, 10_000]) / 316)),
    ],
)
def test_measures_of_aging_times_with_known_exponents(name, expected, made_up):
    found = CLAIMS[name].measure(made_up, 0)
    np.testing.assert_allclose([one.value for one in found], expected, atol=1e-12)
    assert len({one.name for one in found}) == len(found)


def test_negative_eigenvalues_with_and_without_noise(monkeypatch):
    """Half of SGD's mean of 8 less 6 without noise; the errors of runs that start alike are those of a paired test."""
    sgd, full = np.array([6.0, 8.0, 10.0]), np.array([5.0, 6.0, 7.0])
    pair = Ensemble((5, 5), 3, 100), Ensemble((5, 5), 3, 200)
    monkeypatch.setattr(_ensembles, "hessians_of_controls", lambda scale, draw: pair)
    monkeypatch.setattr(_ensembles, "hessians", lambda scale, draw: pair[:1])
    ends = dict(zip(pair, (sgd, full), strict=True))
    monkeypatch.setattr(_curvature, "_negative", lambda work, one: np.stack([np.full(3, 20.0), ends[one]], axis=1))
    work = SimpleNamespace(scale="quick")
    (found,) = _curvature.negative_by_noise(work, 0)
    assert (found.value, found.error) == (-2.0, 0.0)  # half of the one changes as the other
    (fewer,), (some,) = (CLAIMS[name].measure(work, 0) for name in ("fewer_negative", "some_negative"))
    assert (fewer.value, some.value) == (-12.0, 8.0)
    assert fewer.error == some.error == pytest.approx(stats.sem(sgd))
