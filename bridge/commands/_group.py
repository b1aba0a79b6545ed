"""The group of commands: each is imported when it is run, so that `agescape --help` imports none of them."""

import importlib
import logging
import sys
from typing import Annotated, Any

import typer

from bridge.commands._expansion import expanded
from bridge.commands._help import GROUP, STYLE, Command, Group, show_help
from bridge.commands._notes import set_level
from bridge.commands._registry import COMMANDS
from bridge.commands._values import read_values

EVERYWHERE = {"quiet", "verbose", "debug"}  # options that may stand before or after the name of the command


class LazyGroup(Group):
    """A group of the commands in the registry."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in COMMANDS.items():
            self.commands[name] = Command(name, help=entry.help, rich_help_panel=entry.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself in place of the entry that stands for it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and self.load(str(name)), rest

    def load(self, name: str) -> Any:
        """The command called `name`, ready to run."""
        module, _, function = COMMANDS[name].function.partition(":")
        command = _command_of(name, getattr(importlib.import_module(f"bridge.commands.{module}"), function))
        for each in getattr(command, "commands", {"": command}).values():
            for parameter in each.params:
                read_values(parameter)
            each.params += [parameter for parameter in self.params if parameter.name in EVERYWHERE]
        return command


def _command_of(name: str, found: Any) -> Any:
    """The command of a function, or the group of a typer application."""
    if isinstance(found, typer.Typer):
        return typer.main.get_group(found)
    alone = typer.Typer(add_completion=False, **STYLE)
    alone.command(name, cls=Command)(expanded(found))
    return typer.main.get_command(alone)


app = typer.Typer(cls=LazyGroup, **GROUP)


def _version(value: bool) -> None:
    if value:
        from landscape.support import package_version  # noqa: PLC0415 (the other commands need not wait for it)

        sys.stdout.write(f"agescape {package_version('agescape')}\n")
        raise typer.Exit


def _quiet(value: bool) -> None:
    if value:
        set_level(logging.ERROR)


def _verbose(value: bool) -> None:
    if value:
        set_level(logging.DEBUG)


@app.callback()
def agescape(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, expose_value=False, help="Print the version.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", callback=_quiet, expose_value=False, help="No progress, no warnings.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", callback=_verbose, expose_value=False, help="Log details to stderr.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", expose_value=False, help="Print the traceback of an error.")
    ] = False,
) -> None:
    """Relate the shape of a neural network's loss landscape to the aging of the SGD that explores it."""
    show_help(context)
