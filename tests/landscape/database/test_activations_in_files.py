"""Databases say which activation their points belong to; those of older versions are of tanh units."""

from dataclasses import replace

import numpy as np
import pytest
from support.databases import NETWORK, PROVENANCE, contents, fill

from landscape import CrossEntropyLoss, Database, explore, loss_of, merge, quench, verify
from landscape.database import provenance_of
from landscape.interchange import export_npz, import_npz
from landscape.networks import MLP

GELU = replace(PROVENANCE, activation="gelu")


def make(path, provenance):
    Database.create(path, provenance).close()
    return path


def test_files_of_tanh_units_say_nothing_and_others_do(tmp_path, rng):
    assert not any("activation" in line for line in contents(fill(tmp_path / "tanh.db", rng)))
    with Database(make(tmp_path / "gelu.db", GELU)) as database:
        assert database.provenance == GELU
        assert database.network == MLP(NETWORK.layer_sizes, "gelu")


def test_another_activation_is_another_loss(tmp_path, few_data):
    losses = {name: CrossEntropyLoss(MLP((2, 3, 4), name), few_data) for name in ("tanh", "gelu")}
    path = make(tmp_path / "gelu.db", provenance_of(losses["gelu"], 0))
    with pytest.raises(ValueError, match="made with activation = 'gelu', not 'tanh'"):
        explore(losses["tanh"], path, searches=1)
    with pytest.raises(ValueError, match="activation"):
        verify(path, losses["tanh"])
    other = make(tmp_path / "tanh.db", provenance_of(losses["tanh"], 0))
    with pytest.raises(ValueError, match="activation"):
        merge([path, other], tmp_path / "both.db")
    with Database(path) as database:
        assert loss_of(database).network == losses["gelu"].network


def test_npz_keeps_the_activation(tmp_path):
    path = make(tmp_path / "gelu.db", GELU)
    with Database(path) as database:
        export_npz(database, tmp_path / "gelu.npz")
    import_npz(tmp_path / "gelu.npz", tmp_path / "again.db")
    with Database(tmp_path / "again.db") as database:
        assert database.provenance.activation == "gelu"


@pytest.mark.parametrize("value", ["Tanh", 3, ["gelu"]])
def test_an_unknown_activation_is_damage(tmp_path, value):
    with pytest.raises(ValueError, match="activation in its provenance"):
        make(tmp_path / "f.db", replace(PROVENANCE, activation=value))


@pytest.mark.parametrize(
    ("name", "words"), [("relu", "has a kink.*softplus or gelu"), ("linear", "continuous symmetry")]
)
def test_searches_refuse_what_has_no_isolated_smooth_minima(tmp_path, few_data, name, words):
    loss = CrossEntropyLoss(MLP((2, 3, 4), name), few_data)
    theta = np.ones(loss.n_parameters)
    for search in (lambda: quench(loss, theta), lambda: explore(loss, tmp_path / "f.db", searches=1)):
        with pytest.raises(ValueError, match=words):
            search()
    assert not (tmp_path / "f.db").exists()
    CrossEntropyLoss(MLP((2, 4), name), few_data)  # no hidden units: nothing depends on the activation


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gelu", "softplus", "sigmoid", "silu"])
def test_explored_and_verified(tmp_path, few_data, name):
    loss = CrossEntropyLoss(MLP((2, 3, 4), name), few_data, 1e-3)
    found = explore(loss, tmp_path / "f.db", searches=64)
    assert found.minima >= 1
    checked = verify(tmp_path / "f.db", paths=True)
    assert not checked.failures
    export = tmp_path / "f.npz"
    with Database(tmp_path / "f.db") as database:
        export_npz(database, export)
        assert all(minimum.orbit_size in {1, 2, 3, 6} for minimum in database.minima)
    import_npz(export, tmp_path / "again.db")
    assert not verify(tmp_path / "again.db").failures
