"""Before long work: how long one search will take; during it: what the workers have done since."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from numpy.typing import NDArray

from bridge.commands._notes import note
from bridge.commands._progress import Update
from bridge.commands._words import duration
from landscape.losses import CALL_KINDS, Loss, Watch, calls_made, watched
from landscape.search import Cost, cost_of

L = TypeVar("L", bound=Loss)

WORTH_SAYING = 1.0  # seconds of one search
EVERY = 1.0  # seconds between two looks at what the workers have done


def say_time_ahead(
    loss: Any, work: Callable[[Cost], dict[str, float]], *, budget: float | None = None, cost: Cost | None = None
) -> bool:
    """Say how long one of each piece of work takes if that is long; return whether it is, for `following`.

    `work` gives the seconds of each piece, the first of which counts. Also says that a `budget` in seconds is shorter.
    """
    cost = cost_of(loss) if cost is None else cost
    each = work(cost)
    seconds = next(iter(each.values()))
    parts = " and ".join(f"{what} about {_roughly(long)}" for what, long in each.items())
    if seconds >= WORTH_SAYING:
        calls = f"a gradient takes {_roughly(cost.gradient)}, a Hessian with its eigenvectors {_roughly(cost.spectrum)}"
        text = f"estimate, within a factor of three: on one core {parts} ({calls})"
        if budget is not None and budget < seconds:
            text += f"; a budget of {duration(budget)} may end before the first"
        note(text)
    return seconds >= WORTH_SAYING


def _roughly(seconds: float) -> str:
    """A time with two digits, e.g. "11 ms", "2.6 s" or "3 min"."""
    if seconds < 1.0:
        return f"{1e3 * seconds:.2g} ms"
    return f"{seconds:.2g} s" if seconds < 60.0 else duration(seconds)


@contextmanager
def following(loss: L, bar: Update, what: str, *, is_long: bool) -> Iterator[tuple[L, Update]]:
    """The loss to search with and the function to report progress to: between reports it says what workers did.

    Without `is_long` the two themselves.
    """
    if not is_long:
        yield loss, bar
        return
    with TemporaryDirectory(prefix="agescape-", ignore_cleanup_errors=True) as folder:
        line = _Line(bar, what, folder)
        stop = threading.Event()
        thread = threading.Thread(target=line.follow, args=(stop,), daemon=True)
        thread.start()
        try:
            yield watched(loss, Watch(folder=folder)), line.update
        finally:
            stop.set()
            thread.join()


class _Line:
    """The line of progress: the last report, and the calls that the workers have made since the beginning."""

    def __init__(self, bar: Update, what: str, folder: str) -> None:
        self._bar, self._folder, self._lock = bar, folder, threading.Lock()
        self._last: tuple[str, int, int | None, str] = (what, 0, None, "")

    def update(self, what: str, done: int, total: int | None, said: str = "") -> None:
        """Report progress."""
        with self._lock:
            self._last = (what, done, total, said)
            self._say()

    def follow(self, stop: threading.Event) -> None:
        """Say the last report again, with the calls until then, until it is stopped."""
        while not stop.wait(EVERY):
            with self._lock:
                self._say()

    def _say(self) -> None:
        what, done, total, said = self._last
        calls = in_words(calls_made(self._folder))
        self._bar(what, done, total, ", ".join(filter(None, (said, calls))))


def in_words(calls: NDArray[Any]) -> str:
    """Numbers of calls, e.g. "1,053 gradients, 3 Hessians"; nothing for none."""
    counts = zip(calls.tolist(), CALL_KINDS, strict=True)
    return ", ".join(f"{count:,} {kind if count != 1 else kind[:-1]}" for count, kind in counts if count)
