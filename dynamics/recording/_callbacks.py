"""The recorder as a callback of libraries that have a training loop of their own."""

from importlib import import_module
from typing import Any

from dynamics.recording._journal import CURVES
from dynamics.recording._recorder import Recorder


def keras_callback(recorder: Recorder) -> Any:
    """A callback for ``model.fit(..., callbacks=[keras_callback(recorder)])`` of Keras 3.

    A step is an update of the optimizer, whose count continues when a saved model is loaded. Parameters are the
    trainable variables, named by their path: "dense/kernel" is "dense.kernel". Loss and accuracy are those that Keras
    logs: means since the beginning of the epoch. Compile with ``steps_per_execution=1``, because Keras calls only once
    in so many steps.

    Raises
    ------
    ImportError
        If Keras is not installed.
    """
    keras: Any = import_module("keras")

    class RecorderCallback(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self._record(int(self.model.optimizer.iterations), logs)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if recorder.due:
                self._record(None, logs)
            else:  # the model, which JAX would first have to bring up to date, is not looked at
                recorder.step(None)

        def on_train_end(self, logs: Any = None) -> None:
            recorder.close()

        def _record(self, step: int | None, logs: Any) -> None:
            variables = self.model.trainable_variables
            arrays = {one.path.replace("/", "."): keras.ops.convert_to_numpy(one) for one in variables}
            recorder.step(arrays, step, **{name: value for name, value in (logs or {}).items() if name in CURVES})

    return RecorderCallback()


def lightning_callback(recorder: Recorder) -> Any:
    """A callback for ``Trainer(callbacks=[lightning_callback(recorder)])`` of Lightning.

    A step is `Trainer.global_step`, which continues when ``fit`` is given a checkpoint; with several optimizers it
    counts the updates of all. The process of rank 0 records. Models that are sharded over processes are not supported.

    Raises
    ------
    ImportError
        If neither lightning nor pytorch_lightning is installed.
    """
    try:
        lightning: Any = import_module("lightning.pytorch")
    except ImportError:  # its name before version 2
        lightning = import_module("pytorch_lightning")

    class RecorderCallback(lightning.Callback):
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            self._record(trainer, pl_module)

        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            self._record(trainer, pl_module)

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            if trainer.is_global_zero:
                recorder.close()

        def _record(self, trainer: Any, pl_module: Any) -> None:
            if trainer.is_global_zero:
                recorder.step(pl_module, trainer.global_step)

    return RecorderCallback()
