"""The table of claims: from synthetic runs with known exponents to verdicts, files and the command."""

import dataclasses
import json

import numpy as np
import pytest

from bridge.claims import CLAIMS, Below, Contrast, Within, _ensembles, chosen_claims, judge_claims, reproduce_claims
from bridge.claims._ensembles import scaled_times
from bridge.claims._per_run import independent, slope
from bridge.cli import run
from bridge.figures import Ensemble, Verdict
from dynamics import aging, load_trajectories, mean_square_displacement
from dynamics.runs import WAITING_TIMES

TIMES = np.array(WAITING_TIMES)


def lag_times(mu, spread, seed):
    rng = np.random.default_rng(seed)
    return TIMES**mu * rng.lognormal(0.0, spread, (20, TIMES.size))


def claim(measure, test, draws=4):
    """A claim about synthetic runs."""
    return dataclasses.replace(
        CLAIMS["subaging"], ensembles=lambda scale, draw: (), measure=measure, test=test, draws=draws
    )


def verdict(made, folder):
    (found,) = reproduce_claims([made], folder).findings
    return found.verdict


@pytest.fixture
def only(monkeypatch):
    """Claims that the table has."""

    def use(*claims):
        monkeypatch.setattr("bridge.claims._making.CLAIMS", {one.name: one for one in claims})
        return claims

    return use


@pytest.mark.parametrize(
    ("mu", "spread", "expected"),
    [(0.7, 0.05, "holds"), (1.4, 0.05, "fails"), (1.0, 0.3, "undecided")],
)
def test_subaging_of_runs_with_a_known_exponent(mu, spread, expected, only, tmp_path):
    def measure(work, draw):
        return [slope(np.log(TIMES), lag_times(mu, spread, draw)).named("3")]

    (made,) = only(claim(measure, Below(1.0)))
    assert verdict(made, tmp_path) == expected


@pytest.mark.parametrize(
    ("mu", "spread", "expected"),
    [((0.7, 0.7), 0.05, "holds"), ((0.7, 0.95), 0.05, "fails"), ((0.7, 0.75), 0.7, "undecided")],
)
def test_one_exponent_of_runs_with_known_exponents(mu, spread, expected, only, tmp_path):
    def measure(work, draw):
        a, b = (slope(np.log(TIMES), lag_times(each, spread, 10 * draw + k)) for k, each in enumerate(mu))
        return [independent("b less a", b, a)]

    (made,) = only(claim(measure, Within(0.1)))
    assert verdict(made, tmp_path) == expected


def test_one_realization_is_said(only, tmp_path):
    (made,) = only(claim(lambda work, draw: [Contrast("3", 0.7, 0.01, 9.0)], Below(1.0), draws=1))
    (found,) = reproduce_claims([made], tmp_path).findings
    assert (found.verdict, found.in_words) == (Verdict.HOLDS, "holds for one realization")
    assert found.over_realizations == "one realization"
    assert found.command == "agescape reproduce claims --claim subaging --scale quick"


