"""Rates of escape from minima over transition states at a temperature: a network of rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from landscape._heights import below_minima
from landscape.database import Database
from landscape.records import StoredMinimum, StoredTransitionState

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Barriers:
    """What escape rates need of n minima and m transition states. Its arrays are copies.

    Parameters
    ----------
    losses : (n,) float64
        In nats.
    log_determinants : (n,) float64
        Of the Hessian.
    orbit_sizes : (n,) float64
        Number of symmetric images of each minimum.
    edges : (m, 2) int64
        Minima that each transition state joins.
    transition_losses, transition_log_determinants, transition_orbit_sizes : (m,) float64
        The same of the transition states; the determinant by magnitude.
    unstable : (m,) float64
        Their negative eigenvalue.

    Raises
    ------
    ValueError
        If shapes do not match, a number is not finite, an orbit is < 1, an index out of range, `unstable` is not
        negative, or a transition state lies below one of its minima by more than rounding (`LandscapeGraph`'s rule).
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
        below = below_minima(self.transition_losses, self.losses[self.edges])
        if below.any():
            k = int(below.argmax())
            msg = (
                f"transition_losses must not lie below their minima; entry {k} is {self.transition_losses[k]!s}, its "
                f"minima {self.edges[k].tolist()} have {self.losses[self.edges[k]].tolist()}"
            )
            raise ValueError(msg)

    @classmethod
    def of(cls, minima: Sequence[StoredMinimum], states: Sequence[StoredTransitionState]) -> Self:
        """From the records of a database; transition states keep their order."""
        position = {minimum.id: k for k, minimum in enumerate(minima)}
        return cls(
            losses=np.array([minimum.point.value for minimum in minima]),
            log_determinants=np.array([minimum.point.log_determinant for minimum in minima]),
            orbit_sizes=np.array([float(minimum.orbit_size) for minimum in minima]),
            edges=np.array([[position[number] for number in state.minimum_ids] for state in states], dtype=np.int64),
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
        """Loss of each transition state above its two minima, (m, 2), in nats; rounding does not make it negative."""
        return np.maximum(self.transition_losses[:, None] - self.losses[self.edges], 0.0)


@dataclass(frozen=True, eq=False)
class RateNetwork:
    """Rates between n minima, symmetric images lumped together.

    Parameters
    ----------
    rates : (n, n) csr_array
        ``rates[i, j]`` is the rate from minimum i to minimum j != i, per unit of gradient-flow time (learning rate x
        steps). Parallel transition states add up.
    image_rates : (n,) float64
        Rate from one image of a minimum to its other images: over transition states that join it to itself.
    log_weights : (n,) float64 or None
        Logarithm of the equilibrium occupation up to a constant; None where there is no detailed balance.
    """

    rates: csr_array
    image_rates: Floats
    log_weights: Floats | None

    @property
    def n_minima(self) -> int:
        """Number n of minima."""
        return self.image_rates.size

    @property
    def escape_rates(self) -> Floats:
        """Total rate (n,) out of each minimum to others, images not counted."""
        return np.asarray(self.rates.sum(axis=1)).ravel()

    @property
    def dwell_times(self) -> Floats:
        """Mean time (n,) in each minimum before it is left for another one; inf where no way leads out."""
        with np.errstate(divide="ignore", over="ignore"):
            return 1.0 / self.escape_rates

    @property
    def equilibrium(self) -> Floats:
        """Equilibrium occupation (n,): of what is connected, only ratios within a component have a meaning.

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

    times the number of images of b around each image of i: g_b / g_i with the orbit sizes g, so that
    pi_i k_ij = pi_j k_ji with pi_i = g_i exp(-L_i / T) / sqrt(det H_i). A transition state that joins i to itself
    leads 2 g_b / g_i ways out of each image, to other images (or back to the same, which the orbits cannot tell).

    Source: Langer, Annals of Physics 54, 258 (1969); Haenggi, Talkner and Borkovec, Rev. Mod. Phys. 62, 251 (1990), on
    the overdamped limit (both cited from memory). It holds for barriers of several T, harmonic wells and saddles.

    Parameters
    ----------
    barriers : Barriers
    temperature : float or (m, 2) array
        T in nats; an array gives each exit its own: that over transition state b from the first, and from the second
        of its minima. Then there is no detailed balance.

    Raises
    ------
    ValueError
        If a temperature is not positive and finite, or the shape is another.
    """
    t = np.asarray(temperature, dtype=np.float64)
    shape = barriers.edges.shape
    if t.shape not in ((), shape) or not (np.isfinite(t) & (t > 0.0)).all():
        msg = f"temperature must be positive, one number or of shape {shape}; got {temperature!r}"
        raise ValueError(msg)
    rates = exit_rates(barriers, t)
    start, end = barriers.edges.ravel(), barriers.edges[:, ::-1].ravel()
    own = start == end
    n = barriers.losses.size
    flat = rates.ravel()
    network = csr_array((flat[~own], (start[~own], end[~own])), shape=(n, n))
    weights = np.log(barriers.orbit_sizes) - 0.5 * barriers.log_determinants
    return RateNetwork(
        rates=network,
        image_rates=np.bincount(start[own], flat[own], n).astype(np.float64),
        log_weights=weights - barriers.losses / t if t.ndim == 0 else None,
    )


def exit_rates(barriers: Barriers, temperature: ArrayLike) -> Floats:
    """Rate (m, 2) over each transition state from an image of its first and of its second minimum."""
    i = barriers.edges
    with np.errstate(over="ignore"):  # at a temperature of next to nothing the rate is zero
        boltzmann = -barriers.heights / np.asarray(temperature, dtype=np.float64)
    logs = (
        np.log(-barriers.unstable / (2.0 * np.pi))[:, None]
        + 0.5 * (barriers.log_determinants[i] - barriers.transition_log_determinants[:, None])
        + np.log(barriers.transition_orbit_sizes[:, None] / barriers.orbit_sizes[i])
        + boltzmann
    )
    return np.exp(logs)
