"""What is said of each observable in numbers: means over the runs, as plain dictionaries for JSON."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dynamics.displacement import LayerDisplacement, MeanSquareDisplacement, NonGaussian, SymmetricDisplacement
from dynamics.observables._minibatches import GradientMagnitudes
from dynamics.observables._onset import Onset, Onsets
from dynamics.observables._overlap import ReplicaOverlap
from dynamics.observables._phases import UpdateAlignment
from dynamics.runs import Trajectories

Exponents = Callable[[MeanSquareDisplacement], dict[str, Any]]  # what is said of t* and mu of a displacement


def describe_curves(runs: Trajectories, _: Exponents) -> dict[str, Any]:
    """Mean curves of the runs, and their last points."""
    names = ("loss", "accuracy", "test_loss", "test_accuracy", "gradient_norm")
    means = {name: np.asarray(getattr(runs, name)).mean(axis=0) for name in names}
    return {"steps": runs.curve_steps, **means} | {f"final_{name}": float(mean[-1]) for name, mean in means.items()}


def describe_layers(result: LayerDisplacement, exponents: Exponents) -> dict[str, Any]:
    """Displacement of every kernel and bias, t* and mu of each."""
    return {
        "names": result.names,
        "sizes": result.sizes,
        "displacement": np.moveaxis(result.values.mean(axis=0), -1, 0),
        "groups": {name: exponents(result.group(name)) for name in result.names},
    }


def describe_symmetric(result: SymmetricDisplacement, exponents: Exponents) -> dict[str, Any]:
    """Displacement modulo symmetry beside the plain one, t* and mu of the former."""
    return {
        "displacement": result.modulo.mean,
        "plain": result.plain.mean,
        "exchanged": result.exchanged,
        "exact": result.exact,
        **exponents(result.modulo),
    }


def describe_outputs(result: MeanSquareDisplacement, exponents: Exponents) -> dict[str, Any]:
    """Displacement of the outputs, t* and mu."""
    metadata = result.metadata
    space = {"space": metadata["displacement"], "data": metadata["displacement_rows"]}
    return {"displacement": result.mean, **space, **exponents(result)}


def describe_alpha_2(result: NonGaussian, _: Exponents) -> dict[str, Any]:
    """Non-Gaussian parameters and what they are made of."""
    return {
        "alpha2": result.alpha_2,
        "largest": np.fmax.reduce(result.alpha_2, axis=1),
        "standard_error": result.standard_error,
        "alpha2_lengths": result.alpha_2_lengths,
        "fourth_moment": result.fourth.mean(axis=0),
    }


def describe_overlap(result: ReplicaOverlap, _: Exponents) -> dict[str, Any]:
    """Mean distances and overlaps of the runs of two ensembles."""
    names = ("distance", "distance_modulo", "overlap")
    means = {name: getattr(result, name).mean(axis=0) for name in names}
    finals = {f"final_{name}": float(mean[-1]) for name, mean in means.items()}
    return {"steps": result.steps, **means, **finals, "correlation": result.correlation.mean(axis=0)}


def describe_alignment(result: UpdateAlignment, _: Exponents) -> dict[str, Any]:
    """Mean cosines of updates and their lengths."""
    names = ("steps", "separations", "stride", "mean", "standard_error")
    return {name: getattr(result, name) for name in names} | {"length": result.lengths.mean(axis=0)}


def describe_onsets(result: Onsets, _: Exponents) -> dict[str, Any]:
    """Onset of the slow phase by both criteria."""
    alignment = None if result.alignment is None else _onset(result.alignment)
    return {"from_loss": _onset(result.loss), "from_alignment": alignment}


def _onset(onset: Onset) -> dict[str, Any]:
    names = ("step", "low", "high", "level")
    return {name: getattr(onset, name) for name in names} | {"status": str(onset.status)}


def describe_gradients(result: GradientMagnitudes, _: Exponents) -> dict[str, Any]:
    """Mean norms of full and minibatch gradients."""
    means = {name: getattr(result, name).mean(axis=0) for name in ("full", "minibatch", "noise")}
    return {"steps": result.steps, **means, "batches": result.batches, "batch_size": result.batch_size}
