"""The recorder as a callback of Keras and Lightning: small copies of their protocols, and the packages themselves."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from dynamics import Recorder, RecordingSchedule, load_trajectories
from dynamics.recording import keras_callback, lightning_callback

SCHEDULE = RecordingSchedule(12, waiting_times=[2, 5], lags=[1, 3])


class KerasFit:
    """What `fit` of Keras 3 calls, on a model whose weights are the number of updates."""

    def __init__(self, updates=0):
        self.updates, self.looks = updates, 0
        self.optimizer = SimpleNamespace(iterations=updates)

    @property
    def trainable_variables(self):
        self.looks += 1
        values = {"dense/kernel": np.full((2, 3), self.updates), "dense/bias": np.full(3, self.updates)}
        return [SimpleNamespace(path=path, value=value) for path, value in values.items()]

    def fit(self, callback, epochs, batches):
        callback.set_model(self)
        callback.on_train_begin()
        for epoch in range(epochs):
            callback.on_epoch_begin(epoch)
            for batch in range(batches):
                callback.on_train_batch_begin(batch)
                self.updates += 1
                self.optimizer.iterations = self.updates
                callback.on_train_batch_end(batch, {"loss": 1 / self.updates, "mae": 3.0})
            callback.on_epoch_end(epoch)
        callback.on_train_end()


@pytest.fixture
def keras(monkeypatch):
    """The base class of Keras' callbacks, and what they need of it."""

    class Callback:
        def set_model(self, model):
            self.model = model

        def __getattr__(self, name):
            assert name.startswith("on_")
            return lambda *arguments, **named: None

    module = ModuleType("keras")
    module.callbacks = SimpleNamespace(Callback=Callback)
    module.ops = SimpleNamespace(convert_to_numpy=lambda variable: variable.value)
    monkeypatch.setitem(sys.modules, "keras", module)


def check(path):
    runs = load_trajectories(path)
    assert runs.steps.tolist() == SCHEDULE.recorded_steps.tolist()
    np.testing.assert_array_equal(runs.snapshots[0], np.repeat(runs.steps[:, None], 9, axis=1))
    assert [(one.name, one.shape) for one in runs.parameters] == [("dense.kernel", (2, 3)), ("dense.bias", (3,))]
    return runs


def test_keras_records_every_update_that_is_due(keras, tmp_path):
    model = KerasFit()
    model.fit(keras_callback(Recorder(tmp_path / "a.h5", SCHEDULE)), 3, 4)
    runs = check(tmp_path / "a.h5")
    np.testing.assert_allclose(runs.loss[0], 1 / runs.curve_steps)
    assert runs.curve_steps.tolist() == SCHEDULE.recorded_steps.tolist()[1:]  # nobody knows the loss at step 0
    assert model.looks == len(SCHEDULE.recorded_steps)


def test_keras_continues_with_the_count_of_its_optimizer(keras, tmp_path):
    KerasFit().fit(keras_callback(Recorder(tmp_path / "a.h5", SCHEDULE)), 1, 7)
    KerasFit(updates=4).fit(keras_callback(Recorder(tmp_path / "a.h5", SCHEDULE)), 2, 4)
    check(tmp_path / "a.h5")


class LightningFit:
    """What `fit` of Lightning calls: `accumulated` batches make an update, and a checkpoint restores the count."""

    def __init__(self, updates=0, accumulated=1, rank=0):
        self.global_step, self.accumulated, self.is_global_zero = updates, accumulated, rank == 0

    def named_parameters(self):
        yield "dense.kernel", np.full((2, 3), self.global_step)
        yield "dense.bias", np.full(3, self.global_step)

    def fit(self, callback, updates):
        callback.on_train_start(self, self)
        for batch in range(updates * self.accumulated):
            self.global_step += (batch + 1) % self.accumulated == 0
            callback.on_train_batch_end(self, self, {"loss": 1.0}, "batch", batch)
        callback.on_train_end(self, self)


@pytest.fixture
def lightning(monkeypatch):
    """Lightning's package, whose base class defines all hooks."""
    module = ModuleType("lightning.pytorch")
    module.Callback = object
    monkeypatch.setitem(sys.modules, "lightning", ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", module)


@pytest.mark.parametrize("accumulated", [1, 3])
def test_lightning_records_every_update_that_is_due(lightning, tmp_path, accumulated):
    LightningFit(accumulated=accumulated).fit(lightning_callback(Recorder(tmp_path / "a.h5", SCHEDULE)), 12)
    check(tmp_path / "a.h5")


def test_lightning_continues_with_its_global_step(lightning, tmp_path):
    LightningFit().fit(lightning_callback(Recorder(tmp_path / "a.h5", SCHEDULE)), 7)
    LightningFit(updates=4).fit(lightning_callback(Recorder(tmp_path / "a.h5", SCHEDULE)), 8)
    check(tmp_path / "a.h5")


def test_only_one_process_of_lightning_records(lightning, tmp_path):
    recorder = Recorder(tmp_path / "a.h5", SCHEDULE)
    LightningFit(rank=1).fit(lightning_callback(recorder), 12)
    recorder.close()
    assert not (tmp_path / "a.h5").exists()


@pytest.mark.slow
def test_keras_itself(tmp_path):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation="relu"), keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["accuracy"])
    inputs = np.random.default_rng(0).normal(size=(32, 2))
    callback = keras_callback(Recorder(tmp_path / "a.h5", SCHEDULE))
    model.fit(inputs, inputs[:, :1], batch_size=8, epochs=3, callbacks=[callback], verbose=0)
    runs = load_trajectories(tmp_path / "a.h5")
    assert runs.steps.tolist() == SCHEDULE.recorded_steps.tolist()
    last = np.concatenate([np.ravel(weights) for weights in model.get_weights()])
    np.testing.assert_array_equal(runs.snapshots[0, -1], last)


@pytest.mark.slow
def test_lightning_itself(tmp_path):
    lightning = pytest.importorskip("lightning.pytorch")
    torch = pytest.importorskip("torch")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.dense = torch.nn.Linear(2, 1)

        def training_step(self, batch, batch_idx):
            return ((self.dense(batch[0]) - 1) ** 2).mean()

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters())

    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(32, 2)), 8)
    callback, module = lightning_callback(Recorder(tmp_path / "a.h5", SCHEDULE)), Module()
    quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False, "accelerator": "cpu"}
    lightning.Trainer(max_epochs=3, callbacks=[callback], default_root_dir=tmp_path, **quiet).fit(module, loader)
    runs = load_trajectories(tmp_path / "a.h5")
    assert runs.steps.tolist() == SCHEDULE.recorded_steps.tolist()
    last = torch.nn.utils.parameters_to_vector(module.parameters()).detach().numpy()
    np.testing.assert_array_equal(runs.snapshots[0, -1], last)
