"""Tables in memory: pandas frames, Parquet files by way of them, and the tables that scikit-learn brings along."""

import logging
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from landscape.datasets._content import ONE_HOT, Content
from landscape.datasets._layout import LABEL_NAME, Column, Where, numbers_rows, row_names, target_position
from landscape.datasets._lines import MISSING, is_number, number
from landscape.datasets._teacher import NAME

if TYPE_CHECKING:
    import pandas  # pyright: ignore[reportMissingImports]
    from typing_extensions import TypeIs

log = logging.getLogger(__name__)

SKLEARN = "sklearn"  # data sets are called sklearn:NAME
TABLES = ("breast_cancer", "digits", "iris", "wine")  # of scikit-learn, those with classes that need no download


def maker_of(name: str) -> str:
    """Which of `MAKERS` makes a data set of this name, such as sklearn:iris or teacher:10,4,1."""
    known, colon, _ = name.partition(":")
    return known if colon and known in (SKLEARN, NAME) else name


def is_frame(source: Any) -> "TypeIs[pandas.DataFrame]":
    """Whether this is a pandas frame, of any version."""
    return hasattr(source, "iloc") and hasattr(source, "columns")


def read_parquet(path: Path, target: str | int | None) -> Content:
    """The rows of a Parquet file; ImportError without pandas and a reader such as pyarrow."""
    pandas = _import("pandas", path)
    try:
        frame = pandas.read_parquet(path)
    except ImportError as error:
        msg = f"{path}: reading Parquet needs pyarrow: pip install pyarrow"
        raise ImportError(msg) from error
    except Exception as error:  # of whichever library reads it
        msg = f"{path} is not a Parquet file, or is damaged: {error}"
        raise ValueError(msg) from error
    return of_frame(frame, path, target, "Parquet")


def of_frame(frame: Any, where: Where, target: str | int | None, kind: str = "pandas") -> Content:
    """The rows of a pandas frame, whose index is no column; errors count rows from 0."""
    names = [str(name) for name in frame.columns]
    if len(names) < 2 or not len(frame):
        msg = f"{where}: expected rows, and a column of numbers beside the labels; got {frame.shape}"
        raise ValueError(msg)
    label = target_position(where, target, names, len(names), default=-1)
    columns = [Column(k, name) for k, name in enumerate(names)]
    ignored = [
        k for k in row_names(names, label) if numbers_rows([str(value) for value in frame.iloc[:, k]], named=True)
    ]
    features = [k for k in range(len(names)) if k != label and k not in ignored]
    for k in ignored:
        log.warning("%s: %s numbers the rows and is not used as a feature", where, columns[k])
    inputs = np.column_stack([_numbers(frame.iloc[:, k], where, columns[k]) for k in features])
    codes, values = _labels(frame.iloc[:, label])
    match = LABEL_NAME.fullmatch(names[label])
    return Content(
        inputs, values, codes, "row", range(len(frame)), None, int(match[1]) if match and match[1] else None,
        [columns[k] for k in features], columns[label], kind=kind, ignored=[columns[k] for k in ignored],
    )  # fmt: skip


def of_sklearn(name: str) -> Content:
    """One of scikit-learn's tables; ValueError if there is no such table, ImportError without scikit-learn."""
    known, _, table = name.partition(":")
    if known != SKLEARN or table not in TABLES:
        among = ", ".join(f"{SKLEARN}:{one}" for one in TABLES)
        msg = f"name must be one of scikit-learn's tables of classes, {among}; got {name!r}"
        raise ValueError(msg)
    found = getattr(_import("sklearn.datasets", name, "scikit-learn"), f"load_{table}")()
    columns = [Column(k, str(feature)) for k, feature in enumerate(found.feature_names)]
    codes = np.asarray(found.target, np.int64)
    inputs, classes = np.asarray(found.data, np.float64), np.asarray(found.target_names).tolist()
    return Content(
        inputs, classes, codes, "row", range(len(codes)), None, None, columns,
        Column(len(columns), "target"), kind="scikit-learn",
    )  # fmt: skip


def _import(module: str, what: Where, package: str | None = None) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        msg = f"{what}: needs {package or module}: pip install {package or module}"
        raise ImportError(msg) from error


def _numbers(series: Any, where: Where, column: Column) -> np.ndarray:
    """A column as float64, nan where a value is missing."""
    try:
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        texts = ["" if gone else str(value).strip() for gone, value in zip(series.isna(), series.tolist(), strict=True)]
    values = [number(text) if is_number(text) else np.nan for text in texts]
    for row, text in enumerate(texts):
        if np.isnan(values[row]) and text.lower() not in MISSING:
            msg = f"{where}, row {row}: expected a number, found {text!r} in {column}: {ONE_HOT}"
            raise ValueError(msg)
    return np.array(values)


def _labels(series: Any) -> tuple[np.ndarray, Sequence[Any]]:
    """Codes (n,) and the values that they represent; a missing label is an empty text."""
    missing = series.isna().to_numpy()
    values: dict[Any, int] = {}
    plain = (int, float, bool, str)
    found = [
        "" if gone else value if isinstance(value, plain) else str(value)
        for gone, value in zip(missing, series.tolist(), strict=True)
    ]
    codes = [values.setdefault((type(value), value), len(values)) for value in found]
    return np.array(codes, np.int64), [value for _, value in values]
