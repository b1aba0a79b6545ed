"""Local learning coefficient: how the volume around a minimum grows with the loss, by Langevin sampling."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from landscape.losses import Loss
from landscape.support import RNG, Estimate, Result, check_positive, whole_number

Floats = NDArray[np.float64]

BURN_IN = 0.25  # share of the steps that do not count, during which the step is adapted
BEST_ACCEPTANCE = 0.574  # of Langevin steps in many dimensions
LEAST_ACCEPTANCE = 0.2
STUCK = (
    "not to be trusted: the chains hardly move, because the well is far from harmonic; choose a larger localization, a "
    "lower temperature or more steps"
)


@dataclass(frozen=True, eq=False)
class LearningCoefficient(Result, shows=("value", "harmonic", "acceptance"), axes={"C": "chain"}):
    """Result of `learning_coefficient`.

    Parameters
    ----------
    value : Estimate
        The local learning coefficient lambda, with Student's 95 % interval over the chains. Its status says if the
        chains hardly move. Chains that are too short give too small a value: they begin at the minimum.
    harmonic : float
        What it would be in the harmonic well: half of the rank of the Hessian without localization.
    chains : (C,) float64
        The value of each chain.
    acceptance : float
        Share of accepted steps behind the burn-in.
    temperature, localization : float
        Arguments of `learning_coefficient`.
    """

    value: Estimate[float]
    harmonic: float
    chains: Floats
    acceptance: float
    temperature: float
    localization: float


def learning_coefficient(
    loss: Loss,
    minimum: ArrayLike,
    temperature: float,
    *,
    localization: float = 0.0,
    chains: int = 8,
    steps: int = 2000,
    step: float | None = None,
    rng: RNG = None,
) -> LearningCoefficient:
    """Local learning coefficient at a minimum w* of the loss L, from the mean loss around it.

        lambda = (<L(w)> - L(w*)) / T,   w ~ exp(-L(w) / T - localization |w - w*|^2 / (2 T)).

    In a well with eigenvalues h it is 1/2 sum_i h_i / (h_i + localization): half of the number of parameters for a
    regular minimum, half of the rank of the Hessian for a degenerate one at a small localization, and less than half of
    the parameters where the loss rises more slowly than a square. For a mean loss over n rows, T = ln n / n is the
    temperature of Lau et al. Barriers of a few T are crossed: lambda then belongs to more than this minimum.

    The sampler is Langevin's with the Metropolis correction, so that the size of its steps has no effect, on
    coordinates in which the well is round. All rows are used for each gradient (Lau et al. use minibatches).

    Source: Lau, Furman, Wang, Murfet and Wei, PMLR 258, 244 (2025); tested on wells in closed form.

    Parameters
    ----------
    loss : Loss
    minimum : (P,) array
    temperature : float
        T, in units of the loss.
    localization : float
        >= 0; > 0 is needed along directions of no curvature.
    chains : int
        Number of chains.
    steps : int
        Their length; a quarter of it does not count.
    step : float, optional
        Of the sampler at first, in units of the harmonic well; by default 1.3 P^(-1/3). The burn-in adapts it.
    rng : None, int or Generator

    Raises
    ------
    ValueError
        If an argument is out of range, or a direction has neither positive curvature nor localization.
    """
    check_positive(temperature=temperature)
    whole_number("chains", chains, 2)
    whole_number("steps", steps, 8)
    rng, center = np.random.default_rng(rng), np.asarray(minimum, dtype=np.float64)
    lowest, _, hessian = loss.value_gradient_hessian(center)
    values, vectors = np.linalg.eigh(hessian)
    held = values + localization
    if localization < 0 or not (held > 0).all():
        msg = f"localization must make all curvatures positive; the lowest is {values[0]:.3g}, got {localization!r}"
        raise ValueError(msg)
    shape = vectors * np.sqrt(temperature / held)  # w = w* + shape z: z is normal in a harmonic well
    size = 1.3 * center.size ** (-1 / 3) if step is None else step
    check_positive(step=size)
    target = _Target(loss, center, shape, temperature, localization, lowest)
    found = [_chain(target, steps, size, one) for one in rng.spawn(chains)]
    each = np.array([mean for mean, _ in found])
    reach = stats.t.isf(0.025, chains - 1) * each.std(ddof=1) / np.sqrt(chains)
    status = "ok" if all(share >= LEAST_ACCEPTANCE for _, share in found) else STUCK
    return LearningCoefficient(
        value=Estimate(float(each.mean()), float(each.mean() - reach), float(each.mean() + reach), status),
        harmonic=float(0.5 * (np.maximum(values, 0.0) / held).sum()),
        chains=each,
        acceptance=float(np.mean([share for _, share in found])),
        temperature=float(temperature),
        localization=float(localization),
    )


@dataclass(frozen=True, eq=False)
class _Target:
    """Negative log density of z, its gradient, and the loss above the minimum in units of T."""

    loss: Loss
    center: Floats
    shape: Floats
    temperature: float
    localization: float
    lowest: float

    def __call__(self, z: Floats) -> tuple[float, Floats, float]:
        moved = self.shape @ z
        value, gradient = self.loss.value_and_gradient(self.center + moved)
        rise = (value - self.lowest) / self.temperature
        pull = self.localization / self.temperature * moved
        return rise + 0.5 * float(pull @ moved), self.shape.T @ (gradient / self.temperature + pull), rise


def _chain(target: _Target, steps: int, size: float, rng: np.random.Generator) -> tuple[float, float]:
    """Mean rise of one chain behind its burn-in, and its share of accepted steps."""
    z = np.zeros(target.center.size)
    here, rises, accepted = target(z), [], 0
    for k in range(steps):
        burning = k < BURN_IN * steps
        new = z - size * here[1] + np.sqrt(2 * size) * rng.standard_normal(z.size)
        there = target(new)
        back, forth = ((a - b + size * g) for a, b, g in ((z, new, there[1]), (new, z, here[1])))
        ratio = here[0] - there[0] + (forth @ forth - back @ back) / (4 * size)
        if np.log(rng.random()) < ratio:
            z, here, accepted = new, there, accepted + 1 - burning
        if burning:
            size *= np.exp((np.exp(min(ratio, 0.0)) - BEST_ACCEPTANCE) / np.sqrt(k + 1))
        else:
            rises.append(here[2])
    return float(np.mean(rises)), accepted / len(rises)
