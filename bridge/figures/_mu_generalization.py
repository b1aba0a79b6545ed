"""Beyond the paper: mu against generalization, for the depths and numbers of rows of figure A2."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.figures import _generalization
from bridge.figures._base import PaperFigure
from bridge.figures._ensembles import Ensemble
from bridge.figures._work import Work
from dynamics.aging_times import Aging, aging
from dynamics.displacement import mean_square_displacement
from dynamics.plots import COLORS, mu_bars
from landscape.plots import Size, draw_panels, legend_beside

THRESHOLD = 1e-2


@dataclass(frozen=True, eq=False)
class MuGeneralization:
    """Aging fits and generalization (R, last step) of E ensembles."""

    ends: _generalization.Generalization
    fits: tuple[Aging, ...]

    @property
    def mu(self) -> NDArray[np.float64]:
        """Exponents (E,)."""
        return np.array([fit.mu.value for fit in self.fits])


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> MuGeneralization:
    """Ends and aging of every ensemble."""
    ends = _generalization.compute(work, ensembles)
    msds = (mean_square_displacement(work.runs(ensemble)) for ensemble in ensembles)
    return MuGeneralization(ends, tuple(aging(msd, THRESHOLD, rng=work.seed) for msd in msds))


def describe(result: MuGeneralization) -> dict[str, Any]:
    """Both per ensemble, and their rank correlations: plain, of 1 / N with the error, and given N."""
    known = np.isfinite(result.mu)
    ends = result.ends
    correlations = _generalization.rank_correlations_given(result.mu[known], ends.mean_error[known], ends.rows[known])
    return {
        "hidden": result.ends.labels,
        "rows": result.ends.rows,
        "replicas": result.ends.error.shape[1],
        "generalization_error": ends.mean_error,
        "generalization_error_standard_error": ends.total_error,
        "test_rows": ends.test_rows,
        "mu": result.mu,
        "mu_low": [fit.mu.low for fit in result.fits],
        "mu_high": [fit.mu.high for fit in result.fits],
        **correlations,
        "threshold": THRESHOLD,
    }


def draw(result: MuGeneralization, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """The exponent against the generalization error."""
    return draw_panels({"mu": partial(_draw, result)}, panels, panel=(5.8, 4.2), size=size)


def _draw(result: MuGeneralization, ax: Axes) -> None:
    names = list(dict.fromkeys(result.ends.labels))
    ends = result.ends
    for label, rows, error, bar, fit in zip(
        ends.labels, ends.rows, ends.mean_error, ends.total_error, result.fits, strict=True
    ):
        k = names.index(label)
        size = _generalization.marker_size(rows)
        first = rows == result.ends.rows[0]
        ax.errorbar(
            error,
            fit.mu.value,
            xerr=bar,
            yerr=mu_bars([fit]),
            fmt=_generalization.MARKERS[k],
            markersize=size,
            color=COLORS[k],
            capsize=2,
            label=f"hidden layers {label}" if first else None,
        )
    ax.axhline(1.0, color="0.5", linestyle="--", linewidth=1)
    ax.set(xlabel="generalization error: test loss - training loss (nats)", ylabel=r"exponent $\mu$ (95 %)")
    ax.set_title("the larger the marker, the more training rows", fontsize="medium")
    legend_beside(ax)


MU_GENERALIZATION = PaperFigure(
    "mu-generalization",
    "beyond the paper: the aging exponent against the generalization error, three depths, four numbers of rows",
    (),
    _generalization.ensembles,
    compute,
    describe,
    draw,
    extra_seconds=_generalization.FIGA2.extra_seconds,
)
