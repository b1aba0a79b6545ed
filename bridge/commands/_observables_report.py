"""What the command `observe` says of each observable, as plain dictionaries."""

from typing import Any

from dynamics.aging_times import Aging, aging
from dynamics.displacement import MeanSquareDisplacement
from dynamics.observables import OBSERVABLES
from landscape.support import in_numbers


def describe_observable(name: str, result: Any, threshold: float, seed: int) -> dict[str, Any]:
    """The numbers of one result of `observe`; t* and mu are those of `threshold`."""

    def exponents(msd: MeanSquareDisplacement) -> dict[str, Any]:
        return describe_fit(aging(msd, threshold, rng=seed))

    return OBSERVABLES[name].describe(result, exponents)


def describe_fit(fit: Aging) -> dict[str, Any]:
    """t* and mu of a displacement in short."""
    return {**in_numbers({"t_star": fit.t_star, "mu": fit.mu}), "status": str(fit.status)}
