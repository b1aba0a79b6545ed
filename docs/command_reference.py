"""Write ``commands.md``: every command with its options, from the rows of which ``agescape COMMAND --help`` is made."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from bridge.commands._group import EVERYWHERE, app
from bridge.commands._help import panels, row
from bridge.commands._registry import COMMANDS

PAGE = Path(__file__).with_name("commands.md")
BEGINNING = """\
<!-- made by docs/command_reference.py: do not edit -->

# Commands

`agescape COMMAND --help` prints the same texts. Every command prints a short summary, or with `--json` one JSON
object with every number. It can be interrupted: run the same command again to continue. With a count (`--searches`,
`--replicas`) the result depends on the seed alone, whatever the number of workers. The exit code is 0 on success, 1 if
`verify` finds a point that fails, 2 on bad input, 70 on a bug of agescape, 130 when interrupted.

`agescape --install-completion` lets the shell complete commands and options.
"""


def page() -> str:
    """The whole page."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join([BEGINNING, *reference()])).rstrip() + "\n"


def reference() -> Iterator[str]:
    """All commands by their groups."""
    group: Any = typer.main.get_command(app)
    yield "Options of every command:\n"
    yield from table([parameter for parameter in group.params if parameter.name in EVERYWHERE])
    for panel in dict.fromkeys(entry.panel for entry in COMMANDS.values()):
        yield f"\n## {panel}\n"
        names = [name for name, entry in COMMANDS.items() if entry.panel == panel]
        yield from ("| command | what it does |", "|---|---|")
        yield from (f"| [`{name}`](#agescape-{name}) | {plain(COMMANDS[name].help)} |" for name in names)
        for name in names:
            yield from section(name, group.load(name))


def section(name: str, command: Any) -> Iterator[str]:
    """One command, or a group of them."""
    yield f"\n### agescape {name}\n"
    yield paragraphs(command.help)
    for child, one in getattr(command, "commands", {}).items():
        yield f"\n#### agescape {name} {child}\n"
        yield paragraphs(one.help)
        yield from usage(f"{name} {child}", one)
    if not hasattr(command, "commands"):
        yield from usage(name, command)


def usage(name: str, command: Any) -> Iterator[str]:
    """How a command is called, and a table of its options."""
    parameters = [p for some in panels(command.params).values() for p in some if p.name not in EVERYWHERE]
    needed = [p for p in parameters if p.required]
    words = [row(p).names if p.param_type_name == "argument" else f"{p.opts[0]} {row(p).value}" for p in needed]
    yield f"\n```text\n{' '.join(['agescape', name, *words])}\n```\n"
    yield from table(parameters)


def table(parameters: list[Any]) -> Iterator[str]:
    """A row for each argument and option."""
    yield from ("| option | default | what it does |", "|---|---|---|")
    for names, value, default, text in map(row, parameters):
        option = f"{names} {value}".rstrip().replace("|", chr(92) + "|")
        yield f"| `{option}` | {plain(default)} | {plain(text)} |"


def plain(text: str) -> str:
    """A text in which no character means anything to Markdown."""
    return re.sub(r"([\\*_`|\[\]])", r"\\\1", text).replace("<", "&lt;").replace(">", "&gt;")


def paragraphs(text: str | None) -> str:
    """The help of a command without the line breaks of its docstring."""
    return plain("\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n")))


if __name__ == "__main__":
    PAGE.write_text(page())
