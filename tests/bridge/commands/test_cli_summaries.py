"""What a person reads of a result: sentences, units and intervals, from the numbers of the JSON."""

import math
from pathlib import Path

import numpy as np
import pytest

from bridge.commands._aging_summary import kind_of_aging, summarize_aging, verdict
from bridge.commands._comparison_summary import comparison_table, correlations_in_words, describe_correlations
from bridge.commands._exploration import own_images
from bridge.commands._exploration_summary import (
    CONTINUE,
    budget_ended,
    how_to_continue,
    summarize as summarize_exploration,
)
from bridge.commands._overlay_summary import summarize as summarize_overlay
from bridge.commands._results import Summary, Table, lines_of, show
from bridge.commands._tables import summarize_table
from bridge.commands._words import (
    between,
    counted,
    data_in_words,
    decimal,
    duration,
    estimated,
    estimates_between,
    in_a_cell,
    number,
    share,
    with_interval,
)
from bridge.commands.info import summarize_runs
from bridge.commands.reproduce import summarize as summarize_reproduction
from bridge.commands.verify import summarize as summarize_verification
from bridge.comparison import RankCorrelation
from dynamics.plots import interval_text
from dynamics.statistics import Status, reason
from landscape import datasets
from landscape.networks import MLP
from landscape.search import Cost, Exploration
from landscape.support import Estimate

OK = "ok"
DATA = {"dataset": "ljat", "dataset_seed": 0, "rows": 1000}

# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(12345, "steps", "12,345 steps"), (0.0123456, "nats", "0.01235 nats"), (3.0, "", "3"), (12345.6, "", "12,346"),
     (math.nan, "nats", "not determined"), (None, "", "not determined"), (math.inf, "", "inf"), (-0.5, "", "-0.5"),
     (np.int64(7), "", "7"), (1e-9, "", "1e-09")],
)  # fmt: skip
def test_numbers(value, unit, text):
    assert number(value, unit) == text


def test_small_words():
    assert (counted(1, "minimum", "minima"), counted(1300, "minimum", "minima")) == ("1 minimum", "1,300 minima")
    assert [share(x) for x in (0.0, 0.012, 0.5, -2.0, 1234.0)] == ["0 %", "1.2 %", "50 %", "-200 %", "123,400 %"]
    shares = [0.1, math.nan, 0.2], [[0.08, 0.12], [math.nan] * 2, [0.1, 0.3]]
    assert estimates_between(*shares, "%", runs=3) == "10 [8, 12] ... 20 [10, 30] %"
    assert estimates_between([0.1, 0.2], [[math.nan] * 2] * 2, "%", runs=1) == "10 ... 20 % (one run: no interval)"
    assert estimates_between([math.nan], [[math.nan] * 2], runs=3, nothing="nothing") == "nothing"
    loss = {"x": 0.0123456, "x_low": 0.01, "x_high": 0.0146}
    assert estimated(loss, "x", "nats", runs=3) == "0.01235 [0.01, 0.0146] nats"
    alike = loss | {"x_low": None, "x_high": None}
    assert estimated(alike, "x", runs=3) == "0.01235 (no interval: too few runs differ)"
    narrow = {"x": 0.99, "x_low": 0.988, "x_high": 0.992}
    assert estimated(narrow, "x", "%", runs=3) == "99.0 [98.8, 99.2] %"
    assert estimated(dict.fromkeys(loss), "x", "nats", runs=3) == "not determined"
    assert between([5, 5]) == "5"
    assert [duration(s) for s in (3.2, 99.4, 600, 7200)] == ["3 s", "99 s", "10 min", "2.0 h"]
    assert with_interval(1234.5, 1000.0, math.inf, "steps", digits=0) == "1,234 [1,000, ?] steps"
    assert data_in_words({"dataset": None}) == {}
    assert data_in_words(DATA | {"classes_without_training_rows": [3]}) == {
        "data": "ljat, 1,000 training rows, seed 0, no training rows of class 3"
    }


