"""Rates of escape from minima over transition states at a temperature: a network of rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from landscape.database import Database, StoredMinimum, StoredTransitionState, edges_of
from landscape.graph import check_barriers
from landscape.kinetics._elimination_order import Steps
from landscape.support import Result

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Barriers(Result, shows=("losses", "transition_losses"), axes={"n": "minimum", "m": "transition_state"}):
    """Data of n minima and m transition states for escape rates, as copied arrays.

    Parameters
    ----------
    losses : (n,) float64
        In nats.
    log_determinants : (n,) float64
        Log-determinant of the Hessian of each minimum.
    orbit_sizes : (n,) float64
        Number of symmetric images of each minimum.
    edges : (m, 2) int64
        Minima that each transition state connects.
    transition_losses, transition_log_determinants, transition_orbit_sizes : (m,) float64
        The same for the transition states; the determinant by magnitude.
    unstable : (m,) float64
        Their negative eigenvalue.

    Raises
    ------
    ValueError
        If shapes do not match, a number is not finite, an orbit is < 1, an index out of range, `unstable` is not
        negative, or a transition state is below one of its minima by more than rounding (as in `LandscapeGraph`).
    """

    losses: Floats
    log_determinants: Floats
    orbit_sizes: Floats
    edges: Integers
    transition_losses: Floats
    transition_log_determinants: Floats
    transition_orbit_sizes: Floats
    unstable: Floats

    def __post_init__(self) -> None:
        n, m = np.size(self.losses), np.size(self.transition_losses)
        shapes = {"losses": (n,), "log_determinants": (n,), "orbit_sizes": (n,), "edges": (m, 2)} | {
            name: (m,) for name in ("transition_losses", "transition_log_determinants", "transition_orbit_sizes",
                                    "unstable")
        }  # fmt: skip
        for name, shape in shapes.items():
            array = np.array(getattr(self, name), dtype=np.int64 if name == "edges" else np.float64)
            if name == "edges" and not array.size:
                array = array.reshape(0, 2)
            if array.shape != shape or not np.isfinite(array).all():
                msg = f"{name} must be finite with shape {shape}; got shape {array.shape}"
                raise ValueError(msg)
            object.__setattr__(self, name, array)
        wrong = {
            "edges": ((self.edges < 0) | (self.edges >= n)).any(),
            "orbit_sizes": (self.orbit_sizes < 1).any(),
            "transition_orbit_sizes": (self.transition_orbit_sizes < 1).any(),
            "unstable": (self.unstable >= 0).any(),
        }
        for name, bad in wrong.items():
            if bad:
                ranges = {"edges": f"minima 0 ... {n - 1}", "unstable": "negative eigenvalues"}
                msg = f"{name} must be {ranges.get(name, 'numbers >= 1')}; got {getattr(self, name)}"
                raise ValueError(msg)
        check_barriers(self.losses, self.transition_losses, self.edges)

    @classmethod
    def of(cls, minima: Sequence[StoredMinimum], states: Sequence[StoredTransitionState]) -> Self:
        """Create from the records of a database; transition states keep their order."""
        return cls(
            losses=np.array([minimum.point.value for minimum in minima]),
            log_determinants=np.array([minimum.point.log_determinant for minimum in minima]),
            orbit_sizes=np.array([float(minimum.orbit_size) for minimum in minima]),
            edges=edges_of(minima, states),
            transition_losses=np.array([state.point.value for state in states]),
            transition_log_determinants=np.array([state.point.log_determinant for state in states]),
            transition_orbit_sizes=np.array([float(state.orbit_size) for state in states]),
            unstable=np.array([state.point.eigenvalues[0] for state in states]),
        )

    @classmethod
    def of_database(cls, database: Database) -> Self:
        """All minima, lowest first, and all transition states, lowest first, of a database."""
        return cls.of(database.minima, database.transition_states)

    @property
    def heights(self) -> Floats:
        """Loss of each transition state above its two minima, (m, 2), in nats; never negative by rounding."""
        return np.maximum(self.transition_losses[:, None] - self.losses[self.edges], 0.0)


@dataclass(frozen=True, eq=False)
class RateNetwork(Result, shows=("image_rates", "escape_rates"), axes={"n": "minimum", "nnz": "rate"}):
    """Rates between n minima, with symmetric images lumped together.

    Parameters
    ----------
    rates : (n, n) csr_array
        ``rates[i, j]`` is the rate from minimum i to minimum j != i, per unit of gradient-flow time (learning rate x
        steps; of `harmonic_rates` in units of the frequencies). Parallel transition states add up.
    image_rates : (n,) float64
        Rate from one image of a minimum to its other images: over transition states that connect it to itself.
    log_weights : (n,) float64 or None
        Logarithm of the equilibrium occupation up to a constant; None without detailed balance.
    log_rates : (nnz,) float64, optional
        Logarithms of the rates, for those that are too small (or large) for float64: by default those of
        ``rates.data``, where 0 means no connection.

    Raises
    ------
    ValueError
        If shapes do not match, or a rate is negative or nan.
    """

    rates: csr_array
    image_rates: Floats
    log_weights: Floats | None
    log_rates: Floats | None = None

    def __post_init__(self) -> None:
        n = np.size(self.image_rates)
        if self.rates.shape != (n, n):
            msg = f"rates must have shape ({n}, {n}), that of image_rates; got {self.rates.shape}"
            raise ValueError(msg)
        if not (self.rates.data >= 0.0).all():
            msg = f"rates must not be negative; got {self.rates.data[~(self.rates.data >= 0.0)][0]}"
            raise ValueError(msg)
        if self.log_rates is not None and self.log_rates.shape != self.rates.data.shape:
            msg = f"log_rates must have one entry per rate, {self.rates.data.shape}; got {self.log_rates.shape}"
            raise ValueError(msg)

    @cached_property
    def steps(self) -> Steps:
        """The nonzero rates from one minimum to another, as logarithms."""
        with np.errstate(divide="ignore"):
            logs = np.log(self.rates.data) if self.log_rates is None else self.log_rates
        start, end = np.repeat(np.arange(self.n_minima), np.diff(self.rates.indptr)), self.rates.indices
        kept = (start != end) & (logs > -np.inf)
        return Steps(self.n_minima, start[kept], end[kept].astype(np.int64), logs[kept])

    @cached_property
    def log_escape_rates(self) -> Floats:
        """Logarithm (n,) of the total rate out of each minimum to others; -inf without exits."""
        total = np.full(self.n_minima, -np.inf)
        np.logaddexp.at(total, self.steps.start, self.steps.log_rates)
        return total

    @property
    def n_minima(self) -> int:
        """Number n of minima."""
        return self.image_rates.size

    @property
    def escape_rates(self) -> Floats:
        """Total rate (n,) out of each minimum to others, images not counted."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_escape_rates)

    @property
    def dwell_times(self) -> Floats:
        """Mean time (n,) in each minimum before it is left for another one; inf without exits."""
        with np.errstate(over="ignore"):
            return np.exp(-self.log_escape_rates)

    @property
    def equilibrium(self) -> Floats:
        """Equilibrium occupation (n,); only ratios within a connected component are meaningful.

        Raises
        ------
        ValueError
            If the rates have no detailed balance.
        """
        if self.log_weights is None:
            msg = "the rates have no detailed balance: exits at different temperatures have no equilibrium weights"
            raise ValueError(msg)
        weights = np.exp(self.log_weights - self.log_weights.max())
        return weights / weights.sum()


