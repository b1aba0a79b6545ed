"""What the command line says of an error: a complaint about its input in one line, or how to report a bug."""

import re
import sys
import traceback
from pathlib import Path

import typer

from bridge.commands._wording import worded

OK, BAD_INPUT, BUG, INTERRUPTED = 0, 2, 70, 130  # 70: EX_SOFTWARE of sysexits.h
LONGEST = 1000  # characters of a complaint: it may quote what stands in a file
OURS = ("landscape", "dynamics", "bridge")
DEBUG = "--debug"
REPORT = (
    "this is a bug of agescape: to report it, send the command that you ran, what it prints with --debug, and what "
    "agescape --version prints"
)
# the base of all complaints about arguments; newer typer brings its own copy of click
UsageProblem: type[Exception] = typer.BadParameter.__mro__[2]


class Complaint(Exception):
    """A complaint of a package about its arguments, in the words of the command line."""


def in_options(error: Exception) -> Exception:
    """The error itself, or a complaint that names options of the command instead of the arguments behind them."""
    if isinstance(error, UsageProblem) or was_interrupted(error) or not is_complaint(error):
        return error
    text = _text(error)
    said = worded(text)
    return error if said == text else Complaint(said)


def _text(error: BaseException) -> str:
    text = getattr(error, "format_message", error.__str__)() or type(error).__name__
    if isinstance(error, OSError) and error.strerror and error.filename is not None:  # from Python itself
        text = f"{error.filename}: {error.strerror.lower()}"
    return " ".join([text, *(f"({note})" for note in getattr(error, "__notes__", ()))])


def explain(error: BaseException) -> int:
    """Say on stderr what went wrong; the exit code."""
    if DEBUG in sys.argv[1:]:
        traceback.print_exception(error)
    if was_interrupted(error):
        return INTERRUPTED
    text = _text(error)
    if is_complaint(error):
        return say(text, BAD_INPUT)
    return say(f"internal error: {type(error).__name__}: {text}; {REPORT}", BUG)


def is_complaint(error: BaseException) -> bool:
    """Whether an error is about what we were given: raised by our code, the command line or the system.

    What NumPy, SciPy or Python itself complain of deep inside is a bug of ours: we should have checked.
    """
    if isinstance(error, UsageProblem | Complaint | OSError | MemoryError):
        return True
    if not isinstance(error, ValueError | ArithmeticError | RuntimeError | ImportError):
        return False
    return raised_in(error) in OURS


def raised_in(error: BaseException) -> str:
    """The package whose code raised an error, here or in a worker process."""
    if remote := getattr(error.__cause__, "tb", None):  # what joblib's workers send along, as text
        files = re.findall(r'File "(.+?)"', str(remote))
        return next((part for part in Path(files[-1]).parts[::-1] if part in OURS), "") if files else ""
    frames = list(traceback.walk_tb(error.__traceback__))
    return str(frames[-1][0].f_globals.get("__name__", "")).partition(".")[0] if frames else ""


def was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: numba turns it into others."""
    seen: set[int] = set()  # a chain of causes may lead back to itself
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt | typer.Abort):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def say(text: str, code: int) -> int:
    """Write a line on stderr; the code again."""
    sys.stderr.write(f"agescape: {_one_line(text)}\n")
    return code


def _one_line(text: str) -> str:
    """A complaint as one line that a terminal can show, without the middle of what is very long."""
    line = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"
