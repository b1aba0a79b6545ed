"""Figures 1 and 4: loss and accuracy against the step."""

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
from bridge.figures._said_of_loss import SAID_OF_FIG1, SAID_OF_FIG4
from bridge.figures._work import Work
from dynamics.plots import COLORS
from landscape.datasets import Dataset
from landscape.plots import Size, draw_panels, legend_beside

Array = NDArray[np.float64]

LJAT_HIDDEN = ((10,), (5, 5), (4, 4, 4))
MNIST_HIDDEN = ((5,), (5, 5), (5, 5, 5))
QUARTILES = (25, 75)
STYLES = ("-", "--", ":")  # of the paper, for one, two and three hidden layers
PLATEAU = 0.03  # nats around the loss of the best constant prediction
BOTTOM = 1000  # steps, where the paper sees the loss of the lowest minima


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
    classes : (K,)
        Shares of the classes in the training rows.
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
    classes: Array

    @property
    def constant_loss(self) -> float:
        """Cross-entropy of the best constant prediction, the entropy of the classes (nats)."""
        shares = self.classes[self.classes > 0]
        return float(-(shares * np.log(shares)).sum())

    @property
    def plateaus(self) -> Array:
        """First and last step (A, 2) with a loss within `PLATEAU` of that of the best constant prediction."""
        levels = self.constant_loss + PLATEAU, self.constant_loss - PLATEAU
        return np.array([[step_of_loss(self.steps, loss, level) for level in levels] for loss in self.loss])


def step_of_loss(steps: NDArray[np.int64], loss: Array, level: float) -> float:
    """First step (after the start) at which a loss is at most `level`, log-interpolated; nan if it never is."""
    below = np.flatnonzero(loss[1:] <= level)
    if not below.size:
        return float("nan")
    at = int(below[0]) + 1
    if at == 1:
        return float(steps[1])
    return float(np.exp(np.interp(-level, -loss[[at - 1, at]], np.log(steps[[at - 1, at]]))))


def class_shares(data: Dataset) -> Array:
    """Share of each class in the training rows, (K,)."""
    return np.bincount(data.labels) / data.rows


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
        classes=class_shares(work.data(ensembles[0])),
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
    ours |= {
        "highest_accuracy": curves.accuracy.max(axis=1),
        "largest_class": curves.classes.max(),
        "constant_loss": curves.constant_loss,
        "plateau": curves.plateaus,
        f"loss_at_{BOTTOM}": [np.interp(np.log(BOTTOM), np.log(curves.steps[1:]), loss[1:]) for loss in curves.loss],
        "decades_of_the_late_fall": np.log10(curves.steps[-1] / BOTTOM),
    }
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
        style = STYLES[k % len(STYLES)]
        ax.plot(curves.steps[1:], means[k][1:], style, color=COLORS[k], label=f"hidden layers {label}")
    ax.set(xscale="log", xlabel="time (steps)", ylabel=ylabel)
    legend_beside(ax)


FIG1 = PaperFigure(
    "fig1",
    "loss and accuracy, LJAT-like data, one, two and three hidden layers",
    SAID_OF_FIG1,
    ljat_ensembles,
    compute,
    describe,
    draw,
    panels_called("loss", "accuracy"),
)
FIG4 = PaperFigure(
    "fig4",
    "loss and accuracy, MNIST, one, two and three hidden layers of 5 units",
    SAID_OF_FIG4,
    mnist_ensembles,
    compute,
    describe,
    draw,
    panels_called("loss", "accuracy"),
)
