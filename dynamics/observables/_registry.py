"""Observables of an ensemble by name, as computed by the command `observe`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynamics.displacement import displacement_modulo_symmetry, layer_displacement, non_gaussian, output_displacement
from dynamics.observables._minibatches import minibatch_gradients
from dynamics.observables._onset import Onset, onset_from_alignment, onset_from_loss
from dynamics.observables._overlap import replica_overlap
from dynamics.observables._phases import update_alignment
from dynamics.runs import Trajectories
from landscape.datasets import Dataset

SEPARATIONS = (1, 2, 4)  # steps between updates for which the default lags have the snapshots


@dataclass(frozen=True, eq=False)
class Onsets:
    """Onset of the slow phase by both criteria; `alignment` is None if no updates were recorded."""

    loss: Onset
    alignment: Onset | None


@dataclass(frozen=True, eq=False)
class Request:
    """The input of observables."""

    runs: Trajectories
    data: Dataset | None
    other: Trajectories | None
    separations: Sequence[int]
    seed: int

    @property
    def training_data(self) -> Dataset:
        """The data, or a ValueError."""
        if self.data is None:
            msg = "data must be given for outputs and gradients"
            raise ValueError(msg)
        return self.data

    @property
    def second(self) -> Trajectories:
        """The other ensemble, or a ValueError."""
        if self.other is None:
            msg = "other runs must be given for overlap"
            raise ValueError(msg)
        return self.other

    @property
    def records_updates(self) -> bool:
        """Whether two updates of one step, apart by one of the separations, were recorded."""
        steps = self.runs.steps
        begins = steps[np.isin(steps + 1, steps)]
        return any(np.isin(begins + s, begins).any() for s in self.separations)


def _onsets(request: Request) -> Onsets:
    alignment = None
    if request.records_updates:
        alignment = onset_from_alignment(update_alignment(request.runs, request.separations), seed=request.seed)
    return Onsets(onset_from_loss(request.runs, seed=request.seed), alignment)


def _gradients(request: Request) -> Any:
    runs = request.runs
    steps = np.unique([*runs.waiting_times, runs.steps[-1]])
    return minibatch_gradients(runs, request.training_data, np.random.default_rng(request.seed), steps=steps)


OBSERVABLES: dict[str, Callable[[Request], Any]] = {
    "curves": lambda request: request.runs,
    "layers": lambda request: layer_displacement(request.runs),
    "modulo-symmetry": lambda request: displacement_modulo_symmetry(request.runs),
    "outputs": lambda request: output_displacement(request.runs, request.training_data),
    "alpha2": lambda request: non_gaussian(request.runs),
    "overlap": lambda request: replica_overlap(request.runs, request.second, modulo_symmetry=True),
    "alignment": lambda request: update_alignment(request.runs, request.separations),
    "onset": _onsets,
    "gradients": _gradients,
}


def observe(
    runs: Trajectories,
    what: Sequence[str] | None = None,
    *,
    data: Dataset | None = None,
    other: Trajectories | None = None,
    separations: Sequence[int] = SEPARATIONS,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, Any]:
    """Compute observables by name, in the given order.

    Parameters
    ----------
    runs : Trajectories
    what : sequence of str, optional
        From "curves" (the runs themselves), "layers" (`layer_displacement`), "modulo-symmetry"
        (`displacement_modulo_symmetry`), "outputs" (`output_displacement`: probabilities, training rows), "alpha2"
        (`non_gaussian`), "overlap" (`replica_overlap` with `other`, modulo symmetry too), "alignment"
        (`update_alignment`), "onset" (`Onsets`) and "gradients" (`minibatch_gradients`, at the waiting times and the
        last step). By default all whose input is available: data, the other runs, snapshots of updates.
    data : Dataset, optional
        The data of the runs.
    other : Trajectories, optional
        The other runs, for "overlap".
    separations : sequence of int
        Steps between updates, for "alignment" and "onset".
    seed : int
        Seed of the minibatches of "gradients" and of the bootstrap of "onset".
    progress : callable (done, total), optional

    Raises
    ------
    ValueError
        If there is no such observable, or something it needs is missing.
    """
    request = Request(runs, data, other, separations, seed)
    wanted = _possible(request) if what is None else list(dict.fromkeys(what))
    if not wanted or (unknown := [name for name in wanted if name not in OBSERVABLES]):
        msg = (
            f"what must name some of {', '.join(OBSERVABLES)}; got {unknown[0]!r}"
            if wanted
            else "what must not be empty"
        )
        raise ValueError(msg)
    results = {}
    for k, name in enumerate(wanted):
        results[name] = OBSERVABLES[name](request)
        if progress is not None:
            progress(k + 1, len(wanted))
    return results


def _possible(request: Request) -> list[str]:
    lacking: set[str] = set()
    if request.data is None:
        lacking |= {"outputs", "gradients"}
    if request.other is None:
        lacking |= {"overlap"}
    if not request.records_updates:
        lacking |= {"alignment"}
    return [name for name in OBSERVABLES if name not in lacking]
