"""The recorder of one run, to be called at every step of a training loop."""

import json
import logging
import sys
from bisect import bisect_left
from collections.abc import Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from dynamics.recording._files import KEEP, PRECISIONS, Header, Place, Settings, check_same, read_header
from dynamics.recording._joining import join_recordings, runs_in_file
from dynamics.recording._journal import CURVES, Journal
from dynamics.recording._models import flat_values, named_values
from dynamics.recording._moments import Positions
from dynamics.recording._schedule import RecordingSchedule
from dynamics.runs import Parameter, check_metadata
from landscape.support import only_writer, whole_number

logger = logging.getLogger(__name__)

NEVER = sys.maxsize  # a step that no run reaches
LAST_REPLICA = 9_999_999


class Recorder:
    """Records the parameters of one run at the steps of a schedule.

    Call `step` once before the first update and once after each: the first call is step 0. What was recorded is on
    disk at once, in the folder F.h5.recording beside F.h5, and survives a kill. At the last step of the schedule, or
    before it with `close` or at the end of a ``with`` block, all runs that were recorded for F.h5 so far are joined in
    this file. Different replicas may be recorded by different processes at the same time. A run that ends early is a
    shorter run in the file: its later snapshots are missing.

    To continue from a checkpoint of your own, make the recorder with the same arguments and pass the step of the
    checkpoint in the first call, ``recorder.step(model, step=k)``. What was recorded at step k and later is replaced:
    updates need not be reproducible, and a run has one history.

    Parameters
    ----------
    path : path
        HDF5 file to make, which `dynamics.load_trajectories` opens.
    schedule : RecordingSchedule or int
        When to record; a number of steps stands for ``RecordingSchedule(steps)``.
    replica : int
        Number of the run, >= 0; runs are in this order in the file.
    keep : {"snapshots", "displacements"}
        "displacements" keeps, instead of the parameters, the mean square displacement of every pair of waiting time and
        lag, in total and of each parameter tensor, and the fourth moment. Until a run is complete its parameters at
        the waiting times are on disk; the memory needed is that of one tensor.
    precision : {"float32", "float64"}
        Of the parameters on disk.
    metadata : mapping, optional
        How the runs are made, as JSON holds it, for instance ``{"learning_rate": 0.05, "batch_size": 100}``; the same
        for all replicas.
    join : bool
        Whether to join the runs at the end of each one. That copies all runs: with many large ones pass False, and call
        `join_recordings` once.

    Raises
    ------
    ValueError
        If an argument is invalid, or this or another run for the file was recorded with other settings.
    BlockingIOError
        If another process records this replica.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        schedule: RecordingSchedule | int,
        *,
        replica: int = 0,
        keep: str = "snapshots",
        precision: str = "float32",
        metadata: Mapping[str, Any] | None = None,
        join: bool = True,
    ) -> None:
        schedule = schedule if isinstance(schedule, RecordingSchedule) else RecordingSchedule(schedule)
        self._settings = _settings(schedule, keep, precision, metadata or {})
        self._replica = whole_number("replica", replica, 0, LAST_REPLICA)
        self._place, self._join = Place(Path(path).absolute()), join
        self._steps: list[int] = schedule.recorded_steps.tolist()
        self._now, self._next = -1, -1  # the step of the last call, the next step to record
        self._begun = self._closed = False
        self._stack = ExitStack()
        self._stack.enter_context(only_writer(self._place.records(self._replica)))
        try:
            self._journal, self._positions, self._known = self._found()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"at step {self._now}" if self._begun else "before its first step"
        return f"Recorder({str(self._place.path)!r}, replica {self._replica}, {state})"

    @property
    def due(self) -> bool:
        """Whether the next call of `step` will record: only then a curve need be computed."""
        return self._now + 1 >= self._next

    @property
    def complete(self) -> bool:
        """Whether the run was recorded to the end of its schedule, now or before."""
        stored = None if self._last >= 0 else runs_in_file(self._place.path).get(self._replica)
        return self._last == self._steps[-1] if stored is None else stored.is_complete

    def step(self, model: Any, step: int | None = None, **curves: Any) -> None:
        """Record the model if the schedule says so.

        Parameters
        ----------
        model : torch module, array or mapping
            Its parameters: the `named_parameters` of a torch module, the arrays in a mapping, or one array. What comes
            before the last dot of a name, as in "conv1.weight", is the layer. Not looked at unless it is recorded.
        step : int, optional
            Number of updates so far. By default 0 in the first call, and one more in each further call.
        **curves : float, optional
            `loss` (nats), `accuracy`, `gradient_norm`, `test_loss`, `test_accuracy`; kept at recorded steps.

        Raises
        ------
        ValueError
            If a run that was interrupted continues without `step`, the parameters are others than before, or the
            recorder is closed.
        FloatingPointError
            If the run has diverged. What was recorded before stays.
        """
        now = self._now + 1 if step is None else step
        if self._now < now < self._next:
            self._now = now
            return
        self._look_at(step, model, curves)

    def close(self) -> None:
        """End the recording of this run, and join all runs that were recorded for the file."""
        if self._closed:
            return
        self._closed, self._next = True, -1
        if self._journal is not None:
            self._journal.close()
        self._stack.close()
        if self._join and self._last >= 0:
            join_recordings(self._place.path)

    @property
    def _last(self) -> int:
        """The last recorded step; -1 before there is one."""
        return self._journal.steps[-1] if self._journal is not None and len(self._journal) else -1

    def _look_at(self, step: int | None, model: Any, curves: Mapping[str, Any]) -> None:
        """A step that may have to be recorded, or that is not the one expected."""
        now = self._now + 1 if step is None else whole_number("step", step, 0)
        if self._begun and now == self._now:
            return
        if self._closed:
            msg = f"{self!r} cannot record: make another one to continue the run"
            raise ValueError(msg)
        if not self._begun:
            self._begin(step)
        if self._next != NEVER:  # the file does not have the run
            self._record_at(now, model, curves)
        self._now = now

    def _record_at(self, now: int, model: Any, curves: Mapping[str, Any]) -> None:
        """Record this step if the schedule says so, and find the next one to record."""
        if now <= self._last:
            self._go_back(now)
        at = bisect_left(self._steps, now)
        if self._steps[at : at + 1] == [now]:
            self._record(now, model, curves)
            at += 1
        if at < len(self._steps):
            self._next = self._steps[at]
            return
        self.close()
        self._next = NEVER  # further steps are of no interest

    def _begin(self, step: int | None) -> None:
        """The first call of this recorder."""
        path, replica = self._place.path, self._replica
        if self._last >= 0 and step is None:
            msg = (
                f"replica {replica} of {path} was recorded up to step {self._last}: pass the step at which it "
                "continues, recorder.step(model, step=...); step=0 records it again from the beginning"
            )
            raise ValueError(msg)
        stored = None if self._last >= 0 else runs_in_file(path).get(replica)
        if stored is not None and (not step or not stored.is_complete):
            msg = (
                f"{path} holds replica {replica} up to step {stored.last} already: choose another replica or another "
                "file, or remove the file"
            )
            raise ValueError(msg)
        if stored is not None:
            logger.warning("%s holds replica %d completely: its steps are not recorded again", path, replica)
            self._next = NEVER
        elif step and (missed := bisect_left(self._steps, step) - bisect_left(self._steps, self._last + 1)) > 0:
            logger.warning("replica %d of %s has no record of %d steps before step %d", replica, path, missed, step)
        self._begun = True

    def _go_back(self, step: int) -> None:
        """Remove what was recorded at this step and later."""
        assert self._journal is not None
        dropped = self._journal.drop_from(step)
        if self._positions is not None:
            self._positions.drop_from(step)
        where = self._replica, self._place.path, step, dropped
        logger.info("replica %d of %s continues at step %d: %d recorded steps are replaced", *where)

    def _record(self, step: int, model: Any, curves: Mapping[str, Any]) -> None:
        values = list(named_values(model))
        parameters = tuple(parameter for parameter, _ in values)
        if self._journal is None or self._known is None or self._known.parameters != parameters:
            self._open(parameters)
        assert self._journal is not None
        flat = (flat_values(parameter, array, self._settings.dtype) for parameter, array in values)
        try:
            payload = flat if self._positions is None else [self._positions.moments(step, flat)]
            self._journal.append(step, _numbers(curves), payload)
        except FloatingPointError as error:
            msg = f"replica {self._replica} diverged: at step {step} {error}"
            raise FloatingPointError(msg) from None

    def _found(self) -> tuple[Journal | None, Positions | None, Header | None]:
        """What there is of this run, and how it or another run for the file is recorded."""
        place, replica = self._place, self._replica
        where, known = None, None
        for other in sorted(place.replicas(), key=lambda number: number != replica):
            where, known = place.header(other), read_header(place.header(other))
            break
        else:
            for stored in runs_in_file(place.path).values():
                where, known = place.path, stored.header
                break
        if where is None or known is None:
            return None, None, None
        check_same(where, known.described, self._settings.described)
        if where == place.header(replica):
            return *self._files(known), known
        return None, None, known

    def _open(self, parameters: tuple[Parameter, ...]) -> None:
        """Begin the files of this run; ValueError if the parameters are others than those known."""
        header = Header(self._settings, parameters)
        if not parameters:
            msg = "model must have parameters; it has none"
            raise ValueError(msg)
        if self._known is not None:
            check_same(self._place.path, self._known.described, header.described)
        header.write(self._place.header(self._replica))
        self._known = header
        self._journal, self._positions = self._files(header)

    def _files(self, header: Header) -> tuple[Journal, Positions | None]:
        journal = Journal(self._place.records(self._replica), header.layout)
        return journal, None if header.settings.keep == KEEP[0] else Positions(self._place, self._replica, header)


def _settings(schedule: RecordingSchedule, keep: str, precision: str, metadata: Mapping[str, Any]) -> Settings:
    for name, value, choices in (("keep", keep, KEEP), ("precision", precision, PRECISIONS)):
        if value not in choices:
            msg = f"{name} must be one of {', '.join(choices)}; got {value!r}"
            raise ValueError(msg)
    try:
        known = json.loads(json.dumps(dict(metadata), allow_nan=False))
        check_metadata(Path("metadata"), known)
    except (TypeError, ValueError) as error:
        msg = f"metadata must be numbers, texts and lists, named as those of train if they mean the same: {error}"
        raise ValueError(msg) from error
    if taken := {"recording", "version"} & set(known):
        msg = f"metadata must not hold {sorted(taken)[0]!r}, which the recorder adds"
        raise ValueError(msg)
    return Settings(schedule, keep, precision, known)


def _numbers(curves: Mapping[str, Any]) -> dict[str, float]:
    """Values of curves as numbers, nan if they are not finite; a TypeError names an unknown curve."""
    if unknown := [name for name in curves if name not in CURVES]:
        msg = f"curves must be among {', '.join(CURVES)}; got {unknown[0]!r}"
        raise TypeError(msg)
    values = {name: value.detach() if hasattr(value, "detach") else value for name, value in curves.items()}
    numbers = {name: float(value) for name, value in values.items() if value is not None}
    return {name: number if np.isfinite(number) else np.nan for name, number in numbers.items()}
