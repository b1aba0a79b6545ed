"""Minima and transition states of any system with what a file says of them, without a loss and without coordinates."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.graph import LandscapeGraph, below_minima
from landscape.kinetics import (
    Barriers,
    RateNetwork,
    Superposition,
    funnel_of,
    harmonic_rates,
    langer_rates,
    superposition,
)
from landscape.support import Result

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Columns = Mapping[str, Floats]

OVERDAMPED, HARMONIC = "overdamped", "harmonic"
ROUNDING = 1e-9  # of energies whose digits a file does not show: as of a `LandscapeGraph`
LON = "local optima network"


@dataclass(frozen=True, eq=False)
class KineticNetwork(
    Result, shows=("source", "format", "graph.losses"), axes={"n": "minimum", "m": "transition_state"}
):
    """A kinetic transition network: the graph of a landscape, and what its file says of minima and transition states.

    Attributes
    ----------
    source : Path
        Where it is from.
    format : str
        Kind of file.
    graph : LandscapeGraph
        Minima and transition states in the order of the file; losses are energies in the units of the file.
    ids : (n,) int64 or str
        What the file calls the minima.
    columns : mapping of str to (n,) or (n, 3) array
        What else is known of the minima: ``log_product`` (sum of the logarithms of the positive eigenvalues of the
        Hessian, or of the squared frequencies), ``point_group_order``, ``moments_of_inertia`` (n, 3), ``orbit_size``,
        ``hits``, or whatever numbers a GraphML file has.
    transition_columns : mapping of str to (m,) or (m, 3) array
        The same of the transition states; also ``lowest_eigenvalue``.
    sets : mapping of str to (k,) int64
        Sets of minima from files beside it, ``A`` and ``B``.
    left_out : mapping of str to int
        Number of points of the file that are not part of the network, by reason.
    metadata : mapping
        Of the data set of a network that agescape wrote; otherwise empty.
    """

    source: Path
    format: str
    graph: LandscapeGraph
    ids: NDArray[Any]
    columns: Columns = field(default_factory=dict)
    transition_columns: Columns = field(default_factory=dict)
    sets: Mapping[str, Integers] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        source: Path,
        format: str,
        losses: ArrayLike,
        transition_losses: ArrayLike,
        edges: ArrayLike,
        *,
        ids: ArrayLike | None = None,
        rounding: float = 0.0,
        columns: Mapping[str, ArrayLike | None] | None = None,
        transition_columns: Mapping[str, ArrayLike | None] | None = None,
        **more: Any,
    ) -> Self:
        """Make one from arrays; columns that are None are not known.

        Transition states below one of their minima by more than `rounding`, the unit of the last digit of the energies,
        are left out and counted: no path of steepest descent leads from them to that minimum.
        """
        minima, states = np.asarray(losses, dtype=np.float64), np.asarray(transition_losses, dtype=np.float64)
        ends, tolerance = np.asarray(edges, dtype=np.int64).reshape(-1, 2), max(ROUNDING, rounding)
        kept = ~below_minima(states, minima[ends], tolerance)
        left_out = dict(more.pop("left_out", {}))
        if not kept.all():
            left_out["transition states below one of their minima"] = int(np.count_nonzero(~kept))
        return cls(
            source=source,
            format=format,
            graph=LandscapeGraph(minima, states[kept], ends[kept], tolerance, loss_unit=""),
            ids=np.arange(1, minima.size + 1) if ids is None else np.asarray(ids),
            columns=_known(columns),
            transition_columns={name: values[kept] for name, values in _known(transition_columns).items()},
            left_out=left_out,
            **more,
        )

    @property
    def repeated(self) -> int:
        """How many transition states are the same as one before them, to the last digit, in all that is known."""
        graph, known = self.graph, self.transition_columns.values()
        table = np.column_stack([graph.transition_losses, np.sort(graph.edges, axis=1), *known])
        return len(table) - len(np.unique(table, axis=0))

    @property
    def dynamics(self) -> str:
        """Theory of `rates`: ``overdamped`` where agescape wrote the points, ``harmonic`` for other systems."""
        ours = {"lowest_eigenvalue", "orbit_size"} <= self.transition_columns.keys()
        return OVERDAMPED if ours else HARMONIC

    def positions(self, ids: ArrayLike) -> Integers:
        """Positions (k,) of the minima with these ids in the graph.

        Raises
        ------
        ValueError
            If there is no minimum with one of them.
        """
        known = {str(name): k for k, name in enumerate(self.ids.tolist())}
        wanted = [str(name) for name in np.ravel(np.asarray(ids)).tolist()]
        if missing := [name for name in wanted if name not in known]:
            msg = f"{self.source} has no minimum with the id {missing[0]}"
            raise ValueError(msg)
        return np.array([known[name] for name in wanted], dtype=np.int64)

    def rates(self, temperature: float, *, rotations: bool = False) -> RateNetwork:
        """Rates between the minima at a temperature, in the units of the energies.

        Points that agescape wrote are those of a loss with overdamped dynamics: `langer_rates`. Others follow harmonic
        transition-state theory: `harmonic_rates`.

        Parameters
        ----------
        temperature : float
            In units of the energies.
        rotations : bool
            Multiply by the ratio of the partition functions of rigid rotors. Needs moments of inertia.

        Raises
        ------
        ValueError
            If the file does not say what the rates need, or the temperature is not positive.
        """
        if self.format == LON:
            msg = f"{self.source} is a {LON}: it has no transition states, and no rates follow from it"
            raise ValueError(msg)
        if self.dynamics == OVERDAMPED:
            if rotations:
                msg = f"{self.source} holds points of a network's loss, which has no moments of inertia"
                raise ValueError(msg)
            return langer_rates(self._barriers(), temperature)
        return harmonic_rates(
            self.graph,
            temperature,
            log_products=self._column("log_product"),
            orders=self._column("point_group_order"),
            moments=self._column("moments_of_inertia") if rotations else None,
        )

    def superposition(self, temperatures: ArrayLike) -> Superposition:
        """Heat capacity and free energies of the funnels (`funnel_of`) at these temperatures (K,).

        Raises
        ------
        ValueError
            If the file does not say what the weights of the minima need, or a temperature is not positive.
        """
        for name in ("log_product", "orbit_size" if self.dynamics == OVERDAMPED else "point_group_order"):
            if name not in self.columns:
                said = f"{self.source} ({self.format}) does not give the {name.replace('_', ' ')} of its minima"
                msg = f"{said}: no weights of harmonic wells"
                raise ValueError(msg)
        images = (
            np.log(self.columns["orbit_size"])
            if self.dynamics == OVERDAMPED
            else -np.log(self.columns["point_group_order"])
        )
        weights = images - 0.5 * self.columns["log_product"]
        return superposition(self.graph.losses, weights, temperatures, groups=funnel_of(self.graph))

    def _barriers(self) -> Barriers:
        of_minima, of_states = self.columns, self.transition_columns
        unstable = of_states["lowest_eigenvalue"]
        return Barriers(
            losses=self.graph.losses,
            log_determinants=of_minima["log_product"],
            orbit_sizes=of_minima["orbit_size"],
            edges=self.graph.edges,
            transition_losses=self.graph.transition_losses,
            transition_log_determinants=of_states["log_product"] + np.log(np.abs(unstable)),
            transition_orbit_sizes=of_states["orbit_size"],
            unstable=unstable,
        )

    def _column(self, name: str) -> tuple[Floats, Floats]:
        """A column of the minima and of the transition states."""
        if name not in self.columns or (name not in self.transition_columns and self.graph.n_transition_states):
            msg = f"{self.source} ({self.format}) does not give the {name.replace('_', ' ')} of its points: no rates"
            raise ValueError(msg)
        return self.columns[name], self.transition_columns.get(name, np.empty((0, *self.columns[name].shape[1:])))


def _known(columns: Mapping[str, ArrayLike | None] | None) -> dict[str, Floats]:
    return {name: np.asarray(values, np.float64) for name, values in (columns or {}).items() if values is not None}


def with_sets(network: KineticNetwork, sets: Mapping[str, Integers]) -> KineticNetwork:
    """The same network with sets of minima."""
    return replace(network, sets=sets)
