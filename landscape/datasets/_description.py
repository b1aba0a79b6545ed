"""What was understood of a table: its form, its columns, its classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape.datasets._classes import classes_of, seems_real, targets_of
from landscape.datasets._content import Array, Content
from landscape.datasets._layout import Column, Where

Range = tuple[float, float, float]  # lowest, mean and highest


@dataclass(frozen=True)
class ColumnDescription:
    """A column of features over all rows; the numbers are nan if all its values are missing."""

    position: int  # from 0, as `target` counts
    name: str  # empty without column names
    low: float
    mean: float
    high: float
    missing: int  # values

    def __str__(self) -> str:
        """Its name, or its position."""
        return self.name or f"column {self.position}"


@dataclass(frozen=True)
class TableDescription:
    """How a table was read.

    Parameters
    ----------
    source : str
        The file, or where the rows come from instead.
    kind : str
        text, npz, Parquet, pandas or scikit-learn.
    delimiter : str or None
        Between the fields of a text; a blank is any white space.
    header : bool
        Whether columns have names.
    rows : int
        All rows, training and test rows.
    columns : tuple of ColumnDescription
        The features.
    target : str
        Where the labels stand, for messages: "column 'class'".
    target_position : int or None
        Column of the labels, from 0.
    ignored : tuple of str
        Columns that number or name the rows.
    classes : tuple
        Whole numbers, booleans or words, in order.
    class_counts : tuple of int
        All rows of each class.
    missing_values : int
        Number of values that are missing.
    first_missing : str or None
        Where the first one is: "line 3, column 'age'".
    """

    source: str
    kind: str
    delimiter: str | None
    header: bool
    rows: int
    columns: tuple[ColumnDescription, ...]
    target: str
    target_position: int | None
    ignored: tuple[str, ...]
    classes: tuple[Any, ...]
    class_counts: tuple[int, ...]
    missing_values: int
    first_missing: str | None
    target_ranges: Mapping[str, Range] | None = None  # of each target of a regression, by where it stands

    @property
    def target_range(self) -> Range | None:
        """Lowest, mean and highest of all targets of a regression."""
        if self.target_ranges is None:
            return None
        low, mean, high = zip(*self.target_ranges.values(), strict=True)
        return min(low), sum(mean) / len(mean), max(high)


def described(where: Where, content: Content, *, regression: bool | None = None) -> TableDescription:
    """The description of a table, of a regression if the targets must be one; ValueError if labels are no classes."""
    if regression is None:
        regression = content.further is not None or seems_real(content)
    targets = targets_of(where, content) if regression else None
    found = classes_of(where, content) if targets is None else None
    missing = np.isnan(content.inputs)
    columns = tuple(
        _column(column, values[~gone], int(gone.sum()))
        for column, values, gone in zip(content.columns, content.inputs.T, missing.T, strict=True)
    )
    first = None
    if missing.any():
        row, k = np.argwhere(missing)[0].tolist()
        first = f"{content.unit} {content.places[row]}, {content.columns[k]}"
    return TableDescription(
        source=str(where),
        kind=content.kind,
        delimiter=content.delimiter,
        header=content.header,
        rows=len(content.codes),
        columns=columns,
        target=content.label,
        target_position=None if content.target is None else content.target.position,
        ignored=tuple(map(str, content.ignored)),
        classes=() if found is None else found.names,
        class_counts=() if found is None else tuple(np.bincount(found.labels, minlength=len(found.names)).tolist()),
        missing_values=int(missing.sum()),
        first_missing=first,
        target_ranges=None if targets is None else _ranges(content, targets),
    )


def _ranges(content: Content, targets: Array) -> dict[str, Range]:
    """Lowest, mean and highest of each column of targets (n,) or (n, K)."""
    each = targets.reshape(len(targets), -1).T
    places = [content.target or content.label, *content.further_columns]
    names = map(str, places) if len(places) == len(each) else (f"{content.label} {k}" for k in range(len(each)))
    return {
        name: (float(one.min()), float(one.mean()), float(one.max())) for name, one in zip(names, each, strict=True)
    }


def _column(column: Column, values: Array, missing: int) -> ColumnDescription:
    low = mean = high = float("nan")
    if values.size:
        with np.errstate(over="ignore"):
            low, mean, high = float(values.min()), float(values.mean()), float(values.max())
    return ColumnDescription(column.position, column.name, low, mean, high, missing)
