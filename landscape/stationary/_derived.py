"""Derived quantities that a database stores with a point, for programs that cannot compute them."""

import hashlib
from dataclasses import dataclass
from typing import Self

from landscape import symmetry
from landscape.networks import MLP
from landscape.stationary._points import StationaryPoint
from landscape.symmetry import PermutationSpec


@dataclass(frozen=True)
class Derived:
    """Derived quantities that a file stores with a point, for programs that cannot compute them."""

    key: str  # digest of the canonical form: equal for bit-identical points modulo symmetry
    orbit_size: int
    stabilizer: int  # pele's point-group order

    @classmethod
    def of(cls, network: MLP | PermutationSpec | None, point: StationaryPoint) -> Self:
        """Compute them for a point of `network`; None stands for a loss without known symmetries."""
        orbit = symmetry.orbit_size(network, point.coordinates)
        key = hashlib.sha256(symmetry.canonical_form(network, point.coordinates).tobytes()).hexdigest()
        return cls(key, orbit, min(symmetry.group_order(network) // orbit, 2**63 - 1))
