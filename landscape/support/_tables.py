"""Results as xarray and pandas have them; both are optional."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from landscape.support._estimate import Estimate
from landscape.support._fields import Field

if TYPE_CHECKING:
    import pandas  # pyright: ignore[reportMissingImports]
    import xarray  # pyright: ignore[reportMissingImports]

NUMBERS = int | float | np.number


def to_xarray(fields: Sequence[Field], names: Sequence[str]) -> xarray.Dataset:
    """See `Result.to_xarray`."""
    xr = _imported("xarray")
    arrays = {field.name: field for field in fields if field.is_array and not field.coordinate}
    if not arrays:
        msg = "there are no arrays to make a data set of; see `to_pandas`"
        raise ValueError(msg)
    if unknown := [name for name in names if name not in arrays]:
        msg = f"names must be among {', '.join(arrays)}; got {unknown[0]!r}"
        raise ValueError(msg)
    chosen = {name: arrays[name] for name in names or arrays}
    # an array with the name of an axis that is not its own would be taken for a coordinate
    axes = {dim for field in fields for dim in field.dims}
    data = {f"{name}_" if name in axes else name: _variable(xr, field) for name, field in chosen.items()}
    return xr.Dataset(data, _coordinates(xr, fields, chosen.values() if names else fields), attributes(fields))


def attributes(fields: Sequence[Field]) -> dict[str, Any]:
    """The numbers and texts among the fields and in their metadata, as netCDF can hold them."""
    found: dict[str, Any] = {}
    for field in fields:
        if not field.is_array:
            found |= _flat(field.name, field.value)
            if field.unit and isinstance(field.value, float | Estimate):
                found[f"{field.name}_units"] = field.unit
    return found


def _flat(name: str, value: Any) -> dict[str, Any]:
    """A number or text by its name; the parts of an estimate and of a mapping by theirs."""
    if isinstance(value, Estimate):
        return {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high, f"{name}_status": value.status}
    if isinstance(value, Mapping):
        prefix = "" if name == "metadata" else f"{name}_"
        return {key: one for part, inner in value.items() for key, one in _flat(f"{prefix}{part}", inner).items()}
    if isinstance(value, Enum | Path):
        return {name: str(value.value if isinstance(value, Enum) else value)}
    if isinstance(value, bool | np.bool_):
        return {name: int(value)}  # netCDF has no truth values
    if isinstance(value, tuple | list):
        return {name: list(value)} if value and all(isinstance(one, NUMBERS | str) for one in value) else {}
    return {name: value} if isinstance(value, NUMBERS | str) else {}


def _coordinates(xr: Any, fields: Sequence[Field], chosen: Any) -> dict[str, Any]:
    dims = {dim for field in chosen for dim in field.dims}
    found = {field.dims[0]: _variable(xr, field) for field in fields if field.coordinate and field.dims[0] in dims}
    return found | ({"bound": ["low", "high"]} if "bound" in dims else {})


def _variable(xr: Any, field: Field) -> Any:
    told = {"units": field.unit, "long_name": field.sentence}
    return xr.Variable(field.dims, np.asarray(field.value), {name: text for name, text in told.items() if text})


def to_pandas(fields: Sequence[Field], axes: Sequence[str]) -> pandas.DataFrame:
    """See `Result.to_pandas`."""
    pd = _imported("pandas")
    arrays = [field for field in fields if field.is_array and not field.coordinate]
    axes = list(axes or next((field.dims for field in arrays), ()))
    columns = [field for field in arrays if set(field.dims) <= set(axes)]
    lengths = {dim: np.shape(field.value)[k] for field in columns for k, dim in enumerate(field.dims)}
    if not axes or set(axes) - set(lengths):
        msg = f"axes must be all those of an array ({_axes_in_words(arrays)}); got {', '.join(axes) or 'none'}"
        raise ValueError(msg)
    values = {field.name: _spread(field, axes, lengths) for field in columns}
    coordinates = {field.dims[0]: np.asarray(field.value) for field in fields if field.coordinate}
    places = [coordinates.get(axis, np.arange(lengths[axis])) for axis in axes]
    index = pd.MultiIndex.from_product(places, names=axes) if len(axes) > 1 else pd.Index(places[0], name=axes[0])
    table = pd.DataFrame(values, index=index)
    table.attrs["units"] = {field.name: field.unit for field in columns if field.unit}
    return table


def _spread(field: Field, axes: Sequence[str], lengths: Mapping[str, int]) -> Any:
    """Values of an array for all combinations of the axes, (N,)."""
    array = np.asarray(field.value)
    mine = [axis for axis in axes if axis in field.dims]
    array = array.transpose([field.dims.index(axis) for axis in mine])
    shape = [lengths[axis] if axis in field.dims else 1 for axis in axes]
    return np.broadcast_to(array.reshape(shape), [lengths[axis] for axis in axes]).ravel()


def of_records(records: Sequence[Mapping[str, Any]]) -> pandas.DataFrame:
    """A row for each record."""
    return _imported("pandas").DataFrame.from_records([dict(record) for record in records])


def _axes_in_words(arrays: Sequence[Field]) -> str:
    return "; ".join(f"{field.name}: {', '.join(field.dims)}" for field in arrays) or "of which there are none"


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        msg = f"this needs {name}, which is not installed: pip install 'agescape[tables]'"
        raise ImportError(msg) from error