def test_table_is_text_markdown_and_json(only, tmp_path):
    (made,) = only(claim(lambda work, draw: [Contrast("3", 0.7 + 0.02 * draw, np.nan)], Below(1.0)))
    table = reproduce_claims([made], tmp_path)
    stored, text = (path.read_text() for path in table.files)
    content = json.loads(stored, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert judge_claims([made], content["ours"]) == table.findings
    assert content["statements"][0]["ours"] == "3: 0.70 (no interval)"
    assert text.splitlines()[2].split(" | ")[-3:-1] == ["3: 0.73 [0.69, 0.77]", "**holds**"]


def test_interrupted_table_keeps_what_is_finished_and_goes_on(only, tmp_path):
    def stop(work, draw):
        raise KeyboardInterrupt

    first = dataclasses.replace(claim(lambda work, draw: [Contrast("3", 0.1 * draw)], Below(1.0)), name="first")
    second = claim(stop, Below(1.0))
    only(first, second)
    with pytest.raises(KeyboardInterrupt):
        reproduce_claims([first, second], tmp_path)
    later = claim(lambda work, draw: [Contrast("3", 2.0 + 0.1 * draw)], Below(1.0))
    only(first, later)
    assert [one.verdict for one in reproduce_claims([later], tmp_path).findings] == ["holds", "fails"]


def test_claims_about_mnist_are_left_out_without_its_files(only, tmp_path):
    def missing(work, draw):
        raise FileNotFoundError("train-images")

    only(made := dataclasses.replace(claim(missing, Below(1.0)), data="MNIST"))
    said = []
    assert not reproduce_claims([made], tmp_path, progress=lambda stage, done, total: said.append(stage)).findings
    assert "train-images" in said[-1]
    with pytest.raises(FileNotFoundError):
        reproduce_claims([dataclasses.replace(made, data="LJAT-like")], tmp_path)


@pytest.mark.parametrize("scale", ["quick", "paper"])
def test_every_claim_has_its_runs(scale):
    names = {}
    for one in CLAIMS.values():
        assert one.draws == 1 if one.data == "MNIST" else one.draws >= 3
        assert one.text.endswith(".")
        assert one.place
        for draw in range(one.draws):
            for ensemble in one.ensembles(scale, draw):
                alike = names.setdefault(ensemble.name, ensemble)
                assert dataclasses.replace(alike, replicas=1) == dataclasses.replace(ensemble, replicas=1)
                assert ensemble.dataset_seed == draw
                assert ensemble.steps <= 300_000
    learned = {ensemble.learning_rate for ensemble in names.values()}
    assert learned == {0.025, 0.05, 0.1}


def test_waiting_times_are_in_proportion_to_the_rate():
    assert scaled_times((1300, 2100), 0.1, 0.05) == (650, 1050)


def test_claims_are_chosen_by_name():
    assert [one.name for one in chosen_claims("depth, aging,depth")] == ["depth", "aging"]
    with pytest.raises(ValueError, match=r"aging, .*got 'depths'"):
        chosen_claims("depths")


@pytest.mark.slow
def test_growth_of_runs_is_that_of_their_aging_times(only, tmp_path, monkeypatch):
    """On real runs, from the analysis of `aging`: ln of the ratio of the mean times of the last and the first tw."""
    tiny = Ensemble((3,), 4, 30_000, rows=100)
    monkeypatch.setattr(_ensembles, "depths", lambda scale, draw: (dataclasses.replace(tiny, dataset_seed=draw),))
    made = dataclasses.replace(CLAIMS["aging"], ensembles=_ensembles.depths, draws=2)
    only(made)
    numbers = reproduce_claims([made], tmp_path).numbers["aging"]
    for draw, name in enumerate(runs[0] for runs in numbers["runs"]):
        runs = load_trajectories(tmp_path / "quick" / "runs" / f"{name}.h5")
        mean = aging(mean_square_displacement(runs), 1e-2).t_star_runs_mean.value
        assert numbers["values"][draw][0] == pytest.approx(np.log(mean[-1] / mean[0]))
    assert numbers["size"] == "LJAT-like, 4 runs x 30000 steps, 2 realizations"


def command(*arguments, monkeypatch):
    monkeypatch.setattr("sys.argv", ["agescape", "reproduce", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        run()
    return end.value.code


def test_command_prints_the_table(only, tmp_path, monkeypatch, capsys):
    made = claim(lambda work, draw: [Contrast("3", 0.7 + 0.01 * draw, 0.02, 9.0)], Below(1.0))
    only(made)
    monkeypatch.setattr("bridge.commands.reproduce.chosen_claims", lambda names: (made,))
    monkeypatch.setattr("bridge.commands.reproduce.estimate_claims_seconds", lambda *arguments: 1.0)
    options = ("--output", tmp_path, "--jobs", 1)
    assert command("claims", *options, monkeypatch=monkeypatch) == 0
    printed = capsys.readouterr().out
    assert "1 claim of the paper at quick scale: 1 holds" in printed
    assert "0.70 [0.65, 0.75]" in printed
    assert command("claims", *options, "--json", monkeypatch=monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)["statements"][0]["in_words"] == "holds"


@pytest.mark.parametrize("arguments", [("claims", "--steps", "100"), ("fig1", "--claim", "aging")])
def test_options_of_figures_and_claims_are_apart(arguments, monkeypatch, capsys):
    assert command(*arguments, monkeypatch=monkeypatch) != 0
    assert "claim" in capsys.readouterr().err
