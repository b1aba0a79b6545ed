"""A whole database as plain arrays in one npz file, for NumPy and programs that read its files; and back, bit for bit.

``provenance`` is JSON text. Points have ``minima_*`` and ``transition_states_*``, one entry per point in the order of
their ids: ``ids``, ``coordinates`` (n, P), ``losses`` in nats, ``rms_gradients``, ``eigenvalues`` (n, P) that end in
nan if zero modes are left out or only some are known (then there are ``inertias``, the numbers of
`landscape.stationary.Inertia`), ``log_determinants``, ``traces``, ``orbit_sizes`` as text (they may be huge), ``hits``,
``origins``, ``searches`` (-1: none); transition states also ``eigenvectors`` (m, P) and ``minimum_ids`` (m, 2). Then
``attempts_*`` and ``inherent_structures_*``, one entry per search and per quenched point of a trajectory (-1: no
minimum), ``discoveries_*`` (the snapshot that found a minimum), ``unmapped_*`` (why a point belongs to none),
``search_origins_*`` and ``finds_*`` (identity of a search and what it found), ``random_starts_*``,
``bounds_*`` (upper bounds on barriers: ``minimum_ids`` (b, 2), ``values`` in nats, ``sizes``, the numbers of points of
their paths, and ``points`` (sum of sizes, P)), and ``unchecked_ends``, the ids of transition states whose paths nobody
has followed: files of older versions lack these.
"""

from dataclasses import dataclass

MINIMA, STATES, ATTEMPTS, STRUCTURES = "minima", "transition_states", "attempts", "inherent_structures"
DISCOVERIES, UNMAPPED, UNCHECKED = "discoveries", "unmapped", "unchecked_ends"
ORIGINS, FINDS, STARTS, BOUNDS = "search_origins", "finds", "random_starts", "bounds"


@dataclass(frozen=True)
class Structure:
    """Quench result of a point of a trajectory."""

    point: str
    method: str
    minimum_id: int | None


@dataclass(frozen=True)
class Discovered:
    """The snapshot that found a minimum."""

    minimum_id: int
    run: str
    replica: int
    step: int
    method: str


@dataclass(frozen=True)
class Unmapped:
    """Why a point of a trajectory belongs to no minimum."""

    point: str
    method: str
    reason: str


@dataclass(frozen=True)
class Origin:
    """Identity of a search; seeds may be too large for a column of numbers."""

    search: int
    seed: str
    number: int
    finds_known: bool


@dataclass(frozen=True)
class Start:
    """A fresh random start."""

    seed: str
    number: int
    minimum_id: int | None
    status: str
