"""One way to say where random numbers come from: None, a seed or a generator (SPEC 7 of Scientific Python)."""

import numpy as np

RNG = int | np.integer | np.random.SeedSequence | np.random.Generator | None


def seed_of(rng: RNG) -> int:
    """A seed, for functions that need the same random numbers more than once.

    A seed is its own; a generator draws one, None takes it from the operating system.
    """
    return int(rng) if isinstance(rng, int | np.integer) else int(np.random.default_rng(rng).integers(2**63))
