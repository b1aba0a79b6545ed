"""Beyond the paper: whether one scaling form describes both regimes, and how much runs and parameters differ."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bridge.figures._base import PaperFigure, panels_of_ensembles
from bridge.figures._curves import ljat_ensembles, mnist_ensembles
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._work import Work
from bridge.plots import panel_name
from dynamics.aging_times import CurveScaling, SecondRegime, aging, compare_curve_scaling, second_regime
from dynamics.displacement import (
    NonGaussian,
    Susceptibility,
    VanHove,
    mean_square_displacement,
    non_gaussian,
    susceptibility,
    van_hove,
)
from dynamics.observables import NoiseTails, noise_tails
from dynamics.plots import plot_chi_4, plot_scaling, plot_van_hove
from dynamics.runs import Trajectories
from landscape.plots import Size, draw_panels
from landscape.support import in_numbers

MOST_RUNS = 10  # of which minibatches are drawn
CUTOFF = 0.1  # distance within which a parameter has stayed: the square root of the threshold of figure 2
THRESHOLDS = {"ljat": 1e-2, "mnist": 1e-3}


def ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Those of figures 2 and 5."""
    return (*ljat_ensembles(scale), *mnist_ensembles(scale))


def _label(ensemble: Ensemble) -> str:
    return f"{ensemble.dataset} {ensemble.label}"


@dataclass(frozen=True, eq=False)
class ScalingFigure:
    """Both regimes of E ensembles."""

    labels: tuple[str, ...]
    scalings: tuple[CurveScaling, ...]
    regimes: tuple[SecondRegime, ...]


def compute_scaling(work: Work, ensembles: tuple[Ensemble, ...]) -> ScalingFigure:
    """The analysis of the mean displacement of every ensemble."""
    msds = [mean_square_displacement(work.runs(ensemble)) for ensemble in ensembles]
    return ScalingFigure(
        tuple(map(_label, ensembles)),
        tuple(compare_curve_scaling(msd, rng=work.seed) for msd in msds),
        tuple(second_regime(msd, rng=work.seed) for msd in msds),
    )


def describe_scaling(result: ScalingFigure) -> dict[str, Any]:
    """Errors of all forms, exponents, departures and late slopes."""
    ours: dict[str, Any] = {"ensembles": result.labels, "forms": result.scalings[0].names}
    for k, name in enumerate(result.scalings[0].names):
        found = [(one.error.value[k], one.mu.value[k], one.mu.low[k], one.mu.high[k]) for one in result.scalings]
        error, mu, low, high = (list(column) for column in zip(*found, strict=True))
        p_value = [one.p_value[k] for one in result.scalings]
        second = [one.second.value[k] for one in result.scalings]
        ends = [one.second.interval for one in result.scalings]
        ours[name.replace(" ", "_")] = {
            "error": error,
            "noise": [one.noise[k] for one in result.scalings],
            "p_value": p_value,
            "mu": mu,
            "mu_low": low,
            "mu_high": high,
            "second": second,
            "second_low": [low[k] for low, _ in ends],
            "second_high": [high[k] for _, high in ends],
        }
    ours |= {"best": [one.best for one in result.scalings], "window": result.scalings[0].window}
    ours |= {"supported": [", ".join(one.supported) or "none" for one in result.scalings]}
    return ours | _described_regimes(result.regimes)


def _described_regimes(regimes: tuple[SecondRegime, ...]) -> dict[str, Any]:
    """Departures and what is behind them."""
    return {
        "nu": [one.nu.value for one in regimes],
        "nu_low": [one.nu.low for one in regimes],
        "nu_high": [one.nu.high for one in regimes],
        "nu_p_value": [one.nu_p_value for one in regimes],
        "departure": [one.departure.value for one in regimes],
        "departure_interval": [np.stack(one.departure.interval, axis=-1) for one in regimes],
        "displacement": [one.displacement.value for one in regimes],
        "largest_slope": [one.largest_slope.value for one in regimes],
        "late_slope": [one.late_slope.value for one in regimes],
        "late_p_value": [one.late_p_value for one in regimes],
        "late_misfit": [one.late_misfit for one in regimes],
        "diffusion_at_departure": [_at_departure(one) for one in regimes],
    }


def _at_departure(regime: SecondRegime) -> list[float]:
    """D(tw, t) where each curve leaves the first regime: half of the displacement over the lag, the slope being 1."""
    return list(0.5 * regime.level * regime.displacement.value / regime.departure.value)


