"""The network in an npz file that agescape exported, without a database."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.database import Provenance
from landscape.graph import LandscapeGraph
from landscape.interchange._archive import Archive
from landscape.interchange._kinetic_network import KineticNetwork
from landscape.interchange._npz import BOUNDS, MINIMA, STATES
from landscape.interchange._npz_import import provenance_in
from landscape.symmetry import group_order

Array = NDArray[np.float64]


def read_npz_network(archive: Archive) -> KineticNetwork:
    """The network that `export_npz` wrote, lowest points first, with what its rates need; nothing is computed again."""
    provenance = provenance_in(archive)
    number = {
        MINIMA: len(archive.get(f"{MINIMA}_ids", "i", None)),
        STATES: len(archive.get(f"{STATES}_ids", "i", None)),
    }
    losses = {what: archive.get(f"{what}_losses", "f", n) for what, n in number.items()}
    orders = {what: np.argsort(values, kind="stable") for what, values in losses.items()}
    columns = {what: _columns(archive, what, provenance, order) for what, order in orders.items()}
    first = np.argsort(orders[MINIMA])  # position of each minimum by id
    ends = archive.get(f"{STATES}_minimum_ids", "i", number[STATES], 2)[orders[STATES]]
    if ((ends < 1) | (ends > number[MINIMA])).any():
        msg = f"{archive.path} is damaged: it names minimum {ends.max()}, which it does not hold"
        raise ValueError(msg)
    graph = LandscapeGraph(
        losses[MINIMA][orders[MINIMA]],
        losses[STATES][orders[STATES]],
        first[ends - 1],
        **_upper_bounds(archive, first),
        loss_unit=provenance.loss_unit,
    )
    return KineticNetwork(
        source=archive.path,
        format="agescape",
        graph=graph,
        ids=orders[MINIMA] + 1,
        columns=columns[MINIMA],
        transition_columns=columns[STATES],
        metadata=provenance.dataset,
    )


def _columns(archive: Archive, what: str, provenance: Provenance, order: NDArray[np.int64]) -> dict[str, Array]:
    """What rates need of the points, in this order."""
    n, group = len(order), group_order(provenance.network)
    eigenvalues = archive.get(f"{what}_eigenvalues", "f", n, provenance.n_parameters)[order]
    orbits = [int(size) for size in archive.get(f"{what}_orbit_sizes", "U", n)[order].tolist()]
    found = {
        "log_product": _log_products(archive, what, eigenvalues, order),
        "point_group_order": np.array([float(max(group // size, 1)) for size in orbits]),
        "orbit_size": np.array([float(size) for size in orbits]),
        "hits": archive.get(f"{what}_hits", "i", n)[order].astype(np.float64),
    }
    return found if what == MINIMA else found | {"lowest_eigenvalue": eigenvalues[:, 0].astype(np.float64)}


def _upper_bounds(archive: Archive, first: NDArray[np.int64]) -> dict[str, Any]:
    if not archive.has(BOUNDS):
        return {}
    ends = archive.get(f"{BOUNDS}_minimum_ids", "i", None, 2)
    return {"bound_edges": first[ends - 1], "bounds": archive.get(f"{BOUNDS}_values", "f", len(ends))}


def _log_products(archive: Archive, what: str, eigenvalues: Array, order: NDArray[np.int64]) -> Array:
    """Sums (n,) of the logarithms of the positive eigenvalues; by the determinant where not all are known."""
    found = np.log(np.where(eigenvalues > 0.0, eigenvalues, 1.0)).sum(axis=1)
    if archive.has(f"{what}_inertias", exactly=True):
        partial = np.isfinite(archive.get(f"{what}_inertias", "f", len(order), None)[order, 0])
        by_determinant = archive.get(f"{what}_log_determinants", "f", len(order))[order]
        if what != MINIMA:
            by_determinant = by_determinant - np.log(np.abs(eigenvalues[:, 0]))
        found[partial] = by_determinant[partial]
    return found
