"""The command `agescape`."""

import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from bridge.commands._failures import INTERRUPTED, OK, explain, say
from bridge.commands._group import app
from bridge.commands._notes import notes_on_stderr


def main() -> NoReturn:
    """Run the command line as a process of its own."""
    try:
        run()
    except SystemExit as ended:
        # all is done, only workers are still put away; of an interrupted command a second Ctrl-C makes a quick end
        signal.signal(signal.SIGINT, signal.SIG_DFL if ended.code == INTERRUPTED else signal.SIG_IGN)
        raise


def run() -> NoReturn:
    """Run the command line: ends with 0, with 2 on bad input, with 70 on a bug of ours, with 130 when interrupted."""
    usual, threading.excepthook = threading.excepthook, _log_thread_failure
    sys.unraisablehook = _interrupt_again
    previous = signal.signal(signal.SIGTERM, _interrupt)  # how a batch system says Ctrl-C
    with notes_on_stderr():
        try:
            code = app(prog_name="agescape", standalone_mode=False) or OK
        except (Exception, KeyboardInterrupt) as error:
            code = explain(error)
    signal.signal(signal.SIGTERM, previous)
    if code == INTERRUPTED:
        say("interrupted; run the same command again to continue", code)
    else:  # while interrupted workers are put away, their threads may still fail
        threading.excepthook = usual
    sys.exit(code)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _interrupt_again(failure: "sys.UnraisableHookArgs") -> None:
    """Repeat an interruption that Python drops: in callbacks of C, such as LLVM's, and where objects are deleted."""
    if isinstance(failure.exc_value, KeyboardInterrupt):
        threading.Timer(0.05, _interrupt_what_runs).start()
    else:
        sys.__unraisablehook__(failure)


def _interrupt_what_runs() -> None:
    if signal.getsignal(signal.SIGTERM) is _interrupt:  # later it would kill a process that ends with its own code
        os.kill(os.getpid(), signal.SIGTERM)


def _log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    """Log what a thread of the worker pool dies of: Ctrl-C in the middle of it would print a traceback."""
    logging.getLogger(__name__).debug("a thread failed: %r", failure.exc_value)
