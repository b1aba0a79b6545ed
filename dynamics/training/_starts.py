"""Initial points of runs. A start gives replica r its point from r and a generator that (seed, r) determines."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, Self
from zipfile import is_zipfile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.kernels import LIMITS
from dynamics.runs import load_trajectories
from landscape.database import Database
from landscape.networks import MLP
from landscape.support import parse_whole, read_array, read_arrays, reading

Array = NDArray[np.float64]

LARGEST = LIMITS["float32"]  # bound on a parameter


class Start(Protocol):
    """A kind of start; its `str` is stored in the file's settings, so different starts must have different texts."""

    def draw(self, network: MLP, rng: np.random.Generator, replica: int) -> Array:
        """Start (P,) of a replica; ValueError if it does not match the network."""
        ...


@dataclass(frozen=True)
class Glorot:
    """Keras' default: Glorot-uniform kernels, biases zero (`MLP.glorot_uniform`)."""

    def draw(self, network: MLP, rng: np.random.Generator, replica: int) -> Array:
        """Start (P,) of a replica."""
        return network.glorot_uniform(rng)

    def __str__(self) -> str:
        return "glorot"


@dataclass(frozen=True)
class Normal:
    """Every parameter, including biases, from a normal distribution around zero.

    Parameters
    ----------
    sd : float
        Its standard deviation, >= 0.
    """

    sd: float

    def __post_init__(self) -> None:
        if not (isfinite(self.sd) and self.sd >= 0):
            msg = f"sd of the normal start must be finite and >= 0; got {self.sd!r}"
            raise ValueError(msg)
        object.__setattr__(self, "sd", float(self.sd))

    def draw(self, network: MLP, rng: np.random.Generator, replica: int) -> Array:
        """Start (P,) of a replica."""
        return self.sd * rng.standard_normal(network.n_parameters)

    def __str__(self) -> str:
        return f"normal:{self.sd!r}"