# ---------------------------------------------------------------- layout


def test_a_summary_has_the_verdict_first_and_the_files_last(capsys):
    summary = Summary(
        verdict="Word " * 30 + "end.",
        facts={"a quantity": "1 nat", "b": "long " * 30},
        tables=[Table(("name", "n"), [("x", "1,000"), ("yy", "-2")])],
        notes=["A note."],
        files={"figure": "a/very/long/path/" + "x" * 100 + ".svg"},
    )
    lines = list(lines_of(summary, 60))
    assert all(len(line) <= 60 for line in lines if "x" * 100 not in line)
    text = "\n".join(lines)
    assert text.index("Word") < text.index("a quantity  1 nat") < text.index("name      n") < text.index("A note.")
    assert "x     1,000\nyy       -2" in text  # words to the left, numbers to the right
    assert lines[-1].endswith(".svg")  # a path stays in one piece
    show({"x": math.nan}, summary, as_json=True)
    assert capsys.readouterr().out == '{"x": null}\n'
    show({"x": math.nan}, summary, as_json=False)
    assert capsys.readouterr().out.startswith("Word Word")


# ---------------------------------------------------------------- aging


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [(0.7, 0.86, "Subaging"), (0.9, 1.1, "Consistent with simple aging"), (1.1, 1.4, "Superaging"),
     (-0.1, 0.2, "No aging is detected"), (-0.1, 1.2, "Whether it ages is not determined"),
     (-0.5, -0.1, "The motion speeds up with age"), (None, None, "Whether it ages is not determined")],
)  # fmt: skip
def test_the_kind_of_aging_is_what_the_interval_of_mu_says(low, high, kind):
    assert kind_of_aging(low, high) == kind


def aged(**changes):
    """A report of `age`, as `describe_analysis` makes it."""
    part = {"exponent": 0.8, "low": 0.7, "high": 0.9, "status": OK}
    return {
        "mu": 0.78, "mu_low": 0.70, "mu_high": 0.86, "threshold": 0.01, "replicas": 100, "status": OK,
        "average": "t* of the mean", "t_star_of_mean": np.array([270.3, math.nan]),
        "t_star_of_mean_interval": np.array([[236.0, 308.0], [math.nan, math.nan]]),
        "crossover": {"waiting_time": 3200, "mu_before": 0.9, "mu_after": 0.5, "change_interval": (-0.6, -0.2)},
        "waiting_times": np.array([1300, 10000]), "t_star": np.array([270.3, math.nan]),
        "t_star_interval": np.array([[236.0, 308.0], [math.nan, math.nan]]), "local_slope": np.array([1.9, math.nan]),
        "local_slope_interval": np.array([[1.8, 2.0], [math.nan, math.nan]]),
        "effective_runs": np.array([10.5, math.nan]),
        "effective_runs_interval": np.array([[9.5, 12.0], [math.nan, math.nan]]),
        "mu_runs_mean": math.nan, "mu_runs_mean_low": math.nan, "mu_runs_mean_high": math.nan,
        "runs_mean_status": Status.CENSORED, "early": [False, False], "censored": [False, True],
        "t_star_runs_mean": np.full(2, math.nan), "t_star_runs_mean_interval": np.full((2, 2), math.nan),
        "pairs": {"missing": False},
        "collapse": part,
        "threshold_scan": {"flat": [False, True, True], "thresholds": [1e-3, 1e-2, 1e-1], "mu_flat": 0.8,
                           "mu_flat_low": 0.7, "mu_flat_high": 0.9, "status": OK},
        "diffusion": {"alpha": 1.0, "alpha_low": 0.9, "alpha_high": 1.1, "status": "look at the local slope"},
        "scaling_forms": {"best": None, "supported": (), "status": OK}, "largest_displacement": 0.5,
        "what_moves": {"drift_share": [0.5, math.nan], "drift_share_interval": [[0.41, 0.59], [math.nan] * 2],
                       "status": OK},
        **DATA, **changes,
    }  # fmt: skip


