"""Displacement of the network's outputs on the rows of a data set."""

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dynamics.displacement._msd import MeanSquareDisplacement
from dynamics.displacement._pairs import Pairs, pairs_of
from dynamics.runs import Trajectories
from landscape.datasets import Dataset
from landscape.losses import Head, TorchLoss, loss_kind
from landscape.networks import MLP
from landscape.support import one_thread

Array = NDArray[np.float64]
OutputSpace = Literal["probabilities", "logits"]

LARGEST = 2_000_000  # numbers at a time: outputs of all snapshots of a run on a part of the rows


def output_displacement(
    runs: Trajectories,
    data: Dataset,
    space: OutputSpace = "probabilities",
    *,
    test: bool = False,
    module: TorchLoss | None = None,
) -> MeanSquareDisplacement:
    """Two-time mean square displacement of the outputs, run by run.

    Delta_out(tw, t) = (1 / N) sum_n |y(x_n; tw + t) - y(x_n; tw)|^2: the mean over the N rows x_n of the squared
    distance in the space of the K outputs (a sum over the classes, not a mean). Symmetries do not matter, because
    images of a network have the same outputs, and its largest value for probabilities is 2. Runs are read one at a
    time, rows in parts. Defined here.

    Parameters
    ----------
    runs : Trajectories
        Runs with their snapshots.
    data : Dataset
        The data set on which the runs were trained.
    space : {"probabilities", "logits"}
        What the network predicts: softmax outputs, the probability of class 1 for the logistic loss, the outputs
        themselves for a squared error. Or the outputs before that; for cross-entropy minus their mean over the classes,
        because a common shift of all logits changes no prediction.
    test : bool
        True for the test rows instead of the training rows.
    module : TorchLoss, optional
        The loss of the runs, if they are those of a torch module.

    Returns
    -------
    MeanSquareDisplacement
        ``values`` (R, W, T) are the above, not divided by the number of parameters; its metadata say so under
        "displacement".

    Raises
    ------
    ValueError
        If no network made the runs, they were trained on other data, there are no such rows, or no run has the two
        snapshots of any waiting time and lag.
    """
    if space not in get_args(OutputSpace):
        msg = f"space must be one of {', '.join(get_args(OutputSpace))}; got {space!r}"
        raise ValueError(msg)
    check_data(runs, data)
    inputs = data.test_inputs if test else data.inputs
    if len(inputs) == 0:
        msg = "data must have test rows for test=True; they have none"
        raise ValueError(msg)
    network = runs.network if module is None else module
    head = loss_kind(runs.loss_name).head
    values = np.empty((runs.replicas, runs.waiting_times.size, runs.lags.size))
    for r, pairs in enumerate(pairs_of(runs)):
        theta = runs.snapshots_of(r).astype(np.float64)
        values[r] = pairs.on_grid(_mean_square_change(network, theta, pairs, inputs, space, head))
    said = "outputs" if head.name == "squared-error" else space
    metadata = dict(runs.metadata) | {"displacement": said, "displacement_rows": "test" if test else "training"}
    return MeanSquareDisplacement(runs.waiting_times, runs.lags, values, metadata, ~np.isnan(values))


def check_data(runs: Trajectories, data: Dataset) -> None:
    """Raise a ValueError if the runs were trained on other data, according to their metadata."""
    known = runs.metadata.get("data_sha256", data.sha256)
    if known != data.sha256:
        msg = f"data must be those of the runs, with sha256 {known}; got {data.sha256}"
        raise ValueError(msg)


def _mean_square_change(
    network: MLP | TorchLoss, theta: Array, pairs: Pairs, inputs: Array, space: OutputSpace, head: Head
) -> Array:
    """Mean over the rows of the squared change of the outputs, (K,), between pairs of the snapshots (S, P)."""
    total = np.zeros(pairs.start.size)
    if not total.size:  # a run may have no snapshots at all
        return total
    classes = network.logits(theta[0], inputs[:1]).shape[1]
    for rows in _parts(inputs, len(theta) * classes):
        outputs = np.array([_outputs(network, point, rows, space, head).ravel() for point in theta])
        # one difference at a time: all of them would need more memory than the outputs
        for k, (start, end) in enumerate(zip(pairs.start, pairs.end, strict=True)):
            change = outputs[end] - outputs[start]
            total[k] += change @ change
    return total / len(inputs)


def _outputs(network: MLP | TorchLoss, theta: Array, inputs: Array, space: OutputSpace, head: Head) -> Array:
    with one_thread():  # more threads would change the last bits
        logits = network.logits(theta, inputs)
    if space == "probabilities":
        return head.predictions(logits)
    return logits - logits.mean(axis=1, keepdims=True) if head.shifts else logits


def _parts(inputs: Array, outputs_per_row: int) -> Iterator[Array]:
    """Parts of the rows with at most `LARGEST` outputs each."""
    size = max(1, LARGEST // outputs_per_row)
    for first in range(0, len(inputs), size):
        yield inputs[first : first + size]
