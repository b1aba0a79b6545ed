"""The command `agescape`."""

import logging
import sqlite3
import sys
import threading

import typer

from bridge.commands.curvature import curvature
from bridge.commands.explain import explain_aging
from bridge.commands.graphs import geometry, graph, path
from bridge.commands.interchange import export_database, import_database, merge, verify
from bridge.commands.landscapes import data_ljat, explore
from bridge.commands.observe import observe
from bridge.commands.overlay import overlay
from bridge.commands.reproduce import reproduce
from bridge.commands.runs import age, train
from bridge.commands.studies import compare, info, study

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="How the shape of a neural network's loss landscape relates to the aging of the SGD that explores it.",
)
data_app = typer.Typer(help="Make data sets.")
data_app.command("ljat")(data_ljat)
app.add_typer(data_app, name="data")
for command in (
    study,
    explore,
    verify,
    graph,
    path,
    geometry,
    train,
    age,
    observe,
    curvature,
    overlay,
    compare,
    merge,
    info,
    reproduce,
):
    app.command()(command)
app.command("explain")(explain_aging)
app.command("export")(export_database)
app.command("import")(import_database)

# the base of all complaints about arguments; newer typer brings its own copy of click
UsageProblem: type[Exception] = typer.BadParameter.__mro__[2]
COMPLAINTS = (UsageProblem, ValueError, OSError, ImportError, ArithmeticError, RuntimeError, MemoryError, sqlite3.Error)
INTERRUPTED = 130
LONGEST = 1000  # characters of a complaint: it may quote what stands in a file


def main() -> None:
    """Run the command line: 0 on success, 2 and one line on bad input, 130 when interrupted."""
    usual, threading.excepthook = threading.excepthook, _log_thread_failure
    try:
        code = app(standalone_mode=False) or 0
    except (Exception, KeyboardInterrupt) as error:
        if _was_interrupted(error):
            code = INTERRUPTED
        elif isinstance(error, COMPLAINTS):
            text = getattr(error, "format_message", error.__str__)() or type(error).__name__
            sys.stderr.write(f"agescape: {_one_line(text)}\n")
            code = 2
        else:
            raise
    if code != INTERRUPTED:  # while interrupted workers are put away, their threads may still fail
        threading.excepthook = usual
    else:
        sys.stderr.write("agescape: interrupted; the same command goes on from here\n")
    sys.exit(code)


def _one_line(text: str) -> str:
    """A complaint as one line that a terminal can show, without the middle of what is very long."""
    line = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"


def _log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    """Log what a thread of the worker pool dies of: Ctrl-C in the middle of it would print a traceback."""
    logging.getLogger(__name__).debug("a thread failed: %r", failure.exc_value)


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: numba turns it into others."""
    while error is not None and not isinstance(error, KeyboardInterrupt | typer.Abort):
        error = error.__cause__ or error.__context__
    return error is not None
