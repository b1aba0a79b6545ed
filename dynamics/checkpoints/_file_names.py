"""Steps and runs in the names of files."""

import glob
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from dynamics.checkpoints._tensors import natural

SHARD = re.compile(r"-\d{5}-of-\d{5}(?=\.)")  # model-00001-of-00003.safetensors: a part of one checkpoint
# "step_100", "checkpoint-100", "iter_0000100", "step=100", "step100"
STEP = re.compile(r"(?<![a-z])(?:global_?step|steps?|iter(?:ation)?s?|checkpoint|ckpt)[=_\- ]*(\d+)", re.IGNORECASE)
NUMBER = re.compile(r"(\d+)")
EPOCH = re.compile(r"epoch[=_\- ]*\d+", re.IGNORECASE)  # says nothing more beside a step
SUFFIX = re.compile(r"(?:\.[A-Za-z][A-Za-z0-9]*)+$")  # .weights.h5, whose number is none

Places = dict[tuple[str, int], tuple[Path, ...]]


def files_of(patterns: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    """The files of shell patterns, each once and in natural order.

    Raises
    ------
    FileNotFoundError
        If a pattern fits no file.
    """
    found: dict[str, None] = {}
    for pattern in [patterns] if isinstance(patterns, str | os.PathLike) else patterns:
        names = [os.fspath(pattern)] if Path(pattern).is_file() else glob.glob(os.fspath(pattern), recursive=True)
        files = [name for name in names if Path(name).is_file()]
        if not files:
            msg = f"no file fits {os.fspath(pattern)!r}; quote a pattern such as 'run*/step_*.pt'"
            raise FileNotFoundError(msg)
        found.update(dict.fromkeys(files))
    return [Path(name) for name in sorted(found, key=natural)]


def places_of(files: Sequence[Path], step: str | None = None, replica: str | None = None) -> Places:
    """The files of each run, by its name, and step: several if they are parts of one checkpoint.

    Parameters
    ----------
    files : sequence of Path
    step, replica : str, optional
        Regular expressions that are searched in a path; their first group (or all that fits) is the number of the
        step, and the name of the run. By default the step is the number after "step", "iter", "checkpoint" or "ckpt",
        otherwise the last number of the path; the rest of the path is the run.

    Raises
    ------
    ValueError
        If a path has no step, or two files are of the same run and step.
    """
    known = _parts(files) if step is None else {file: _searched("step", step, file) for file in files}
    found: dict[tuple[str, int], list[Path]] = {}
    for file, (begin, end, text) in known.items():
        number = _whole(file, text)
        run = _rest(file, begin, end) if replica is None else _searched("replica", replica, file)[2]
        found.setdefault((run, number), []).append(file)
    for (run, number), some in found.items():
        shards = {SHARD.sub("", str(file)) for file in some}
        if len(some) > 1 and (len(shards) > 1 or not all(SHARD.search(str(file)) for file in some)):
            what = f"step {number} of run {run!r}" if run else f"step {number}"
            msg = f"{some[0]} and {some[1]} are both {what}: give step and replica, regular expressions (--step, "
            msg += "--replica)"
            raise ValueError(msg)
    _check_runs(found, replica)
    return {place: tuple(some) for place, some in found.items()}


def short_names(runs: Sequence[str]) -> dict[str, str]:
    """Names of runs without what all of them begin and end with: whole folders, and words of the name."""
    if len(runs) < 2:
        return dict.fromkeys(runs, "0")
    begin = _common(runs)
    end = _common([run[begin:][::-1] for run in runs])
    while begin and runs[0][begin - 1] not in "/*":
        begin -= 1
    while end and runs[0][len(runs[0]) - end].isalnum():
        end -= 1
    return {run: run[begin : len(run) - end].strip("_-. ") or run for run in runs}


def _common(texts: Sequence[str]) -> int:
    """Number of characters with which all texts begin."""
    return len(os.path.commonprefix(list(texts)))  # noqa: RUF071 (characters)


def _searched(name: str, pattern: str, file: Path) -> tuple[int, int, str]:
    """Where a pattern fits a path, and the text of its first group."""
    try:
        match = re.search(pattern, file.as_posix())
    except re.error as error:
        msg = f"{name} must be a regular expression; {pattern!r} is none: {error}"
        raise ValueError(msg) from error
    if match is None:
        msg = f"{name}: {pattern!r} does not fit {file}"
        raise ValueError(msg)
    return *match.span(), match[1] if match.re.groups else match[0]


def _whole(file: Path, text: str) -> int:
    if not text or not text.isdecimal() or len(text) > 15:
        msg = f"step must be a whole number; in {file} it is {text!r}"
        raise ValueError(msg)
    return int(text)


def _parts(files: Sequence[Path]) -> dict[Path, tuple[int, int, str]]:
    """Where the step is in each path, and its text: by a word before it if all paths have one."""
    names = {file: SHARD.sub(lambda found: "-" * len(found[0]), file.as_posix()) for file in files}
    pattern = STEP if all(STEP.search(name) for name in names.values()) else NUMBER
    found = {}
    for file, name in names.items():
        matches = list(pattern.finditer(name[: len(name) - len(_suffix(name))]))
        if not matches:
            msg = f"{file} has no number for its step: give step, a regular expression such as 'step_(\\d+)' (--step)"
            raise ValueError(msg)
        found[file] = (*matches[-1].span(1), matches[-1][1])
    return found


def _suffix(name: str) -> str:
    match = SUFFIX.search(name)
    return match[0] if match else ""


def _rest(file: Path, begin: int, end: int) -> str:
    """The path without its step: the run."""
    name = file.as_posix()
    return EPOCH.sub("", SHARD.sub("", f"{name[:begin]}*{name[end:]}"))


def _check_runs(found: Mapping[tuple[str, int], object], replica: str | None) -> None:
    """Raise a ValueError if each of several files would be a run of its own."""
    counts = Counter(run for run, _ in found)
    if replica is None and len(counts) > 1 and max(counts.values()) == 1:
        runs = list(counts)
        msg = f"no two files seem to be of the same run ({runs[0]} and {runs[1]}, * being the step): give step and "
        msg += "replica, regular expressions such as 'step_(\\d+)' and 'run(\\d+)' (--step, --replica)"
        raise ValueError(msg)
