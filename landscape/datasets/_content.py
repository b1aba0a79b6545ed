"""All rows of a table as numbers and labels, with the place of each for error messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.datasets._layout import Column, Where

Array = NDArray[np.float64]
ONE_HOT = "delete it, or replace it by a column of 0 and 1 for each word (pandas.get_dummies)"
FILL_IN = "a value is missing; fill it in or leave the row out"


@dataclass(frozen=True)
class Content:
    """All rows of a table."""

    inputs: Array  # (n, D)
    values: Sequence[Any]  # (K,) the distinct labels as in the table: texts, numbers or booleans
    codes: NDArray[np.int64]  # (n,) which of `values` each row has
    unit: str  # "line", counted from 1, or "row", counted from 0
    places: Sequence[int]  # (n,) number of the line or row
    training_rows: int | None  # if the file has test rows of its own
    n_classes: int | None  # if the file announces it; its labels then count from 0
    columns: Sequence[Column] = ()  # (D,) of `inputs`
    target: Column | None = None  # where the labels stand, if in a column
    kind: str = "text"  # or npz, Parquet, pandas, scikit-learn
    delimiter: str | None = None  # of a text
    header: bool = True  # whether columns have names
    ignored: Sequence[Column] = ()  # columns that number or name the rows
    missing: Mapping[tuple[int, int], str] = field(default_factory=dict)  # texts of missing values by row and column
    further: Array | None = None  # (n, K - 1) targets of a regression behind the first
    further_columns: Sequence[Column] = ()  # where they stand

    @property
    def label(self) -> str:
        """Where the labels stand, in messages."""
        return "labels" if self.target is None else ", ".join(map(str, (self.target, *self.further_columns)))

    def wrong(self, where: Where, row: int, problem: str) -> ValueError:
        """The error for a row."""
        return ValueError(f"{where}, {self.unit} {self.places[row]}: {problem}")

    def check_finite(self, where: Where) -> None:
        """Raise a ValueError that names the first value that is missing or infinite."""
        finite = np.isfinite(self.inputs)
        if finite.all():
            return
        row, k = np.argwhere(~finite)[0].tolist()
        found, column = self.inputs[row, k], self.columns[k]
        if (row, k) in self.missing:
            raise self.wrong(where, row, f"expected a number, found {self.missing[row, k]!r} in {column}: {FILL_IN}")
        why = f": {FILL_IN}" if np.isnan(found) else ""
        raise self.wrong(where, row, f"expected finite numbers, found {found} in {column}{why}")
