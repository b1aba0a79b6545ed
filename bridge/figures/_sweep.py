"""The aging of networks over depths, numbers of rows and realizations of the data: what two figures set beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.figures._ensembles import Ensemble
from bridge.figures._ranks import draw_correlations
from bridge.figures._scatter import draw_networks
from bridge.figures._work import Work
from dynamics.aging_times import Aging, aging
from dynamics.displacement import mean_square_displacement
from dynamics.statistics import Status
from landscape.plots import Size, draw_panels
from landscape.support import Estimate, stacked

Array = NDArray[np.float64]

THRESHOLD = 1e-2
OTHER_REPLICAS = 6  # runs on each realization but the first


@dataclass(frozen=True, eq=False)
class Sweep:
    """Aging of E networks.

    Parameters
    ----------
    labels : tuple of str, (E,)
        Hidden layers.
    depth, rows, realizations : (E,) int64
        Number of hidden layers, N, and the draw of the data.
    fits : tuple of Aging, (E,)
    """

    labels: tuple[str, ...]
    depth: NDArray[np.int64]
    rows: NDArray[np.int64]
    realizations: NDArray[np.int64]
    fits: tuple[Aging, ...]

    @property
    def mu(self) -> Estimate[Array]:
        """Exponents (E,)."""
        return stacked([fit.mu for fit in self.fits])

    @property
    def given(self) -> dict[str, NDArray[np.int64]]:
        """What correlations are given: N and the depth."""
        return {"N": self.rows, "depth": self.depth}


def on_realizations(first: Sequence[Ensemble], draws: int) -> tuple[Ensemble, ...]:
    """Ensembles on the first realization of the data, and with fewer runs on `draws` - 1 others."""
    others = (replace(one.at_most(OTHER_REPLICAS), dataset_seed=draw) for draw in range(1, draws) for one in first)
    return (*first, *others)


def sweep(work: Work, ensembles: Sequence[Ensemble]) -> Sweep:
    """The aging of the runs of every network."""
    msds = (mean_square_displacement(work.runs(ensemble)) for ensemble in ensembles)
    return Sweep(
        labels=tuple(ensemble.label for ensemble in ensembles),
        depth=np.array([len(ensemble.hidden) for ensemble in ensembles]),
        rows=np.array([work.data(ensemble).rows for ensemble in ensembles]),
        realizations=np.array([ensemble.dataset_seed for ensemble in ensembles]),
        fits=tuple(aging(msd, THRESHOLD, rng=work.seed) for msd in msds),
    )


def describe(networks: Sweep) -> dict[str, Any]:
    """Networks and exponents, for JSON."""
    return {
        "hidden": networks.labels,
        "rows": networks.rows,
        "realizations": networks.realizations,
        "replicas": [len(fit.t_star_runs) for fit in networks.fits],
        "mu": networks.mu.value,
        "mu_low": networks.mu.low,
        "mu_high": networks.mu.high,
        "mean_slopes_only": sum(fit.status == Status.NOT_A_POWER_LAW for fit in networks.fits),
        "threshold": THRESHOLD,
    }


def draw(
    networks: Sweep,
    name: str,
    x: Estimate[Array],
    xlabel: str,
    numbers: dict[str, Any],
    panels: Sequence[str] = (),
    size: Size = "screen",
) -> Figure:
    """The exponent against `x` in panel `name`, and the correlations of both, in `numbers`."""
    functions = {
        name: partial(_draw_mu, networks, x, xlabel),
        "correlations": partial(draw_correlations, numbers),
    }
    return draw_panels(functions, panels, columns=2, panel=(5.4, 4.2), size=size)


def _draw_mu(networks: Sweep, x: Estimate[Array], xlabel: str, ax: Axes) -> None:
    known = x.value[np.isfinite(x.value)]
    ax.axhline(1.0, color="0.5", linestyle="--", linewidth=1)
    ax.set(xscale="log" if known.size and (known > 0).all() else "linear", xlabel=xlabel)
    ax.set_ylabel(r"exponent $\mu$ (95 %)")
    draw_networks(networks.labels, networks.rows, x, networks.mu, ax, markersize=4, elinewidth=0.6)
