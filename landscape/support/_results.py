"""What results of all packages have in common: they say what they are, and become tables and labeled arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from html import escape
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from landscape.support import _tables
from landscape.support._estimate import Estimate
from landscape.support._fields import Field, extent, fields_of, number, unit_of

if TYPE_CHECKING:
    import pandas  # pyright: ignore[reportMissingImports]
    import xarray  # pyright: ignore[reportMissingImports]

WIDTH = 110  # characters of a line
LONGEST = 40  # characters of a text or a tuple beyond which a line does not show it
SCALARS = (bool, int, float, str, Path, Enum, tuple, np.number, np.bool_, Estimate)


class Result:
    """Base of frozen dataclasses that hold results.

    Class parameters
    ----------------
    shows : tuple of str
        Attributes, ``"part.attribute"`` for those of a part, of the second line of `repr`. Default: numbers and texts.
    axes : mapping of str to str
        Names of axes by the letters of the shapes in the docstring, where they are not the usual ones.
    units : mapping of str to str
        Units of fields, likewise.
    """

    _shows: ClassVar[tuple[str, ...]] = ()
    _axes: ClassVar[Mapping[str, str]] = {}
    _units: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(
        cls,
        shows: tuple[str, ...] | None = None,
        axes: Mapping[str, str] | None = None,
        units: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        super().__init_subclass__(**options)
        cls.__repr__ = Result.__repr__  # before `dataclass` makes one
        cls._shows = cls._shows if shows is None else shows
        cls._axes = {**cls._axes, **(axes or {})}
        cls._units = {**cls._units, **(units or {})}

    def __repr__(self) -> str:
        """Sizes, the numbers that matter, and the status: three lines at most."""
        lines = [f"{type(self).__name__}{_sizes(self)}", _shortened(_facts(self)), _cut(_status(self))]
        return "\n  ".join(line for line in lines if line)

    def _repr_html_(self) -> str:
        """A table for notebooks, with a picture above it where there is one."""
        arrays = [field for field in _fields(self) if field.is_array]
        known = {field.name for field in arrays}
        rows = [(name, value, "") for name, value in _facts(self) if name not in known]
        rows += [(field.name, _array_text(field), field.sentence) for field in arrays]
        rows += [("status", _status(self).removeprefix("status: "), "")] * bool(_status(self))
        cells = ("".join(f'<td style="text-align: left">{escape(cell)}</td>' for cell in row) for row in rows)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        title = escape(f"{type(self).__name__}{_sizes(self)}")
        return f"{self._picture()}<table><caption>{title}</caption><tbody>{body}</tbody></table>"

    def _picture(self) -> str:
        """SVG of it, for `_repr_html_`."""
        return ""

    def _records(self) -> list[Mapping[str, Any]] | None:
        """Rows of its table, where that is not what its arrays hold."""
        return None

    def to_xarray(self, *names: str) -> xarray.Dataset:
        """The arrays with names of their axes, coordinates, units and descriptions.

        Numbers, texts and the entries of `metadata` are attributes: an estimate is NAME, NAME_low, NAME_high and
        NAME_status, the settings of a data set are data_NAME. All can be written to netCDF.

        Parameters
        ----------
        *names : str
            Only these arrays (and the coordinates). By default all: those that are in a file are read.

        Returns
        -------
        xarray.Dataset

        Raises
        ------
        ImportError
            If xarray is not installed: ``pip install 'agescape[tables]'``.
        ValueError
            If there is no array of one of these names.
        """
        return _tables.to_xarray(_fields(self), names)

    def to_pandas(self, *axes: str) -> pandas.DataFrame:
        """A table with one row for each combination of coordinates on some axes.

        Parameters
        ----------
        *axes : str
            E.g. ``"replica", "waiting_time"``: the axes of an array, all of them. By default those of the first array
            that is no coordinate. The table has a column for each array that has no other axis.

        Returns
        -------
        pandas.DataFrame
            Indexed by the coordinates; its ``attrs`` hold the units.

        Raises
        ------
        ImportError
            If pandas is not installed: ``pip install 'agescape[tables]'``.
        ValueError
            If these are not together the axes of one array, or of several.
        """
        records = self._records()
        return _tables.to_pandas(_fields(self), axes) if records is None else _tables.of_records(records)


def _fields(result: Result) -> list[Field]:
    return fields_of(result, result._axes, result._units)


def _sizes(result: Result) -> str:
    sizes: dict[str, int] = {}
    for field in _fields(result):
        if field.is_array:
            shape = getattr(field.value, "shape", None) or (len(field.value),)
            sizes |= dict(zip(field.dims, shape, strict=True))
    order = sorted(sizes, key=lambda name: name != "replica")
    named = [f"{name}: {sizes[name]}" for name in order if name not in {"bound", "end"}]
    return f" ({', '.join(named)})" if named else ""


def _facts(result: Result) -> list[tuple[str, str]]:
    """Names of numbers and texts that matter, and what to write of them."""
    if result._shows:
        return [(name, _told(result, name)) for name in result._shows]
    found = [(name, text) for name, text in _scalars(result) if len(text) <= LONGEST]
    return found or [(field.name, _told(result, field.name)) for field in _numeric(result)][:3]


def _told(result: Any, name: str) -> str:
    """A value with its interval and unit; `name` may be that of a part's attribute."""
    path, _, last = name.rpartition(".")
    owner = attrgetter(path)(result) if path else result
    value, unit = getattr(owner, last), unit_of(last, getattr(owner, "_units", {}), owner)
    text = extent(value) if isinstance(value, np.ndarray) and value.ndim else number(value)
    return f"{text} {unit}".rstrip()


def _numeric(result: Result) -> Iterator[Field]:
    """Arrays in memory of numbers that are no coordinates."""
    for field in _fields(result):
        if isinstance(field.value, np.ndarray) and field.value.dtype.kind in "fiu" and not field.coordinate:
            yield field


def _scalars(result: Result) -> Iterator[tuple[str, str]]:
    """All numbers and texts but the status."""
    for field in _fields(result):
        if not field.is_array and not field.name.endswith("status") and isinstance(field.value, SCALARS):
            yield field.name, _told(result, field.name)


def _array_text(field: Field) -> str:
    dims = f"({', '.join(field.dims)})"
    text = f"{dims} {getattr(field.value, 'dtype', '')}".rstrip()
    if isinstance(field.value, np.ndarray) and field.value.dtype.kind in "fiu" and field.value.size:
        text += f": {extent(field.value)}"
    return f"{text} {field.unit}".rstrip()


def _shortened(facts: list[tuple[str, str]]) -> str:
    """As many as fit on a line."""
    line = ""
    for name, text in facts:
        more = f"{line}, {name} = {text}" if line else f"{name} = {text}"
        if len(more) > WIDTH:
            return f"{line}, ..." if line else _cut(more)
        line = more
    return line


def _status(result: Result) -> str:
    """The result's own status."""
    status = getattr(result, "status", None)
    return "" if status is None else f"status: {number(status)}"


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."
