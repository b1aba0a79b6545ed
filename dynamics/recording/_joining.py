"""From the records of several runs, and the runs that are in the file already, to one new file."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dynamics.recording._files import KEEP, Header, Place, check_same, read_header, settings_from
from dynamics.recording._journal import CURVES, Records
from dynamics.runs import MOMENTS, Parameter, Trajectories, load_trajectories, nan_moments, write_trajectories
from landscape.support import only_writer, package_version, reading

PATIENCE = 600.0  # seconds to wait for another process that joins runs


class Recorded(NamedTuple):
    """One run: from the file, or from its records."""

    header: Header
    steps: NDArray[np.int64]  # (n,) of its snapshots
    snapshots: Any  # the position of a step among them -> the parameters (P,)
    moments: Mapping[str, NDArray[np.float64]]  # (W, T, ...), if it keeps displacements
    curve_steps: NDArray[np.int64]  # (c,)
    curves: NDArray[np.float64]  # (c, 5)
    last: int  # the last recorded step
    stamp: tuple[int, int] | None  # size and time of its records; None if it is in the file

    @property
    def is_complete(self) -> bool:
        """Whether it is at the end of its schedule."""
        return self.last == self.header.settings.schedule.steps


def join_recordings(path: str | PathLike[str]) -> Trajectories:
    """Write what recorders have recorded for a file into it, with the runs that it holds already.

    Runs that are not complete become shorter runs, whose later snapshots are missing; they may go on meanwhile. The
    file appears, or replaces the one before, when it is complete. `Recorder` does this at its end.

    Parameters
    ----------
    path : path
        As for `Recorder`.

    Raises
    ------
    FileNotFoundError
        If nothing was recorded for it.
    ValueError
        If a file is damaged, or was made by something else.
    """
    place = Place(Path(path))
    with _alone(place):
        stored = runs_in_file(place.path)
        recorded = {replica: run for replica in place.replicas() if (run := _from_records(place, replica)) is not None}
        runs = dict(sorted((stored | recorded).items()))
        if not runs:
            msg = f"nothing was recorded for {path}: {place.folder} has no run with a recorded step"
            raise FileNotFoundError(msg)
        if recorded:
            write_trajectories(place.path, _trajectories(place, runs))
            for replica, run in recorded.items():
                _remove_if_complete(place, replica, run)
    with suppress(OSError):  # there are other runs
        place.folder.rmdir()
    return load_trajectories(place.path)


def runs_in_file(path: Path) -> dict[int, Recorded]:
    """The runs in a file that recorders made, by replica; {} without a file, ValueError if another program made it."""
    if not path.exists():
        return {}
    runs = load_trajectories(path)
    with reading(path, "was not made by Recorder, or is damaged; choose another file"):
        mark = runs.metadata["recording"]
        replicas, lasts = [int(n) for n in mark["replicas"]], [int(n) for n in mark["recorded_to"]]
        own = {name: value for name, value in runs.metadata.items() if name not in {"recording", "version"}}
        grid = {name: getattr(runs, name) for name in ("waiting_times", "lags")}
        settings = settings_from({**mark, **grid, "metadata": own})
        if len(replicas) != len(lasts) or len(replicas) != runs.replicas:
            msg = f"it names {len(replicas)} replicas for {runs.replicas} runs"
            raise ValueError(msg)
    header = Header(settings, runs.parameters or (Parameter("", (runs.n_parameters,)),))
    curves = np.stack([getattr(runs, name) for name in CURVES], axis=-1)
    return {
        replica: Recorded(
            header,
            runs.steps[runs.recorded[r]],
            _StoredRun(runs, r),
            {name: getattr(runs, name)[r] for name in MOMENTS if getattr(runs, name) is not None},
            runs.curve_steps,
            curves[r],
            lasts[r],
            None,
        )
        for r, replica in enumerate(replicas)
    }


class _StoredRun(NamedTuple):
    """The snapshots of run r of a file, read when indexed."""

    runs: Trajectories
    r: int

    def __call__(self, number: int) -> NDArray[Any]:
        return self.runs.snapshots[self.r, int(np.flatnonzero(self.runs.recorded[self.r])[number])]


def _from_records(place: Place, replica: int) -> Recorded | None:
    """A run from its records; None if there are none."""
    header, path = read_header(place.header(replica)), place.records(replica)
    records = Records(path, header.layout)
    if not len(records):
        return None
    status, steps = path.stat(), np.array(records.steps)
    snapshots = header.settings.keep == KEEP[0]
    return Recorded(
        header,
        steps if snapshots else steps[:0],
        records.payload,
        {} if snapshots else _moments_of(header, records),
        steps,
        np.array(records.curves),
        records.steps[-1],
        (status.st_size, status.st_mtime_ns),
    )


def _moments_of(header: Header, records: Records) -> dict[str, NDArray[np.float64]]:
    """The moments on the grid, (W, T) or (W, T, G)."""
    schedule = header.settings.schedule
    grid = nan_moments((schedule.waiting_times.size, schedule.lags.size), len(header.parameters))
    for number, step in enumerate(records.steps):
        lags = step - schedule.waiting_times
        w = np.flatnonzero(np.isin(lags, schedule.lags))
        t = np.searchsorted(schedule.lags, lags[w])
        found = records.payload(number).reshape(schedule.waiting_times.size, -1)[w]
        for name, values in zip(MOMENTS, (found[:, 0], found[:, 1], found[:, 2:]), strict=True):
            grid[name][w, t] = values
    return grid


class _Snapshots:
    """The snapshots (R, S, P) of runs, nan where a run has none, read when indexed."""

    def __init__(self, runs: Sequence[Recorded], steps: NDArray[np.int64], n_parameters: int, dtype: np.dtype) -> None:
        self._runs, self._steps = runs, steps
        self.shape, self.dtype = (len(runs), steps.size, n_parameters), dtype

    def __getitem__(self, key: int | tuple[int, int]) -> NDArray[Any]:
        if isinstance(key, tuple):
            run, step = self._runs[key[0]], self._steps[key[1]]
            return run.snapshots(int(np.searchsorted(run.steps, step)))
        found = np.full(self.shape[1:], np.nan, self.dtype)
        for number, s in enumerate(np.searchsorted(self._steps, self._runs[key].steps)):
            found[s] = self._runs[key].snapshots(number)
        return found


def _trajectories(place: Place, by_replica: Mapping[int, Recorded]) -> Trajectories:
    """Runs with the same settings as one object, which reads snapshots when they are written."""
    runs = list(by_replica.values())
    header = runs[0].header
    for replica, run in by_replica.items():
        check_same(place.header(replica), run.header.described, header.described)
    settings, parameters = header.settings, header.parameters
    steps = np.unique(np.concatenate([run.steps for run in runs]))
    moments: dict[str, Any] = {name: np.stack([run.moments[name] for run in runs]) for name in runs[0].moments}
    mark = {
        "steps": settings.schedule.steps,
        "keep": settings.keep,
        "precision": settings.precision,
        "replicas": list(by_replica),
        "recorded_to": [run.last for run in runs],
    }
    return Trajectories(
        layer_sizes=(),
        steps=steps,
        snapshots=_Snapshots(runs, steps, sum(one.size for one in parameters), settings.dtype),
        waiting_times=settings.schedule.waiting_times,
        lags=settings.schedule.lags,
        recorded=np.array([np.isin(steps, run.steps) for run in runs]),
        parameters=parameters if parameters[0].name else (),
        metadata={**settings.metadata, "recording": mark, "version": package_version("agescape")},
        **_curves(runs),
        **moments,
    )


def _curves(runs: Sequence[Recorded]) -> dict[str, Any]:
    """The curves (R, C) at all steps at which a run has a number, nan where there is none."""
    steps = np.unique(np.concatenate([run.curve_steps[~np.isnan(run.curves).all(axis=1)] for run in runs]))
    curves = np.full((len(CURVES), len(runs), steps.size), np.nan)
    for r, run in enumerate(runs):
        kept = np.isin(run.curve_steps, steps)
        curves[:, r, np.searchsorted(steps, run.curve_steps[kept])] = run.curves[kept].T
    return {"curve_steps": steps, **dict(zip(CURVES, curves, strict=True))}


def _remove_if_complete(place: Place, replica: int, run: Recorded) -> None:
    """Remove the records of a complete run that is in the file now, unless it went on meanwhile."""
    with suppress(BlockingIOError, FileNotFoundError), only_writer(place.records(replica)):
        status = place.records(replica).stat()
        if run.is_complete and (status.st_size, status.st_mtime_ns) == run.stamp:
            place.remove(replica)


@contextmanager
def _alone(place: Place) -> Iterator[None]:
    """Wait until no other process joins runs into this file."""
    until = time.monotonic() + PATIENCE
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(only_writer(place.folder / "joined"))
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
        yield
