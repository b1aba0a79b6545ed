"""What commands say before long work, and between two reports of progress: no test waits."""

import threading

import numpy as np
import pytest
from support.cli import SMALL, agescape, good

from bridge.commands import _time_ahead
from bridge.commands._time_ahead import following, in_words, say_time_ahead
from landscape import CrossEntropyLoss
from landscape.losses import _watched
from landscape.networks import MLP
from landscape.search import Cost


def said(caplog, cost, **arguments):
    with caplog.at_level("WARNING"):
        is_long = say_time_ahead(
            None, lambda c: {"a quench": c.seconds("lbfgs"), "a state": c.seconds("flow")}, cost=cost, **arguments
        )
    return is_long, [record.getMessage() for record in caplog.records]


def test_a_long_search_is_said_before_it_begins(caplog):
    assert said(caplog, Cost(400, 0.011, 0.6, 2.0)) == (
        True,
        [
            "estimate, within a factor of three: on one core a quench about 37 s and a state about 9 min "
            "(a gradient takes 11 ms, a Hessian with its eigenvectors 2.6 s)"
        ],
    )


def test_a_budget_that_is_too_short_is_said(caplog):
    assert said(caplog, Cost(400, 0.011, 0.6, 2.0), budget=20.0)[1][0].endswith(
        "; a budget of 20 s may end before the first"
    )


def test_short_searches_are_not_worth_a_word(caplog):
    assert said(caplog, Cost(40, 1e-5, 1e-4, 1e-3)) == (False, [])


def test_calls_in_words():
    assert in_words(np.array([1053, 1, 0])) == "1,053 gradients, 1 Hessian"
    assert in_words(np.zeros(3, int)) == ""


def test_what_workers_have_done_is_said_between_two_reports(few_data, monkeypatch):
    loss, lines, looked = CrossEntropyLoss(MLP((2, 3, 4)), few_data), [], threading.Event()

    def bar(*line):
        lines.append(line)
        if "3 gradients" in line[3] and len(lines) > 1:
            looked.set()

    monkeypatch.setattr(_time_ahead, "EVERY", 1e-3)
    monkeypatch.setattr(_watched, "BETWEEN", -1.0)
    with following(loss, bar, "explore", is_long=True) as (watched, update):
        update("explore", 2, 9, "1 minimum")
        for _ in range(3):
            watched.value_and_gradient(np.zeros(loss.n_parameters))
        assert looked.wait(60.0)  # by the thread, without a report
    assert ("explore", 2, 9, "1 minimum") in lines
    assert lines[-1] == ("explore", 2, 9, "1 minimum, 3 gradients")


def test_short_work_is_not_followed(few_data):
    loss, bar = CrossEntropyLoss(MLP((2, 3, 4)), few_data), print
    with following(loss, bar, "explore", is_long=False) as (same, update):
        assert same is loss
        assert update is bar


@pytest.mark.parametrize("options", [("--searches", 2), ("--estimate", 2)], ids=str)
def test_explore_says_it_first(options, tmp_path, monkeypatch):
    command = ("explore", *SMALL, *options, "--jobs", 1, "--output")
    monkeypatch.setattr(_time_ahead, "WORTH_SAYING", 0.0)
    said = agescape(*command, tmp_path / "a.db")
    assert said.code == 0
    assert said.err.startswith("agescape: estimate, within a factor of three: on one core a quench about ")
    assert good(*command, tmp_path / "a.db", "--quiet").err == ""
