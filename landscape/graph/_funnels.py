"""How funneled a landscape is: the climbs between each minimum and the global minimum."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.graph._connectivity import LandscapeGraph, minimax_barriers
from landscape.graph._disconnectivity import disconnectivity_tree
from landscape.graph._heights import rounding
from landscape.support import Result

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SMALL_CLIMB = 0.1  # share of the range of losses: see `funnelling`


@dataclass(frozen=True, eq=False)
class Funnelling(
    Result, shows=("share", "frustration", "span", "global_minimum", "connected"), axes={"n": "minimum", "k": "funnel"}
):
    """Climbs from the minima of a landscape to its global minimum.

    Attributes
    ----------
    global_minimum : int
        Index of the lowest minimum.
    climbs : (n,) float64
        Climb of each minimum on the best path to the global minimum: the minimax barrier minus its own loss, in nats;
        0 for the global minimum, inf for unconnected minima.
    span : float
        Loss of the highest connected minimum minus that of the global minimum, in nats.
    fraction : float
        Climbs up to this share of `span` count as small.
    share : float
        Share of the other minima whose climb is small; unconnected minima count as not small. nan if none is connected
        to the global minimum: an isolated lowest minimum says nothing about funnels.
    connected_share : float
        The same share among the minima connected to the global minimum; nan if there are none.
    connected : int
        Number of other minima connected to the global minimum.
    ratios : (n,) float64
        (highest loss on the best path - lowest loss) / (own loss - lowest loss): 1 if the path only goes down, inf for
        a minimum as low as the global one (to within rounding, as images of it are), nan for the global minimum and
        unconnected minima.
    frustration : float
        Mean of `ratios` over their statistical weights; nan if there are none, inf if a connected minimum is as low as
        the global one (see `funnelling`).
    funnels : (k,) int64
        Lowest minima of the funnels, lowest first: the global minimum and each minimum connected to it that reaches no
        lower minimum by a small climb. Other components do not count.
    """

    global_minimum: int
    climbs: Floats
    span: float
    fraction: float
    share: float
    connected_share: float
    connected: int
    ratios: Floats
    frustration: float
    funnels: Integers

    @property
    def relative_climbs(self) -> Floats:
        """`climbs` (n,) relative to `span`; 0 for the global minimum."""
        return np.where(self.climbs > 0.0, self.climbs / (self.span or 1.0), 0.0)


def funnelling(
    graph: LandscapeGraph,
    *,
    fraction: float = SMALL_CLIMB,
    temperature: float = np.inf,
    log_weights: ArrayLike | None = None,
) -> Funnelling:
    """Measure how funneled a landscape is.

    Parameters
    ----------
    graph : LandscapeGraph
        With at least one minimum.
    fraction : float
        Share of the range of the minima's losses, from 0 to 1, up to which a climb counts as small. The default of a
        tenth is the spacing of ten levels, about the number in drawn disconnectivity graphs: such a minimum joins the
        funnel of the global minimum within one level. The range is that of the connected minima, because a lone
        minimum far above (the constant predictor) would make every climb small.
    temperature : float
        Temperature of the statistical weights, in nats. A loss has no natural one; inf gives all minima equal weights.
    log_weights : (n,) array, optional
        Logarithms of further weights, for instance log orbit_size - log_determinant / 2 (harmonic superposition).

    Raises
    ------
    ValueError
        If there is no minimum or an argument is out of range.

    Notes
    -----
    Frustration index: ``f = sum_a p_a (V_a^+ - V_0) / (V_a - V_0)`` over all minima a but the global one, 0, with
    V_a^+ the highest loss on the best path from a to 0 and p_a the equilibrium probability of a, ``p_a ~ w_a exp(-(V_a
    - V_0) / T)``, normalized without the global minimum. It is 1 for a perfect funnel and grows with the barriers.
    Source: de Souza, Stevenson, Niblett, Farrell and Wales, J. Chem. Phys. 146, 124103 (2017), whose abstract defines
    it as the ratio of the energy barrier to the energy difference with reference to the global minimum, weighted by
    the equilibrium occupation probabilities. Two details are our reading of it: the normalization, and that the
    barrier is measured from the global minimum (measured from a itself, the index would be smaller by exactly 1).
    Unconnected minima have no barrier and are left out. Images of the global minimum that a database holds as minima of
    their own (of a torch module, whose symmetries are unknown) have its loss, so that the index is infinite.
    Tested by test_funnels.py.
    """
    _check(graph, fraction, temperature)
    bottom = int(np.argmin(graph.losses))
    highest, lowest = minimax_barriers(graph, bottom), float(graph.losses[bottom])
    climbs, rises = highest - graph.losses, _rises(graph.losses, lowest)
    reached = np.isfinite(highest) & (np.arange(graph.n_minima) != bottom)
    span = float(rises[reached].max(initial=0.0))
    small = reached & (climbs <= fraction * span)
    ratios = np.full(graph.n_minima, np.nan)
    ratios[reached] = _ratios(_rises(highest[reached], lowest), rises[reached])
    return Funnelling(
        global_minimum=bottom,
        climbs=climbs,
        span=span,
        fraction=float(fraction),
        share=_share(small.sum(), graph.n_minima - 1 if reached.any() else 0),
        connected_share=_share(small.sum(), reached.sum()),
        connected=int(reached.sum()),
        ratios=ratios,
        frustration=_mean(ratios[reached], _log_weights(graph, temperature, log_weights)[reached]),
        funnels=_funnels(graph, np.append(np.flatnonzero(reached), bottom), fraction * span),
    )


def _check(graph: LandscapeGraph, fraction: float, temperature: float) -> None:
    if graph.n_minima == 0:
        msg = "graph must hold at least one minimum; got 0"
        raise ValueError(msg)
    if not 0.0 <= fraction <= 1.0:
        msg = f"fraction must be between 0 and 1; got {fraction!r}"
        raise ValueError(msg)
    if not temperature > 0.0:
        msg = f"temperature must be positive, in nats; got {temperature!r}"
        raise ValueError(msg)


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else float("nan")


def _rises(losses: Floats, lowest: float) -> Floats:
    """Heights above the lowest loss; 0 where rounding cannot tell them from it."""
    heights = losses - lowest
    return np.where(heights <= rounding(lowest), 0.0, heights)


def _ratios(barriers: Floats, rises: Floats) -> Floats:
    """Barrier over rise; 1 if both are 0, for minima of the same loss without a barrier."""
    flat = rises == 0.0
    return np.where(flat, np.where(barriers > 0.0, np.inf, 1.0), barriers / np.where(flat, 1.0, rises))


def _log_weights(graph: LandscapeGraph, temperature: float, more: ArrayLike | None) -> Floats:
    result = -(graph.losses - graph.losses.min()) / temperature
    if more is None:
        return result
    more = np.asarray(more, dtype=np.float64)
    if more.shape != result.shape or not np.isfinite(more).all():
        msg = f"log_weights must be finite with one entry per minimum, shape {result.shape}; got shape {more.shape}"
        raise ValueError(msg)
    return result + more


def _mean(values: Floats, log_weights: Floats) -> float:
    if values.size == 0:
        return float("nan")
    weights = np.exp(log_weights - log_weights.max())
    kept = weights > 0.0  # an infinite ratio with zero weight does not count
    return float(np.average(values[kept], weights=weights[kept]))


def _funnels(graph: LandscapeGraph, minima: Integers, small: float) -> Integers:
    """Those of some minima from which no climb up to `small` leads to a lower one, lowest first."""
    tree = disconnectivity_tree(graph, certified_only=True)
    climbs = np.full(tree.n_leaves, np.inf)  # to a lower minimum
    up, lowest = tree.parents, tree.lowest
    ends = np.flatnonzero((up >= 0) & (lowest != lowest[up]))  # of branches, at that of a lower minimum
    climbs[lowest[ends]] = tree.levels[up[ends]] - tree.levels[lowest[ends]]
    bottoms = tree.minima[climbs > small]
    return bottoms[np.isin(bottoms, minima)]
