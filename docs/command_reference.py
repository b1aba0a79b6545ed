"""What MkDocs fills in for ``<!-- commands of agescape -->``: every command with its options, from the code itself."""

import re
from collections.abc import Iterator
from typing import Any

import typer

from bridge.commands._group import EVERYWHERE, app
from bridge.commands._registry import COMMANDS

MARK = "<!-- commands of agescape -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in one page."""
    return markdown.replace(MARK, "\n".join(reference())) if MARK in markdown else markdown


def reference() -> Iterator[str]:
    """All commands by their groups."""
    group: Any = typer.main.get_command(app)
    yield "Options of every command:\n"
    yield from table([parameter for parameter in group.params if parameter.name in EVERYWHERE])
    for panel in dict.fromkeys(entry.panel for entry in COMMANDS.values()):
        yield f"\n## {panel}\n"
        names = [name for name, entry in COMMANDS.items() if entry.panel == panel]
        yield from ("| command | what it does |", "|---|---|")
        yield from (f"| [`{name}`](#agescape-{name}) | {COMMANDS[name].help} |" for name in names)
        for name in names:
            yield from section(name, group.load(name))


def section(name: str, command: Any) -> Iterator[str]:
    """One command, or a group of them."""
    yield f"\n### agescape {name} {{#agescape-{name}}}\n"
    yield paragraphs(command.help)
    for child, one in getattr(command, "commands", {}).items():
        yield f"\n#### agescape {name} {child}\n"
        yield paragraphs(one.help)
        yield from usage(f"{name} {child}", one)
    if not hasattr(command, "commands"):
        yield from usage(name, command)


def usage(name: str, command: Any) -> Iterator[str]:
    """How a command is called, and a table of its options."""
    parameters = [p for p in command.params if p.name not in EVERYWHERE and not getattr(p, "hidden", False)]
    arguments = [p for p in parameters if p.param_type_name == "argument"]
    needed = [p for p in parameters if p.param_type_name == "option" and p.required]
    words = ["agescape", name, *(names(p) for p in arguments), *(f"{p.opts[0]} ..." for p in needed)]
    yield f"\n```text\n{' '.join(words)}\n```\n"
    yield from table(parameters)


def table(parameters: list[Any]) -> Iterator[str]:
    """A row for each argument and option."""
    yield from ("| option | default | what it does |", "|---|---|---|")
    for parameter in parameters:
        text = re.sub(r"\s*\[default: .*\]$", "", parameter.help or "")
        yield f"| `{names(parameter)}` | {default(parameter)} | {text.replace('|', chr(92) + '|')} |"


def names(parameter: Any) -> str:
    """An option with its short and negative forms, an argument in capitals."""
    if parameter.param_type_name == "argument":
        return parameter.name.upper() + (" ..." if parameter.nargs == -1 else "")
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


def default(parameter: Any) -> str:
    """The default of an option, as its help says it or as it is."""
    if said := re.search(r"\[default: (.*)\]$", parameter.help or ""):
        return said[1]
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or (isinstance(value, bool) and not parameter.secondary_opts):
        return ""
    if isinstance(value, bool):
        return f"`{(parameter.opts if value else parameter.secondary_opts)[0]}`"
    if isinstance(value, list | tuple):
        return ", ".join(f"`{one}`" for one in value)
    return f"`{parameter.show_default if isinstance(parameter.show_default, str) else value}`"


def paragraphs(text: str | None) -> str:
    """The help of a command without the line breaks of its docstring."""
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))
