"""Runs of other activations than tanh: what their files say, and which loss they belong to."""

import numpy as np
import pytest

from dynamics import SGD, load_trajectories, train
from dynamics.displacement import displacement_modulo_symmetry
from dynamics.runs import loss_of_runs
from dynamics.runs._settings import settings_of
from dynamics.snapshots import check_loss
from dynamics.training._replica import KernelTask
from dynamics.training._starts import Points
from dynamics.training._store import Header, compare_settings
from landscape import CrossEntropyLoss
from landscape.networks import MLP


def test_the_activation_is_part_of_what_is_trained(tmp_path):
    sizes = {"layer_sizes": [2, 3, 4]}
    identity = {name: KernelTask.identity.fget(FakeTask(MLP((2, 3, 4), name))) for name in ("tanh", "gelu")}
    assert identity == {"tanh": sizes, "gelu": {**sizes, "activation": "gelu"}}
    for old, new in (("tanh", "gelu"), ("gelu", "tanh")):
        header = Header((2, 3, 4), {}, identity[new], identity[new])
        with pytest.raises(ValueError, match=f"made with activation = '{old}', not '{new}'"):
            compare_settings(tmp_path / "f.h5", identity[old], header)
        compare_settings(tmp_path / "f.h5", identity[new], header)
    other = KernelTask.identity.fget(FakeTask(MLP((2, 3, 4)), "squared-error"))
    assert other == {**sizes, "loss": "squared-error"}
    for old, new in ((sizes, other), (other, sizes)):
        with pytest.raises(ValueError, match="made with loss = "):
            compare_settings(tmp_path / "f.h5", old, Header((2, 3, 4), {}, new, new))


def test_minima_of_other_units_are_no_start(rng):
    points = Points(rng.normal(size=25), (2, 3, 4), "f.db", "gelu")
    assert points.draw(MLP((2, 3, 4), "gelu"), rng, 0).shape == (25,)
    with pytest.raises(ValueError, match=r"f\.db must be points of tanh units; got gelu"):
        points.draw(MLP((2, 3, 4)), rng, 0)


class FakeTask:
    def __init__(self, network, loss="cross-entropy"):
        self.network, self.layer_sizes, self.loss = network, network.layer_sizes, loss


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gelu", "relu", "linear"])
def test_runs_know_their_activation(tmp_path, few_data, name):
    network = MLP((2, 3, 4), name)
    loss = CrossEntropyLoss(network, few_data, 1e-3)
    runs = train(loss, SGD(batch_size=20), replicas=2, steps=300, path=tmp_path / "f.h5")
    again = load_trajectories(tmp_path / "f.h5")
    assert again.network == network
    assert settings_of(again)["activation"] == name
    assert loss_of_runs(again).network == network
    check_loss(again, loss)
    with pytest.raises(ValueError, match="activation"):
        check_loss(again, CrossEntropyLoss(MLP((2, 3, 4)), few_data, 1e-3))
    with pytest.raises(ValueError, match="made with activation"):
        train(CrossEntropyLoss(MLP((2, 3, 4)), few_data, 1e-3), SGD(batch_size=20), replicas=2, steps=300,
              path=tmp_path / "f.h5")  # fmt: skip
    theta = np.asarray(runs.snapshots[0][-1], np.float64)
    assert runs.loss[0, -1] == pytest.approx(loss.value(theta), rel=1e-5)
    assert runs.loss[:, -1].mean() < runs.loss[:, 0].mean()
    moved = displacement_modulo_symmetry(again)
    assert moved.exact == (name == "gelu")
    assert (moved.modulo.values <= moved.plain.values * (1 + 1e-9)).all() or np.isnan(moved.plain.values).any()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gelu", "sigmoid", "relu"])
def test_curves_of_wide_inputs(name, rng):
    """In float32 through BLAS, against float64."""
    from dynamics.training._wide_curves import evaluate_wide  # noqa: PLC0415
    from landscape import Dataset  # noqa: PLC0415

    data = Dataset(rng.normal(size=(50, 70)), rng.integers(3, size=50), 3, rng.normal(size=(9, 70)),
                   rng.integers(3, size=9))  # fmt: skip
    loss = CrossEntropyLoss(MLP((70, 4, 3, 3), name), data, 1e-3)
    theta = 0.3 * rng.normal(size=(2, loss.n_parameters))
    curves = evaluate_wide(loss.network, data, np.full(loss.n_parameters, 1e-3), theta)
    values, gradients = loss.values_and_gradients(theta)
    np.testing.assert_allclose(curves[:, 0], values, rtol=1e-5)
    np.testing.assert_allclose(curves[:, 2], np.linalg.norm(gradients, axis=1), rtol=1e-4)
