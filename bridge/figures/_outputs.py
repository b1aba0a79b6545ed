"""Beyond the paper: displacement of the outputs compared with that of the parameters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bridge.figures._base import PaperFigure, panels_of_ensembles
from bridge.figures._curves import ljat_ensembles
from bridge.figures._ensembles import Ensemble
from bridge.figures._work import Work
from bridge.plots import panel_name
from dynamics.aging_times import Aging, aging
from dynamics.displacement import MeanSquareDisplacement, mean_square_displacement, output_displacement
from dynamics.plots import COLORS, mu_bars, plot_msd
from landscape.plots import Size, draw_panels, legend_beside

THRESHOLD = 1e-2  # of the parameters
MOST_RUNS = 20
SHARE = 0.5  # of the smallest of the largest means: above single-step fluctuations, within reach of all


@dataclass(frozen=True, eq=False)
class OutputAging:
    """Aging of parameters and outputs (probabilities, training rows) of A architectures."""

    labels: tuple[str, ...]
    parameters: tuple[Aging, ...]
    outputs: tuple[Aging, ...]
    displacements: tuple[MeanSquareDisplacement, ...]  # of the outputs


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> OutputAging:
    """Both displacements of the first runs of every ensemble."""
    raw, moved = [], []
    for done, ensemble in enumerate(ensembles):
        runs = work.runs(ensemble).at_most(MOST_RUNS)
        raw.append(aging(mean_square_displacement(runs), THRESHOLD, rng=work.seed))
        moved.append(output_displacement(runs, work.data(ensemble)))
        work.progress("outputs", done + 1, len(ensembles))
    return OutputAging(
        tuple(ensemble.label for ensemble in ensembles),
        tuple(raw),
        tuple(aging(msd, _threshold(msd), rng=work.seed) for msd in moved),
        tuple(moved),
    )


def _threshold(msd: MeanSquareDisplacement) -> float:
    """One that the displacement of every waiting time reaches: half of the smallest of their largest means."""
    return float(SHARE * np.nanmax(msd.mean, axis=1).min())


def describe(result: OutputAging) -> dict[str, Any]:
    """t* and mu of both."""
    ours: dict[str, Any] = {"hidden": result.labels, "replicas": [msd.replicas for msd in result.displacements]}
    for name, fits in (("parameters", result.parameters), ("outputs", result.outputs)):
        ours[name] = {
            "threshold": [fit.threshold for fit in fits],
            "t_star": [fit.t_star.value for fit in fits],
            "mu": [fit.mu.value for fit in fits],
            "mu_low": [fit.mu.low for fit in fits],
            "mu_high": [fit.mu.high for fit in fits],
            "status": [str(fit.status) for fit in fits],
        }
    return ours


def draw(result: OutputAging, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Displacement of the outputs per architecture, and mu of both kinds."""
    functions: dict[str, Callable[[Axes], Any]] = {
        panel_name(label): partial(_draw_displacement, result, k) for k, label in enumerate(result.labels)
    }
    return draw_panels(functions | {"mu": partial(_draw_mu, result)}, panels, columns=4, panel=(4.0, 3.8), size=size)


def _draw_displacement(result: OutputAging, k: int, ax: Axes) -> None:
    plot_msd(result.displacements[k], ax, threshold=result.outputs[k].threshold)
    ylabel = r"displacement of the outputs $\Delta_\mathrm{out}(t_w, t)$"
    ax.set(ylabel=ylabel, title=f"hidden layers {result.labels[k]}")


def _draw_mu(result: OutputAging, ax: Axes) -> None:
    for k, (name, fits) in enumerate((("parameters", result.parameters), ("outputs", result.outputs))):
        mu = np.array([fit.mu.value for fit in fits])
        places = np.arange(mu.size) + 0.15 * k
        ax.errorbar(places, mu, yerr=mu_bars(fits), fmt="os"[k], color=COLORS[k], capsize=3, label=name)
    ax.set_xticks(range(len(result.labels)), result.labels)
    ax.set(xlabel="hidden layers", ylabel=r"exponent $\mu$ (95 %)")
    legend_beside(ax)


OUTPUTS = PaperFigure(
    "outputs",
    "beyond the paper: aging of the outputs and of the parameters",
    (),
    ljat_ensembles,
    compute,
    describe,
    draw,
    panels_of_ensembles("mu"),
    extra_seconds=lambda scale: 90.0 if scale == "paper" else 40.0,
)