def test_laws_that_are_not_told_apart_are_all_named():
    forms = {"best": "simple aging", "supported": ("simple aging", "logarithmic"), "status": OK}
    facts = summarize_aging(aged(scaling_forms=forms)).facts
    said = "not told apart (AIC within 2 of the least): simple aging, logarithmic"
    assert facts["best-fitting law of t*(tw)"] == said
    alone = forms | {"supported": ("simple aging",)}
    assert summarize_aging(aged(scaling_forms=alone)).facts["best-fitting law of t*(tw)"] == "simple aging"


def test_a_threshold_that_nothing_reaches_is_said_in_one_sentence():
    summary = summarize_aging(aged(threshold=100.0, largest_displacement=0.02061, mu=math.nan))
    assert summary.verdict == (
        "No displacement reaches Delta* = 100: the largest, a mean over the runs, is 0.0206. Choose a smaller "
        "--threshold, or train longer runs."
    )
    assert list(summary.facts) == ["runs", "data"]
    assert not summary.tables


def test_no_average_is_given_twice():
    two = summarize_aging(aged()).tables
    assert [table.columns[1] for table in two] == ["t* (steps)", "mean of t* (steps)"]
    other = summarize_aging(aged(average="mean of t*", mu_of_mean=0.7, mu_of_mean_low=0.6, mu_of_mean_high=0.8,
                                 of_mean_status=OK)).tables  # fmt: skip
    assert [table.columns[1] for table in other] == ["mean of t* (steps)", "t* of the mean (steps)"]
    one = summarize_aging(aged(replicas=1, mu_scatter=0.7, mu_scatter_low=0.6, mu_scatter_high=0.8))
    assert len(one.tables) == 1  # averages over one run are the same


@pytest.mark.parametrize("value", [-0.0, -1e-9, -0.004])
def test_zero_has_no_sign(value):
    texts = [
        with_interval(value, value, value), in_a_cell(value, value, value), in_a_cell(value, value, value, digits=2),
        in_a_cell(value / 100, value / 100, value / 100, "%"), decimal(value), share(value / 100),
        f"{Estimate(value, value, value):.2f}", interval_text("a", Estimate(value, value, value)),
    ]  # fmt: skip
    assert not [text for text in texts if "-" in text]
    assert with_interval(-0.25, -0.5, -0.126) == "-0.25 [-0.50, -0.13]"
    assert f"{Estimate(-0.25, -0.5, -0.126):.2f}" == "-0.25 [-0.50, -0.13]"


def test_the_verdict_of_age_is_a_sentence():
    summary = summarize_aging(aged())
    assert summary.verdict == (
        "Subaging: mu = 0.78 [0.70, 0.86] at Delta* = 0.01; two slopes fit better: mu = 0.90 up to tw = 3,200 and 0.50 "
        "beyond it, a change of -0.40 [-0.60, -0.20]."
    )
    assert summary.facts["mu of the mean of t*"] == (
        "not determined: at fewer than two waiting times do all runs have a t*"
    )
    assert summary.facts["mu over thresholds"] == "0.80 [0.70, 0.90] for Delta from 1.0e-02 to 1.0e-01"
    assert summary.facts["best-fitting law of t*(tw)"] == "none"
    assert summary.tables[0].rows[0] == (
        "1,300", "270 [236, 308]", "1.90 [1.80, 2.00]", "50 [41, 59]", "10.5 [9.5, 12.0]"
    )  # fmt: skip
    assert summary.tables[0].rows[1] == (
        "10,000",
        "not determined: beyond the runs",
        *["not determined"] * 3,
    )
    assert "Diffusion: look at the local slope." in summary.notes
    assert summary.files == {}


