"""Figure A3: magnitude of the gradient against the step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.figures._base import PaperFigure, panels_called
from bridge.figures._curves import STYLES, ljat_ensembles
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._said_of_curvature import PUBLISHED_GRADIENTS, SAID_OF_FIGA3
from bridge.figures._work import Work
from dynamics.plots import COLORS
from dynamics.runs import Trajectories
from landscape.losses import CrossEntropyLoss
from landscape.plots import Size, draw_panels, legend_beside

Array = NDArray[np.float64]

LATE = 10_000  # steps, from which on the paper averages
EVERY = 199  # steps between two points after that: about 700, at all places within an epoch of 10 steps


def ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """The runs of figure 1 once more, with snapshots at evenly spaced steps from 10^4 on."""
    return tuple(replace(one, waiting_times=(LATE,), every=EVERY) for one in ljat_ensembles(scale))


@dataclass(frozen=True, eq=False)
class GradientCurves:
    """Norm of the full gradient of A architectures.

    Parameters
    ----------
    labels : tuple of str, (A,)
    steps : (C,) int64
        Log-spaced before step 10^4, from there on those of the snapshots.
    norms : (A, R, C)
        |grad L| over all training rows, penalty included.
    epoch : int
        Steps of an epoch: at its end, when every row was used once, the gradient is smaller than within it.
    """

    labels: tuple[str, ...]
    steps: NDArray[np.int64]
    norms: Array
    epoch: int

    @property
    def late(self) -> Array:
        """Root mean square over the steps from 10^4 on, of each run, (A, R)."""
        return np.sqrt((self.norms[..., self.steps >= LATE] ** 2).mean(axis=-1))

    def pooled(self, *, epoch_ends: bool = False) -> Array:
        """Root mean square (A,) over these steps and all runs; or over the ends of epochs alone, nan without one."""
        chosen = (self.steps >= LATE) & (not epoch_ends or self.steps % self.epoch == 0)
        squares = (self.norms[..., chosen] ** 2).sum(axis=(1, 2))
        return np.sqrt(squares / (chosen.sum() * self.norms.shape[1] or np.nan))


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> GradientCurves:
    """Gradient norms on the curves of the runs up to step 10^4, and at their snapshots beyond.

    The paper takes every step. Here the gradients of about 700 evenly spaced steps stand for them.

    Raises
    ------
    ValueError
        If the runs end before step 10^4.
    """
    if (last := min(ensemble.steps for ensemble in ensembles)) < LATE:
        msg = f"steps must be at least {LATE} for the gradient after that; got {last}"
        raise ValueError(msg)
    runs = [work.runs(ensemble) for ensemble in ensembles]
    early, late = runs[0].curve_steps < LATE, runs[0].steps >= LATE
    norms = []
    for done, (ensemble, part) in enumerate(zip(ensembles, runs, strict=True)):
        norms.append(np.hstack([part.gradient_norm[:, early], _norms(part, work.loss(ensemble), late)]))
        work.progress("gradients", done + 1, len(ensembles))
    steps = np.concatenate([runs[0].curve_steps[early], runs[0].steps[late]])
    labels, first = tuple(ensemble.label for ensemble in ensembles), ensembles[0]
    return GradientCurves(labels, steps, np.stack(norms), -(-work.data(first).rows // first.batch_size))


def _norms(runs: Trajectories, loss: CrossEntropyLoss, chosen: NDArray[np.bool_]) -> Array:
    """|grad L| at the chosen snapshots of every run, (R, number of these)."""
    points = (np.asarray(runs.snapshots[r], dtype=np.float64)[chosen] for r in range(runs.replicas))
    return np.array(
        [[np.linalg.norm(loss.value_and_gradient(theta)[1]) for theta in one] for one in points], np.float64
    )


def describe(curves: GradientCurves) -> dict[str, Any]:
    """Late root mean squares with their standard errors and standard deviations over the runs, and the curves."""
    late, steps = curves.late, curves.steps
    return {
        "hidden": curves.labels,
        "replicas": late.shape[1],
        "late_points": int((steps >= LATE).sum()),
        "late_gradient_rms": late.mean(axis=1),
        "late_gradient_rms_error": late.std(axis=1, ddof=1) / np.sqrt(late.shape[1]),
        "late_gradient_rms_deviation": late.std(axis=1, ddof=1),
        "late_gradient_rms_of_all_runs": curves.pooled(),
        "late_gradient_rms_at_ends_of_epochs": curves.pooled(epoch_ends=True),
        "late_gradient_mean": curves.norms[..., steps >= LATE].mean(axis=(1, 2)),
        "steps": steps,
        "gradient_norm": curves.norms.mean(axis=1),
    }


def draw(curves: GradientCurves, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """The norm against the step, of one run and its mean over the runs, published root mean squares dashed."""
    return draw_panels({"gradient": partial(_draw, curves)}, panels, panel=(6.2, 4.4), size=size)


def _draw(curves: GradientCurves, ax: Axes) -> None:
    steps = curves.steps[1:]
    for k, label in enumerate(curves.labels):
        ax.plot(steps, curves.norms[k][0, 1:], color=COLORS[k], alpha=0.3, linewidth=0.6)
        said = f"hidden layers {label}: {curves.late[k].mean():.3f} after $10^4$"
        ax.plot(steps, curves.norms[k].mean(axis=0)[1:], STYLES[k % len(STYLES)], color=COLORS[k], label=said)
    for k, value in enumerate(PUBLISHED_GRADIENTS[: len(curves.labels)]):
        ax.hlines(value, LATE, steps[-1], color="black", linestyle="--", linewidth=1, label="" if k else "published")
    ax.set(xscale="log", yscale="log", xlabel="time (steps)", ylabel=r"gradient $|\nabla L|$ (thin: one run)")
    legend_beside(ax)


FIGA3 = PaperFigure(
    "figA3",
    "gradient magnitude, LJAT-like data, one, two and three hidden layers",
    SAID_OF_FIGA3,
    ensembles,
    compute,
    describe,
    draw,
    panels_called("gradient"),
    extra_seconds=lambda scale: 30.0 if scale == "paper" else 5.0,
)
