"""Properties of minima, one number for each, by which a graph can be colored or labeled."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.database._reconstruction import loss_of
from landscape.database._store import Database
from landscape.losses import DataLoss
from landscape.stationary import local_geometry
from landscape.support import Result, labeled

OF_DATA = ("test-accuracy", "train-accuracy", "test-loss")
PROPERTIES = ("loss", *OF_DATA, "trace", "log-determinant", "hits", "orbit", "id")
LABELS = {
    "loss": "training loss",
    "test-accuracy": "test accuracy",
    "train-accuracy": "training accuracy",
    "test-loss": "test loss",
    "trace": "trace of the Hessian",
    "log-determinant": "log-determinant of the Hessian",
    "hits": "hits",
    "orbit": "symmetric copies",
    "id": "id",
}
IN_UNIT = ("loss", "test-loss", "trace")  # of the loss
LOGARITHMIC = ("trace", "hits", "orbit")
WHOLE_NUMBERS = ("hits", "orbit", "id")


@dataclass(frozen=True, eq=False)
class Property(Result, shows=("name", "label", "values"), axes={"n": "minimum"}):
    """A number for each minimum of a database, lowest minimum first.

    Attributes
    ----------
    name : str
        One of `PROPERTIES`.
    values : (n,) float64
        Of the n minima.
    label : str
        What to write beside it.
    logarithmic : bool
        Whether its scale is.
    """

    name: str
    values: NDArray[np.float64]
    label: str
    logarithmic: bool

    def text(self, minimum: int) -> str:
        """The value at a minimum, short."""
        value = self.values[minimum]
        return f"{value:.0f}" if self.name in WHOLE_NUMBERS else f"{value:.4g}"


def minimum_property(database: Database, name: str, *, loss: DataLoss | None = None, jobs: int = 1) -> Property:
    """Collect a property of all minima of a database.

    Parameters
    ----------
    database : Database
    name : str
        One of `PROPERTIES`.
    loss : MLPLoss or TorchLoss, optional
        Its loss, for properties of the data; by default reconstructed from its provenance.
    jobs : int
        Number of workers; it does not change the result.

    Raises
    ------
    ValueError
        If there is no such property, or it needs data that are unavailable or have no test rows.
    """
    if name not in PROPERTIES:
        msg = f"a property of minima must be one of {', '.join(PROPERTIES)}; got {name!r}"
        raise ValueError(msg)
    values = _of_data(database, name, loss, jobs) if name in OF_DATA else _stored(database, name)
    label = labeled(LABELS[name], database.provenance.loss_unit) if name in IN_UNIT else LABELS[name]
    return Property(name, values, label, name in LOGARITHMIC)


def _stored(database: Database, name: str) -> NDArray[np.float64]:
    arrays = {"loss": lambda: database.graph().losses, "hits": database.hits, "id": database.minimum_ids}
    if name in arrays:  # available without reading points
        return arrays[name]().astype(np.float64)
    pick = {
        "trace": lambda m: m.point.trace,
        "log-determinant": lambda m: m.point.log_determinant,
        "orbit": lambda m: m.orbit_size,
    }[name]
    return np.array([pick(minimum) for minimum in database.minima], dtype=np.float64)


def _of_data(database: Database, name: str, loss: DataLoss | None, jobs: int) -> NDArray[np.float64]:
    geometry = local_geometry(loss or loss_of(database), [m.point for m in database.minima], jobs=jobs)
    values = {
        "test-accuracy": geometry.test_accuracies,
        "train-accuracy": geometry.train_accuracies,
        "test-loss": geometry.test_data_losses,
    }[name]
    if np.isnan(values).all():
        msg = f"{name} needs test rows; the data set of {database.path} has none"
        raise ValueError(msg)
    return values