def langer_rates(barriers: Barriers, temperature: ArrayLike) -> RateNetwork:
    """Kramers-Langer rates of overdamped motion d theta = -grad L dt + sqrt(2 T) dW.

    From an image of minimum i over a transition state b,

        k = |lambda_b| / (2 pi) sqrt(det H_i / |det H_b|) exp(-(L_b - L_i) / T),

    times the number of images of b around each image of i: g_b / g_i with the orbit sizes g, so that pi_i k_ij = pi_j
    k_ji with pi_i = g_i exp(-L_i / T) / sqrt(det H_i). A transition state that connects i to itself gives 2 g_b / g_i
    exits of each image, to other images (or back to the same one, which the orbits do not distinguish).

    Source: Langer, Annals of Physics 54, 258 (1969); Berglund, Markov Process. Relat. Fields 19, 459 (2013), reviews
    the formula and its proofs for the overdamped case. The factor of the orbits is derived here; test_kinetics.py
    compares with Langevin runs and exact first-passage times. It holds for barriers of several T, harmonic wells and
    saddles.

    Parameters
    ----------
    barriers : Barriers
    temperature : float or (m, 2) array
        T in nats; an array gives each exit its own: over transition state b from its first and from its second
        minimum. Rates then have no detailed balance.

    Raises
    ------
    ValueError
        If a temperature is not positive and finite, or has another shape.
    """
    t = np.asarray(temperature, dtype=np.float64)
    shape = barriers.edges.shape
    if t.shape not in ((), shape) or not (np.isfinite(t) & (t > 0.0)).all():
        shaped = f", one number or of shape {shape}" if t.ndim else " and finite"
        msg = f"temperature must be positive{shaped}; got {temperature!r}"
        raise ValueError(msg)
    weights = np.log(barriers.orbit_sizes) - 0.5 * barriers.log_determinants
    with np.errstate(over="ignore"):
        heights = (barriers.losses - barriers.losses.min(initial=np.inf)) / t if t.ndim == 0 else None
    return sum_parallel(
        barriers.edges,
        log_exit_rates(barriers, t),
        None if heights is None else weights - heights,
        barriers.losses.size,
    )


