import importlib.util
import re
import runpy
import sys

import numpy as np
import pytest
import torch
from support.paths import EXAMPLES

from bridge import compare
from dynamics import load_trajectories
from dynamics.displacement import layer_displacement
from landscape import Database, TorchLoss, explore, verify
from landscape.graph import components

spec = importlib.util.spec_from_file_location("torch_module", EXAMPLES / "torch_module.py")
torch_module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(torch_module)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((EXAMPLES / "databases").glob("*.db")), ids=lambda path: path.stem)
def test_the_databases_hold_certified_points_in_one_component(path, tmp_path):
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    assert verify(copy).failures == ()
    with Database(copy) as database:
        assert not components(database.graph()).any()
        assert len(database.minima) >= 1


PNG = b"\x89PNG\r\n\x1a\n"
SCRIPTS = ("disconnectivity_graphs", "visits", "where_is_sgd", "minima_against_mu", "torch_module", "recorded_network",
           "known_answer")  # fmt: skip
LANDSCAPE = ("--searches", "18", "--rows", "100", "--jobs", "1")
RUNS = ("--replicas", "4", "--steps", "2000")


@pytest.fixture
def run_script(tmp_path, monkeypatch, capsys):
    """Run an example in an empty folder: what it prints."""

    def run(name, *arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_an_example_has_help_and_does_nothing_without_a_place_to_write_to(name, run_script, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        run_script(name, "--help")
    assert not stopped.value.code
    said = capsys.readouterr().out
    assert f"usage: {name}" in said
    assert f"examples/{name}.py" in said  # how to call it
    assert not list(tmp_path.iterdir())
    if name != "known_answer":  # which keeps nothing
        with pytest.raises(SystemExit):
            run_script(name)
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_is_read_in_one_sitting(name):
    lines = (EXAMPLES / f"{name}.py").read_text().splitlines()
    assert 20 <= len(lines) <= 60


def test_the_disconnectivity_graphs_of_architectures(run_script, tmp_path):
    printed = run_script("disconnectivity_graphs", "graphs", "--hidden", "2", "4", *LANDSCAPE).splitlines()
    assert [line.partition(":")[0] for line in printed] == ["2", "4"]
    for hidden, line in zip("24", printed, strict=True):
        with Database(tmp_path / "graphs" / f"h{hidden}.db") as database:
            assert f" {len(database.minima)} minima, {len(database.transition_states)} transition states" in line
    assert (tmp_path / "graphs" / "graphs.png").read_bytes().startswith(PNG)


def test_the_visits_of_sgd(run_script, tmp_path):
    printed = run_script("visits", "visits", "--hidden", "4", *LANDSCAPE, *RUNS)
    mapped, minima, new = map(int, re.findall(r"\d+", printed)[:3])
    with Database(tmp_path / "visits" / "landscape.db") as database:
        assert len([minimum for minimum in database.minima if minimum.origin == "sgd"]) == new
    assert 1 <= minima <= mapped == 4 * 7  # six waiting times and the end
    assert (tmp_path / "visits" / "visits.png").read_bytes().startswith(PNG)


def test_the_number_of_minima_against_mu(run_script, tmp_path):
    sizes = ("--hidden", "2", "4", *LANDSCAPE, *RUNS)
    printed = run_script("minima_against_mu", "comparison", *sizes, "--threshold", "1e-3").splitlines()
    rows = compare(tmp_path / "comparison", threshold=1e-3).rows
    assert [f"{row.hidden}: {row.minima} minima" in line for row, line in zip(rows, printed, strict=True)] == [True] * 2
    assert [f"mu = {row.mu.value:.2f} [" in line for row, line in zip(rows, printed, strict=True)] == [True] * 2
    assert (tmp_path / "comparison" / "comparison.png").read_bytes().startswith(PNG)


@pytest.mark.slow
def test_a_torch_module(run_script, tmp_path):
    printed = run_script("torch_module", "a.db", "--searches", "8", "--rows", "50", "--units", "2", "--jobs", "1")
    with Database(tmp_path / "a.db") as database:
        assert f": {len(database.minima)} minima, " in printed
        assert f"lowest loss {database.minima[0].point.value:.5f}" in printed


@pytest.mark.slow
def test_a_recorded_network(run_script, tmp_path):
    pytest.importorskip("sklearn")
    sizes = ("--steps", "60", "--rows", "50")
    run_script("recorded_network", "a.h5", "--replicas", "1", "--first", "1", *sizes)
    assert run_script("recorded_network", "a.h5", "--replicas", "2", *sizes).splitlines()[1] == "run 1 is complete"
    runs = load_trajectories(tmp_path / "a.h5")
    assert runs.replicas == 2
    assert layer_displacement(runs).layers == ("conv1", "conv2", "dense")
    assert (np.diff(runs.loss[:, [0, -1]]) < 0).all()


@pytest.mark.slow
def test_known_answers_are_found(run_script):
    printed = run_script("known_answer", "--replicas", "20", "--searches", "128", "--wells", "3").splitlines()
    exponents = [re.findall(r"-?\d+\.\d+", line) for line in printed if "mu" in line]
    assert [abs(float(found) - float(true)) < 0.25 for found, _, _, true in exponents] == [True] * 4
    counts = [re.findall(r"\d+", line) for line in printed if line.startswith("double wells")]
    assert counts == [["8", "8"], ["12", "12"]]


@pytest.mark.slow
def test_a_recurrent_torch_module_is_explored_like_any_loss(few_data, tmp_path):
    """What is found are stationary points of the loss as torch computes it, and saddles lie above both their ends."""
    module = torch_module.LeakyNetwork(2, 2, 4, steps=3)
    loss = TorchLoss(module, few_data, 1e-3)
    explore(loss, tmp_path / "a.db", searches=64)

    def reference(theta):
        parts = torch.split(theta, [p.numel() for p in module.parameters()])
        named = {n: x.reshape(p.shape) for (n, p), x in zip(module.named_parameters(), parts, strict=True)}
        logits = torch.func.functional_call(module.double(), named, (torch.tensor(few_data.inputs),))
        return torch.nn.functional.cross_entropy(logits, torch.tensor(few_data.labels)) + 1e-3 * (theta**2).sum()

    with Database(tmp_path / "a.db") as database:
        minima = {minimum.id: minimum.point for minimum in database.minima}
        states = database.transition_states
    assert len(minima) > 2
    assert len(states) > 2
    for index, points in ((0, minima.values()), (1, [state.point for state in states])):
        for point in points:
            theta = torch.tensor(point.coordinates, requires_grad=True)
            (gradient,) = torch.autograd.grad(reference(theta), theta)
            assert gradient.norm() / np.sqrt(theta.numel()) < 2e-10
            hessian = torch.autograd.functional.hessian(reference, theta.detach())
            assert int((torch.linalg.eigvalsh(hessian) < 0).sum()) == index
    for state in states:
        assert all(state.point.value > minima[number].value for number in state.minimum_ids)
