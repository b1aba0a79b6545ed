"""The text files of PyGT (and DISCOTRESS) in one folder.

``min.data`` and ``ts.data`` are PATHSAMPLE's; ``communities.dat`` gives each minimum a number from 0, here that of its
component. At a temperature a continuous-time Markov chain is three more files: ``ts_conns.dat``, two minima from 1 in
each line; ``ts_weights.dat``, two lines for each of these, the logarithms of the rates from the first to the second and
back; ``stat_prob.dat``, the logarithm of the stationary probability of each minimum.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from landscape.graph import components
from landscape.interchange._kinetic_network import KineticNetwork
from landscape.interchange._text_tables import check_widths, floats, integers, read_lines
from landscape.kinetics import RateNetwork
from landscape.support import new_file

Floats = NDArray[np.float64]
MAX_INTEGER = 2**31 - 1  # PATHSAMPLE reads point-group orders into default integers


def export_pygt(network: KineticNetwork, folder: str | Path, *, temperature: float | None = None) -> None:
    """Write the files into `folder`, creating it; with a temperature also the rates (`KineticNetwork.rates`).

    Parallel transition states are one connection with their summed rates. ``min.data`` is removed first and written
    last.

    Raises
    ------
    ValueError
        If the network does not say what the files or the rates need.
    """
    rates = None if temperature is None else network.rates(temperature)
    folder = Path(folder)
    graph = network.graph
    minima = _lines(graph.losses, network.columns, np.empty((graph.n_minima, 0), np.int64), network)
    states = _lines(graph.transition_losses, network.transition_columns, graph.edges + 1, network)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "min.data").unlink(missing_ok=True)
    _write(folder / "communities.dat", map(str, components(graph).tolist()))
    if rates is not None:
        _write_rates(rates, folder)
    _write(folder / "ts.data", states)
    _write(folder / "min.data", minima)


def _write(path: Path, lines: Iterable[str]) -> None:
    with new_file(path) as unfinished:
        unfinished.write_text("".join(f"{line}\n" for line in lines), encoding="ascii", newline="\n")


def _lines(
    energies: Floats, known: Mapping[str, Floats], ends: NDArray[np.int64], network: KineticNetwork
) -> list[str]:
    """Energy, log product, order, minima, moments of inertia of each point; ones where there are no moments."""
    if len(energies) and not {"log_product", "point_group_order"} <= known.keys():
        msg = f"{network.source} ({network.format}) does not give log products and point groups: PyGT needs both"
        raise ValueError(msg)
    moments = known.get("moments_of_inertia", np.ones((len(energies), 3)))
    return [
        " ".join([repr(energy), repr(product), str(min(int(order), MAX_INTEGER)), *map(str, pair), *map(repr, inertia)])
        for energy, product, order, pair, inertia in zip(
            energies.tolist(),
            known.get("log_product", energies).tolist(),
            known.get("point_group_order", energies).tolist(),
            ends.tolist(),
            moments.tolist(),
            strict=True,
        )
    ]


def _write_rates(rates: RateNetwork, folder: Path) -> None:
    steps = rates.steps
    ways = zip(steps.start.tolist(), steps.end.tolist(), strict=True)
    logs = dict(zip(ways, steps.log_rates.tolist(), strict=True))
    pairs = sorted(pair for pair in logs if pair[0] < pair[1] and pair[::-1] in logs)
    weights = rates.log_weights
    if weights is None:
        msg = "rates without detailed balance have no stationary probabilities"
        raise ValueError(msg)
    _write(folder / "ts_conns.dat", (f"{a + 1} {b + 1}" for a, b in pairs))
    _write(folder / "ts_weights.dat", (repr(logs[way]) for pair in pairs for way in (pair, pair[::-1])))
    _write(folder / "stat_prob.dat", map(repr, (weights - np.logaddexp.reduce(weights)).tolist()))


def read_pygt_rates(folder: str | Path, suffix: str = "") -> RateNetwork:
    """Read a continuous-time Markov chain: ``ts_conns``, ``ts_weights`` and ``stat_prob``, each SUFFIX.dat.

    Raises
    ------
    FileNotFoundError
        If one of the files is missing.
    ValueError
        If a file is not as described, with its path and line.
    """
    folder = Path(folder)
    connections, weights, occupied = (
        read_lines(folder / f"{name}{suffix}.dat") for name in ("ts_conns", "ts_weights", "stat_prob")
    )
    check_widths(connections, 2, "two minima")
    n, pairs = len(occupied), np.stack([integers(connections, column) for column in (0, 1)], axis=1)
    if ((pairs < 1) | (pairs > n)).any() or len(weights) != 2 * len(pairs):
        msg = (
            f"{folder}: ts_conns{suffix}.dat must name minima 1 ... {n} and ts_weights{suffix}.dat have two lines for "
            f"each of its {len(pairs)} lines; got {len(weights)}"
        )
        raise ValueError(msg)
    start, end = (pairs - 1).ravel(), (pairs - 1)[:, ::-1].ravel()
    codes, each = np.unique(start * n + end, return_inverse=True)
    logs = np.full(codes.size, -np.inf)
    np.logaddexp.at(logs, each, floats(weights, 0))
    with np.errstate(over="ignore"):
        rates = csr_array((np.exp(logs), (codes // n, codes % n)), shape=(n, n))
    return RateNetwork(rates, np.zeros(n), floats(occupied, 0), logs)
