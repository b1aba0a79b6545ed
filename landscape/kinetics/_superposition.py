"""Harmonic superposition: heat capacity of a landscape and free energies of its funnels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.graph import LandscapeGraph, funnelling, minimax_barriers
from landscape.support import Result

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Superposition(Result, shows=("temperatures", "heat_capacity", "peak"), axes={"K": "temperature", "G": "group"}):
    """Equilibrium of n harmonic wells at K temperatures, and of G groups of them.

    Parameters
    ----------
    temperatures : (K,) float64
        In units of the losses (k_B = 1).
    energy : (K,) float64
        Mean loss of the minima above the lowest one: without the vibrations, T / 2 for each quadratic term.
    heat_capacity : (K,) float64
        Its derivative by T: without the vibrations, 1 / 2 for each quadratic term, the same in all wells.
    occupations : (K, G) float64
        Share of each group in the equilibrium of the groups.
    free_energies : (K, G) float64
        -T ln of that share relative to the first group: 0 for the first, positive where it is more stable.
    """

    temperatures: Floats
    energy: Floats
    heat_capacity: Floats
    occupations: Floats
    free_energies: Floats

    @property
    def peak(self) -> float:
        """Temperature of the largest heat capacity; nan if it is at an end."""
        k = int(self.heat_capacity.argmax())
        return float(self.temperatures[k]) if 0 < k < self.temperatures.size - 1 else float("nan")

    @property
    def crossings(self) -> Floats:
        """Temperature (G,) at which each group first becomes as stable as the first one; nan if never, or never not."""
        found = np.full(self.free_energies.shape[1], np.nan)
        for group, values in enumerate(self.free_energies.T[1:], start=1):
            changes = np.flatnonzero(np.diff(np.sign(values)) != 0)
            if changes.size:
                k = changes[0] + np.arange(2)
                order = np.argsort(values[k])
                found[group] = np.interp(0.0, values[k][order], self.temperatures[k][order])
        return found


def superposition(
    losses: ArrayLike,
    log_weights: ArrayLike,
    temperatures: ArrayLike,
    *,
    groups: ArrayLike | None = None,
) -> Superposition:
    """Heat capacity and free energies from the minima alone, each a harmonic well: Z = sum_i Z_i.

        Z_i ~ w_i exp(-L_i / T) T^(n / 2),   C(T) - n / 2 = (<L^2> - <L>^2) / T^2

    with n quadratic terms: the number of modes for overdamped motion, twice that for a system with momenta. The factor
    T^(n / 2) is common to all wells. A peak of C is where the occupation moves from few low wells to many or wide ones.
    For a loss, whose noise has no single temperature, C is an analogue: it says at what T that would happen.

    Source: pele, `pele.thermodynamics.minima_to_cv`, after Wales, Energy Landscapes (Cambridge University Press, 2003):
    its C is this one plus n / 2, its weights are 1 / (order sqrt(prod omega^2)). Valid for barriers of several T.
    Tested on two wells in closed form, by quadrature, and against pele.

    Parameters
    ----------
    losses : (n,) array
        Of the minima.
    log_weights : (n,) array
        ln w: log orbit size - log-determinant / 2, or - log product of the squared frequencies / 2 - log order of the
        point group.
    temperatures : (K,) array
        In units of the losses.
    groups : (n,) int array, optional
        Group 0 ... G - 1 of each minimum, -1 for none (`funnel_of`). By default every minimum is in group 0.

    Raises
    ------
    ValueError
        If shapes do not match, a temperature is not positive and finite, or there is no minimum.
    """
    values, weights = np.asarray(losses, dtype=np.float64), np.asarray(log_weights, dtype=np.float64)
    t = np.atleast_1d(np.asarray(temperatures, dtype=np.float64))
    if not values.size or weights.shape != values.shape:
        msg = f"log_weights must have one entry per minimum, shape {values.shape}; got shape {weights.shape}"
        raise ValueError(msg)
    if t.ndim != 1 or not (np.isfinite(t) & (t > 0)).all():
        msg = f"temperatures must be positive and finite, in units of the losses; got {temperatures!r}"
        raise ValueError(msg)
    labels = np.zeros(values.size, dtype=np.int64) if groups is None else np.asarray(groups, dtype=np.int64)
    if labels.shape != values.shape:
        msg = f"groups must have one entry per minimum, shape {values.shape}; got shape {labels.shape}"
        raise ValueError(msg)
    rises = values - values.min()
    logs = weights - rises / t[:, None]
    shares = _shares(logs)
    energy = shares @ rises
    within = np.stack([_log_sum(logs[:, labels == g]) for g in range(labels.max(initial=0) + 1)], axis=1)
    return Superposition(
        temperatures=t,
        energy=energy,
        heat_capacity=(shares * (rises - energy[:, None]) ** 2).sum(axis=1) / t**2,
        occupations=_shares(within),
        free_energies=t[:, None] * (within[:, :1] - within),
    )


def funnel_of(graph: LandscapeGraph) -> Integers:
    """The funnel (n,) of each minimum, numbered as in `landscape.graph.funnelling`: 0 is that of the global minimum.

    A minimum belongs to the funnel whose bottom it reaches over the lowest barrier, and to the lowest bottom of those
    it reaches equally; -1 in components that do not hold the global minimum.
    """
    bottoms = funnelling(graph).funnels
    barriers = np.stack([minimax_barriers(graph, int(bottom)) for bottom in bottoms])
    own = barriers.argmin(axis=0)
    own[bottoms] = np.arange(bottoms.size)
    return np.where(np.isfinite(barriers[0]), own, -1)


def _shares(logs: Floats) -> Floats:
    """Exponentials of `logs` (K, n), with rows that sum to 1."""
    return np.exp(logs - _log_sum(logs)[:, None])


def _log_sum(logs: Floats) -> Floats:
    """Logarithm (K,) of the sum of exp(logs) (K, n); -inf without any."""
    if not logs.shape[1]:
        return np.full(len(logs), -np.inf)
    top = logs.max(axis=1)
    return top + np.log(np.exp(logs - top[:, None]).sum(axis=1))
