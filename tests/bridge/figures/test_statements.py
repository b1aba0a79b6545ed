"""What the paper says, and verdicts about it."""

import math

import numpy as np
import pytest

from bridge.figures import FIGURES, Outcome, Statement, Verdict, judge
from bridge.figures._curves import LossCurves, step_of_loss
from bridge.figures._said_of_aging import SAID_OF_FIG2, SAID_OF_FIG6
from bridge.figures._said_of_curvature import SAID_OF_FIG7, SAID_OF_FIGA3
from bridge.figures._said_of_loss import SAID_OF_MINIMA
from bridge.figures._spectra import _positive_outliers
from bridge.figures._statements import decided

HOLDS, FAILS, UNDECIDED = Verdict


def verdicts(statements, ours):
    return {one.name: one.verdict for one in judge(statements, ours)}


def estimates(mu, half):
    mu = np.array(mu)
    return {"mu_runs_mean": mu, "mu_runs_mean_low": mu - half, "mu_runs_mean_high": mu + half, "mu": mu,
            "mu_low": mu - half, "mu_high": mu + half}  # fmt: skip


def test_unknown_numbers_leave_a_verdict_open():
    nan = np.array([0.5, math.nan])
    assert decided(nan < 1, nan > 1) == UNDECIDED
    assert decided(nan < 1, nan > 0.4) == FAILS  # one is enough
    assert decided([0.5] < np.ones(1), False) == HOLDS


def test_statements_see_the_numbers_as_their_json_has_them():
    seen = []
    one = Statement("x", "here", "x is 1", lambda ours: seen.append(ours) or Outcome("", HOLDS, ""), 1)
    judge([one], {"x": np.array([1.0, np.nan])})
    assert seen == [{"x": [1.0, None]}]


@pytest.mark.parametrize(
    ("mu", "half", "all_times", "behind", "same"),
    [
        ([0.70, 0.71, 0.69], 0.02, HOLDS, HOLDS, HOLDS),
        ([1.20, 1.20, 1.20], 0.02, FAILS, FAILS, HOLDS),
        ([0.70, 1.00, 1.30], 0.02, FAILS, FAILS, UNDECIDED),  # another draw of the data changes more
        ([0.95, 0.98, 0.97], 0.10, FAILS, UNDECIDED, HOLDS),
    ],
)
def test_verdicts_about_figure_2(mu, half, all_times, behind, same):
    fits = estimates(mu, half)
    times = [1300, 10000]
    ours = {**fits, "waiting_times": times, "t_star_runs_mean": [[1.0, 2.0]] * 3, "bend_at": [None, 3900, 4500],
            "behind_the_bend": {**fits, "waiting_times": times}}  # fmt: skip
    found = verdicts(SAID_OF_FIG2, ours)
    assert (found["mu_runs_mean"], found["mu_behind_the_bend"]) == (all_times, behind)
    assert found["same_mu_behind_the_bend"] == same
    assert (found["bend_at"], found["slower_with_age"]) == (UNDECIDED, HOLDS)


def test_one_exponent_over_the_widths_needs_intervals_that_overlap():
    ours = {**estimates([0.8, 0.7, 0.6], 0.01), "waiting_times": [1300], "t_star_runs_mean": [[1], [2], [3]],
            "mean_mu": 0.7, "mean_mu_error": 0.02, "mean_mu_deviation": 0.1, "mean_mu_ours": 0.7, "steps": 30_000,
            "final_accuracy": [0.9, 0.95, 0.97]}  # fmt: skip
    assert verdicts(SAID_OF_FIG6, ours) == {
        "bottom_to_top": HOLDS, "mean_mu": HOLDS, "one_mu": FAILS, "final_accuracy": UNDECIDED
    }  # fmt: skip
    assert verdicts(SAID_OF_FIG6, ours | {"steps": 10**6})["final_accuracy"] == HOLDS
    assert verdicts(SAID_OF_FIG6, ours | {"mean_mu": 0.9})["mean_mu"] == FAILS


def test_eigenvalues_that_rise_in_between_do_not_fall():
    part = {"steps": [0, 1, 2], "parameters": 9, "interquartile_range": [2, 1, 1], "positive_outliers": [0, 0.4, 0.9]}
    ours = {"ljat": part | {"negative_eigenvalues": [5, 4, 1]}, "mnist": part | {"negative_eigenvalues": [5, 2, 3]}}
    assert verdicts(SAID_OF_FIG7, ours) == {
        "falls": FAILS, "remain": HOLDS, "interquartile_range": HOLDS, "positive_outliers": HOLDS
    }  # fmt: skip
    assert verdicts(SAID_OF_FIG7, {"ljat": ours["ljat"]})["falls"] == HOLDS


def test_gradients_are_compared_with_the_published_ones():
    ours = {"late_gradient_rms": [0.02, 0.07, 0.12], "late_gradient_rms_error": [0.001] * 3, "late_points": 700,
            "late_gradient_rms_at_ends_of_epochs": [0.02, 0.06, 0.1]}  # fmt: skip
    assert verdicts(SAID_OF_FIGA3, ours) == {"late_gradient_rms": HOLDS, "noisier_with_depth": HOLDS}
    assert verdicts(SAID_OF_FIGA3, ours | {"late_gradient_rms": [0.04, 0.03, 0.12]})["late_gradient_rms"] == FAILS


def test_a_minimum_or_two_are_not_many():
    ours = {"minima": [10, 1000, 9000], "searches": [1, 1, 1], "lowest_loss": [0.51, 0.49, 0.48]}
    found = verdicts(SAID_OF_MINIMA, ours | {"minima_at_plateau": [0, 0, 1]})
    assert found == {"minima": HOLDS, "lowest_loss": HOLDS, "minima_at_plateau": FAILS}


def test_the_plateau_is_where_the_loss_is_that_of_the_best_constant_prediction():
    steps = np.array([0, 1, 10, 100, 1000])
    assert step_of_loss(steps, np.array([2.0, 1.0, 0.8, 0.6, 0.5]), 0.7) == pytest.approx(10**1.5)
    assert math.isnan(step_of_loss(steps, np.array([2.0, 1.0, 0.8, 0.6, 0.5]), 0.4))
    none = np.empty((1, 0))
    curves = LossCurves(("3",), steps, none, none, none, none, none, none, none, none, np.array([0.5, 0.25, 0.25, 0.0]))
    assert curves.constant_loss == pytest.approx(1.5 * math.log(2))


def test_outliers_are_those_of_a_box_plot():
    from matplotlib.cbook import boxplot_stats  # noqa: PLC0415 (matplotlib's own whiskers, for this test alone)

    values = np.random.default_rng(0).standard_t(1, (1, 2, 60))
    expected = [(stats["fliers"] > 0).mean() for stats in boxplot_stats(values[0].T)]
    np.testing.assert_allclose(_positive_outliers(values), expected)


def test_every_figure_of_the_paper_says_something():
    silent = {"realizations", "late", "descent", "regime", "scaling", "fluctuations", "noises", "epochs",
              "outputs"}  # fmt: skip
    assert {name for name, figure in FIGURES.items() if not figure.statements} == silent
    for figure in FIGURES.values():
        names = [one.name for one in figure.statements]
        assert len(set(names)) == len(names)
        assert all(one.place and one.text.endswith(".") for one in figure.statements)
