"""What two descriptions of the same kind differ in: the setting that a person chose, and not a digest that follows."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

MODULE_SETTINGS = ("module_name", "module_sha256", "module_symmetries")
LOSS_SETTINGS = (
    "layer_sizes", "activation", "loss", *MODULE_SETTINGS, "n_parameters", "data_sha256", "regularization",
    "regularize_biases",
)  # fmt: skip
LAST = ("path", "data_dir")  # a file may have been moved: named only if nothing else differs
DERIVED = ("classes_without_training_rows", "variance_kept")  # follow from the other settings of a data set
NOT_SETTINGS = ("first_label", "classes", *DERIVED)  # metadata of a data set that its file or its settings imply
RENAMED = {"label_column": "target"}  # settings of a data set in files of older versions
OF_DATA = {"name": "dataset", "seed": "dataset_seed"}  # what these settings of a data set are called beside others


class Difference(NamedTuple):
    """The first setting that differs, and its two values."""

    name: str
    own: Any
    other: Any


def first_difference(own: Mapping[str, Any], other: Mapping[str, Any], names: Iterable[str]) -> Difference | None:
    """The first of these settings in which two descriptions differ; None if they agree.

    "data_sha256" stands for the data set: if it differs, and the settings of "data" (how to make the data) do, too,
    the first of them is named.
    """
    for name in names:
        values = own.get(name), other.get(name)
        if values[0] != values[1]:
            return (_of_data(own, other) if name == "data_sha256" else None) or Difference(name, *values)
    return None


def data_difference(own: Mapping[str, Any], other: Mapping[str, Any], *, but: Iterable[str] = ()) -> Difference | None:
    """The first setting in which two ways to make data differ, `but` for some; None if there is none."""
    own, other = present_names(own), present_names(other)
    found = [name for name in {**own, **other} if _set(own.get(name)) != _set(other.get(name))]
    left = sorted((name for name in found if name not in {*but, *DERIVED}), key=LAST.__contains__)
    return Difference(OF_DATA.get(left[0], left[0]), own.get(left[0]), other.get(left[0])) if left else None


def present_names(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of a data set with the names that settings have now."""
    return {RENAMED.get(key, key): value for key, value in metadata.items()}


def _set(value: Any) -> Any:
    """A setting; older files lack those that are off."""
    return None if value is False else value


def _of_data(own: Mapping[str, Any], other: Mapping[str, Any]) -> Difference | None:
    described = own.get("data"), other.get("data")
    if not all(isinstance(data, Mapping) for data in described):
        return None
    return data_difference(*described)  # pyright: ignore[reportArgumentType]
