"""Pathways from one minimum to another through the graph of transition states."""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import lazy_loader
import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.graph._connectivity import LandscapeGraph, minimax_barrier
from landscape.support import Result

if TYPE_CHECKING:
    import networkx as nx
else:
    nx = lazy_loader.load("networkx")  # it takes long to import

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Ways = dict[tuple[int, int], tuple[float, int]]  # (from, to): cost of the step and its transition state


@dataclass(frozen=True, eq=False)
class Pathway(
    Result, shows=("highest", "climb", "log_probability"), axes={"k": "transition_state", "k + 1": "minimum"}
):
    """A pathway from one minimum to another.

    Attributes
    ----------
    minima : (k + 1,) int64
        Minima on the path, including first and last.
    transition_states : (k,) int64
        Transition states between them.
    highest : float
        Highest loss on the path, in nats.
    climb : float
        Sum of the climbs from each minimum to the next transition state, in nats.
    log_probability : float
        Logarithm of the product of the branching probabilities; nan if no rates were given.
    """

    minima: Integers
    transition_states: Integers
    highest: float
    climb: float
    log_probability: float


def fastest_path(
    graph: LandscapeGraph,
    a: int,
    b: int,
    *,
    temperature: float | None = None,
    log_determinants: ArrayLike | None = None,
    multiplicities: ArrayLike | None = None,
) -> Pathway:
    """Find the path from minimum `a` to minimum `b` that contributes most to the rate, or the lowest one.

    Parameters
    ----------
    graph : LandscapeGraph
    a : int
        Minimum of the graph where the path begins.
    b : int
        Minimum where it ends.
    temperature : float, optional
        In nats; given together with `log_determinants`.
    log_determinants : (m,) array, optional
        Sum of the logarithms of the positive eigenvalues of the Hessian of each transition state.
    multiplicities : (m,) array, optional
        Number of symmetric copies of each transition state (`orbit_size`); 1 by default.

    Raises
    ------
    ValueError
        If `a` and `b` are not connected, or an argument is out of range.

    Notes
    -----
    With a temperature: Dijkstra's algorithm over -log of the branching probabilities ``P(c <- d) = k(c <- d) / sum_e
    k(e <- d)``, which finds the largest single term of the steady-state rate constant of discrete path sampling
    (Wales, Mol. Phys. 100, 3285, 2002; Evans and Wales, J. Chem. Phys. 121, 1080, 2004). The rate across a transition
    state t is that of harmonic transition-state theory, ``k = g_t / g_d sqrt(det H_d / det' H_t) exp(-(V_t - V_d) / T)
    / (2 pi)``; loss, determinant and orbit of the minimum d cancel in P. Rates of parallel transition states add up,
    and the fastest represents the step; transition states that connect a minimum to itself do not count.

    Without a temperature: the path of least total climb among those that rise no higher than necessary
    (`minimax_barrier`).
    """
    highest = minimax_barrier(graph, a, b)
    if not np.isfinite(highest):
        msg = f"b must be connected to a; no known path leads from minimum {a} to minimum {b}"
        raise ValueError(msg)
    if (temperature is None) != (log_determinants is None):
        msg = f"give temperature and log_determinants together; got temperature={temperature!r}, log_determinants " + (
            "missing" if log_determinants is None else "given"
        )
        raise ValueError(msg)
    if temperature is None or log_determinants is None:
        ways = _climbs(graph, highest)
    else:
        ways = _branchings(graph, _log_rates(graph, temperature, log_determinants, multiplicities))
    minima = _cheapest(graph.n_minima, ways, a, b)
    steps = [ways[step] for step in pairwise(minima)]
    states = np.array([state for _, state in steps], dtype=np.int64)
    barriers = graph.barriers[states]
    return Pathway(
        minima=np.array(minima, dtype=np.int64),
        transition_states=states,
        highest=float(barriers.max(initial=graph.losses[a])),
        climb=float((barriers - graph.losses[minima[:-1]]).sum()),
        log_probability=-sum(cost for cost, _ in steps) + 0.0 if temperature is not None else float("nan"),
    )


def _cheapest(n: int, ways: Ways, a: int, b: int) -> list[int]:
    network = nx.DiGraph()
    network.add_nodes_from(range(n))
    network.add_weighted_edges_from((start, end, cost) for (start, end), (cost, _) in ways.items())
    return nx.dijkstra_path(network, a, b)


def _steps(graph: LandscapeGraph) -> tuple[Integers, Integers, Integers]:
    """Both directions of every transition state between two minima: from, to, transition state."""
    proper = np.flatnonzero(graph.edges[:, 0] != graph.edges[:, 1])
    there = graph.edges[proper]
    both = np.concatenate([there, there[:, ::-1]])
    return both[:, 0], both[:, 1], np.concatenate([proper, proper])


def _climbs(graph: LandscapeGraph, highest: float) -> Ways:
    """Climb of every step that stays at or below `highest`; the lowest of parallel ones."""
    starts, ends, states = _steps(graph)
    kept = graph.barriers[states] <= highest
    starts, ends, states = starts[kept], ends[kept], states[kept]
    order = np.argsort(-graph.barriers[states], kind="stable")  # the lowest last, so that it is kept
    climbs = graph.barriers[states] - graph.losses[starts]
    return {(int(starts[i]), int(ends[i])): (float(climbs[i]), int(states[i])) for i in order}


def _log_rates(
    graph: LandscapeGraph, temperature: float, log_determinants: ArrayLike, multiplicities: ArrayLike | None
) -> Floats:
    """Logarithm (m,) of the rate across each transition state, without the factors of the initial minimum."""
    if not (np.isfinite(temperature) and temperature > 0.0):
        msg = f"temperature must be a positive number of nats; got {temperature!r}"
        raise ValueError(msg)
    shape = graph.transition_losses.shape
    given = {"log_determinants": np.asarray(log_determinants, dtype=np.float64)}
    given["multiplicities"] = np.ones(shape) if multiplicities is None else np.asarray(multiplicities, dtype=np.float64)
    for name, values in given.items():
        if values.shape != shape or not np.isfinite(values).all():
            msg = f"{name} must be finite with one entry per transition state, {shape}; got shape {values.shape}"
            raise ValueError(msg)
    if (given["multiplicities"] <= 0.0).any():
        msg = f"multiplicities must be positive; got {given['multiplicities'].min()}"
        raise ValueError(msg)
    return np.log(given["multiplicities"]) - 0.5 * given["log_determinants"] - graph.barriers / temperature


def _branchings(graph: LandscapeGraph, log_rates: Floats) -> Ways:
    """-log of the branching probability of every step, and its fastest transition state."""
    starts, ends, states = _steps(graph)
    out: dict[int, list[int]] = {}
    across: dict[tuple[int, int], list[int]] = {}
    for i, j, state in zip(starts.tolist(), ends.tolist(), states.tolist(), strict=True):
        out.setdefault(i, []).append(state)
        across.setdefault((i, j), []).append(state)
    totals = {i: _log_sum(log_rates[states]) for i, states in out.items()}
    return {
        (i, j): (max(totals[i] - _log_sum(log_rates[s]), 0.0), s[int(np.argmax(log_rates[s]))])
        for (i, j), s in across.items()
    }


def _log_sum(log_values: Floats) -> float:
    return float(np.logaddexp.reduce(log_values))
