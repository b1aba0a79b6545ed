"""The command `agescape`."""

import sqlite3
import sys

import typer

from bridge._commands_bridge import compare, info, overlay, study
from bridge._commands_dynamics import age, train
from bridge._commands_landscape import data_ljat, explore, graph

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    help="How the shape of a neural network's loss landscape relates to the aging of the SGD that explores it.",
)
data_app = typer.Typer(help="Make data sets.")
data_app.command("ljat")(data_ljat)
app.add_typer(data_app, name="data")
for command in (study, explore, graph, train, age, overlay, compare, info):
    app.command()(command)

# the base of all complaints about arguments; newer typer brings its own copy of click
UsageProblem: type[Exception] = typer.BadParameter.__mro__[2]


def main() -> None:
    """Run the command line: 0 on success, 2 and one line on bad input, 130 when interrupted."""
    try:
        code = app(standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write("agescape: interrupted; the same command goes on from here\n")
        code = 130
    except (UsageProblem, ValueError, OSError, ImportError, sqlite3.Error) as error:
        text = getattr(error, "format_message", error.__str__)()
        sys.stderr.write(f"agescape: {' '.join(text.split())}\n")
        code = 2
    sys.exit(code)
