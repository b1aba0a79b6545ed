"""Fields of a result with names of their axes and units, read from its dataclass and its docstring.

The docstrings of results say the shape of each array, e.g. ``(R, W, T) float64``: here its letters become names.
"""

import inspect
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from functools import cache
from typing import Any

import numpy as np

from landscape.support._estimate import Estimate

AXES = {
    "R": "replica",
    "W": "waiting_time",
    "S": "step",
    "P": "parameter",
}  # a letter's meaning where nothing says another
COORDINATES = {  # fields that say where the entries of the other fields are, their axis, and the letters it goes by
    "waiting_times": ("waiting_time", "W"),
    "lags": ("lag", "T"),
    "steps": ("step", "SK"),
    "curve_steps": ("curve_step", "C"),
    "separations": ("separation", "M"),
    "thresholds": ("threshold", "D"),
    "levels": ("level", "L"),
    "exponents": ("exponent", "41"),
    "names": ("name", "GF"),
    "runs": ("replica", "R"),
    "minimum_ids": ("minimum", "V"),
    "searches": ("number_of_searches", "k"),
}
UNITS = {
    "steps": """waiting_times waiting_time lags steps curve_steps separations difference_lags t_star
        t_star_last t_star_runs t_star_runs_mean t_star_runs_at_least t_star_gradient t_star_differences
        mean_steps from_waiting_time step first_visits""",
    "nats": """loss losses lowest_loss mean_loss low_loss high_loss test_loss barriers climbs span
        highest climb train_data_losses test_data_losses test_errors transition_losses level
        temperature temperatures ceiling""",
    "parameter units squared": "displacement total drift second thresholds",
}
UNIT_OF = {name: unit for unit, names in UNITS.items() for name in names.split()}
MOST_PLACES = 5  # decimals that a text shows of a number with an interval
HEADING = re.compile(r"^(\w+(?:, \w+)*) : (.*)$")
SHAPE = re.compile(r"\(([^()]*,[^()]*)\)")


@dataclass(frozen=True)
class Described:
    """What a docstring says of a field: letters of its shape, None where it says none, and one sentence."""

    letters: tuple[str, ...] | None
    sentence: str


NOTHING = Described(None, "")


@dataclass(frozen=True, eq=False)
class Field:
    """A field of a result: `dims` are the names of its axes, empty for a scalar."""

    name: str
    value: Any
    dims: tuple[str, ...] = ()
    unit: str = ""
    sentence: str = ""
    coordinate: bool = False

    @property
    def is_array(self) -> bool:
        """Whether it has axes."""
        return bool(self.dims)


@cache
def described(cls: type) -> Mapping[str, Described]:
    """What the docstrings of a class and its bases say of the fields."""
    found: dict[str, Described] = {}
    for base in reversed(cls.__mro__):
        if is_dataclass(base):
            found |= _read(inspect.cleandoc(base.__doc__ or ""))
    return found


def _read(text: str) -> dict[str, Described]:
    found: dict[str, Described] = {}
    lines = text.splitlines()
    for k, line in enumerate(lines):
        if heading := HEADING.match(line):
            names = heading[1].split(", ")
            shapes = [
                tuple(part.strip() for part in shape.split(",") if part.strip()) for shape in SHAPE.findall(heading[2])
            ]
            shapes = shapes if len(shapes) == len(names) else shapes[:1] * len(names)
            letters = dict(zip(names, shapes, strict=False))
            found |= {name: Described(letters.get(name), _sentence(lines[k + 1 :])) for name in names}
    return found


def _sentence(lines: list[str]) -> str:
    """The first sentence of an indented paragraph."""
    paragraph = []
    for line in lines:
        if not line.startswith("    "):
            break
        paragraph.append(line.strip())
    return re.split(r"(?<=[^.][.:;]) ", " ".join(paragraph), maxsplit=1)[0].rstrip(".:;")


def fields_of(result: Any, axes: Mapping[str, str], units: Mapping[str, str]) -> list[Field]:
    """Fields of a result; `axes` names letters, `units` fields, where what holds for all results does not."""
    names = [field.name for field in fields(result)] if is_dataclass(result) else []
    letters = {**AXES, **_axes_of(type(result)), **axes}
    found: list[Field] = []
    for name in names:
        what = described(type(result)).get(name, NOTHING)
        unit = unit_of(name, units, result)
        for part, value in _parts(name, getattr(result, name)):
            dims = _dims(part, value, what.letters, letters)
            axis, usual = COORDINATES.get(part, ("", ""))
            is_coordinate = bool(axis) and dims == (axis,) and what.letters is not None and what.letters[0] in usual
            found.append(Field(part, value, dims, unit, what.sentence, is_coordinate))
    return _with_curves(found)


