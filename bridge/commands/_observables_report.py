"""What the command `observe` says of each observable: means over the runs, as plain dictionaries."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dynamics.aging_times import Aging, aging
from dynamics.displacement import LayerDisplacement, MeanSquareDisplacement, NonGaussian, SymmetricDisplacement
from dynamics.observables import GradientMagnitudes, Onset, Onsets, ReplicaOverlap, UpdateAlignment
from dynamics.runs import Trajectories


def describe_observable(name: str, result: Any, threshold: float, seed: int) -> dict[str, Any]:
    """The numbers of one result of `observe`; t* and mu are those of `threshold`."""

    def exponents(msd: MeanSquareDisplacement) -> dict[str, Any]:
        return describe_fit(aging(msd, threshold, rng=seed))

    return REPORTS[name](result, exponents)


def describe_fit(fit: Aging) -> dict[str, Any]:
    """t* and mu of a displacement in short."""
    names = ("t_star", "mu", "mu_low", "mu_high")
    return {name: getattr(fit, name) for name in names} | {"status": str(fit.status)}


Exponents = Callable[[MeanSquareDisplacement], dict[str, Any]]


def _curves(runs: Trajectories, _: Exponents) -> dict[str, Any]:
    names = ("loss", "accuracy", "test_loss", "test_accuracy", "gradient_norm")
    means = {name: np.asarray(getattr(runs, name)).mean(axis=0) for name in names}
    return {"steps": runs.curve_steps, **means} | {f"final_{name}": float(mean[-1]) for name, mean in means.items()}


def _layers(result: LayerDisplacement, exponents: Exponents) -> dict[str, Any]:
    return {
        "names": result.names,
        "sizes": result.sizes,
        "displacement": np.moveaxis(result.values.mean(axis=0), -1, 0),
        "groups": {name: exponents(result.group(name)) for name in result.names},
    }


def _symmetric(result: SymmetricDisplacement, exponents: Exponents) -> dict[str, Any]:
    return {
        "displacement": result.modulo.mean,
        "plain": result.plain.mean,
        "exchanged": result.exchanged,
        "exact": result.exact,
        **exponents(result.modulo),
    }


def _outputs(result: MeanSquareDisplacement, exponents: Exponents) -> dict[str, Any]:
    metadata = result.metadata
    space = {"space": metadata["displacement"], "data": metadata["displacement_rows"]}
    return {"displacement": result.mean, **space, **exponents(result)}


def _alpha_2(result: NonGaussian, _: Exponents) -> dict[str, Any]:
    return {
        "alpha2": result.alpha_2,
        "largest": np.fmax.reduce(result.alpha_2, axis=1),
        "standard_error": result.standard_error,
        "alpha2_lengths": result.alpha_2_lengths,
        "fourth_moment": result.fourth.mean(axis=0),
    }


def _overlap(result: ReplicaOverlap, _: Exponents) -> dict[str, Any]:
    names = ("distance", "distance_modulo", "overlap")
    means = {name: getattr(result, name).mean(axis=0) for name in names}
    finals = {f"final_{name}": float(mean[-1]) for name, mean in means.items()}
    return {"steps": result.steps, **means, **finals, "correlation": result.correlation.mean(axis=0)}


def _alignment(result: UpdateAlignment, _: Exponents) -> dict[str, Any]:
    names = ("steps", "separations", "stride", "mean", "standard_error")
    return {name: getattr(result, name) for name in names} | {"length": result.lengths.mean(axis=0)}


def _onsets(result: Onsets, _: Exponents) -> dict[str, Any]:
    alignment = None if result.alignment is None else _onset(result.alignment)
    return {"from_loss": _onset(result.loss), "from_alignment": alignment}


def _onset(onset: Onset) -> dict[str, Any]:
    names = ("step", "low", "high", "level")
    return {name: getattr(onset, name) for name in names} | {"status": str(onset.status)}


def _gradients(result: GradientMagnitudes, _: Exponents) -> dict[str, Any]:
    means = {name: getattr(result, name).mean(axis=0) for name in ("full", "minibatch", "noise")}
    return {"steps": result.steps, **means, "batches": result.batches, "batch_size": result.batch_size}


REPORTS: dict[str, Callable[[Any, Exponents], dict[str, Any]]] = {
    "curves": _curves,
    "layers": _layers,
    "modulo-symmetry": _symmetric,
    "outputs": _outputs,
    "alpha2": _alpha_2,
    "overlap": _overlap,
    "alignment": _alignment,
    "onset": _onsets,
    "gradients": _gradients,
}
