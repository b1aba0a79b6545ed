"""Figures 1 and 4: loss and accuracy against the step."""

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
from dynamics.plots import COLORS
from landscape.plots import Size, draw_panels, legend_beside

Array = NDArray[np.float64]

LJAT_HIDDEN = ((10,), (5, 5), (4, 4, 4))
MNIST_HIDDEN = ((5,), (5, 5), (5, 5, 5))
QUARTILES = (25, 75)


def ljat_ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """One, two and three hidden layers with about 70 parameters: 100 runs of 150000 steps in the paper."""
    replicas, steps = (100, 150_000) if scale == "paper" else (24, 30_000)
    return tuple(Ensemble(hidden, replicas, steps) for hidden in LJAT_HIDDEN)


def mnist_ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """One, two and three hidden layers of 5 units, B = 50: 50 runs of 300000 steps in the paper."""
    replicas, steps = (50, 300_000) if scale == "paper" else (6, 30_000)
    return tuple(Ensemble(hidden, replicas, steps, dataset="mnist", batch_size=50) for hidden in MNIST_HIDDEN)


@dataclass(frozen=True, eq=False)
class LossCurves:
    """Loss and accuracy of A architectures at C steps.

    Parameters
    ----------
    labels : tuple of str, (A,)
    steps : (C,) int64
    loss : (A, C)
        Training loss including its penalty (nats), mean over the runs.
    accuracy : (A, C)
        Accuracy on the training rows, mean over the runs.
    loss_quartiles : (A, 2, C)
        Quartiles of the loss over the runs.
    accuracy_quartiles : (A, 2, C)
        Quartiles of the accuracy over the runs.
    final_loss : (A, R)
        Training loss of each run at its last step.
    final_accuracy : (A, R)
        Training accuracy of each run at its last step.
    final_test_loss : (A, R)
        Test loss, without penalty, of each run at its last step.
    final_test_accuracy : (A, R)
        Test accuracy of each run at its last step.
    """

    labels: tuple[str, ...]
    steps: NDArray[np.int64]
    loss: Array
    accuracy: Array
    loss_quartiles: Array
    accuracy_quartiles: Array
    final_loss: Array
    final_accuracy: Array
    final_test_loss: Array
    final_test_accuracy: Array


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> LossCurves:
    """Curves of all ensembles."""
    runs = [work.runs(ensemble) for ensemble in ensembles]
    return LossCurves(
        labels=tuple(ensemble.label for ensemble in ensembles),
        steps=runs[0].curve_steps,
        loss=np.stack([r.loss.mean(axis=0) for r in runs]),
        accuracy=np.stack([r.accuracy.mean(axis=0) for r in runs]),
        loss_quartiles=np.stack([np.percentile(r.loss, QUARTILES, axis=0) for r in runs]),
        accuracy_quartiles=np.stack([np.percentile(r.accuracy, QUARTILES, axis=0) for r in runs]),
        final_loss=np.stack([r.loss[:, -1] for r in runs]),
        final_accuracy=np.stack([r.accuracy[:, -1] for r in runs]),
        final_test_loss=np.stack([r.test_loss[:, -1] for r in runs]),
        final_test_accuracy=np.stack([r.test_accuracy[:, -1] for r in runs]),
    )


def describe(curves: LossCurves) -> dict[str, Any]:
    """Means and standard errors at the end, and the curves."""
    ours: dict[str, Any] = {
        "hidden": curves.labels,
        "replicas": curves.final_loss.shape[1],
        "steps": int(curves.steps[-1]),
    }
    for name in ("final_loss", "final_accuracy", "final_test_loss", "final_test_accuracy"):
        values = getattr(curves, name)
        ours[name] = values.mean(axis=1)
        ours[f"{name}_error"] = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    ours["highest_loss_after_start"] = curves.loss[:, 1:].max(axis=1)
    return ours | {"curve_steps": curves.steps, "loss": curves.loss, "accuracy": curves.accuracy}


def draw(curves: LossCurves, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Loss and accuracy, a line per architecture with the quartiles of the runs."""
    functions = {
        "loss": partial(_draw_curves, curves, curves.loss, curves.loss_quartiles, "training loss (nats)"),
        "accuracy": partial(_draw_curves, curves, curves.accuracy, curves.accuracy_quartiles, "training accuracy"),
    }
    return draw_panels(functions, panels, columns=2, panel=(4.75, 3.8), size=size)


def _draw_curves(curves: LossCurves, means: Array, quartiles: Array, ylabel: str, ax: Axes) -> None:
    for k, label in enumerate(curves.labels):
        ax.fill_between(curves.steps[1:], *quartiles[k][:, 1:], color=COLORS[k], alpha=0.2, linewidth=0)
        ax.plot(curves.steps[1:], means[k][1:], color=COLORS[k], label=f"hidden layers {label}")
    ax.set(xscale="log", xlabel="time (steps)", ylabel=ylabel)
    legend_beside(ax)


FIG1 = PaperFigure(
    "fig1",
    "loss and accuracy, LJAT-like data, one, two and three hidden layers",
    {"plateau_loss": 0.8, "plateau_accuracy": 0.79},
    ljat_ensembles,
    compute,
    describe,
    draw,
)
FIG4 = PaperFigure(
    "fig4",
    "loss and accuracy, MNIST, one, two and three hidden layers of 5 units",
    {},
    mnist_ensembles,
    compute,
    describe,
    draw,
)
