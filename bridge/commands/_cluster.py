"""The option --scheduler: the same joblib work on a Dask cluster."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import joblib

from landscape.support import package_version

PACKAGE = "agescape"
VERSION = package_version(PACKAGE)
SECONDS_TO_ANSWER = 10.0
SECONDS_FOR_WORKERS = 60.0  # a cluster may start them only when there is work


@contextmanager
def cluster(
    address: str | None, *, answer: float = SECONDS_TO_ANSWER, workers: float = SECONDS_FOR_WORKERS
) -> Iterator[None]:
    """Send what joblib does in this context to the scheduler at `address`, or leave it here for None.

    `jobs` is then without effect: the workers are those of the cluster. On the way out the connection is closed, which
    cancels what still runs.

    Parameters
    ----------
    address : str or None
        Such as "tcp://host:8786".
    answer : float
        Seconds to wait for the scheduler.
    workers : float
        Seconds to wait for its first worker.

    Raises
    ------
    ImportError
        If distributed is not installed.
    OSError
        If no scheduler answers.
    RuntimeError
        If it has no worker, or one without this version of the package.
    """
    if address is None:
        yield
        return
    try:
        from bridge.commands._dask_backend import DaskBackend  # noqa: PLC0415 (optional: only clusters need it)
    except ImportError as error:
        msg = "--scheduler needs distributed: pip install 'agescape[cluster]'"
        raise ImportError(msg) from error
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # a lost scheduler becomes one line, not a page
    client = _connect(address, answer)
    try:
        _check_workers(client, address, workers)
        with _copies_kept(client), joblib.parallel_config(backend=DaskBackend(client=client)):
            yield
    finally:
        client.close(timeout=answer)


@contextmanager
def _copies_kept(client: Any) -> Iterator[None]:
    """Keep the copies that `landscape.support.shared` sends to every worker.

    Dask's active memory manager drops all but one of those that no task waits for, and a worker that dies then takes
    the last one along.
    """
    manager = client.amm
    running = manager.running()
    if running:
        manager.stop()
    try:
        yield
    finally:
        if running:
            with suppress(OSError):  # the scheduler is gone
                manager.start()


def _connect(address: str, seconds: float) -> Any:
    from distributed import Client  # noqa: PLC0415

    parts = urlsplit(address)
    try:
        # asked first: a Client that finds nobody leaves a thread behind that complains
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=seconds).close()
        return Client(address, timeout=seconds, set_as_default=False)
    except (OSError, ValueError) as error:
        msg = (
            f"--scheduler must be the address of a Dask scheduler, such as tcp://host:8786; {address!r} does not answer"
        )
        raise OSError(msg) from error


def _check_workers(client: Any, address: str, seconds: float) -> None:
    """Wait for a worker; raise a RuntimeError unless all of them have our version of the package."""
    try:
        client.submit(abs, 0, pure=False).result(timeout=seconds)
    except TimeoutError as error:
        msg = f"the scheduler at {address} has no worker after {seconds:g} s; start workers"
        raise RuntimeError(msg) from error
    try:
        others = client.run(package_version, PACKAGE)
    except ImportError as error:
        msg = f"the workers of {address} need {PACKAGE} {VERSION}: {error}"
        raise RuntimeError(msg) from error
    for worker, version in others.items():
        if version != VERSION:
            msg = f"all workers of {address} must have {PACKAGE} {VERSION}; {worker} has {version}"
            raise RuntimeError(msg)
