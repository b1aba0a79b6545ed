"""What a database says beside a point, for those who cannot compute it."""

import hashlib
from dataclasses import dataclass
from typing import Self

from landscape import symmetry
from landscape.networks import MLP
from landscape.stationary._points import StationaryPoint


@dataclass(frozen=True)
class Derived:
    """What a file says beside a point, for those who cannot compute it."""

    key: str  # digest of the canonical form: equal for bit-identical points modulo symmetry
    orbit_size: int
    stabilizer: int  # pele's point-group order

    @classmethod
    def of(cls, network: MLP | None, point: StationaryPoint) -> Self:
        """Compute it for a point of a network, None for a loss without known symmetries."""
        orbit = symmetry.orbit_size(network, point.coordinates)
        key = hashlib.sha256(symmetry.canonical_form(network, point.coordinates).tobytes()).hexdigest()
        return cls(key, orbit, min(symmetry.group_order(network) // orbit, 2**63 - 1))
