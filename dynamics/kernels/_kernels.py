"""Compiled SGD kernels, made on demand and cached on disk.

The source that `_codegen` makes is compiled as text, under the name of a file in the cache directory
(`landscape.support`) with the same content, because numba stores its cache next to a file. That file is only written,
compared and dated, never executed: changing it only slows down the next start.
"""

import hashlib
import logging
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from dynamics.kernels._codegen import choose_tile, generate, noise_functions
from dynamics.noises import get_noise
from landscape.support import cache_directory, new_file

logger = logging.getLogger(__name__)
_lock = Lock()


@dataclass(frozen=True)
class Kernel:
    """The compiled SGD of one architecture.

    Parameters
    ----------
    advance : compiled function
        ``advance(theta, *state, inputs, labels, key, start, stop, batch_size, rates, *constants, decay, label_noise,
        numbers, record_steps, records)`` takes the steps `start` to `stop` - 1 of one replica and changes `theta` and
        the vectors of the `state` (P,) in place. State, rates and constants are those of the update
        (`dynamics.training.Optimizer` has them); for "sgd" and "momentum" they are the velocity, the learning rates
        (stop - start,) of these steps and the momentum, for others with several rates these are (K, stop - start).
        `inputs` (N, D), `labels` (N,), `rates`, constants and `decay` (P,), which is 2 lambda or 0 per parameter, have
        the kernel's precision (a kernel for `pixels` takes `inputs` as uint8, in parts of 1/255); `key` is a uint64
        that determines the replica's random numbers; `label_noise` is a probability, `numbers` those of the noise
        (float64). `records` (S, P) receives theta before each of the steps `record_steps` (S,) int64, ascending within
        [start, stop].
        Arrays must be C-contiguous and, except for `inputs` and `labels`, writable. It releases the GIL and returns
        -1, or, if parameters left the range of finite numbers, the number of steps after which they did.
    source : str
        The compiled source.
    """

    advance: Callable[..., int]
    source: str


def get_kernel(
    layer_sizes: tuple[int, ...],
    batch_size: int,
    precision: str,
    noise: str,
    *,
    update: str = "sgd",
    label_noise: bool = False,
    pixels: bool = False,
    activation: str = "tanh",
    loss: str = "cross-entropy",
    targets: int = 1,
) -> Kernel:
    """The `Kernel` for these layers: compiled once (seconds), then from numba's cache (milliseconds).

    `batch_size` is the number of rows per step, `noise` a name in `dynamics.noises.NOISES`, `update` one of "sgd",
    "momentum", "nesterov", "rmsprop", "adam" and "adamw". A kernel for "sgd" ignores the momentum, one without
    `label_noise` the argument of this name. With `pixels`, which only kernels for wide inputs
    support (`dynamics.kernels.is_wide`), `inputs` are uint8 in units of 1/255. `activation` is that of an `MLP`,
    `loss` the kind of an `MLPLoss` (its ``name``); `targets` the number of them in a row of a regression, whose
    `labels` are then (N targets,), row by row.
    """
    with _lock:
        tile = choose_tile(batch_size, precision)
        return _build(layer_sizes, tile, precision, noise, update, label_noise, pixels, activation, loss, targets)


@cache
def _build(
    layer_sizes: tuple[int, ...],
    tile: int,
    precision: str,
    noise: str,
    update: str = "sgd",
    label_noise: bool = False,
    pixels: bool = False,
    activation: str = "tanh",
    loss: str = "cross-entropy",
    targets: int = 1,
) -> Kernel:
    directory, kind = _writable_cache(), get_noise(noise)
    source = generate(
        layer_sizes,
        tile,
        precision,
        kind,
        update=update,
        label_noise=label_noise,
        pixels=pixels,
        cache=directory is not None,
        activation=activation,
        loss=loss,
        targets=targets,
    )
    digest = hashlib.sha256(source.encode()).hexdigest()
    name = f"dynamics._generated_{digest[:16]}"
    filename = f"<{name}>"
    if directory is not None:
        filename = str(directory / f"{digest}.py")
        _write_if_different(Path(filename), source)
    return Kernel(_execute(source, name, filename, noise_functions(kind))["advance"], source)


def _execute(source: str, name: str, filename: str, given: dict[str, Any]) -> dict[str, Any]:
    """Namespace of `source`, executed with the names `given` as a module that numba finds again in its cache."""
    module = sys.modules[name] = ModuleType(name)
    vars(module).update(given)
    exec(compile(source, filename, "exec"), module.__dict__)
    return module.__dict__


def _writable_cache() -> Path | None:
    """The directory for generated sources, or None with a log message if it cannot be written."""
    place = cache_directory()
    if place is None:
        return None
    directory = place / "kernels"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return directory
    except OSError as error:
        logger.warning("every process compiles its kernels again: cannot write to %s (%s)", directory, error)
        return None


def _write_if_different(path: Path, text: str) -> None:
    """Write `text` to `path` unless the file already holds it."""
    data = text.encode()
    if path.is_file() and path.read_bytes() == data:
        return
    with new_file(path) as unfinished:
        unfinished.write_bytes(data)
