"""Figure A3: magnitude of the gradient against the step."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.figures._base import PaperFigure
from bridge.figures._curves import ljat_ensembles
from bridge.figures._ensembles import Ensemble
from bridge.figures._work import Work
from dynamics.plots import COLORS
from landscape.plots import Size, draw_panels, legend_beside

Array = NDArray[np.float64]

LATE = 10_000  # steps, from which on the paper averages


@dataclass(frozen=True, eq=False)
class GradientCurves:
    """Norm of the full gradient of A architectures.

    Parameters
    ----------
    labels : tuple of str, (A,)
    parameters : (A,) int64
    steps : (C,) int64
    norms : (A, R, C)
        |grad L| over all training rows, penalty included.
    """

    labels: tuple[str, ...]
    parameters: NDArray[np.int64]
    steps: NDArray[np.int64]
    norms: Array

    @property
    def late(self) -> Array:
        """Mean over the recorded steps from 10^4 on, of each run, (A, R)."""
        return self.norms[..., self.steps >= LATE].mean(axis=-1)


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> GradientCurves:
    """Gradient norms on the curves of the runs.

    Raises
    ------
    ValueError
        If the runs end before step 10^4.
    """
    if (last := min(ensemble.steps for ensemble in ensembles)) < LATE:
        msg = f"steps must be at least {LATE} for the gradient after that; got {last}"
        raise ValueError(msg)
    runs = [work.runs(ensemble) for ensemble in ensembles]
    return GradientCurves(
        tuple(ensemble.label for ensemble in ensembles),
        np.array([ensemble.n_parameters for ensemble in ensembles]),
        runs[0].curve_steps,
        np.stack([r.gradient_norm for r in runs]),
    )


def describe(curves: GradientCurves) -> dict[str, Any]:
    """Late means, standard errors and standard deviations over the runs."""
    late = curves.late
    return {
        "hidden": curves.labels,
        "replicas": late.shape[1],
        "late_gradient_norm": late.mean(axis=1),
        "late_gradient_norm_error": late.std(axis=1, ddof=1) / np.sqrt(late.shape[1]),
        "late_gradient_norm_deviation": late.std(axis=1, ddof=1),
        "late_gradient_rms": late.mean(axis=1) / np.sqrt(curves.parameters),
        "steps": curves.steps,
        "gradient_norm": curves.norms.mean(axis=1),
    }


def draw(curves: GradientCurves, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Mean norm over the runs against the step, quartiles shaded, published late means dashed."""
    return draw_panels({"gradient": partial(_draw, curves)}, panels, panel=(5.5, 4.0), size=size)


def _draw(curves: GradientCurves, ax: Axes) -> None:
    for k, label in enumerate(curves.labels):
        low, high = np.percentile(curves.norms[k][:, 1:], [25, 75], axis=0)
        ax.fill_between(curves.steps[1:], low, high, color=COLORS[k], alpha=0.2, linewidth=0)
        mean = curves.norms[k].mean(axis=0)[1:]
        ax.plot(curves.steps[1:], mean, color=COLORS[k], label=f"hidden layers {label}")
        ax.hlines(PUBLISHED[k], LATE, curves.steps[-1], color=COLORS[k], linestyle="--")
    ax.set(xscale="log", yscale="log", xlabel="time (steps)", ylabel=r"gradient $|\nabla L|$ (dashed: published)")
    legend_beside(ax)


PUBLISHED = (0.02, 0.07, 0.12)

FIGA3 = PaperFigure(
    "figA3",
    "gradient magnitude, LJAT-like data, one, two and three hidden layers",
    {"late_gradient_norm": PUBLISHED},
    ljat_ensembles,
    compute,
    describe,
    draw,
)
