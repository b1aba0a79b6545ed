"""Run the blocks of a page and fill in the numbers that they print: ``python docs/printed.py PAGE ...``.

A text below ``<!-- printed -->`` (or ``<!-- printed, slow -->``) keeps its lines, the most important ones, and gets the
numbers of the lines that were printed since the text above it; a line that was not printed is an error. Blocks run in a
new folder, slow ones, too.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NUMBER = r"\d(?:[\d,.]*\d)?(?:e[+-]\d+)?"
FENCE = re.compile(r"(?:<!-- (?P<mark>[^\n]*) -->\n)?```(?P<language>\w+)\n(?P<body>.*?)```\n", re.DOTALL)
WIDTH = "100"  # characters of a line


def loosely(line: str) -> str:
    """A pattern for a line whose numbers may be others."""
    return r"\s+".join(NUMBER.join(map(re.escape, re.split(NUMBER, word))) for word in line.split())


def filled(text: str, out: str) -> str:
    """The lines of a text as they were printed; ValueError for one that was not."""
    printed = [*out.splitlines(), *out.split("\n\n")]  # lines, and paragraphs that may break at other words
    return "\n\n".join("\n".join(_found(part, printed)) for part in text.strip("\n").split("\n\n")) + "\n"


def _found(part: str, printed: Sequence[str]) -> list[str]:
    """A paragraph as it was printed, as a whole or line by line."""
    for parts in ([part], part.splitlines()):
        found = [[one for one in printed if re.fullmatch(loosely(line), one.strip())] for line in parts]
        if all(found):
            return [_likest(line, some) for line, some in zip(parts, found, strict=True)]
    missing = next(line for line, one in zip(part.splitlines(), found, strict=True) if not one)
    msg = f"nothing like this was printed: {missing}"
    raise ValueError(msg)


def _likest(line: str, printed: Sequence[str]) -> str:
    """The printed text that begins most like a line: of rows of a table the one of the same step; else the last."""
    best = max(reversed(printed), key=lambda one: len(os.path.commonprefix([one.strip(), line.strip()])))  # noqa: RUF071 (characters)
    return best.strip("\n").rstrip()


def run(language: str, body: str, mark: str, namespace: dict[str, Any]) -> str:
    """What a block prints."""
    if mark.startswith("not run"):
        return ""
    if mark.startswith("file: "):
        Path(mark.removeprefix("file: ")).write_text(body)
        return ""
    if language == "console":
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = os.environ | {"PATH": path, "COLUMNS": WIDTH}
        command = ["bash", "-euo", "pipefail", "-c", body]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(body, "<page>", "exec"), namespace)  # noqa: S102 (our own pages)
    return out.getvalue()


def refresh(page: Path) -> None:
    """Write a page with what its blocks print now."""
    text, out, namespace = page.read_text(), "", {}

    def replaced(block: re.Match[str]) -> str:
        nonlocal out
        mark, language, body = block["mark"] or "", block["language"], block["body"]
        if language in {"python", "console"}:
            out += run(language, body, mark, namespace)
        if not mark.startswith("printed"):
            return block[0]
        before, out = out, ""
        return block[0].replace(body, filled(body, before))

    page.write_text(FENCE.sub(replaced, text))


if __name__ == "__main__":
    pages = [Path(name).absolute() for name in sys.argv[1:]]
    sys.path.insert(0, "")
    for one in pages:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            refresh(one)