def unit_of(name: str, units: Mapping[str, str], result: Any = None) -> str:
    """Unit of a field: one of `units`, or what holds for all results; for nats that of the result's loss, if known."""
    unit = units.get(name, UNIT_OF.get(name, ""))
    return getattr(result, "loss_unit", unit) if unit == "nats" else unit


def _with_curves(found: list[Field]) -> list[Field]:
    """Displacements that are parts of a result as arrays of it, where all of them have the same times."""
    times = {field.name: field for field in found if field.coordinate}
    result: list[Field] = []
    for field in found:
        curves = _curves(field, times)
        result += [curves[0], *(part for part in curves[1:] if part.name not in times)]
        times |= {part.name: part for part in curves[1:]}
    return result


def _curves(field: Field, times: Mapping[str, Field]) -> list[Field]:
    """The values of a displacement and its times, or the field itself."""
    if not (is_dataclass(field.value) and {"waiting_times", "lags", "values"} <= vars(field.value).keys()):
        return [field]
    inner = {part.name: part for part in fields_of(field.value, {}, {})}
    own = [inner["waiting_times"], inner["lags"]]
    if any(part.name in times and not np.array_equal(times[part.name].value, part.value) for part in own):
        return [field]
    return [replace(inner["values"], name=field.name, sentence=field.sentence), *own]


@cache
def _axes_of(cls: type) -> Mapping[str, str]:
    """Names of letters from the fields that hold coordinates."""
    said = described(cls)
    letters = {name: said[name].letters for name in COORDINATES if name in said}
    ones = {name: one[0] for name, one in letters.items() if one is not None and len(one) == 1}
    return {letter: COORDINATES[name][0] for name, letter in ones.items() if letter in COORDINATES[name][1]}


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """An estimate is a number, or an array, and its interval."""
    if isinstance(value, Estimate) and np.ndim(value.value):
        yield from ((name, value.value), (f"{name}_low", value.low), (f"{name}_high", value.high))
    else:
        yield name, value


def _dims(name: str, value: Any, letters: tuple[str, ...] | None, names: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the axes of an array, or of a tuple of numbers or texts that is documented as one."""
    shape = getattr(value, "shape", None)
    if shape is None and isinstance(value, tuple) and letters is not None and len(letters) == 1:
        shape = (len(value),)
    if not shape:
        return ()
    if letters is None or len(letters) != len(shape):
        return tuple(f"{name}_{k}" for k in range(len(shape)))
    dims = [_axis(name, letter, names) for letter in letters]
    return tuple(dim if dims.count(dim) == 1 else f"{dim}_{k}" for k, dim in enumerate(dims))


def _axis(name: str, letter: str, names: Mapping[str, str]) -> str:
    if letter in names:
        return names[letter]
    if letter == "2":
        return "bound" if name.endswith("interval") else "end"
    return re.sub(r"\W+", "_", letter.replace("+", "plus").replace("-", "minus"))


def number(value: Any) -> str:
    """A value in a few characters."""
    if isinstance(value, Estimate):
        return _with_interval(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, (float, np.floating)):
        return "nan" if math.isnan(value) else f"{float(value):.4g}"
    if isinstance(value, tuple):
        return f"({', '.join(number(element) for element in value)})"
    return str(value)


def _with_interval(estimate: Estimate[Any]) -> str:
    """E.g. "0.78 [0.70, 0.86]": the interval's width to two digits. For an array, its range."""
    if np.ndim(estimate.value):
        return extent(np.asarray(estimate.value))
    if math.isnan(estimate.value):
        return "undetermined"
    low, high = float(estimate.low), float(estimate.high)
    if math.isnan(low) and math.isnan(high):
        return f"{number(float(estimate.value))} (no interval)"
    width = high - low
    places = 1 - math.floor(math.log10(width)) if math.isfinite(width) and width > 0 else MOST_PLACES + 1
    texts = (_fixed(float(value), places) for value in (estimate.value, low, high))
    return "{} [{}, {}]".format(*texts)


def _fixed(value: float, places: int) -> str:
    """A number with so many decimal places, none if that is negative; as `number` if they would be too many."""
    return f"{value:.{max(places, 0)}f}" if places <= MOST_PLACES else number(value)


def extent(value: Any) -> str:
    """Smallest and largest number of an array."""
    known = value[np.isfinite(value)] if np.issubdtype(value.dtype, np.floating) else value
    return f"{number(known.min())} ... {number(known.max())}" if known.size else "nan"