@dataclass(frozen=True, eq=False)
class Points:
    """Given points: replica r starts at row r modulo their number.

    Parameters
    ----------
    points : (K, P) or (P,) array
        Copied; one point is the start of all replicas.
    layer_sizes : tuple of int, optional
        Layer sizes of the network that they belong to, if known.
    source : str
        Their name in messages: the file that they come from.
    activation : str, optional
        Of that network, if known.
    """

    points: Array
    layer_sizes: tuple[int, ...] | None = None
    source: str = "start"  # for messages
    activation: str | None = None
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        points = np.array(np.atleast_2d(np.asarray(self.points)), dtype="<f8", order="C")
        if points.ndim != 2 or not points.size or not np.isfinite(points).all():
            msg = f"start must be finite points, shape (K, P) or (P,); got shape {np.shape(self.points)}"
            raise ValueError(msg)
        if np.abs(points).max() > LARGEST:
            msg = f"start must be points within {LARGEST:g}, the limit of divergence; got {np.abs(points).max():g}"
            raise ValueError(msg)
        points.flags.writeable = False
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "digest", hashlib.sha256(repr(points.shape).encode() + points.tobytes()).hexdigest())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Load the points in an npy file, or in an npz file with a single array or one called `points`.

        Nothing in the file is executed: arrays of objects are rejected.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it holds no such array of numbers; the message names the file.
        """
        with reading(path, "must be an npy or npz file with an array (K, P) or (P,) of starts"):
            points = _only_array(read_arrays(path)) if is_zipfile(path) else read_array(path)
            if points.dtype.kind not in "fiu":
                msg = f"its numbers are of type {points.dtype}"
                raise ValueError(msg)
            return cls(points, source=str(path))

    @classmethod
    def minima(cls, path: str | PathLike[str], ids: Sequence[int] | None = None) -> Self:
        """Load the minima of a database: those with these `ids` in their order, by default all, lowest first.

        Raises
        ------
        FileNotFoundError
            If there is no such database.
        ValueError
            If it is not a database of agescape, has no minima, or none with a given id.
        """
        with Database(Path(path)) as database:
            known = {minimum.id: minimum.point.coordinates for minimum in database.minima}  # lowest first
            provenance = database.provenance
        missing = [number for number in ids or () if number not in known]
        if missing or not known:
            msg = f"{path} has no minimum {missing[0]}" if missing else f"{path} has no minima to start from"
            raise ValueError(msg)
        points = np.array([known[number] for number in (known if ids is None else ids)])
        return cls(points, provenance.layer_sizes, str(path), provenance.activation)

    @classmethod
    def snapshots(cls, path: str | PathLike[str], step: int, run: int | None = None) -> Self:
        """Load where runs were at a step: replica r starts where run r was, or all where one `run` was.

        With another seed they see other minibatches: two ensembles of clones, whose runs are compared one by one
        (`dynamics.observables.replica_overlap`), are the twin experiment of spin glasses. Parameters alone are cloned:
        steps and minibatches are counted from 0, and Adam's and momentum's averages begin anew.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it holds no runs, no snapshot of them all at this step, or no such run.
        """
        runs = load_trajectories(path)
        known = runs.steps[runs.recorded.all(axis=0)]
        if step not in known:
            msg = f"{path} has no snapshots of all runs at step {step}; it has some at {known[:8].tolist()} and others"
            raise ValueError(msg)
        if run is not None and not 0 <= run < runs.replicas:
            msg = f"{path} has runs 0 ... {runs.replicas - 1}; got {run}"
            raise ValueError(msg)
        at = int(np.searchsorted(runs.steps, step))
        points = np.array([runs.snapshots[r][at] for r in (range(runs.replicas) if run is None else [run])])
        known_units = runs.network.activation if runs.layer_sizes else None
        return cls(points, tuple(runs.layer_sizes) or None, str(path), known_units)

    def draw(self, network: MLP, rng: np.random.Generator, replica: int) -> Array:
        """Start (P,) of a replica."""
        if self.points.shape[1] != network.n_parameters:
            msg = (
                f"{self.source} must have {network.n_parameters} parameters for layer sizes {network.layer_sizes}; "
                f"got {self.points.shape[1]}"
            )
            raise ValueError(msg)
        if self.layer_sizes not in (None, network.layer_sizes):
            msg = (
                f"{self.source} must be points of a network with layer sizes {network.layer_sizes}; "
                f"got {self.layer_sizes}"
            )
            raise ValueError(msg)
        if self.activation not in (None, network.activation):
            msg = f"{self.source} must be points of {network.activation} units; got {self.activation}"
            raise ValueError(msg)
        return self.points[replica % len(self.points)].copy()

    def __str__(self) -> str:
        return f"points with sha256 {self.digest}"


def _only_array(arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    if "points" not in arrays and len(arrays) != 1:
        msg = f"none of its {len(arrays)} arrays is called 'points'"
        raise ValueError(msg)
    return arrays["points"] if "points" in arrays else next(iter(arrays.values()))


def as_start(start: Start | ArrayLike) -> Start:
    """A start unchanged; an array as `Points`."""
    return start if isinstance(start, Glorot | Normal | Points) or hasattr(start, "draw") else Points(start)  # pyright: ignore


def parse_start(text: str) -> Start:
    """Parse a start: "glorot", "normal:SD", "file:PATH", "minima:PATH[:ID,ID,...]" or "snapshots:PATH:STEP[:RUN]".

    Raises
    ------
    FileNotFoundError, ValueError
        If it is none of these, or the file is invalid.
    """
    kind, _, rest = text.partition(":")
    if text == "glorot":
        return Glorot()
    if kind == "normal" and re.fullmatch(r"[0-9.eE+-]+", rest):
        try:
            return Normal(float(rest))
        except ValueError as error:
            msg = f"start normal:SD must have a finite SD >= 0; got {text!r}"
            raise ValueError(msg) from error
    if kind == "file" and rest:
        return Points.load(rest)
    if kind == "minima" and rest:
        match = re.fullmatch(r"(.+):(\d+(?:,\d+)*)", rest)
        return Points.minima(match[1], [int(n) for n in match[2].split(",")]) if match else Points.minima(rest)
    found = re.fullmatch(r"snapshots:(.+?):(\d[\d.e+]*)(?::(\d+))?", text)
    if found and (step := parse_whole(found[2])) is not None:
        return Points.snapshots(found[1], step, None if found[3] is None else int(found[3]))
    msg = (
        "start must be glorot, normal:SD, file:PATH, minima:PATH, minima:PATH:ID,ID,..., snapshots:PATH:STEP or "
        f"snapshots:PATH:STEP:RUN; got {text!r}"
    )
    raise ValueError(msg)