def test_an_exponent_of_curves_that_do_not_collapse_says_so():
    name, value = "mu that collapses the curves", "0.80 [0.70, 0.90]"
    assert summarize_aging(aged()).facts[name] == value
    collapse = aged()["collapse"] | {"status": str(Status.DOES_NOT_COLLAPSE)}
    assert summarize_aging(aged(collapse=collapse)).facts[name] == value + "; they do not collapse"


def test_why_there_is_no_interval_is_said():
    scan = aged()["threshold_scan"] | {"mu_flat_low": math.nan, "mu_flat_high": math.nan, "status": Status.NO_INTERVAL}
    summary = summarize_aging(aged(threshold_scan=scan, t_star_interval=np.full((2, 2), math.nan)))
    why = "it depends on single runs"
    assert summary.facts["mu over thresholds"].startswith(f"0.80 (no interval: {why}) for Delta")
    assert f"Some t* have no interval: {why}." in summary.notes
    assert f"Thresholds: {Status.NO_INTERVAL}." in summary.notes
    one = aged(mu_low=math.nan, mu_high=math.nan, status=Status.TOO_FEW_RUNS)
    assert "mu = 0.78 (one run: no interval) at" in summarize_aging(one).verdict


def test_every_status_has_a_reason_without_its_remedy():
    for status in Status:
        told = reason(status)
        assert (told == "") == (status == Status.OK)
        assert ";" not in told
        assert "not defined: " not in told


def test_what_age_could_not_determine_is_said():
    summary = summarize_aging(aged(mu=math.nan, status="mu is not defined: train longer runs", crossover=None))
    assert summary.verdict == "The exponent mu is not determined at Delta* = 0.01."
    assert summary.notes[0] == "Mu is not defined: train longer runs."
    assert verdict(aged(mu_low=math.nan, mu_high=math.nan)) == (
        "Whether it ages is not determined: mu = 0.78 (no interval) at Delta* = 0.01"
    )


# ---------------------------------------------------------------- the others


def test_an_exploration_in_words():
    result = {"minima": 9, "transition_states": 1, "components": 2, "searches": 64, "found_share": math.nan,
              "lowest_loss": 0.43216095, "output": "f.db", "targets": 0, "unjoined": (), "bounds": 0,
              **DATA}  # fmt: skip
    summary = summarize_exploration(result, "at least 12 (95 %)")
    assert "minima joined with the lowest" not in summary.facts
    unjoined = [{"id": 3, "given_up": True, "bound": 0.51, "above": 0.0312},
                {"id": 7, "given_up": False, "bound": math.inf, "above": math.inf}]  # fmt: skip
    joined = summarize_exploration(result | {"targets": 5, "unjoined": unjoined, "bounds": 4}, "")
    assert joined.facts["minima joined with the lowest"] == "3 of 5"
    assert joined.facts["joined by an upper bound instead"] == "1 of the other 2"
    assert joined.facts["upper bounds on barriers"] == "4"
    assert [list(row) for row in joined.tables[0].rows] == [
        ["3", "given up", "0.51 nats", "0.0312 nats"],
        ["7", "searches or time ended", "none known", ""],
    ]
    assert summary.verdict == "9 minima and 1 transition state found by 64 searches, in 2 unconnected components."
    assert summary.facts["lowest loss"] == "0.432161 nats"
    assert summary.facts["minima that exist"] == "at least 12 (95 %)"
    assert "all of them connected" in summarize_exploration(result | {"components": 1}, "").verdict
    nothing = result | {"minima": 0, "lowest_loss": math.nan, "searches": 1}
    assert summarize_exploration(nothing, "").verdict == "No minimum yet after 1 search."


def between_ends(**values):
    return {
        f"{name}{end}": part
        for name, ends in values.items()
        for end, part in zip(("", "_low", "_high"), ends, strict=True)
    }