def sum_parallel(edges: Integers, log_rates: Floats, log_weights: Floats | None, n: int) -> RateNetwork:
    """The network of n minima with these logarithms (m, 2) of the rates from either end (m, 2) of transition states."""
    logs = log_rates.ravel()
    start, end = edges.ravel(), edges[:, ::-1].ravel()
    own = start == end
    rates, total = _network(start[~own], end[~own], logs[~own], n)
    with np.errstate(over="ignore"):
        image_rates = np.bincount(start[own], np.exp(logs[own]), n).astype(np.float64)
    return RateNetwork(rates, image_rates, log_weights, total)


def _network(start: Integers, end: Integers, logs: Floats, n: int) -> tuple[csr_array, Floats]:
    """Rates between minima and their logarithms, with parallel ones added up."""
    codes, each = np.unique(start * n + end, return_inverse=True)
    total = np.full(codes.size, -np.inf)
    np.logaddexp.at(total, each, logs)
    with np.errstate(over="ignore"):
        rates = csr_array((np.exp(total), (codes // n, codes % n)), shape=(n, n))
    return rates, total


def log_exit_rates(barriers: Barriers, temperature: ArrayLike) -> Floats:
    """Logarithm (m, 2) of `exit_rates`, which may be too small for a float64."""
    i = barriers.edges
    with np.errstate(over="ignore"):  # at a vanishing temperature the rate is zero
        boltzmann = -barriers.heights / np.asarray(temperature, dtype=np.float64)
    return (
        np.log(-barriers.unstable / (2.0 * np.pi))[:, None]
        + 0.5 * (barriers.log_determinants[i] - barriers.transition_log_determinants[:, None])
        + np.log(barriers.transition_orbit_sizes[:, None] / barriers.orbit_sizes[i])
        + boltzmann
    )


def exit_rates(barriers: Barriers, temperature: ArrayLike) -> Floats:
    """Rate (m, 2) over each transition state from an image of its first and of its second minimum."""
    with np.errstate(over="ignore"):
        return np.exp(log_exit_rates(barriers, temperature))
