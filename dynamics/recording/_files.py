"""What lies in the folder F.h5.recording beside F.h5, and what the runs of one file must have in common.

Run r has three kinds of files there: `r.json` says how it is recorded, `r.records` holds the records (`_journal`), and
`r.TW.position` the parameters at waiting time TW if only displacements are kept.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dynamics.recording._journal import Layout
from dynamics.recording._schedule import RecordingSchedule
from dynamics.runs import Parameter
from landscape.support import new_file, reading

FORMAT, FORMAT_VERSION = "agescape recording", 1
KEEP = ("snapshots", "displacements")
PRECISIONS = ("float32", "float64")


@dataclass(frozen=True, eq=False)
class Settings:
    """What all runs of a file have in common, but for their parameters."""

    schedule: RecordingSchedule
    keep: str
    precision: str
    metadata: Mapping[str, Any]

    @property
    def dtype(self) -> np.dtype:
        """NumPy's name for the precision."""
        return np.dtype(self.precision)

    @property
    def described(self) -> dict[str, Any]:
        """The same as JSON holds it."""
        grid = {name: getattr(self.schedule, name).tolist() for name in ("waiting_times", "lags")}
        return {
            "steps": self.schedule.steps,
            **grid,
            "keep": self.keep,
            "precision": self.precision,
            "metadata": dict(self.metadata),
        }

    def layout(self, parameters: Sequence[Parameter]) -> Layout:
        """What the payload of a record is: the parameters, or the moments (W, 2 + G) of the pairs that end there."""
        if self.keep == KEEP[0]:
            return Layout(sum(one.size for one in parameters), self.dtype)
        return Layout(self.schedule.waiting_times.size * (2 + len(parameters)), np.dtype(np.float64))


@dataclass(frozen=True, eq=False)
class Header:
    """How one run is recorded."""

    settings: Settings
    parameters: tuple[Parameter, ...]

    @property
    def layout(self) -> Layout:
        """What the payload of a record is."""
        return self.settings.layout(self.parameters)

    @property
    def described(self) -> dict[str, Any]:
        """The same as JSON holds it."""
        pairs = [[one.name, list(one.shape)] for one in self.parameters]
        return {**self.settings.described, "parameters": pairs}

    def write(self, path: Path) -> None:
        """Write it to a file, completely or not at all."""
        marks = {"format": FORMAT, "format_version": FORMAT_VERSION}
        with new_file(path) as unfinished:
            unfinished.write_text(json.dumps(marks | self.described))


@dataclass(frozen=True)
class Place:
    """The files of the runs that are recorded for the file at `path`."""

    path: Path

    @property
    def folder(self) -> Path:
        """The folder beside it."""
        return self.path.with_name(self.path.name + ".recording")

    def header(self, replica: int) -> Path:
        """How a run is recorded."""
        return self.folder / f"{replica:07d}.json"

    def records(self, replica: int) -> Path:
        """Its records."""
        return self.folder / f"{replica:07d}.records"

    def position(self, replica: int, waiting_time: int) -> Path:
        """Its parameters at a waiting time."""
        return self.folder / f"{replica:07d}.{waiting_time}.position"

    def replicas(self) -> list[int]:
        """The runs with a header, ascending."""
        return sorted(int(path.stem) for path in self.folder.glob("[0-9]*.json"))

    def remove(self, replica: int) -> None:
        """Remove the files of a run; the header goes last, so that a kill leaves none without it."""
        for path in [self.records(replica), *self.folder.glob(f"{replica:07d}.*.position"), self.header(replica)]:
            path.unlink(missing_ok=True)


def read_header(path: Path) -> Header:
    """The header in a file; ValueError if it is damaged."""
    problem = "is damaged: it should say how a run is recorded"
    with reading(path, problem):
        found = json.loads(path.read_text())
        if (found["format"], found["format_version"]) != (FORMAT, FORMAT_VERSION):
            msg = f"it has the format {found['format']!r:.50}, version {found['format_version']!r:.50}"
            raise ValueError(msg)
        return Header(settings_from(found), tuple(Parameter(str(n), _sizes(shape)) for n, shape in found["parameters"]))


def settings_from(found: Mapping[str, Any]) -> Settings:
    """Inverse of `Settings.described`."""
    schedule = RecordingSchedule(found["steps"], waiting_times=found["waiting_times"], lags=found["lags"])
    if found["keep"] not in KEEP or found["precision"] not in PRECISIONS:
        msg = f"it keeps {found['keep']!r:.50} in precision {found['precision']!r:.50}"
        raise ValueError(msg)
    return Settings(schedule, found["keep"], found["precision"], dict(found["metadata"]))


def _sizes(shape: Iterable[Any]) -> tuple[int, ...]:
    sizes = tuple(shape)
    if not all(type(n) is int and n >= 1 for n in sizes):
        msg = f"the shape of a parameter is {sizes!r:.50}"
        raise ValueError(msg)
    return sizes


def check_same(where: Path, known: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Raise a ValueError that names the first of the `own` settings that differs from the `known` ones of a file."""
    for name, value in own.items():
        if known.get(name) != value:
            what = f"{name} = {known.get(name)!r:.200}, not {value!r:.200}"
            msg = f"{where} was recorded with {what}; choose another file, or that value"
            raise ValueError(msg)