def test_visits_in_words():
    result = {"mapped": 27, "snapshots": 28, "replicas": 4, "distinct_minima_visited": 5, "new_minima": 1, "jumps": 3,
              "direct_jumps": 1, "connected_jumps": 2, "jumps_searched": 2, "transition_states_from_jumps": 1,
              "minima_from_jumps": 2,
              **between_ends(median_barrier=(0.01, math.nan, math.nan), median_barrier_from_run=(-0.02, -0.04, 0.0),
                             median_dwell=[math.nan] * 3, return_probability=(0.25, 0.2, 0.3),
                             mean_overlap=(0.5, 0.44, 0.56), maps_disagree=(0.099, 0.05, 0.15),
                             jumps_per_run=(0.75, 0.0, 1.5)),
              "saddles": 1, "not_converged": 0, "longest_snapshot_interval": 100, "output": "o.svg",
              **DATA}  # fmt: skip
    summary = summarize_overlay(result)
    assert summary.verdict == (
        "27 of 28 snapshots of 4 runs map to 5 minima; 1 minimum was new and added to the database. "
        "Runs change their minimum 3 times: 1 across one known transition state, 1 across several, 1 across none known."
    )
    assert summary.facts["searches from jumps"] == "2, which found 1 new transition state and 2 new minima"
    assert summary.facts["jumps per run"] == "0.75 [0, 1.5]"
    assert summary.facts["barrier above the loss of the run, median"] == "-0.02 [-0.04, 0] nats"
    left = summary.facts["barrier above the minimum that is left, median"]
    assert left == "0.01 nats (no interval: too few runs differ)"
    assert summary.facts["probability to return to a minimum"] == "25 [20, 30] %"
    one = summarize_overlay(result | {"replicas": 1})
    assert one.facts["barrier above the minimum that is left, median"] == "0.01 nats (one run: no interval)"
    assert summary.facts["median dwell time"] == "not determined"
    assert summary.facts["snapshots where flow and lbfgs disagree"] == "9.9 [5.0, 15.0] %"
    still = summarize_overlay(result | {"jumps": 0, "new_minima": 0}).verdict
    assert still.endswith("none of them new. No run changes its minimum.")


def test_a_comparison_names_its_data():
    row = {"hidden": "5,5", "dataset": "mnist", "dataset_seed": 3, "rows": 1000, "parameters": 1234, "minima": 9,
           "estimated_minima": {"value": 12.0, "low": 10.0}, "transition_states": 8, "components": 1, "mu": 0.5,
           "mu_low": 0.4, "mu_high": math.nan}  # fmt: skip
    table = comparison_table([row, row | {"estimated_minima": {"value": math.nan, "low": 9.0}, "mu": math.nan}])
    assert table.rows[0] == ("5,5", "mnist, 1,000 rows, seed 3", "1,234", "9", "10", "8", "1", "0.50 [0.40, ?]")
    assert (table.rows[1][4], table.rows[1][7]) == ("not determined", "not determined")
    found = [
        RankCorrelation("minima", Estimate(0.5, -0.1, 0.9), 0.2, 4),
        RankCorrelation("frustration", Estimate(math.nan, 0, 0), 1, 0),
    ]
    said = describe_correlations(found)
    assert list(said) == ["minima"]
    assert correlations_in_words(said) == "Rank correlation with mu: minima 0.50 [-0.10, 0.90], p = 0.20."
    assert "not determined" in correlations_in_words({})


def test_a_verification_in_words():
    result = {"minima": 9, "transition_states": 8, "failures": 1, "paths": 0, "unchecked_ends": 2, "removed": [],
              "failed": [{"kind": "minimum", "id": 2, "what": "its loss is 1"}], **DATA}  # fmt: skip
    summary = summarize_verification(result)
    assert summary.verdict == "1 point fails of 9 minima and 8 transition states."
    assert summary.tables[0].rows == [("fails", "minimum 2", "its loss is 1")]
    assert summary.notes == ["The ends of 2 transition states were never checked: verify with --paths."]


