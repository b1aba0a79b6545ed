"""Observables of an ensemble by name, as computed by the command `observe`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynamics.aging_times import compare_curve_scaling, second_regime
from dynamics.displacement import (
    displacement_modulo_symmetry,
    layer_displacement,
    mean_square_displacement,
    non_gaussian,
    output_displacement,
    susceptibility,
    van_hove,
)
from dynamics.observables._descriptions import (
    Exponents,
    describe_alignment,
    describe_alpha_2,
    describe_chi_4,
    describe_curves,
    describe_gradients,
    describe_layers,
    describe_onsets,
    describe_outputs,
    describe_overlap,
    describe_scaling,
    describe_second_regime,
    describe_symmetric,
    describe_tails,
    describe_van_hove,
)
from dynamics.observables._minibatches import minibatch_gradients
from dynamics.observables._onset import Onsets, onset_from_alignment, onset_from_loss
from dynamics.observables._overlap import replica_overlap
from dynamics.observables._phases import update_alignment
from dynamics.observables._tails import noise_tails
from dynamics.runs import Trajectories, check_described
from landscape.datasets import Dataset
from landscape.losses import TorchLoss
from landscape.support import RNG, seed_of

CUTOFF = 0.1  # distance within which a parameter has stayed: the square root of the threshold 1e-2
SEPARATIONS = (1, 2, 4)  # steps between updates for which the default lags have the snapshots


@dataclass(frozen=True, eq=False)
class Request:
    """The input of observables."""

    runs: Trajectories
    data: Dataset | None
    other: Trajectories | None
    separations: Sequence[int]
    seed: int
    module: TorchLoss | None = None

    @property
    def has_network(self) -> bool:
        """Whether the network is known, or the module."""
        return bool(self.runs.layer_sizes) or self.module is not None

    @property
    def has_symmetries(self) -> bool:
        """Whether symmetries are known."""
        return self.runs.symmetries is not None

    @property
    def training_data(self) -> Dataset:
        """The data, or a ValueError."""
        if self.data is None:
            check_described(self.runs)
            msg = "data must be given for outputs, gradients and tail-index"
            raise ValueError(msg)
        return self.data

    @property
    def second(self) -> Trajectories:
        """The other ensemble, or a ValueError."""
        if self.other is None:
            msg = "other must be given for overlap: the runs to compare with"
            raise ValueError(msg)
        return self.other

    @property
    def records_updates(self) -> bool:
        """Whether two updates of one step, apart by one of the separations, were recorded."""
        steps = self.runs.steps
        begins = steps[np.isin(steps + 1, steps)]
        return any(np.isin(begins + s, begins).any() for s in self.separations)

    @property
    def has_curves(self) -> bool:
        """Whether anybody recorded a loss."""
        return bool((self.runs.curve_steps >= 1).sum() >= 3)

    @property
    def has_several(self) -> bool:
        """Whether there are at least two runs."""
        return self.runs.replicas > 1

    @property
    def has_snapshots(self) -> bool:
        """Whether all runs have both snapshots of a pair."""
        steps, runs = self.runs.steps[self.runs.recorded.all(axis=0)], self.runs
        ends = runs.waiting_times[:, None] + runs.lags
        return bool((np.isin(ends, steps) & np.isin(runs.waiting_times, steps)[:, None]).any())

    @property
    def has_parameters(self) -> bool:
        """Whether parameters have names."""
        return bool(self.runs.parameters)


def _curves(request: Request) -> Trajectories:
    if not request.runs.curve_steps.size:
        msg = f"runs must have curves of their loss for curves; nobody recorded any of {request.runs.source}"
        raise ValueError(msg)
    return request.runs


def _onsets(request: Request) -> Onsets:
    alignment = None
    if request.records_updates:
        alignment = onset_from_alignment(update_alignment(request.runs, request.separations), rng=request.seed)
    return Onsets(onset_from_loss(request.runs, rng=request.seed), alignment)


def _gradients(request: Request) -> Any:
    runs = request.runs
    steps = np.unique([*runs.waiting_times, runs.steps[-1]])
    return minibatch_gradients(runs, request.training_data, rng=request.seed, steps=steps, module=request.module)


@dataclass(frozen=True)
class Observable:
    """One entry of `OBSERVABLES`.

    Parameters
    ----------
    compute : callable (Request) -> result
        Mostly a call of one function of this package.
    describe : callable (result, exponents) -> dict
        Its numbers for `agescape observe --json`; ``exponents(msd)`` gives t* and mu of a displacement.
    plot : str
        Name of the function (result, ax) of `dynamics.plots` that draws it. By name, so that matplotlib is imported
        only where something is drawn.
    needs : tuple of str
        What of a `Request` must be there: "data", "other" (runs), "records_updates", "has_curves", "has_network",
        "has_symmetries", "has_parameters", "has_several" (runs), "has_snapshots" (of pairs).
    """

    compute: Callable[[Request], Any]
    describe: Callable[[Any, Exponents], dict[str, Any]]
    plot: str
    needs: tuple[str, ...] = ()

    def possible(self, request: Request) -> bool:
        """Whether the request has what it needs."""
        return all(getattr(request, name) not in (None, False) for name in self.needs)


OBSERVABLES: dict[str, Observable] = {
    "curves": Observable(_curves, describe_curves, "plot_test_loss", needs=("has_curves",)),
    "layers": Observable(
        lambda request: layer_displacement(request.runs), describe_layers, "plot_layers", needs=("has_parameters",)
    ),
    "modulo-symmetry": Observable(
        lambda request: displacement_modulo_symmetry(request.runs),
        describe_symmetric,
        "plot_symmetric",
        needs=("has_symmetries",),
    ),
    "outputs": Observable(
        lambda request: output_displacement(request.runs, request.training_data, module=request.module),
        describe_outputs,
        "plot_outputs",
        needs=("data", "has_network"),
    ),
    "alpha2": Observable(lambda request: non_gaussian(request.runs), describe_alpha_2, "plot_alpha_2"),
    "second-regime": Observable(
        lambda request: second_regime(mean_square_displacement(request.runs), rng=request.seed),
        describe_second_regime,
        "plot_second_regime",
    ),
    "scaling": Observable(
        lambda request: compare_curve_scaling(mean_square_displacement(request.runs), rng=request.seed),
        describe_scaling,
        "plot_scaling",
    ),
    "chi4": Observable(
        lambda request: susceptibility(request.runs, CUTOFF if request.has_snapshots else None, rng=request.seed),
        describe_chi_4,
        "plot_chi_4",
        needs=("has_several",),
    ),
    "van-hove": Observable(
        lambda request: van_hove(request.runs), describe_van_hove, "plot_van_hove", needs=("has_snapshots",)
    ),
    "overlap": Observable(
        lambda request: replica_overlap(request.runs, request.second, modulo_symmetry=True),
        describe_overlap,
        "plot_overlap",
        needs=("other",),
    ),
    "alignment": Observable(
        lambda request: update_alignment(request.runs, request.separations),
        describe_alignment,
        "plot_alignment",
        needs=("records_updates",),
    ),
    "onset": Observable(_onsets, describe_onsets, "plot_onsets", needs=("has_curves",)),
    "gradients": Observable(_gradients, describe_gradients, "plot_gradients", needs=("data", "has_network")),
    "tail-index": Observable(
        lambda request: noise_tails(request.runs, request.training_data, rng=request.seed, module=request.module),
        describe_tails,
        "plot_tails",
        needs=("data", "has_network"),
    ),
}
"""All observables by name. To add one: a function that computes it here, one in `dynamics.plots` that draws it, and an
entry; the command `observe`, its help, `--json` and figures follow."""


def observe(
    runs: Trajectories,
    what: Sequence[str] | None = None,
    *,
    data: Dataset | None = None,
    other: Trajectories | None = None,
    separations: Sequence[int] = SEPARATIONS,
    rng: RNG = 0,
    module: TorchLoss | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, Any]:
    """Compute observables by name, in the given order.

    Parameters
    ----------
    runs : Trajectories
    what : sequence of str, optional
        From "curves" (the runs themselves), "layers" (`layer_displacement`), "modulo-symmetry"
        (`displacement_modulo_symmetry`), "outputs" (`output_displacement`: probabilities, training rows), "alpha2"
        (`non_gaussian`), "second-regime" (`second_regime`), "scaling" (`compare_curve_scaling`), "chi4"
        (`susceptibility` of the overlap with a cutoff of 0.1; of the displacement without snapshots), "van-hove"
        (`van_hove`), "overlap" (`replica_overlap` with `other`, modulo symmetry too), "alignment"
        (`update_alignment`), "onset" (`Onsets`), "gradients" (`minibatch_gradients`) and "tail-index" (`noise_tails`),
        both at the waiting times and the last step. By default all whose input is available: data, the other runs, at
        least two runs, snapshots of pairs and of updates, curves, a known network or module, its symmetries, names of
        the parameters.
    data : Dataset, optional
        The data of the runs.
    other : Trajectories, optional
        The other runs, for "overlap".
    separations : sequence of int
        Steps between updates, for "alignment" and "onset".
    rng : None, int or Generator
        Seed of the minibatches of "gradients" and of the bootstrap of "onset".
    module : TorchLoss, optional
        The loss of the runs, if they are those of a torch module, for "outputs" and "gradients".
    progress : callable (done, total), optional

    Raises
    ------
    ValueError
        If there is no such observable, or something it needs is missing.
    """
    request = Request(runs, data, other, separations, seed_of(rng), module)
    possible = [name for name, entry in OBSERVABLES.items() if entry.possible(request)]
    wanted = possible if what is None else list(dict.fromkeys(what))
    if not wanted or (unknown := [name for name in wanted if name not in OBSERVABLES]):
        msg = (
            f"what must name some of {', '.join(OBSERVABLES)}; got {unknown[0]!r}"
            if wanted
            else "what must not be empty"
        )
        raise ValueError(msg)
    results = {}
    for k, name in enumerate(wanted):
        results[name] = OBSERVABLES[name].compute(request)
        if progress is not None:
            progress(k + 1, len(wanted))
    return results
