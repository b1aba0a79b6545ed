"""The contents of a database as plain records."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape import losses
from landscape.graph import LandscapeGraph
from landscape.losses import ModuleSource
from landscape.networks import MLP
from landscape.stationary import Minimum, TransitionState
from landscape.support import LOSS_SETTINGS, Difference, Result, first_difference
from landscape.symmetry import PermutationSpec

EARLIER = (("activation", "tanh"), ("loss", "cross-entropy"), ("module", None))  # what files do not say
DENSE = 10  # largest id per number of ids for which a table serves

# origin of the points of each kind of search; all other kinds: "saddle"
ORIGINS = {"start": "start", "collapsed": "start", "hop": "basin-hopping"}


@dataclass(frozen=True)
class Provenance(Result):
    """The loss whose stationary points a database holds, and how they were found."""

    n_parameters: int
    layer_sizes: tuple[int, ...] | None  # None: a loss without known symmetries
    dataset: Mapping[str, Any]  # how to make the data again: `datasets.reload`
    dataset_sha256: str
    regularization: float
    regularize_biases: bool
    seed: int
    versions: Mapping[str, str]
    activation: str = "tanh"  # of the hidden units
    loss: str = "cross-entropy"  # its kind
    module: Mapping[str, Any] | None = None  # of a torch module: `landscape.losses.ModuleSource.to_json`

    @property
    def stored(self) -> dict[str, Any]:
        """The fields as files hold them: not those that older versions lack and that say nothing of the loss."""
        return {name: value for name, value in asdict(self).items() if (name, value) not in EARLIER}

    @property
    def source(self) -> ModuleSource | None:
        """The torch module; None for a perceptron, or if nothing is known of the module."""
        return None if self.module is None else ModuleSource.from_json(self.module)

    @property
    def loss_unit(self) -> str:
        """Unit of the loss in words: nats; empty for a squared error, which has that of its target squared."""
        return losses.HEADS[self.loss].unit  # loaded where it is needed

    @property
    def loss_settings(self) -> dict[str, Any]:
        """What determines the values of the loss, by the names that the metadata of runs use."""
        return {
            "layer_sizes": list(self.layer_sizes or ()),
            "activation": self.activation,
            "loss": self.loss,
            "n_parameters": self.n_parameters,
            "data_sha256": self.dataset_sha256,
            "data": self.dataset,
            "regularization": self.regularization,
            "regularize_biases": self.regularize_biases,
            **({} if self.source is None else self.source.settings),
        }

    @property
    def network(self) -> MLP | PermutationSpec | None:
        """The network, or the symmetries that a module declares; None if no symmetries are known."""
        if self.layer_sizes is not None:
            return MLP(self.layer_sizes, self.activation)
        return None if self.source is None else self.source.spec


def loss_difference(a: Provenance, b: Provenance) -> Difference | None:
    """The first setting in which the losses of two databases differ; None if they are the same loss."""
    return first_difference(a.loss_settings, b.loss_settings, LOSS_SETTINGS)


@dataclass(frozen=True)
class Discovery:
    """The snapshot of a run that first found a minimum."""

    run: str  # which ensemble: `dynamics.Trajectories.identity`
    replica: int  # of this ensemble, from 0
    step: int
    method: str  # the quench that led from the snapshot to the minimum


@dataclass(frozen=True, eq=False)
class Bound:
    """An upper bound on the barrier between two minima: the highest loss along a path between them."""

    minimum_ids: tuple[int, int]  # ascending
    value: float  # nats: highest loss on the straight pieces between the points
    points: NDArray[np.float64]  # (K, P), from an image of the first minimum to an image of the second


@dataclass(frozen=True, eq=False)
class Quenched:
    """Result of quenching a point of a trajectory."""

    point: str  # its digest
    minimum: Minimum | None
    reason: str | None = None  # why there is no minimum
    discovery: Discovery | None = None  # in case the minimum is new


@dataclass(frozen=True, eq=False)
class StoredMinimum(Result, shows=("id", "point.value", "hits", "origin", "orbit_size")):
    """A minimum in the database."""

    id: int
    point: Minimum
    hits: int  # how often searches ended here; 0: none did
    origin: str  # what first found it: "start", "basin-hopping", "saddle", "sgd", ...
    search: int | None  # number of the search that first found it
    orbit_size: int
    discovery: Discovery | None = None  # for a minimum that a run found


@dataclass(frozen=True, eq=False)
class StoredTransitionState(Result, shows=("id", "point.value", "minimum_ids", "hits", "origin", "orbit_size")):
    """A transition state in the database and the minima at the ends of its downhill paths."""

    id: int
    point: TransitionState
    minimum_ids: tuple[int, int]
    hits: int
    origin: str
    search: int | None
    orbit_size: int


@dataclass(frozen=True)
class SetAside:
    """A row of a file that is not used, because it is damaged or violates physics."""

    kind: str  # "minimum", "transition state", "attempt", "inherent structure", "discovery", ..., "bound"
    id: int  # of the point; for an attempt its number, for a discovery that of the minimum; otherwise of the row
    why: str  # why, as in "its loss is ..."

    def __str__(self) -> str:
        return f"{self.kind} {self.id}: {self.why}"


@dataclass(frozen=True)
class Attempt:
    """A search, successful or not."""

    search: int
    kind: str
    minimum_ids: tuple[int | None, int | None]
    status: str
    hessian_evaluations: int


@dataclass(frozen=True)
class SearchOrigin:
    """Identity of the search of an attempt: its seed and number are all its randomness, wherever it is stored."""

    search: int  # number of the attempt in this file
    seed: int
    number: int  # in the exploration of this seed
    finds_known: bool = True  # whether the file says what it found (`Find`)


@dataclass(frozen=True)
class Find:
    """What a search found: a number of hits of a point."""

    search: int
    point: str  # "minimum" or "transition state"
    point_id: int
    hits: int


@dataclass(frozen=True)
class RandomStart:
    """A quench of a fresh random start, used only to estimate the number of minima."""

    seed: int
    number: int  # of this seed, from 0
    minimum_id: int | None  # None: the quench ended in no minimum
    status: str


def graph_of(minima: Sequence[StoredMinimum], states: Sequence[StoredTransitionState]) -> LandscapeGraph:
    """The given minima, in order, and the transition states between them as plain arrays."""
    return LandscapeGraph(
        losses=np.array([minimum.point.value for minimum in minima]),
        transition_losses=np.array([state.point.value for state in states]),
        edges=edges_of(minima, states),
    )


def edges_of(minima: Sequence[StoredMinimum], states: Sequence[StoredTransitionState]) -> NDArray[np.int64]:
    """Where the two minima of each transition state stand in `minima`, (m, 2); a KeyError names one that does not."""
    ids = np.array([minimum.id for minimum in minima], dtype=np.int64)
    return positions(ids, np.array([state.minimum_ids for state in states], dtype=np.int64).reshape(-1, 2))


def positions(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where `wanted`, of any shape, stand among the `ids` (n,); a KeyError names one that does not."""
    if not (known := np.isin(wanted, ids)).all():
        msg = f"there is no minimum with the id {wanted[~known][0]}"
        raise KeyError(msg)
    if ids.size and ids.min() >= 0 and ids.max() < DENSE * ids.size:  # as good as always: a table, not a search
        table = np.empty(ids.max() + 1, np.int64)
        table[ids] = np.arange(ids.size)
        return table[wanted]
    order = np.argsort(ids)
    return order[np.searchsorted(ids, wanted, sorter=order)] if ids.size else np.zeros(wanted.shape, np.int64)
