"""Where compiled functions are cached: in numba's place, otherwise in a temporary directory, otherwise nowhere.

A package in a read-only container, run by a user without a home directory, has no place for numba's cache, and numba
then refuses to compile functions that should be cached. `arrange` finds another place first, and `njit` compiles
without a cache if there is none.
Numba compiles a function again when its own file changed; `njit` also when something changed that is compiled into it.
"""

import logging
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numba
import platformdirs
from numba.core import caching, config, event as events
from numba.core.caching import FunctionCache

from landscape.support._inlined import fingerprint

logger = logging.getLogger(__name__)

ROOM = 1 << 20  # bytes that must be free: about what one command compiles
OURS, NUMBAS, MATPLOTLIBS = "AGESCAPE_CACHE_DIR", "NUMBA_CACHE_DIR", "MPLCONFIGDIR"  # worker processes inherit them
NOWHERE = "none"  # value of `OURS` if nothing can be cached
ANNOUNCE = "AGESCAPE_ANNOUNCE"  # names a file: the first process that compiles makes it and says so in a warning
PACKAGES = ("landscape", "dynamics", "bridge")


def njit(function: Callable[..., Any] | None = None, *, cache: bool = False, **options: Any) -> Any:
    """`numba.njit` whose cache sees every change; ``cache=True`` means: where there is a place for it."""
    if function is None:
        return partial(njit, cache=cache, **options)
    dispatcher: Any = numba.njit(**options)(function)
    if cache:
        with suppress(RuntimeError):  # "cannot cache function: no locator available"
            dispatcher._cache = _Cache(dispatcher)
    return dispatcher


class _Cache(FunctionCache):
    """Numba's cache, with the fingerprint of all that is compiled into a function in the key of each entry."""

    def __init__(self, dispatcher: Any) -> None:
        super().__init__(dispatcher.py_func)
        self._dispatcher = dispatcher
        implementation: Any = self._impl
        stamp = implementation.locator.get_source_stamp()
        self._cache_file = _Files(self.cache_path, implementation.filename_base, stamp)

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*super()._index_key(sig, codegen), fingerprint(self._dispatcher))


class _Files(caching.IndexDataCacheFile):
    """Numba's files of one function, with the key of an entry stored beside its code.

    Numba locks nothing: two processes that save at the same moment choose the same file, and the index may then name
    the code of another signature. Such an entry counts as missing.
    """

    def save(self, key: tuple[Any, ...], data: Any) -> None:
        super().save(key, (key, data))

    def load(self, key: tuple[Any, ...]) -> Any:
        match super().load(key):
            case (found, data) if found == key:
                return data
        return None


class Announcement(events.Listener):
    """Says that functions are compiled, which takes long in silence: a cache has them the next time."""

    def on_start(self, event: events.Event) -> None:
        """Say so, unless this process or another of the same command did."""
        marker = os.environ.get(ANNOUNCE)
        if not marker or not _is_kept((event.data or {})["dispatcher"]):
            return
        os.environ[ANNOUNCE] = ""
        try:
            Path(marker).touch(exist_ok=False)
        except OSError:
            return
        logger.warning("compiling functions that this machine has not compiled yet, which takes up to a minute")

    def on_end(self, event: events.Event) -> None:
        """Nothing: the end is not announced."""


def _is_kept(dispatcher: Any) -> bool:
    """Whether a compiled function is one of ours that a cache holds: others take little time."""
    ours = str(dispatcher.py_func.__module__).partition(".")[0] in PACKAGES
    return ours and not isinstance(dispatcher._cache, caching.NullCache)


def cache_directory() -> Path | None:
    """The directory of agescape's own cache, which need not exist; None if there is no place for one."""
    given = os.environ.get(OURS) or platformdirs.user_cache_dir("agescape")
    return None if given == NOWHERE else Path(given).expanduser()


def arrange() -> None:
    """Let numba, agescape and matplotlib use a temporary directory if their usual cache cannot be written.

    Sets environment variables, so that worker processes do the same silently, and logs one line.
    """
    full = [*_unusable_for_numba(), *_unusable_for_us(), *_unusable_for_matplotlib()]
    if not full:
        return
    place = _temporary_directory()
    for variable, _ in full:
        if place is not None:
            os.environ[variable] = str(place / variable.partition("_")[0].lower())
    if place is None:
        os.environ[OURS] = NOWHERE
    elif NUMBAS in dict(full):
        config.CACHE_DIR = os.environ[NUMBAS]  # pyright: ignore[reportAttributeAccessIssue]
    logger.warning(
        "cannot write to %s: %s (the environment variables %s name other directories)",
        full[0][1],
        "every process compiles everything again" if place is None else f"caches are in {place}",
        ", ".join(variable for variable, _ in full),
    )


Unusable = Iterator[tuple[str, Path]]  # the variable that names another place, and the unusable place


def _unusable_for_numba() -> Unusable:
    """Numba uses the first place where it can create a file, even if there is no space left."""
    if cache_directory() is None:
        return
    own = platformdirs.user_cache_dir("numba", appauthor=False)
    given = config.CACHE_DIR  # pyright: ignore[reportAttributeAccessIssue]
    places = [Path(given)] if given else []
    places += [Path(__file__).parent / "__pycache__", Path(own)]
    chosen = next((place for place in places if _takes(place, 1)), places[-1])
    if not _takes(chosen, ROOM):
        yield NUMBAS, chosen


def _unusable_for_us() -> Unusable:
    place = cache_directory()
    if place is not None and not _takes(place, ROOM):
        yield OURS, place


def _unusable_for_matplotlib() -> Unusable:
    """Matplotlib would find a temporary directory itself, but a new one for every process, with a long warning."""
    if cache_directory() is None or MATPLOTLIBS in os.environ:
        return
    for place in (platformdirs.user_cache_dir("matplotlib"), platformdirs.user_config_dir("matplotlib")):
        if not _takes(Path(place), 1):
            yield MATPLOTLIBS, Path(place)
            return


def _takes(directory: Path, size: int) -> bool:
    """Whether `ROOM` bytes can be written in a directory, which need not exist; leaves nothing behind."""
    if not directory.is_absolute():  # an unknown home stays "~"
        return False
    try:
        while not directory.exists():
            directory = directory.parent
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(bytes(size))
        return True
    except OSError:
        return False


def _temporary_directory() -> Path | None:
    """A directory that only this user can write (numba executes what is in its cache), or None if there is none."""
    user = os.geteuid() if hasattr(os, "geteuid") else 0
    try:
        path = Path(tempfile.gettempdir()) / f"agescape-{user}"
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError:
        return None
    mine = os.name != "posix" or (found.st_uid == user and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    return path if stat.S_ISDIR(found.st_mode) and mine and _takes(path, ROOM) else None


arrange()
events.register("numba:compile", Announcement())
