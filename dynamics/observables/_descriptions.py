"""What is said of each observable in numbers: means over the runs with intervals, as plain dictionaries for JSON."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dynamics.aging_times import CurveScaling, SecondRegime
from dynamics.displacement import (
    LayerDisplacement,
    MeanSquareDisplacement,
    NonGaussian,
    Susceptibility,
    SymmetricDisplacement,
    VanHove,
    known_mean,
)
from dynamics.observables._minibatches import GradientMagnitudes
from dynamics.observables._onset import Onset, Onsets
from dynamics.observables._overlap import ReplicaOverlap
from dynamics.observables._phases import UpdateAlignment
from dynamics.observables._tails import NoiseTails
from dynamics.runs import Trajectories
from dynamics.statistics import NOT_NEGATIVE, ZERO_TO_ONE, mean_over_runs
from landscape.support import in_numbers

Exponents = Callable[[MeanSquareDisplacement], dict[str, Any]]  # what is said of t* and mu of a displacement


def describe_curves(runs: Trajectories, _: Exponents) -> dict[str, Any]:
    """Mean curves of the runs, and their last points."""
    names = ("loss", "accuracy", "test_loss", "test_accuracy", "gradient_norm")
    limits = {name: ZERO_TO_ONE if "accuracy" in name else NOT_NEGATIVE for name in names}
    means = {name: mean_over_runs(np.asarray(getattr(runs, name)), within=limits[name]) for name in names}
    return in_numbers({"steps": runs.curve_steps} | means | _finals(means))


def _finals(means: dict[str, Any]) -> dict[str, Any]:
    """Means (S,) at the last step."""
    return {f"final_{name}": mean.map(lambda values: float(values[-1])) for name, mean in means.items()}


def describe_layers(result: LayerDisplacement, exponents: Exponents) -> dict[str, Any]:
    """Displacement of every kernel and bias, t* and mu of each."""
    return {
        "names": result.names,
        "sizes": result.sizes,
        "displacement": np.moveaxis(known_mean(result.values), -1, 0),
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
    found = result.estimate()
    at = np.nan_to_num(found.value, nan=-np.inf).argmax(axis=1)
    return in_numbers({
        "alpha2": found,
        "largest": found.map(lambda values: values[np.arange(at.size), at]),
        "standard_error": result.standard_error,
        "alpha2_lengths": result.alpha_2_lengths,
        "fourth_moment": known_mean(result.fourth),
    })  # fmt: skip


def describe_second_regime(result: SecondRegime, _: Exponents) -> dict[str, Any]:
    """Where the curves leave the first regime, how they go on, and the diffusion coefficient."""
    names = ("largest_slope", "departure", "displacement", "nu", "nu_p_value")
    later = ("late_slope", "late_p_value", "late_misfit", "diffusion", "level")
    return in_numbers({name: getattr(result, name) for name in names + later}) | {"status": str(result.status)}


def describe_scaling(result: CurveScaling, _: Exponents) -> dict[str, Any]:
    """How well each form predicts a curve that it has not seen."""
    names = ("names", "mu", "second", "misfit", "error", "noise", "excess", "p_value", "points", "window")
    told = {"best": result.best, "supported": result.supported, "status": str(result.status)}
    return in_numbers({name: getattr(result, name) for name in names}) | told


def describe_chi_4(result: Susceptibility, _: Exponents) -> dict[str, Any]:
    """The susceptibility, its peaks and how they move with age."""
    names = ("cutoff", "chi", "largest", "peak", "exponent", "exponent_p_value")
    numbers = {name: getattr(result, name) for name in names} | {"mean": known_mean(result.values)}
    return in_numbers(numbers) | {"status": str(result.exponent.status)}


def describe_van_hove(result: VanHove, _: Exponents) -> dict[str, Any]:
    """The distribution of displacements, its tails and its distance from a Gaussian."""
    return in_numbers({
        "edges": result.edges,
        "density": result.density.value,
        "tail": result.tail,
        "distance": result.distance,
        "scale": result.scale,
    })  # fmt: skip


def describe_overlap(result: ReplicaOverlap, _: Exponents) -> dict[str, Any]:
    """Mean distances and overlaps of the runs of two ensembles."""
    names = ("distance", "distance_modulo", "overlap")
    means = {name: mean_over_runs(getattr(result, name)) for name in names}
    means_of_pairs = {"correlation": known_mean(result.correlation)}
    return in_numbers({"steps": result.steps} | means | _finals(means) | means_of_pairs)


def describe_alignment(result: UpdateAlignment, _: Exponents) -> dict[str, Any]:
    """Mean cosines of updates, at each step and over all of them, and their lengths."""
    names = ("steps", "separations", "stride", "standard_error")
    over_steps = mean_over_runs(np.moveaxis(result.values, -1, 0)).value
    means = {"mean": mean_over_runs(result.values), "mean_over_steps": mean_over_runs(over_steps)}
    return in_numbers({name: getattr(result, name) for name in names} | means | {"length": known_mean(result.lengths)})


def describe_onsets(result: Onsets, _: Exponents) -> dict[str, Any]:
    """Onset of the slow phase by both criteria."""
    alignment = None if result.alignment is None else _onset(result.alignment)
    return {"from_loss": _onset(result.loss), "from_alignment": alignment}


def _onset(onset: Onset) -> dict[str, Any]:
    step = onset.step
    numbers = {"step": step.value, "low": step.low, "high": step.high, "level": onset.level}
    return numbers | {"status": str(onset.status)}


def describe_gradients(result: GradientMagnitudes, _: Exponents) -> dict[str, Any]:
    """Mean norms of full and minibatch gradients."""
    means = {name: mean_over_runs(getattr(result, name)) for name in ("full", "minibatch", "noise")}
    return in_numbers({"steps": result.steps, **means, "batches": result.batches, "batch_size": result.batch_size})


def describe_tails(result: NoiseTails, _: Exponents) -> dict[str, Any]:
    """Tail index of the minibatch noise at each batch size and step."""
    names = ("steps", "batch_sizes", "block")
    return in_numbers({name: getattr(result, name) for name in names} | {"index": result.index()})
