"""What the commands `train` and `age` do and say with several realizations of a data set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.commands._curves import displacement_in
from bridge.commands._options import describe_metadata, describe_runs
from dynamics.aging_times import Average, ExponentSpread, Realizations, compare_realizations
from dynamics.runs import Trajectories
from dynamics.statistics import NOT_NEGATIVE, ZERO_TO_ONE, mean_over_runs
from dynamics.training import ModuleLoss
from landscape.datasets import maker_of
from landscape.losses import MLPLoss
from landscape.support import about, in_numbers

GENERATED = ("ljat", "mnist", "teacher")  # data sets that have a seed
FINAL = {
    "final_loss": "loss",
    "final_accuracy": "accuracy",
    "final_test_loss": "test_loss",
    "final_test_accuracy": "test_accuracy",
}
R_SQUARED = ("final_r_squared", "final_test_r_squared")  # of a regression, instead of accuracies
LIMITS = {key: ZERO_TO_ONE if "accuracy" in key else NOT_NEGATIVE for key in FINAL}
LIMITS |= dict.fromkeys(R_SQUARED, (-np.inf, 1.0))


def realization_files(output: Path, dataset: str, first: int, number: int | None) -> dict[int, Path]:
    """File of each data set's seed: `output` itself where no `number` of realizations is given."""
    if number is None:
        return {first: output}
    if maker_of(dataset) not in GENERATED:
        msg = f"--dataset-seeds needs a data set that has realizations, {' or '.join(GENERATED)}; got {dataset!r}"
        raise ValueError(msg)
    return {k: output.with_name(f"{output.stem}-seed{k}{output.suffix}") for k in range(first, first + number)}


def describe_ensemble(runs: Trajectories, file: Path, loss: MLPLoss | ModuleLoss) -> dict[str, Any]:
    """What train says of one file: means over the runs at the last step with their intervals; nan without test rows.

    Of a regression that is R^2 (of the last snapshots, relative to the mean of the same rows) and no accuracy.

    `loss_rose` is the number of runs whose loss ends above that of their start: of a learning rate that is too large,
    before numbers overflow and `train` refuses the run as diverged.
    """
    ends = {key: np.asarray(getattr(runs, curve))[:, -1] for key, curve in FINAL.items()}
    if loss.data.is_regression:
        ends = {key: values for key, values in ends.items() if "accuracy" not in key}
        ends |= {key: _r_squared(runs, loss, test="test" in key) for key in R_SQUARED}
    finals = in_numbers({key: mean_over_runs(values, within=LIMITS[key]) for key, values in ends.items()})
    risen = int((runs.loss[:, -1] > runs.loss[:, 0]).sum())
    return {"replicas": runs.replicas, "steps": int(runs.steps[-1]), **finals, "loss_rose": risen, "output": file}


def _r_squared(runs: Trajectories, loss: MLPLoss | ModuleLoss, *, test: bool) -> NDArray[np.float64]:
    """R^2 (R,) of every run at the last step; nan if its parameters were not kept."""
    found = np.full(runs.replicas, np.nan)
    for r in np.flatnonzero(runs.recorded[:, -1]) if runs.steps.size else ():
        found[r] = loss.r_squared(np.asarray(runs.snapshots[r][-1], dtype=np.float64), test=test)
    return found


def describe_training(results: Sequence[Mapping[str, Any]], speed: float, *, several: bool) -> dict[str, Any]:
    """What train says: of its one file, or of several with the means over them and their intervals."""
    first = {"replica_steps_per_second": speed, **results[0]}
    if not several:
        return first
    given = [key for key in LIMITS if key in first]
    means = in_numbers({key: mean_over_runs([result[key] for result in results], within=LIMITS[key]) for key in given})
    files = [result["output"] for result in results]
    means["loss_rose"] = sum(result["loss_rose"] for result in results)
    return {**first, **means, "output": files[0].parent, "files": files, "realizations": list(results)}


def load_realizations(
    paths: Sequence[Path], threshold: float, from_waiting_time: float, seed: int, *, average: Average
) -> tuple[Realizations, list[Mapping[str, Any]]]:
    """Compare the ensembles in these files; with the metadata of each."""
    displacements = [displacement_in(path) for path in paths]
    with about(", ".join(map(str, paths))):
        result = compare_realizations(
            displacements, threshold, average=average, from_waiting_time=from_waiting_time, rng=seed
        )
    return result, [msd.metadata for msd in displacements]


def describe_realizations(
    result: Realizations, paths: Sequence[Path], metadata: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What age says of several files."""
    mu, later = result.mu, result.later_mu
    rows = [
        {
            "file": path,
            **describe_metadata(metadata[d].get("data", {})),
            "replicas": int(result.replicas[d]),
            "t_star": result.t_star[d],
            **_one(mu, d, "mu"),
            **_one(later, d, "later_mu"),
        }
        for d, path in enumerate(paths)
    ]
    shared = describe_runs(metadata[0])
    return {
        "waiting_times": result.waiting_times,
        "average": result.average,
        "t_star": np.exp(np.log(result.t_star).mean(axis=0)),
        **_all(mu, "mu"),
        "from_waiting_time": result.from_waiting_time,
        "later_waiting_times": result.later_waiting_times,
        **_all(later, "later_mu"),
        "crossover": None,
        "threshold": result.threshold,
        "confidence": result.confidence,
        "realizations": rows,
        "status": str(result.status),
        **shared,
        "dataset_seed": [row["dataset_seed"] for row in rows],
    }


def _one(spread: ExponentSpread, d: int, name: str) -> dict[str, float]:
    parts = {
        "": spread.each.value,
        "_low": spread.each.low,
        "_high": spread.each.high,
        "_run_sd": spread.run_sd,
        "_p_value": spread.p_value,
    }
    return {name + suffix: float(values[d]) for suffix, values in parts.items()}


def _all(spread: ExponentSpread, name: str) -> dict[str, float]:
    parts = {
        "": spread.mean.value,
        "_low": spread.mean.low,
        "_high": spread.mean.high,
        "_sd": spread.sd,
        "_standard_error": spread.standard_error,
        "_within_sd": spread.within_sd,
        "_between_sd": spread.between_sd,
        "_realizations": spread.number,
    }
    return {name + suffix: value for suffix, value in parts.items()}
