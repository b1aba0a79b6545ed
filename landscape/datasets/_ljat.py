"""An LJAT-like data set: the minimum that a random start of a three-atom cluster relaxes to."""

import math

import numpy as np
from numpy.typing import NDArray

from landscape.datasets._arguments import finite_number, standardized
from landscape.datasets._dataset import Dataset
from landscape.datasets._ridge import steepest_descent
from landscape.datasets._three_atoms import TOLERANCE, relax
from landscape.support import whole_number

Array = NDArray[np.float64]

SHAPE_TOLERANCE = 1e-4
MOST_ROWS = 10**7  # training rows, or test rows: about 2 GB; metadata in a file could ask for any number


def ljat(
    rows: int,
    seed: int = 0,
    edge: float = 1.35,
    *,
    test_rows: int = 4000,
    standardize: bool = False,
    three_body: float = 2.0,
) -> Dataset:
    """Three atoms at random in a cube: their initial distances r12 and r13, and the minimum that they relax to.

    The pair energy is Lennard-Jones', the three-body energy Axilrod and Teller's (see `energy`). Classes: 0 the
    equilateral triangle (energy -2.1851), 1, 2, 3 the linear chain (-2.2191) with atom 1, 2, 3 in the middle. The
    local minimization is L-BFGS as in pele (see `relax`). The set resembles LJAT19 of Verpoort, Lee and Wales,
    generated from the same physics; it is not that file.

    About one start in 500000 stops on the saddle between triangle and chain. It is then assigned to the minimum to
    which steepest descent dx/dt = -dV/dx leads. A start that is itself the saddle is assigned to the lower of the two
    adjacent minima.

    Parameters
    ----------
    rows : int
        Training rows, 1 ... 10^7.
    seed : int
        Seed, >= 0. Row i depends on the seed and i alone: more rows extend the same set.
    edge : float
        Edge of the cube in units of sigma.
    test_rows : int
        Rows after the first `rows` that are kept for tests, at most 10^7.
    standardize : bool
        Shift and scale both parts by the mean and standard deviation of the training rows.
    three_body : float
        Strength Z of the three-body energy in units of epsilon sigma^9.

    Returns
    -------
    Dataset
        Two inputs in units of sigma, four classes.

    Raises
    ------
    ValueError
        If an argument is out of range.
    RuntimeError
        If a row does not converge or relaxes to none of the four structures, as it can when `edge` or
        `three_body` are far from their defaults.

    References
    ----------
    B. M. Axilrod and E. Teller, J. Chem. Phys. 11, 299 (1943).
    P. C. Verpoort, A. A. Lee and D. J. Wales, Proc. Natl Acad. Sci. USA 117, 21857 (2020).
    """
    rows, test_rows = whole_number("rows", rows, 1, MOST_ROWS), whole_number("test_rows", test_rows, 0, MOST_ROWS)
    seed = whole_number("seed", seed, 0)
    edge, three_body = finite_number("edge", edge, above=0.0), finite_number("three_body", three_body)
    starts = np.random.default_rng(seed).uniform(0.0, edge, (rows + test_rows, 9))
    labels = _labels(starts, three_body, seed)
    inputs = _distances(starts)[:, :2]
    train, test = inputs[:rows], inputs[rows:]
    if standardize:
        train, test = standardized(train, test)
    metadata = {
        "name": "ljat",
        "rows": rows,
        "seed": seed,
        "edge": edge,
        "test_rows": test_rows,
        "standardize": bool(standardize),
        "three_body": three_body,
    }
    return Dataset(train, labels[:rows], 4, test, labels[rows:], metadata)


def _labels(starts: Array, three_body: float, seed: int) -> NDArray[np.int64]:
    ends, rms = relax(starts, three_body)
    labels = _classify(_distances(ends), three_body)
    for row in np.flatnonzero((rms < TOLERANCE) & (labels < 0)):
        labels[row] = _classify(steepest_descent(_distances(starts[[row]])[0], three_body)[None], three_body)[0]
    wrong = np.flatnonzero(~(rms < TOLERANCE) | (labels < 0))
    if wrong.size:
        row = wrong[0]
        msg = (
            f"row {row} of seed {seed} relaxed to none of the four structures: distances r12, r13, r23 "
            f"{_distances(ends)[row]}, rms gradient {rms[row]:.1e} (expected < {TOLERANCE}); "
            f"{wrong.size} of {len(rms)} rows are like it. Use an edge closer to 1.35, or another seed"
        )
        raise RuntimeError(msg)
    return labels


def _distances(x: Array) -> Array:
    """Distances r12, r13, r23 (n, 3), by operations that round identically on every machine."""
    a, b, c = x[:, 0:3], x[:, 3:6], x[:, 6:9]
    squares = [(d * d)[:, 0] + (d * d)[:, 1] + (d * d)[:, 2] for d in (a - b, a - c, b - c)]
    return np.sqrt(np.stack(squares, axis=1))


def _classify(distances: Array, three_body: float) -> NDArray[np.int64]:
    """Class of each row of `distances` (n, 3), -1 if it is neither triangle nor chain."""
    side, bond = _bond_lengths(three_body)
    labels = np.full(len(distances), -1)
    for label, shape in enumerate(([side] * 3, [bond, bond, 2 * bond], [bond, 2 * bond, bond], [2 * bond, bond, bond])):
        labels[np.abs(distances - shape).max(axis=1) < SHAPE_TOLERANCE] = label
    return labels


def _bond_lengths(three_body: float) -> tuple[float, float]:
    """Side of the stationary triangle and bond of the stationary chain: dV/dr = 0 is quadratic in r^3."""

    def root(a: float, b: float, c: float) -> float:
        return math.cbrt((-b + math.sqrt(b * b - 4.0 * a * c)) / (2.0 * a))

    side = root(72.0, -99.0 / 8.0 * three_body, -144.0)
    bond = root(6.0 * (8.0 + 4.0 / 2**6), 9.0 / 4.0 * three_body, -12.0 * (8.0 + 4.0 / 2**12))
    return side, bond
