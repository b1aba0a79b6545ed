"""The help of the command line and of its groups of commands; the page of commands is made of the same rows."""

import re
import textwrap
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from bridge.commands._failures import in_options
from bridge.commands._values import name_of
from bridge.commands._wording import options_of_command

WIDEST = 100  # characters of a line of prose
COLUMN = 24  # characters of a name that has its text beside it; a longer one has it below
VALUES = {"int": "INT", "float": "FLOAT", "str": "TEXT", "Path": "PATH", "path": "PATH"}


class Row(NamedTuple):
    """What is said of an option or argument: its names, what it takes, its default, and its text."""

    names: str
    value: str
    default: str
    text: str


def row(parameter: Any) -> Row:
    """The row of an option or argument."""
    return Row(_names(parameter), _value(parameter), _default(parameter), _split(parameter.help or "")[0])


def panels(parameters: list[Any]) -> dict[str, list[Any]]:
    """The arguments and options that help shows, by the heading that they stand below."""
    found: dict[str, list[Any]] = {"Arguments": [], "Options": []}
    for parameter in parameters:
        usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
        if not getattr(parameter, "hidden", False):
            found.setdefault(getattr(parameter, "rich_help_panel", None) or usual, []).append(parameter)
    return {name: some for name, some in found.items() if some}


def _names(parameter: Any) -> str:
    """An option with its short and negative forms, an argument in capitals."""
    if parameter.param_type_name == "argument":
        return parameter.name.upper() + (" ..." if parameter.nargs == -1 else "")
    return ", ".join([*sorted(parameter.opts, key=len, reverse=True), *parameter.secondary_opts])


def _value(parameter: Any) -> str:
    """What an option takes, in capitals; nothing for a switch."""
    if parameter.param_type_name == "argument" or parameter.is_flag:
        return ""
    kind = parameter.type_descriptor
    if kind.is_choice:
        return "|".join(getattr(one, "value", str(one)) for one in kind.choices)
    return VALUES[re.sub(r"list\[(.*)\]", r"\1", parameter.bare_type())]


def _split(text: str) -> tuple[str, str]:
    """A help text without the default that it ends with, and this default."""
    found = re.fullmatch(r"(.*?)\s*(?:\[default: (.*)\])?", text, re.DOTALL)
    return (found[1], found[2] or "") if found else (text, "")


def _default(parameter: Any) -> str:
    """The default of an option, as its help says it or as it is."""
    if said := _split(parameter.help or "")[1]:
        return said
    if parameter.required:
        return "required"
    value = parameter.default
    if isinstance(value, bool):
        return (parameter.opts if value else parameter.secondary_opts)[0] if parameter.secondary_opts else ""
    if isinstance(parameter.show_default, str) or value is None:
        return parameter.show_default if isinstance(parameter.show_default, str) else ""
    return ", ".join(map(_shown, value)) if isinstance(value, list | tuple) else _shown(value)


def _shown(value: Any) -> str:
    return str(getattr(value, "value", value))


def lines(parameter: Any, width: int) -> list[str]:
    """The lines of help for an option: nothing that one must type is cut or divided."""
    names, value, default, text = row(parameter)
    if default:
        text += f" [{default}]" if default == "required" else f" [default: {default}]"
    return beside(f"{names} {value}".rstrip(), text.strip(), width)


def beside(name: str, text: str, width: int) -> list[str]:
    """A name with a text to its right, or below it if the name is long."""
    found = textwrap.wrap(text, width - COLUMN - 4, break_long_words=False, break_on_hyphens=False) or [""]
    if len(name) <= COLUMN:
        return [f"  {name:<{COLUMN}}  {found[0]}".rstrip(), *(" " * (COLUMN + 4) + line for line in found[1:])]
    return [f"  {name}", *(" " * (COLUMN + 4) + line for line in found)]


def _write(formatter: Any, heading: str, some: list[list[str]]) -> None:
    formatter.write("\n".join(["", f"{heading}:", *(line for one in some for line in one), ""]))


class Command(TyperCommand):
    """A command whose help has a heading for each group of options."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The arguments, as the text below calls them."""
        return ["[OPTIONS]", *(_names(one) for one in self.params if one.param_type_name == "argument")]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options below their headings."""
        for heading, some in panels(self.get_params(ctx)).items():
            _write(formatter, heading, [lines(one, formatter.width) for one in some])

    def invoke(self, ctx: Any) -> Any:
        """Run it; what the packages say of their arguments is said of its options."""
        with options_of_command(self._options()):
            try:
                return super().invoke(ctx)
            except Exception as error:
                said = in_options(error)
                if said is error:
                    raise
                raise said from error

    def _options(self) -> dict[str, str]:
        """What stands for each argument of a package: the option or argument called so, or with such a parameter."""
        found = {str(one.name): name_of(one) for one in self.params}
        found = {"path": found["output"]} | found if "output" in found else found
        return {option.strip("-").replace("-", "_").lower(): option for option in found.values()} | found


class Group(TyperGroup):
    """A group whose help has a heading for each group of commands."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, then the commands below their headings."""
        for heading, some in panels(self.get_params(ctx)).items():
            _write(formatter, heading, [lines(one, formatter.width) for one in some])
        headings: dict[str, list[list[str]]] = {}
        for name, command in self.commands.items():
            text = (command.help or "").partition("\n\n")[0]
            heading = getattr(command, "rich_help_panel", None) or "Commands"
            headings.setdefault(heading, []).append(beside(name, " ".join(text.split()), formatter.width))
        for heading, rows in headings.items():
            _write(formatter, heading, rows)


STYLE: dict[str, Any] = {
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": WIDEST},
}
GROUP: dict[str, Any] = STYLE | {"invoke_without_command": True}


def show_help(context: typer.Context) -> None:
    """Print the help of a group that is called without a command."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
