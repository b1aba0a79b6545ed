"""Rates of harmonic transition-state theory, for systems with inertia such as clusters of atoms."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.graph import LandscapeGraph
from landscape.kinetics._rates import RateNetwork, sum_parallel

Floats = NDArray[np.float64]
Pair = tuple[ArrayLike, ArrayLike]


def harmonic_rates(
    graph: LandscapeGraph,
    temperature: float,
    *,
    log_products: Pair,
    orders: Pair | None = None,
    moments: Pair | None = None,
) -> RateNetwork:
    """Rates of harmonic transition-state theory, as PATHSAMPLE and PyGT compute them.

    From minimum i over a transition state b,

        k = o_i / (2 pi o_b) sqrt(prod omega_i^2 / prod' omega_b^2) exp(-(V_b - V_i) / T),

    with the orders o of the point groups and the squared frequencies omega^2 (the positive eigenvalues of the
    mass-weighted Hessian). A transition state that connects i to itself leads to other images of it, at 2 k. Moments of
    inertia multiply it by sqrt(prod I_b / prod I_i): rigid rotors, whose symmetry numbers are the orders.

    Source: Wales, Energy Landscapes (Cambridge University Press, 2003); the formula without rotations is that of the
    documentation of PyGT (`PyGT.io.load_ktn`). Tested by test_networks.py and, against published committors, by
    test_public_networks.py.

    Parameters
    ----------
    graph : LandscapeGraph
        Of n minima and m transition states.
    temperature : float
        k_B T in units of the losses.
    log_products : ((n,) array, (m,) array)
        Sums of the logarithms of the squared frequencies of minima and transition states; of the latter without the
        imaginary one.
    orders : ((n,) array, (m,) array), optional
        Orders of the point groups; 1 by default.
    moments : ((n, 3) array, (m, 3) array), optional
        Moments of inertia.

    Returns
    -------
    RateNetwork
        In units of the frequencies.

    Raises
    ------
    ValueError
        If the temperature is not positive and finite, or an array has another shape or numbers that are not finite
        (orders and moments: positive).
    """
    if not (np.isfinite(temperature) and temperature > 0.0):
        msg = f"temperature must be positive, in units of the losses; got {temperature!r}"
        raise ValueError(msg)
    entropies = [-0.5 * column for column in _pair(graph, "log_products", log_products)]
    if orders is not None:
        given = _pair(graph, "orders", orders, positive=True)
        entropies = [entropy - np.log(column) for entropy, column in zip(entropies, given, strict=True)]
    if moments is not None:
        given = _pair(graph, "moments", moments, axes=3, positive=True)
        entropies = [part + 0.5 * np.log(column).sum(axis=1) for part, column in zip(entropies, given, strict=True)]
    ends = graph.edges
    heights = graph.barriers[:, None] - graph.losses[ends]
    with np.errstate(over="ignore"):  # at a vanishing temperature the rate is zero
        logs = entropies[1][:, None] - entropies[0][ends] - heights / temperature - np.log(2.0 * np.pi)
    log_weights = entropies[0] - (graph.losses - graph.losses.min(initial=np.inf)) / temperature
    return sum_parallel(ends, logs, log_weights, graph.n_minima)


def _pair(graph: LandscapeGraph, name: str, given: Pair, *, axes: int = 1, positive: bool = False) -> list[Floats]:
    """A column of minima and one of transition states, checked."""
    result = []
    for number, values in zip((graph.n_minima, graph.n_transition_states), given, strict=True):
        column = np.array(values, dtype=np.float64)
        shape = (number,) if axes == 1 else (number, axes)
        if column.shape != shape or not np.isfinite(column).all() or (positive and (column <= 0.0).any()):
            kind = "positive and finite" if positive else "finite"
            msg = f"{name} must be {kind}, with shape {shape}; got shape {column.shape}"
            raise ValueError(msg)
        result.append(column)
    return result
