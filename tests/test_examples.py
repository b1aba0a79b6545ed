import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from landscape import Database, TorchLoss, components, explore, verify

EXAMPLES = Path(__file__).parents[1] / "examples"

spec = importlib.util.spec_from_file_location("torch_module", EXAMPLES / "torch_module.py")
torch_module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(torch_module)


@pytest.mark.parametrize("path", sorted((EXAMPLES / "databases").glob("*.db")), ids=lambda path: path.stem)
def test_the_databases_hold_certified_points_in_one_component(path, tmp_path):
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    assert verify(copy).failures == ()
    with Database(copy) as database:
        assert not components(database.graph()).any()
        assert len(database.minima) >= 1


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
