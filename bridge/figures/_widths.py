"""Figure 6: the aging exponent against the width of three hidden layers, MNIST."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.figures._base import PaperFigure
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._work import Work
from dynamics.aging_times import Aging, aging
from dynamics.displacement import MeanSquareDisplacement, mean_square_displacement
from dynamics.plots import COLORS, mu_bars
from landscape.plots import Size, draw_panels, legend_beside

Array = NDArray[np.float64]

WIDTHS = (7, 9, 11, 13, 15, 17)
THRESHOLD = 1e-3
UNDERPARAMETRIZED = 0.99  # training accuracy below which the paper calls a network underparametrized
PUBLISHED_MU, PUBLISHED_ERROR = 0.709, 0.017


def ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Three hidden layers of 7 to 17 units: 100 runs of up to 10^6 steps in the paper."""
    replicas, steps = (100, 1_000_000) if scale == "paper" else (3, 30_000)
    return tuple(Ensemble((n, n, n), replicas, steps, dataset="mnist", batch_size=50) for n in WIDTHS)


@dataclass(frozen=True, eq=False)
class WidthScan:
    """Aging of networks of A widths.

    Parameters
    ----------
    labels : tuple of str, (A,)
    parameters : (A,) int64
        P.
    rows : int
        Training rows N.
    accuracy : (A,)
        Mean over the runs at the last step, training rows.
    displacements, fits : A of each
    """

    labels: tuple[str, ...]
    parameters: NDArray[np.int64]
    rows: int
    accuracy: Array
    displacements: tuple[MeanSquareDisplacement, ...]
    fits: tuple[Aging, ...]

    @property
    def alpha(self) -> Array:
        """Training rows per parameter, N / P, (A,)."""
        return self.rows / self.parameters

    @property
    def mu(self) -> Array:
        """Exponents (A,)."""
        return np.array([fit.mu.value for fit in self.fits])

    @property
    def underparametrized(self) -> NDArray[np.bool_]:
        """Whether the accuracy stays below 0.99, (A,)."""
        return self.accuracy < UNDERPARAMETRIZED

    @property
    def mean_mu(self) -> tuple[float, float]:
        """Mean of the exponents of underparametrized widths, and its standard error."""
        values = self.mu[self.underparametrized & np.isfinite(self.mu)]
        if values.size < 2:
            return (float(values.mean()) if values.size else np.nan), np.nan
        return float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size))


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> WidthScan:
    """Aging of every width."""
    msds, accuracies = [], []
    for ensemble in ensembles:
        runs = work.runs(ensemble)
        msds.append(mean_square_displacement(runs))
        accuracies.append(runs.accuracy[:, -1].mean())
    return WidthScan(
        tuple(ensemble.label for ensemble in ensembles),
        np.array([ensemble.n_parameters for ensemble in ensembles]),
        work.data(ensembles[0]).rows,
        np.array(accuracies),
        tuple(msds),
        tuple(aging(msd, THRESHOLD, rng=work.seed) for msd in msds),
    )


def describe(scan: WidthScan) -> dict[str, Any]:
    """The exponent per width, and its mean."""
    mean, error = scan.mean_mu
    return {
        "hidden": scan.labels,
        "parameters": scan.parameters,
        "alpha": scan.alpha,
        "rows": scan.rows,
        "replicas": scan.displacements[0].replicas,
        "threshold": THRESHOLD,
        "final_accuracy": scan.accuracy,
        "underparametrized": scan.underparametrized.tolist(),
        "mu": scan.mu,
        "mu_low": [fit.mu.low for fit in scan.fits],
        "mu_high": [fit.mu.high for fit in scan.fits],
        "t_star": [fit.t_star.value for fit in scan.fits],
        "waiting_times": scan.fits[0].waiting_times,
        "status": [str(fit.status) for fit in scan.fits],
        "mean_mu": mean,
        "mean_mu_error": error,
    }


def draw(scan: WidthScan, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """The exponent against alpha with intervals, our mean and the published one."""
    return draw_panels({"mu": partial(_draw, scan)}, panels, panel=(5.5, 4.0), size=size)


def _draw(scan: WidthScan, ax: Axes) -> None:
    ax.errorbar(scan.alpha, scan.mu, yerr=mu_bars(scan.fits), fmt="o", color=COLORS[0], capsize=3, label="ours, 95 %")
    mean, error = scan.mean_mu
    if np.isfinite(mean):
        ax.axhline(mean, color=COLORS[0], label=rf"our mean {mean:.3f} $\pm$ {error:.3f}")
    ax.axhline(
        PUBLISHED_MU, color=COLORS[1], linestyle="--", label=rf"published {PUBLISHED_MU} $\pm$ {PUBLISHED_ERROR}"
    )
    ax.axhspan(PUBLISHED_MU - PUBLISHED_ERROR, PUBLISHED_MU + PUBLISHED_ERROR, color=COLORS[1], alpha=0.2, linewidth=0)
    ax.set(xlabel=r"training rows per parameter $\alpha = N / P$", ylabel=rf"$\mu$ at $\Delta^*$ = {THRESHOLD:g}")
    legend_beside(ax)


FIG6 = PaperFigure(
    "fig6",
    "aging exponent against width, MNIST, three hidden layers of 7 to 17 units",
    {"mean_mu": PUBLISHED_MU, "mean_mu_error": PUBLISHED_ERROR, "threshold": THRESHOLD},
    ensembles,
    compute,
    describe,
    draw,
)
