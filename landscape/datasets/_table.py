"""Data sets from tables: files, pandas frames, and the tables that scikit-learn brings along."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from landscape.datasets._arguments import checked_pca, prepared
from landscape.datasets._classes import classes_of, targets_of
from landscape.datasets._content import Content
from landscape.datasets._dataset import Dataset, RegressionDataset
from landscape.datasets._description import TableDescription, described
from landscape.datasets._frames import SKLEARN, is_frame, of_frame, of_sklearn
from landscape.datasets._layout import Where
from landscape.datasets._readers import read
from landscape.datasets._split import stratified_order
from landscape.datasets._targets import Target, first_target, with_targets
from landscape.support import reading, whole_number

if TYPE_CHECKING:
    import pandas  # pyright: ignore[reportMissingImports]

Array = NDArray[np.float64]

log = logging.getLogger(__name__)


def table(
    source: "str | os.PathLike[str] | pandas.DataFrame",
    *,
    rows: int | None = None,
    standardize: bool = False,
    pca: int | None = None,
    target: Target = None,
    in_order: bool = False,
    seed: int | None = 0,
    regression: bool = False,
) -> Dataset:
    """Read a data set from a file or a pandas frame.

    - ``.npz``: arrays ``inputs`` (n, D), ``labels`` (n,), or (n, K) for K targets of a regression, and optionally
      ``test_inputs``, ``test_labels``, ``n_classes``; never pickled objects.
    - Parquet, with pandas and pyarrow.
    - ``.csv``, ``.tsv`` and all other files whose fields are separated by commas, semicolons, tabs or bars: one row
      per line, with or without a line of column names, the labels last.
    - anything else: ``MLPdata``, numbers separated by white space without column names, the outcome first.

    The delimiter is detected. Empty lines and comments (``#``, ``%``) are skipped. A first line 0, 1, 2 and so on that
    is not a row, and a first column that numbers or names the rows (pandas' index, R's row names, ``id``), are
    recognized, and a warning is logged.

    Parameters
    ----------
    source : path or pandas.DataFrame
        The file, or a frame. A file that is made from a frame's data set does not say where these are: later, in
        another process, the loss must be given.
    rows : int, optional
        Number of training rows; the rest are test rows. By default all rows train; for an npz file with test arrays,
        its ``inputs``. They are drawn in proportion to the classes, at least one row of each if there are enough; for
        an npz file with test arrays, from its ``inputs`` as long as these suffice. More rows with the same seed extend
        the same set.
    standardize : bool
        Shift and scale both parts by the mean and standard deviation of the training rows.
    pca : int, optional
        Replace the features, standardized or not, by this many principal components of the training rows. They are
        centered but not scaled; the entry of each component that is largest in size is positive.
    target : str, int or sequence of these, optional
        Name or position (from 0; negative from the end) of the column of labels. By default the column named
        label, outcome, class or target, else the last; in MLPdata the first. Several columns are the targets of a
        regression, in this order.
    in_order : bool
        Train on the first `rows` rows of the file.
    seed : int, optional
        Seed that draws the rows; None is 0.
    regression : bool
        Whether the column of labels holds real numbers, the targets of a regression: a `RegressionDataset` for
        `landscape.SquaredErrorLoss`. They are used as they stand, whatever `standardize` says.

    Notes
    -----
    Labels are whole numbers, booleans or words. The distinct ones are the classes 0 ... K-1, in numerical or
    alphabetical order; ``metadata["classes"]`` are their names unless these are 0 ... K-1 or 1 ... K (``first_label``
    says which). A column called ``label[K]`` (as `write_table` names it if needed) has K classes counted from 0,
    including those without rows. A warning and ``metadata["classes_without_training_rows"]`` name classes without
    training rows.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the content is not as described; the message names the file and the line.
    """
    where: Where = "the pandas frame" if is_frame(source) else Path(source).absolute()
    first, others = first_target(where, target, regression=regression)
    if isinstance(where, Path):
        with reading(where):
            content = read(where, first)
    else:
        content = of_frame(source, where, first)
    said = [first, *others] if others else first
    metadata = {"name": "table", "path": str(where) if isinstance(where, Path) else None, "target": said}
    split = Split(rows, standardize, pca, in_order, seed, regression)
    return dataset_of(where, with_targets(where, content, others), metadata, split)


def describe_table(source: "str | os.PathLike[str] | pandas.DataFrame", *, target: Target = None) -> TableDescription:
    """What is understood of a table, or of scikit-learn's table ``sklearn:NAME``; missing values are counted.

    Parameters
    ----------
    source : path, str or pandas.DataFrame
    target : str, int or sequence of these, optional
        As for `table`.

    Raises
    ------
    FileNotFoundError, ValueError
        As for `table`, but for missing values.
    """
    first, others = first_target("the pandas frame" if is_frame(source) else str(source), target)
    if is_frame(source):
        where = "the pandas frame"
        return described(where, with_targets(where, of_frame(source, where, first), others))
    if str(source).startswith(f"{SKLEARN}:"):
        return described(str(source), of_sklearn(str(source)))
    path = Path(source).absolute()
    with reading(path):
        return described(path, with_targets(path, read(path, first), others))


def sklearn_table(
    name: str,
    *,
    rows: int | None = None,
    standardize: bool = False,
    pca: int | None = None,
    in_order: bool = False,
    seed: int | None = 0,
) -> Dataset:
    """One of the tables that scikit-learn brings along: iris, wine, breast_cancer, digits.

    Parameters
    ----------
    name : str
        ``"sklearn:iris"`` and so on.
    rows, standardize, pca, in_order, seed
        As for `table`.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    ValueError
        If it has no such table of classes, or an argument is invalid.
    """
    return dataset_of(name, of_sklearn(name), {"name": name}, Split(rows, standardize, pca, in_order, seed))


@dataclass(frozen=True)
class Split:
    """Which rows of a table train, and what becomes of their features; see `table`."""

    rows: int | None
    standardize: bool
    pca: int | None
    in_order: bool
    seed: int | None
    regression: bool = False


def dataset_of(where: Where, content: Content, source: Mapping[str, Any], split: Split) -> Dataset:
    """The data set of a table's rows; `source` are the first of its metadata."""
    content.check_finite(where)
    if split.regression:
        return _regression_of(where, content, source, split)
    classes = classes_of(where, content)
    n, seed = _training_rows(where, content, split.rows), whole_number("seed", split.seed or 0, 0)
    drawn = _drawn(classes.labels, content.training_rows, n, None if split.in_order else seed)
    order = slice(None) if drawn is None else drawn
    inputs, labels, names = content.inputs[order], classes.labels[order], classes.names
    metadata = {
        **source,
        "rows": n,
        "seed": None if drawn is None else seed,
        "standardize": bool(split.standardize),
        "pca": checked_pca(split.pca),
        "first_label": _first(names),
        "in_order": bool(split.in_order),
        "classes": _irregular(names),
        "classes_without_training_rows": _untrained(where, labels[:n], names),
    }
    train, test, more = prepared(inputs[:n], inputs[n:], metadata, [f"{where}, {column}" for column in content.columns])
    return Dataset(
        train, labels[:n], len(names), test, labels[n:], metadata | more, described(where, content, regression=False)
    )


def _regression_of(where: Where, content: Content, source: Mapping[str, Any], split: Split) -> RegressionDataset:
    """The same with real-valued targets."""
    targets = targets_of(where, content)  # (n,) or (n, K)
    n, seed = _training_rows(where, content, split.rows), whole_number("seed", split.seed or 0, 0)
    alike = np.zeros(len(targets), np.int64)
    drawn = _drawn(alike, content.training_rows, n, None if split.in_order else seed)
    order = slice(None) if drawn is None else drawn
    inputs, targets = content.inputs[order], targets[order]
    metadata = {
        **source,
        "rows": n,
        "seed": None if drawn is None else seed,
        "standardize": bool(split.standardize),
        "pca": checked_pca(split.pca),
        "in_order": bool(split.in_order),
        "regression": True,
    }
    train, test, more = prepared(inputs[:n], inputs[n:], metadata, [f"{where}, {column}" for column in content.columns])
    description = described(where, content, regression=True)
    return RegressionDataset(train, targets[:n], test, targets[n:], metadata | more, description)


def _untrained(where: Where, labels: NDArray[np.int64], names: Sequence[Any]) -> list[Any]:
    """Classes without training rows; a warning names them."""
    counts = np.bincount(labels, minlength=len(names))
    missing = [names[k] for k in np.flatnonzero(counts == 0).tolist()]
    if missing:
        shown = ", ".join(map(str, missing[:10])) + (" ..." if len(missing) > 10 else "")
        log.warning("%s: none of the %d training rows is of class %s", where, len(labels), shown)
    return missing


def _training_rows(where: Where, content: Content, rows: int | None) -> int:
    there = len(content.codes)
    if rows is None:
        return there if content.training_rows is None else content.training_rows
    n = whole_number("rows", rows, 1)
    if n > there:
        msg = f"{where}: rows must be at most the {there} rows of the table; got {n}"
        raise ValueError(msg)
    return n


def _drawn(labels: NDArray[np.int64], own: int | None, n: int, seed: int | None) -> NDArray[np.int64] | None:
    """All rows, training rows first; None if they stay in order, on request or because nothing is split."""
    pool = own if own is not None and n <= own else len(labels)
    if seed is None or n == pool:
        return None
    return np.concatenate([stratified_order(labels[:pool], seed), np.arange(pool, len(labels))])


def _first(names: Sequence[Any]) -> int | None:
    """The smallest label if labels are whole numbers."""
    return names[0] if type(names[0]) is int else None


def _irregular(names: Sequence[Any]) -> list[Any] | None:
    """Names of the classes unless they are 0 ... K-1 or 1 ... K."""
    plain = type(names[0]) is int and list(names) in [list(range(k, k + len(names))) for k in (0, 1)]
    return None if plain else list(names)