def test_runs_and_figures_in_words():
    summary = summarize_runs(
        {"replicas": 2, "steps": 40, "parameters": 25, "recorded": 14, "layers": [], "learning_rate": 0.05}, 7
    )
    assert summary.verdict == "2 runs of 40 steps, with 7 snapshots each."
    assert (summary.facts["learning rate"], summary.facts["seed"]) == ("0.05", "unknown")
    made = {"figure": "fig2", "title": "aging", "scale": "quick", "files": [],
            "published": {"mu": {"1": 0.8}}, "ours": {"mu": {"1": np.array([0.7, math.nan])}, "runs": 5}}  # fmt: skip
    assert summarize_reproduction(made).tables[0].rows == [
        ("mu 1", "0.8", "0.7, not determined"), ("runs", "", "5")
    ]  # fmt: skip


def test_numbers_of_a_figure_may_be_lists_of_pairs_and_of_mappings_with_gaps():
    ours = {"slopes": [(1.25, 0.5), None], "bend": [{"at": 4500}, None]}
    made = {"figure": "late", "title": "", "scale": "quick", "files": [], "published": {}, "ours": ours,
            "statements": [{"statement": "It bends", "published": "", "ours": "4500", "verdict": "holds"}]}  # fmt: skip
    said, numbers = summarize_reproduction(made).tables
    assert said.rows == [("It bends", "", "4500", "holds")]
    assert numbers.rows == [("slopes", "", "1.25, 0.5, not determined"), ("bend 1 at", "", "4,500")]


class Looks:
    """What is looked at of a loss: the network."""

    def __init__(self, *layer_sizes):
        self.network = MLP(layer_sizes)


def stopped(new_searches, searches=None, unfinished=1):
    nothing = Estimate(math.nan, math.nan, math.nan)
    total = new_searches if searches is None else searches
    return Exploration(Path("a.db"), total, 0, 0, 0, math.nan, None, nothing, new_searches=new_searches,
                       unfinished=unfinished)  # fmt: skip


def test_the_end_of_a_budget_is_said_where_it_matters():
    quick, slow = Cost(60, 1e-5, 1e-4, 1e-4), Cost(4000, 0.07, 100.0, 50.0)
    narrow, wide = Looks(2, 10, 4), Looks(784, 5, 10)
    assert budget_ended(stopped(96, 128), quick, narrow) is None  # each search is a small part of the budget
    assert budget_ended(stopped(0, unfinished=0), quick, narrow) is None
    assert budget_ended(stopped(2, 40), quick, narrow) == (
        "the budget ended in search 40, and nothing of it is stored: run the same command again, with a larger "
        "--budget if it ends there again"
    )
    said = budget_ended(stopped(0), slow, wide)
    assert said.startswith("the budget ended in search 0, and nothing of it is stored: give a larger --budget, or")
    assert "with --pca 20" in said
    assert f"a quench takes about {duration(slow.seconds('lbfgs'))}, a transition state about" in said
    assert "--pca" not in budget_ended(stopped(0), slow, narrow)


def test_what_to_do_next_is_what_the_estimate_of_the_time_knew():
    quick, slow = Cost(60, 1e-5, 1e-4, 1e-4), Cost(4000, 0.07, 100.0, 50.0)
    assert how_to_continue(quick, Looks(2, 10, 4)) == how_to_continue(None, Looks(784, 5, 10)) == CONTINUE
    said = how_to_continue(slow, Looks(784, 5, 10))
    assert f"One transition state takes about {duration(slow.seconds('transition state'))} on one core" in said
    assert "--pca 20" in said
    assert "10m" not in said


def test_transition_states_of_a_single_minimum_are_explained():
    assert own_images(1, 0) == own_images(2, 3) == []
    (note,) = own_images(1, 5)
    assert "its own images" in note


def test_info_shows_the_names_of_the_classes(tmp_path):
    path = tmp_path / "wine.csv"
    path.write_text("x,grape\n1,barolo\n2,barolo\n3,barbera\n")
    counts, _ = summarize_table(datasets.describe_table(path), {}).tables
    assert counts.rows == [("barbera", "1"), ("barolo", "2")]