def draw_scaling(result: ScalingFigure, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Errors of the predictions, a panel per ensemble."""
    functions = {
        panel_name(label): partial(_draw_scaling, scaling, label)
        for label, scaling in zip(result.labels, result.scalings, strict=True)
    }
    return draw_panels(functions, panels, columns=3, panel=(4.4, 3.4), size=size)


def _draw_scaling(scaling: CurveScaling, label: str, ax: Axes) -> None:
    """One panel; its legend is that of all, so that one of them has it."""
    others = [one.get_legend() for one in ax.get_figure(root=True).axes if one is not ax]  # pyright: ignore
    _titled(plot_scaling, scaling, label, ax)
    legend = ax.get_legend()
    if legend is not None and any(others):
        legend.remove()


def _titled(plot: Callable[[Any, Axes], Axes], found: Any, label: str, ax: Axes) -> None:
    """One panel, with the name of its runs."""
    title = plot(found, ax).get_title()
    ax.set_title(f"{label}, {title}" if title else label, fontsize="medium")


@dataclass(frozen=True, eq=False)
class FluctuationsFigure:
    """Fluctuations of E ensembles; displacements alone where no snapshots of pairs were kept."""

    labels: tuple[str, ...]
    replicas: tuple[int, ...]
    parameters: tuple[int, ...]
    overlaps: tuple[Susceptibility | None, ...]
    displacements: tuple[Susceptibility, ...]
    moments: tuple[NonGaussian, ...]
    distributions: tuple[VanHove | None, ...]
    single: tuple[VanHove | None, ...]
    t_star: tuple[np.ndarray, ...]
    tails: tuple[NoiseTails | None, ...]


def compute_fluctuations(work: Work, ensembles: tuple[Ensemble, ...]) -> FluctuationsFigure:
    """Susceptibilities, non-Gaussian parameters and distributions of every ensemble."""
    runs = [work.runs(ensemble) for ensemble in ensembles]
    kept = [one.displacement is None for one in runs]
    return FluctuationsFigure(
        tuple(map(_label, ensembles)),
        tuple(one.replicas for one in runs),
        tuple(one.n_parameters for one in runs),
        tuple(
            susceptibility(one, CUTOFF, rng=work.seed) if all_ else None for one, all_ in zip(runs, kept, strict=True)
        ),
        tuple(susceptibility(one, rng=work.seed) for one in runs),
        tuple(non_gaussian(one) for one in runs),
        tuple(van_hove(one) if all_ else None for one, all_ in zip(runs, kept, strict=True)),
        tuple(van_hove(one, "run") if all_ else None for one, all_ in zip(runs, kept, strict=True)),
        tuple(
            aging(mean_square_displacement(one), THRESHOLDS[ensemble.dataset], rng=work.seed).t_star.value
            for one, ensemble in zip(runs, ensembles, strict=True)
        ),
        tuple(
            _tails(work, one, ensemble) if all_ else None
            for one, ensemble, all_ in zip(runs, ensembles, kept, strict=True)
        ),
    )


def _tails(work: Work, runs: Trajectories, ensemble: Ensemble) -> NoiseTails:
    """Tail index of the noise of a row, a tenth of a minibatch and a minibatch, at the last step of the first runs."""
    sizes = np.unique([1, max(1, ensemble.batch_size // 10), ensemble.batch_size])
    few = runs.at_most(MOST_RUNS)
    return noise_tails(few, work.data(ensemble), rng=work.seed, batch_sizes=sizes, steps=[few.last_step])


def describe_fluctuations(result: FluctuationsFigure) -> dict[str, Any]:
    """Largest susceptibilities, and the shape of the distribution at t*."""
    ours: dict[str, Any] = {
        "ensembles": result.labels,
        "replicas": result.replicas,
        "parameters": result.parameters,
        "cutoff": CUTOFF,
        "t_star": list(result.t_star),
    }
    ours["displacement"] = [_described_chi(one) for one in result.displacements]
    alpha = [one.estimate() for one in result.moments]
    at = [_nearest(one.lags, t_star) for one, t_star in zip(result.moments, result.t_star, strict=True)]
    ours["chi_at_t_star"] = [_pick(one.chi.value, k) for one, k in zip(result.displacements, at, strict=True)]
    for name, part in (("value", "alpha2"), ("low", "alpha2_low"), ("high", "alpha2_high")):
        ours[part] = [_pick(getattr(one, name), k) for one, k in zip(alpha, at, strict=True)]
    ours["alpha2_of_runs"] = [
        list(np.median([_pick(run, k) for run in one.alpha_2_runs], axis=0))
        for one, k in zip(result.moments, at, strict=True)
    ]
    ours["with_snapshots"] = _described_single(result, at)
    return in_numbers(ours)


def _described_single(result: FluctuationsFigure, at: Sequence[Sequence[int]]) -> dict[str, Any]:
    """What is measured where snapshots of pairs were kept: the overlap, the distribution at t*, the tail index."""
    kept = [k for k, one in enumerate(result.overlaps) if one is not None]
    overlaps = [one for one in result.overlaps if one is not None]
    ours: dict[str, Any] = {"ensembles": [result.labels[k] for k in kept]}
    ours |= {name: [getattr(one, name).value for one in overlaps] for name in ("largest", "peak", "exponent")}
    ours |= {f"exponent_{end}": [getattr(one.exponent, end) for one in overlaps] for end in ("low", "high")}
    for name, found in (("", result.distributions), ("_run", result.single)):
        some = [(one, at[k]) for k, one in enumerate(found) if one is not None]
        ours[f"tail{name}"] = [_pick(one.tail.value, k) for one, k in some]
        ours[f"distance{name}"] = [_pick(one.distance, k) for one, k in some]
    for name, part in (("row", 0), ("tenth", 1), ("minibatch", 2)):
        index = [found.index() for found in result.tails if found is not None]
        for end, values in (("", "value"), ("_low", "low"), ("_high", "high")):
            ours[f"tail_index_{name}{end}"] = [getattr(one, values)[min(part, len(one.value) - 1), 0] for one in index]
    return ours


def _described_chi(found: Susceptibility) -> dict[str, Any]:
    """The largest values and how their lags move with age."""
    names = ("largest", "peak", "exponent", "exponent_p_value")
    return in_numbers({name: getattr(found, name) for name in names})


def _nearest(lags: np.ndarray, t_star: np.ndarray) -> list[int]:
    """Positions (W,) of the lags nearest to t*; -1 without a t*."""
    return [int(np.abs(np.log(lags / t)).argmin()) if np.isfinite(t) else -1 for t in t_star]


def _pick(values: np.ndarray, at: Sequence[int]) -> list[float]:
    """One value of each row of `values` (W, T); nan at -1."""
    return [float(row[k]) if k >= 0 else float("nan") for row, k in zip(values, at, strict=True)]


def draw_fluctuations(result: FluctuationsFigure, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Susceptibilities of every ensemble (of the displacement without snapshots), and distributions at the end."""
    functions = {
        panel_name(label): partial(_titled, plot_chi_4, of_all if overlap is None else overlap, label)
        for label, overlap, of_all in zip(result.labels, result.overlaps, result.displacements, strict=True)
    }
    functions |= {
        panel_name(f"{label} distribution"): partial(_titled, plot_van_hove, found, label)
        for label, found in zip(result.labels, result.distributions, strict=True)
        if found is not None
    }
    return draw_panels(functions, panels, columns=3, panel=(4.4, 3.6), size=size)


def _fluctuation_panels(ensembles: tuple[Ensemble, ...]) -> tuple[str, ...]:
    """Those of `draw_fluctuations`: distributions need snapshots of pairs."""
    kept = [_label(one) for one in ensembles if one.kept_snapshots == "all"]
    names = [*map(_label, ensembles), *(f"{label} distribution" for label in kept)]
    return tuple(dict.fromkeys(map(panel_name, names)))


SCALING = PaperFigure(
    "scaling",
    "beyond the paper: whether one scaling form describes both regimes, figures 2 and 5",
    (),
    ensembles,
    compute_scaling,
    describe_scaling,
    draw_scaling,
    panels_of_ensembles(label=_label),
)
FLUCTUATIONS = PaperFigure(
    "fluctuations",
    "beyond the paper: four-point susceptibility and distribution of displacements, figures 2 and 5",
    (),
    ensembles,
    compute_fluctuations,
    describe_fluctuations,
    draw_fluctuations,
    _fluctuation_panels,
    extra_seconds=lambda scale: 30.0,
)
