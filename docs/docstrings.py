"""What mkdocstrings does to each docstring: characters that mean something to Markdown stay what the author typed."""

import re
from typing import Any

import griffe

CODE = re.compile(r"(```.*?```|``?[^`]+``?|^\s*>>>.*?$)", re.DOTALL | re.MULTILINE)
EMPHASIS = re.compile(r"(?<![\w*])\*([A-Za-z][\w -]*)\*(?![\w*])")  # *one or a few words*, as one writes it on purpose
NAME = re.compile(r"^\s*\*+\w+(?: :.*)?$", re.MULTILINE)  # a parameter such as **options


def escaped(text: str) -> str:
    """The text with its stars escaped, except those of emphasis, and without quotations and tags."""
    return "".join(part if k % 2 else _escaped(part) for k, part in enumerate(CODE.split(text)))


def _escaped(text: str) -> str:
    kept = [match.span() for pattern in (EMPHASIS, NAME) for match in pattern.finditer(text)]
    stars = re.sub(r"\*", lambda star: "*" if any(a <= star.start() < b for a, b in kept) else r"\*", text)
    return re.sub(r"^(\s*)>", r"\1\\>", re.sub(r"<(?=[A-Za-z/])", "&lt;", stars), flags=re.MULTILINE)


class Docstrings(griffe.Extension):
    """Escape the docstring of every object."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Escape one."""
        if obj.docstring is not None:
            obj.docstring.value = escaped(obj.docstring.value)
