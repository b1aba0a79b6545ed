"""Figure 6: t* and the aging exponent for several widths of three hidden layers, MNIST."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.figures._base import PaperFigure, panels_called
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._said_of_aging import PUBLISHED_ERROR, PUBLISHED_MU, SAID_OF_FIG6
from bridge.figures._t_star import OURS, PAPERS, averages, draw_t_star
from bridge.figures._work import Work
from dynamics.aging_times import Aging, aging
from dynamics.displacement import MeanSquareDisplacement, mean_square_displacement
from dynamics.plots import COLORS, interval_bars
from landscape.plots import Size, draw_panels, legend_beside
from landscape.support import stacked

Array = NDArray[np.float64]

WIDTHS = (7, 9, 11, 13, 15, 17)
THRESHOLD = 1e-3
UNDERPARAMETRIZED = 0.99  # training accuracy below which the paper calls a network underparametrized


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
    steps : int
        Steps of the runs.
    """

    labels: tuple[str, ...]
    parameters: NDArray[np.int64]
    rows: int
    accuracy: Array
    displacements: tuple[MeanSquareDisplacement, ...]
    fits: tuple[Aging, ...]
    steps: int

    @property
    def alpha(self) -> Array:
        """Parameters per training row, P / N, (A,)."""
        return self.parameters / self.rows

    @property
    def mu(self) -> Array:
        """Exponents (A,) of the paper's average, the mean over the runs of t*."""
        return np.array([fit.mu_runs_mean.value for fit in self.fits])

    @property
    def underparametrized(self) -> NDArray[np.bool_]:
        """Whether the accuracy stays below 0.99, (A,)."""
        return self.accuracy < UNDERPARAMETRIZED

    @property
    def mean_mu(self) -> tuple[float, float]:
        """Mean of the exponents of underparametrized widths, and its standard error."""
        mean, deviation, number = self.over_widths(self.mu)
        return mean, deviation / np.sqrt(number) if number > 1 else np.nan

    def over_widths(self, exponents: Array) -> tuple[float, float, int]:
        """Mean, standard deviation and number of the exponents of underparametrized widths."""
        values = exponents[self.underparametrized & np.isfinite(exponents)]
        mean = float(values.mean()) if values.size else np.nan
        return mean, float(values.std(ddof=1)) if values.size > 1 else np.nan, values.size


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> WidthScan:
    """Aging of every width."""
    msds, accuracies, steps = [], [], 0
    for ensemble in ensembles:
        runs = work.runs(ensemble)
        msds.append(mean_square_displacement(runs))
        accuracies.append(runs.accuracy[:, -1].mean())
        steps = int(runs.curve_steps[-1])
    return WidthScan(
        tuple(ensemble.label for ensemble in ensembles),
        np.array([ensemble.n_parameters for ensemble in ensembles]),
        work.data(ensembles[0]).rows,
        np.array(accuracies),
        tuple(msds),
        tuple(aging(msd, THRESHOLD, rng=work.seed) for msd in msds),
        steps,
    )


def describe(scan: WidthScan) -> dict[str, Any]:
    """t* and the exponent of both averages per width, and the mean exponents."""
    mean, error = scan.mean_mu
    return {
        "hidden": scan.labels,
        "parameters": scan.parameters,
        "alpha": scan.alpha,
        "rows": scan.rows,
        "replicas": scan.displacements[0].replicas,
        "steps": scan.steps,
        "threshold": THRESHOLD,
        "final_accuracy": scan.accuracy,
        "underparametrized": scan.underparametrized.tolist(),
        "waiting_times": scan.fits[0].waiting_times,
        **averages(scan.fits),
        "status": [str(fit.status) for fit in scan.fits],
        "runs_mean_status": [str(fit.mu_runs_mean.status) for fit in scan.fits],
        "mean_mu": mean,
        "mean_mu_error": error,
        "mean_mu_deviation": scan.over_widths(scan.mu)[1],
        "mean_mu_ours": scan.over_widths(np.array([fit.mu.value for fit in scan.fits]))[0],
    }


def draw(scan: WidthScan, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """t* against the waiting time for every alpha, and the exponent against alpha with the published mean."""
    labels = [rf"$\alpha$ = {alpha:.3f}" for alpha in scan.alpha]
    functions = {"aging": partial(draw_t_star, labels, scan.fits), "mu": partial(_draw_mu, scan)}
    return draw_panels(functions, panels, columns=2, panel=(5.4, 4.4), size=size)


def _draw_mu(scan: WidthScan, ax: Axes) -> None:
    paper, ours = ([getattr(fit, name) for fit in scan.fits] for name in ("mu_runs_mean", "mu"))
    for estimates, fill, label in ((ours, "none", OURS), (paper, "full", PAPERS)):
        look = {"fmt": "o", "color": COLORS[0], "fillstyle": fill, "capsize": 3, "label": f"$t^*$ {label}, 95 %"}
        stack = stacked(estimates)
        ax.errorbar(scan.alpha, stack.value, yerr=interval_bars(stack), **look)
    mean, error = scan.mean_mu
    if np.isfinite(mean):
        ax.axhline(mean, color=COLORS[0], label=rf"mean {mean:.3f} $\pm$ {error:.3f} (standard error)")
    label = rf"published mean {PUBLISHED_MU} $\pm$ {PUBLISHED_ERROR}"
    ax.axhline(PUBLISHED_MU, color=COLORS[1], linestyle="--", label=label)
    ax.axhspan(PUBLISHED_MU - PUBLISHED_ERROR, PUBLISHED_MU + PUBLISHED_ERROR, color=COLORS[1], alpha=0.2, linewidth=0)
    ax.set(xlabel=r"parameters per training row $\alpha = P / N$", ylabel=rf"$\mu$ at $\Delta^*$ = {THRESHOLD:g}")
    legend_beside(ax)


FIG6 = PaperFigure(
    "fig6",
    "t* and the aging exponent against alpha = P/N, MNIST, three hidden layers of 7 to 17 units",
    SAID_OF_FIG6,
    ensembles,
    compute,
    describe,
    draw,
    panels_called("aging", "mu"),
)
