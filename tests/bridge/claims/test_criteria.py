"""Verdicts: where intervals must lie, against tests of SciPy and closed forms."""

import numpy as np
import pytest
from scipy import stats

from bridge.claims import Above, Below, Beyond, Within, realizations_interval, runs_interval, verdict_of
from bridge.figures import Verdict

HOLDS, FAILS, UNDECIDED = Verdict


def of_runs(values, errors, freedom=20.0):
    """Contrasts on one realization."""
    return {"values": [list(values)], "errors": [list(errors)], "freedoms": [[freedom] * len(values)]}


def of_draws(values):
    """Contrasts (D, K) on several realizations."""
    shape = np.shape(values)
    return {"values": values, "errors": np.full(shape, 9.0), "freedoms": np.full(shape, 3.0)}


@pytest.mark.parametrize("value", [-0.3, -0.08, 0.0, 0.04, 0.07, 0.2])
@pytest.mark.parametrize("error", [0.01, 0.02, 0.05])
def test_equivalence_is_that_of_two_one_sided_tests(value, error):
    """Schuirmann's tests of d <= -m and of d >= m with Student's t, both rejected at 2.5 %."""
    margin, freedom = 0.1, 7.0
    p = max(stats.t.sf((value + margin) / error, freedom), stats.t.cdf((value - margin) / error, freedom))
    differs = 2 * stats.t.sf(abs(value) / error, freedom) < 0.05
    expected = HOLDS if p < 0.025 else FAILS if differs else UNDECIDED
    assert verdict_of(Within(margin), of_runs([value], [error], freedom)) == expected
    opposite = FAILS if p < 0.025 else HOLDS if abs(value) - margin > stats.t.isf(0.025, freedom) * error else UNDECIDED
    assert verdict_of(Beyond(margin), of_runs([value], [error], freedom)) == opposite


@pytest.mark.parametrize(
    ("value", "below", "above"), [(0.7, HOLDS, FAILS), (0.99, UNDECIDED, UNDECIDED), (1.3, FAILS, HOLDS)]
)
def test_bounds(value, below, above):
    numbers = of_runs([value, value], [0.05, 0.05])
    assert (verdict_of(Below(1.0), numbers), verdict_of(Above(1.0), numbers)) == (below, above)


def test_all_contrasts_must_hold_and_one_is_enough_to_fail():
    assert verdict_of(Below(1.0), of_runs([0.5, 0.98], [0.05, 0.05])) == UNDECIDED
    assert verdict_of(Below(1.0), of_runs([0.5, 1.5], [0.05, 0.05])) == FAILS


def test_what_is_not_known_is_undecided():
    nan = float("nan")
    for numbers in (of_runs([0.5], [nan]), of_runs([nan], [0.1]), of_draws([[0.5]] * 3), of_draws([[0.5], [nan]])):
        assert verdict_of(Below(1.0), numbers) == UNDECIDED


def test_several_realizations_decide_instead_of_the_runs():
    """Precise runs on data that disagree leave a claim open, imprecise runs on data that agree do not."""
    precise = {"values": [[0.6], [1.3], [0.7]], "errors": [[0.01]] * 3, "freedoms": [[99]] * 3}
    assert verdict_of(Below(1.0), precise) == UNDECIDED
    assert verdict_of(Below(1.0), of_draws([[0.60], [0.65], [0.62]])) == HOLDS


def test_intervals_over_realizations_are_those_of_students_test():
    values = np.random.default_rng(1).normal(0.7, 0.2, (4, 3))
    found = realizations_interval(of_draws(values), 0.1)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    np.testing.assert_allclose(found.interval, expected)


def test_intervals_over_runs_are_those_of_the_first_realization():
    found = runs_interval({"values": [[1.0], [5.0]], "errors": [[0.5], [3.0]], "freedoms": [[4.0], [2.0]]})
    np.testing.assert_allclose(found.interval, np.transpose([stats.t.interval(0.95, 4, 1.0, 0.5)]))


def test_a_true_claim_seldom_fails():
    """Four equal means, K = 3 differences of zero: Bonferroni's bound of 5 %."""
    rng = np.random.default_rng(2)
    fails = [verdict_of(Within(0.01), of_draws(rng.normal(0.0, 1.0, (4, 3)))) == FAILS for _ in range(400)]
    assert np.mean(fails) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
