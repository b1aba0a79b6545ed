"""Tail index of gradient noise: how its size grows when minibatches are added up."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from landscape.support import Estimate, Result, whole_number

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TailIndex(Result, shows=("index", "block", "blocks")):
    """Result of `tail_index`.

    Parameters
    ----------
    index : Estimate
        alpha, with Student's interval over the blocks; 2 for Gaussian noise. Values above 2 occur by chance, and if
        draws are anticorrelated.
    inverse : Estimate
        1 / alpha, of which the estimator is unbiased.
    block : int
        Draws that are added up.
    blocks : int
        Number of blocks.
    """

    index: Estimate[float]
    inverse: Estimate[float]
    block: int
    blocks: int


def tail_index(noise: ArrayLike, block: int = 10, *, confidence: float = 0.95) -> TailIndex:
    """Tail index alpha of independent draws of a noise (n, P), each component on its own.

    The sum Y of m draws X of an alpha-stable law is as wide as m^(1 / alpha) of them, so that

        1 / alpha = (<ln |Y|> - <ln |X|>) / ln m

    with means over the blocks of m = `block` draws and over the components. It is exact for stable laws at any n. The
    components may have different widths, which cancel: adding up components instead of draws would mistake different
    widths for heavy tails.

    A law with a finite variance has alpha = 2 when enough is added up, and the gradient noise of finitely many rows
    always has one. Measured on minibatches of B rows, alpha says how noise grows from B to m B rows: 2 if the central
    limit is reached at B already, less if tails still matter there. It is no exponent of the tail itself.

    Simsekli, Sagun and Gurbuzbalaban (arXiv 1901.06053) measure tail indices of gradient noise; this estimator, with
    sums over draws only, is derived here, tested on exact stable samples.

    Parameters
    ----------
    noise : (n, P) array
        Draws, centered; at least two blocks.
    block : int
        m >= 2.
    confidence : float
        Of the intervals.

    Raises
    ------
    ValueError
        If there are fewer than two blocks of draws, or the noise is zero.
    """
    draws = np.asarray(noise, dtype=np.float64)
    whole_number("block", block, 2)
    blocks = len(draws) // block if draws.ndim == 2 else 0
    if blocks < 2:
        msg = f"noise must have shape (n, P) with at least two blocks of {block} draws; got shape {draws.shape}"
        raise ValueError(msg)
    parts = draws[: blocks * block].reshape(blocks, block, -1)
    moving = (parts != 0).all(axis=(0, 1))
    if not moving.any():
        msg = "noise must have components that are never zero; it has none"
        raise ValueError(msg)
    parts = parts[..., moving]
    sizes = np.log(np.abs(parts.sum(axis=1))) - np.log(np.abs(parts)).mean(axis=1)
    each = sizes.mean(axis=1) / np.log(block)  # (blocks,)
    reach = stats.t.isf((1 - confidence) / 2, blocks - 1) * each.std(ddof=1) / np.sqrt(blocks)
    middle = float(each.mean())
    inverse = Estimate(middle, middle - float(reach), middle + float(reach))
    return TailIndex(inverted(inverse), inverse, int(block), blocks)


def inverted(inverse: Estimate[Any]) -> Estimate[Any]:
    """The index alpha (...) from 1 / alpha, with its interval; inf where 1 / alpha may be 0."""

    def of(ends: Any) -> Any:
        safe = np.where(np.asarray(ends) > 0, ends, 1.0)
        return np.where(np.isnan(ends), np.nan, np.where(np.asarray(ends) > 0, 1 / safe, np.inf))

    parts = [of(ends) for ends in (inverse.value, inverse.high, inverse.low)]
    value, low, high = parts if np.ndim(inverse.value) else [float(part) for part in parts]
    return Estimate(value, low, high, inverse.status)
