"""What packages say of their arguments, in the words of the command that runs: of its options."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

IN_PYTHON = re.compile(r"(?<![\w.])(?:\w+=\S+|\w+_\w+) \((--[^()]+)\)")  # snapshots='all' (--snapshots all)
_options: ContextVar[Mapping[str, str]] = ContextVar("options", default=MappingProxyType({}))


@contextmanager
def options_of_command(options: Mapping[str, str]) -> Iterator[None]:
    """Let `worded` name these options, by the names of the arguments behind them."""
    token = _options.set(options)
    try:
        yield
    finally:
        _options.reset(token)


def worded(text: str) -> str:
    """A text that names the options of the command that runs instead of the arguments behind them."""
    text = IN_PYTHON.sub(r"\1", text)
    for name, option in _options.get().items():
        text = re.sub(_mention(name), option, text)
    return text


def _mention(name: str) -> str:
    """A pattern for an argument in a text: of a word that means something else, too, only where it is one."""
    if "_" in name:
        return rf"(?<![\w.'\"/-]){name}(?![\w.'\"/=(])"
    return rf"(?:^|(?<=: )){name}(?= must )|(?<![\w.'\"/-]){name}(?= > 0)"
