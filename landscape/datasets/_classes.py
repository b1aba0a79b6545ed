"""Classes from labels of any kind: whole numbers, booleans or words become 0 ... K-1 in their own order."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.datasets._arguments import FEWEST_CLASSES
from landscape.datasets._content import Content
from landscape.datasets._layout import Where
from landscape.datasets._lines import MISSING, TRUTH, is_number, number

MAX_CLASSES = 65_536  # a larger label is probably a feature
LARGEST = 2**53  # largest whole number: float64 skips some above it
FEW, ROWS_PER_CLASS = 20, 5  # more classes with fewer rows each are measurements or names, not labels
CHOOSE = "choose another column by target='NAME' (--target NAME)"
REGRESSION = "regression=True (--regression --loss squared-error)"
SEVERAL = f"several targets are for a regression, {REGRESSION}"
WORDS = {"none", "-", "--"}  # may name a class, but mark a missing value among numbers
WHOLE = re.compile(r"[+-]?\d+")


@dataclass(frozen=True)
class Classes:
    """Labels of all rows and the values that they represent."""

    labels: NDArray[np.int64]  # (n,), 0 ... K-1
    names: tuple[Any, ...]  # (K,) whole numbers, booleans or words, in order


def classes_of(where: Where, content: Content) -> Classes:
    """The classes of a file's rows.

    Whole numbers are ordered numerically, words alphabetically, false before true; 1 and 1.0 are one class.

    Raises
    ------
    ValueError
        If all rows are of one class, a label is missing, is not a whole number or is a word among numbers, if there are
        too many classes for the number of rows, or if the file announces the number of classes and a label is not one
        of them: the message names the line or column.
    """
    if content.further is not None:
        found = f"found {content.further.shape[1] + 1} in {content.label}"
        msg = f"{where}: expected one label for each row, {found}: {SEVERAL}"
        raise ValueError(msg)
    if (content.n_classes or 0) > MAX_CLASSES:
        msg = f"{where}: expected at most {MAX_CLASSES} classes, found {content.n_classes}"
        raise ValueError(msg)
    if content.n_classes is not None and content.n_classes < FEWEST_CLASSES:
        msg = f"{where}: expected at least two classes, found {content.n_classes} announced by {content.label}"
        raise ValueError(msg)
    names = _names(where, content)
    if content.n_classes is not None:
        _check_announced(where, content, names)
        return Classes(np.array(names, np.int64)[content.codes], tuple(range(content.n_classes)))
    ordered = sorted(set(names))
    if len(ordered) < FEWEST_CLASSES:
        msg = (
            f"{where}: expected at least two classes, found only {content.values[0]!r} in {content.label}, which is "
            f"read as the target; {CHOOSE} if the classes stand elsewhere"
        )
        raise ValueError(msg)
    n, k = len(content.codes), len(ordered)
    if k > FEW and n < ROWS_PER_CLASS * k:
        msg = (
            f"{where}: expected classes, found {k} different labels in {n} rows: {content.label} seems to hold "
            f"something else; {CHOOSE}, or, for a regression, {REGRESSION}, or call it label[{k}] and number its "
            f"classes from 0"
        )
        raise ValueError(msg)
    position = {name: i for i, name in enumerate(ordered)}
    return Classes(np.array([position[name] for name in names], np.int64)[content.codes], tuple(ordered))


def targets_of(where: Where, content: Content) -> NDArray[np.float64]:
    """The real-valued targets (n,) of a file's rows; ValueError that names the line of one that is no finite number."""
    values = np.empty(len(content.values))
    for k, value in enumerate(content.values):
        values[k] = _real(value)
        if not np.isfinite(values[k]):
            raise _wrong(where, content, k, f"expected a number as the target, found {value!r} in {content.label}")
    first = values[content.codes]
    if content.further is None:
        return first
    if not np.isfinite(content.further).all():
        row, k = np.argwhere(~np.isfinite(content.further))[0].tolist()
        raise content.wrong(where, row, f"expected finite targets, found {content.further[row, k]} in {content.label}")
    return np.column_stack([first, content.further])


def seems_real(content: Content) -> bool:
    """Whether the targets are numbers that cannot be classes: a fraction, or too many for the rows."""
    values = np.array([_real(value) for value in content.values])
    if content.n_classes is not None or not np.isfinite(values).all():
        return False
    return bool((values != np.rint(values)).any()) or FEW < len(values) > len(content.codes) / ROWS_PER_CLASS


def _real(value: Any) -> float:
    """The number that a label is, or nan."""
    if isinstance(value, str):
        return number(value) if is_number(value) else float("nan")
    return float(value)


def _names(where: Where, content: Content) -> list[Any]:
    """The distinct labels of the file: all whole numbers, all booleans, or all words."""
    values = list(content.values)
    if values and all(str(value).strip().lower() in TRUTH for value in values):
        return [str(value).strip().lower() == "true" for value in values]
    numeric = [not isinstance(value, str) or is_number(value) for value in values]
    for k, value in enumerate(values):
        if isinstance(value, str) and value.strip().lower() in MISSING - WORDS:
            raise _wrong(where, content, k, f"expected a whole label, found {value!r}: the label is missing")
    if any(numeric) and not all(numeric):
        k = numeric.index(sum(numeric) < len(numeric) / 2)  # one of the rarer kind
        problem = "expected whole labels or words, not both: found"
        raise _wrong(where, content, k, f"{problem} {values[k]!r} beside {values[numeric.index(not numeric[k])]!r}")
    if not any(numeric):
        return [value.strip() for value in values]
    return [_whole(where, content, k, value) for k, value in enumerate(values)]


def _whole(where: Where, content: Content, k: int, value: Any) -> int:
    if isinstance(value, str) and WHOLE.fullmatch(value) and abs(int(value)) <= LARGEST:
        return int(value)
    real = number(value) if isinstance(value, str) else float(value)
    if not abs(real) <= LARGEST or real != int(real):
        reason = f"is not a class: classes are whole numbers or words; for a regression, {REGRESSION}"
        raise _wrong(where, content, k, f"expected a whole label, found {value}, which {reason}")
    return int(real)


def _check_announced(where: Where, content: Content, names: Sequence[Any]) -> None:
    """Raise a ValueError unless all labels are among 0 ... K-1 if the file announces K."""
    n = content.n_classes or 0
    for k, name in enumerate(names):
        if isinstance(name, str) or not 0 <= name < n:
            raise _wrong(where, content, k, f"expected a whole label 0 ... {n - 1}, found {content.values[k]}")


def _wrong(where: Where, content: Content, k: int, problem: str) -> ValueError:
    """The error for the first row with label number k."""
    return content.wrong(where, int(np.argmax(content.codes == k)), problem)
