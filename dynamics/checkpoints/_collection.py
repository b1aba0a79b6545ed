"""Checkpoints of several runs, on a grid of steps that need not be complete."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dynamics.checkpoints._choice import Choice
from dynamics.checkpoints._file_names import files_of, places_of, short_names
from dynamics.checkpoints._formats import Tensors, open_checkpoint
from dynamics.checkpoints._tensors import FLOATS, StoredTensor, natural
from dynamics.runs import Parameter

Patterns = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Place = tuple[str, int]  # name of the run, step


@dataclass(frozen=True, eq=False, repr=False)
class Checkpoints:
    """Checkpoints of R runs at S steps, whose numbers stay in their files.

    Parameters
    ----------
    runs : tuple of str
        Names of the runs: that part of the paths of their files that differs.
    steps : (S,) int64
        Steps of which any run has a checkpoint, ascending.
    recorded : (R, S) bool
        Which checkpoints exist.
    parameters : tuple of Parameter
        Names and shapes, in flat order.
    dtype : dtype
        float32, or float64 if any checkpoint needs it.
    left_out : mapping of str to tuple of str
        Names of other tensors in the files, by the reason why they are not parameters.
    """

    runs: tuple[str, ...]
    steps: NDArray[np.int64]
    recorded: NDArray[np.bool_]
    parameters: tuple[Parameter, ...]
    dtype: np.dtype
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tensors: Mapping[tuple[int, int], tuple[StoredTensor, ...]] = field(default_factory=dict)

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """First element of each parameter in flat order, and the number of all, (number of parameters + 1,)."""
        return np.concatenate([[0], np.cumsum([one.size for one in self.parameters])]).astype(np.int64)

    @property
    def n_parameters(self) -> int:
        """Number P of components."""
        return int(self.offsets[-1])

    def read(self, run: int, snapshot: int, begin: int, out: NDArray[np.floating]) -> None:
        """Fill `out` (n,) with the components from `begin` on, in flat order.

        Raises
        ------
        ValueError
            If the file has become shorter since it was opened.
        """
        with _Descriptors() as opened:
            for tensor, offset, low, high in self._tensors(run, snapshot, begin, begin + out.size):
                tensor.read(low - offset, out[low - begin : high - begin], opened.of(tensor.path))

    def _tensors(self, run: int, snapshot: int, begin: int, end: int) -> Iterator[tuple[StoredTensor, int, int, int]]:
        """Tensors that have some of these components, their first component, and the first and last + 1 of these."""
        offsets, tensors = self.offsets, self.tensors[run, snapshot]
        first = int(np.searchsorted(offsets, begin, side="right")) - 1
        last = int(np.searchsorted(offsets, end))
        for tensor, offset in zip(tensors[first:last], offsets[first:last].tolist(), strict=True):
            yield tensor, offset, max(begin, offset), min(end, offset + tensor.size)

    def path(self, run: int, snapshot: int, component: int = 0) -> tuple[Path, str]:
        """The file of a component of a snapshot, and the name of its parameter."""
        number = int(np.searchsorted(self.offsets, component, side="right")) - 1
        return self.tensors[run, snapshot][number].path, self.parameters[number].name

    def __repr__(self) -> str:
        return (
            f"Checkpoints(runs={len(self.runs)}, steps={self.steps.size}, recorded={int(self.recorded.sum())} of "
            f"{self.recorded.size}, n_parameters={self.n_parameters:,} in {len(self.parameters)} tensors)"
        )


class _Descriptors:
    """One file at a time, open for reading."""

    def __enter__(self) -> "_Descriptors":
        self._path: Path | None = None
        self._descriptor = -1
        return self

    def of(self, path: Path) -> int:
        """A descriptor of the file."""
        if path != self._path:
            self._close()
            self._descriptor, self._path = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)), path
        return self._descriptor

    def _close(self) -> None:
        if self._path is not None:
            os.close(self._descriptor)
            self._path = None

    def __exit__(self, *_: object) -> None:
        self._close()


def find_checkpoints(
    files: Patterns,
    *,
    step: str | None = None,
    replica: str | None = None,
    parameters: Sequence[str] = (),
    buffers: bool = False,
    state: str | None = None,
    stacked: str | Sequence[int] | None = None,
) -> Checkpoints:
    """The checkpoints in files, and what they hold; only the beginnings of the files are read.

    Parameters
    ----------
    files : path, or sequence of path
        Files, or shell patterns of them such as "run*/step_*.pt". The parts of a divided checkpoint
        (model-00001-of-00003.safetensors) count as one file.
    step, replica : str, optional
        Regular expressions that are searched in each path; the first group is the number of the step, and the name of
        the run. By default the step is the number after "step", "iter", "checkpoint" or "ckpt", or else the last one,
        and the rest of the path is the run.
    parameters : sequence of str, optional
        Shell patterns of the names that count, e.g. "conv.*". By default all do.
    buffers : bool
        Also count running statistics and other buffers, known by their names.
    state : str, optional
        Key of the dictionary of parameters in each file, where there are several.
    stacked : str or sequence of int, optional
        Each file holds all steps of a run along the leading axis of its arrays: the name of the array of steps in it,
        or the steps.

    Raises
    ------
    FileNotFoundError
        If a pattern fits no file.
    ValueError
        If a file is damaged, two are of the same run and step, or names or shapes differ between files.
    """
    choice, paths = Choice(tuple(parameters), buffers), files_of(files)
    if stacked is None:
        places = places_of(paths, step, replica)
        opened = {place: _merged(some, state) for place, some in places.items()}
    else:
        names = list(places_of(paths, r"^()", replica or "(.*)")) if replica else [(str(path), 0) for path in paths]
        opened = {}
        for (run, _), path in zip(names, paths, strict=True):
            opened |= _unstacked(run, path, open_checkpoint(path, state), stacked)
    return _collected(opened, choice)


def single_checkpoint(path: str | os.PathLike[str]) -> Checkpoints:
    """One file by itself, as step 0 of one run: to see what `find_checkpoints` takes for parameters.

    Raises
    ------
    FileNotFoundError, ValueError
        As in `open_checkpoint`.
    """
    return _collected({("0", 0): open_checkpoint(Path(path))}, Choice())


def _merged(paths: Sequence[Path], state: str | None) -> Tensors:
    """The tensors of a checkpoint, which may be divided into several files."""
    found: Tensors = {}
    for path in paths:
        tensors = open_checkpoint(path, state)
        if twice := [name for name in tensors if name in found]:
            msg = f"{path} and {paths[0]} both have {twice[0]}"
            raise ValueError(msg)
        found |= tensors
    return found if len(paths) == 1 else dict(sorted(found.items(), key=lambda item: natural(item[0])))


def _unstacked(run: str, path: Path, tensors: Tensors, stacked: str | Sequence[int]) -> dict[Place, Tensors]:
    """The checkpoints in a file of all steps of a run."""
    if isinstance(stacked, str):
        if stacked not in tensors:
            msg = f"{path} has no array of steps {stacked!r}; it has {', '.join(list(tensors)[:8])}"
            raise ValueError(msg)
        steps = tensors[stacked].whole_numbers().tolist()
        tensors = {name: tensor for name, tensor in tensors.items() if name != stacked}
    else:
        steps = [int(one) for one in stacked]
    if min(steps, default=0) < 0 or len(set(steps)) != len(steps):
        msg = f"the steps of {path} must be different whole numbers >= 0; they are {steps!r:.200}"
        raise ValueError(msg)
    for name, tensor in tensors.items():
        if tensor.kind in FLOATS and tensor.shape[:1] != (len(steps),):
            msg = f"{path}: {name} must have a leading axis of {len(steps)} steps; its shape is {tensor.shape}"
            raise ValueError(msg)
    floats = {name: tensor for name, tensor in tensors.items() if tensor.kind in FLOATS}
    return {(run, step): {name: one.row(k) for name, one in floats.items()} for k, step in enumerate(steps)}


def _collected(opened: Mapping[Place, Tensors], choice: Choice) -> Checkpoints:
    first = next(iter(opened))
    reference = choice.of(_path_of(opened[first]), opened[first])
    left_out = {why: tuple(names) for why, names in choice.left_out.items()}
    names = short_names(sorted({run for run, _ in opened}, key=natural))
    runs, steps = list(names), np.unique([step for _, step in opened]).astype(np.int64)
    recorded = np.zeros((len(runs), steps.size), dtype=np.bool_)
    chosen: dict[tuple[int, int], tuple[StoredTensor, ...]] = {}
    for (run, step), tensors in opened.items():
        place = runs.index(run), int(np.searchsorted(steps, step))
        chosen[place] = _alike(tensors, opened[first], reference, choice)
        recorded[place] = True
    dtypes = {tensor.dtype for some in chosen.values() for tensor in some}
    return Checkpoints(
        tuple(names.values()),
        steps,
        recorded,
        tuple(Parameter(name, tensor.shape) for name, tensor in reference.items()),
        max(dtypes, key=lambda dtype: dtype.itemsize),
        left_out,
        chosen,
    )


def _path_of(tensors: Tensors) -> Path:
    return next(iter(tensors.values())).path


def _alike(tensors: Tensors, others: Tensors, reference: Tensors, choice: Choice) -> tuple[StoredTensor, ...]:
    """The parameters of a checkpoint in the order of the first one; ValueError if it has others."""
    path, first = _path_of(tensors), _path_of(others)
    for name, known in reference.items():
        tensor = tensors.get(name)
        if tensor is None:
            msg = f"{path} has no parameter {name}, which {first} has"
            raise ValueError(msg)
        if tensor.shape != known.shape or tensor.kind not in FLOATS:
            what = f"shape {tensor.shape}" if tensor.kind in FLOATS else f"numbers of type {tensor.kind}"
            msg = f"{path}: {name} has {what}, but shape {known.shape} in {first}"
            raise ValueError(msg)
    if len(tensors) > len(others):
        extra = [name for name in choice.of(path, tensors) if name not in others]
        if extra:
            msg = f"{first} has no parameter {extra[0]}, which {path} has"
            raise ValueError(msg)
    return tuple(tensors[name] for name in reference)
