"""Rows labeled by a network: the teacher-student set-up."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from landscape.datasets._arguments import FEWEST_CLASSES, finite_number
from landscape.datasets._dataset import Dataset, RegressionDataset
from landscape.networks import MLP
from landscape.support import whole_number

NAME = "teacher"


def teacher(
    rows: int = 1000,
    seed: int = 0,
    *,
    teacher_layers: Sequence[int] = (5, 3, 2),
    teacher_activation: str = "tanh",
    teacher_seed: int = 0,
    teacher_noise: float = 0.0,
    test_rows: int = 2000,
    regression: bool = False,
) -> Dataset:
    """Gaussian inputs, labeled by a random network: a student of the same layers and activation can learn them.

    The teacher's weights and biases are normal with variance 1 / n_in, so that inputs of its units have a variance of
    order one; a row's class is the largest of its outputs, or its targets are the outputs, to which noise may be
    added (Gardner and Derrida, J. Phys. A 22, 1983 (1989), the set-up for one layer).

    Parameters
    ----------
    rows : int
        Training rows.
    seed : int
        Of the inputs and the noise.
    teacher_layers : sequence of int
        Inputs, hidden layers, classes; or targets of a regression.
    teacher_activation : str
        Of the teacher's hidden units (`landscape.networks.MLP`).
    teacher_seed : int
        Of the teacher's parameters.
    teacher_noise : float
        Standard deviation of normal numbers that are added to the teacher's outputs before the largest is taken.
    test_rows : int
    regression : bool
        Whether the teacher's outputs are targets (`RegressionDataset`), instead of the largest one a class.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    for name, value, least in (("rows", rows, 1), ("seed", seed, 0), ("teacher_seed", teacher_seed, 0),
                               ("test_rows", test_rows, 0)):  # fmt: skip
        whole_number(name, value, least)
    noise = finite_number("teacher_noise", teacher_noise)
    if noise < 0.0:
        msg = f"teacher_noise must be a standard deviation >= 0; got {noise}"
        raise ValueError(msg)
    network = MLP(tuple(teacher_layers), teacher_activation)
    if not regression and network.layer_sizes[-1] < FEWEST_CLASSES:
        msg = (
            f"teacher_layers must end with two or more outputs, the classes, or be for a regression, regression=True "
            f"(--regression --loss squared-error); got {network.layer_sizes}"
        )
        raise ValueError(msg)
    theta = teacher_parameters(network, teacher_seed)
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows + test_rows, network.layer_sizes[0]))
    outputs = network.logits(theta, inputs)
    outputs = outputs + noise * rng.normal(size=outputs.shape)
    metadata = {
        "name": NAME,
        "rows": int(rows),
        "seed": int(seed),
        "teacher_layers": list(network.layer_sizes),
        "teacher_activation": network.activation,
        "teacher_seed": int(teacher_seed),
        "teacher_noise": noise,
        "test_rows": int(test_rows),
    }
    if regression:
        metadata |= {"regression": True}
        return RegressionDataset(inputs[:rows], outputs[:rows], inputs[rows:], outputs[rows:], metadata)
    labels = outputs.argmax(axis=1)
    return Dataset(inputs[:rows], labels[:rows], network.layer_sizes[-1], inputs[rows:], labels[rows:], metadata)


def teacher_of_name(name: str) -> dict[str, Any]:
    """Arguments of `teacher` that a name such as "teacher:10,4,1" or "teacher:10,4,1:gelu" gives; {} for "teacher".

    Raises
    ------
    ValueError
        If there are no whole numbers behind the colon.
    """
    if name == NAME:
        return {}
    layers, colon, activation = name.removeprefix(f"{NAME}:").partition(":")
    try:
        given: dict[str, Any] = {"teacher_layers": tuple(int(number) for number in layers.split(","))}
    except ValueError as error:
        form = f"{NAME}:INPUTS,HIDDEN,OUTPUTS[:ACTIVATION], such as {NAME}:10,4,1"
        msg = f"a teacher must be {NAME} or {form}; got {name!r}"
        raise ValueError(msg) from error
    return given | ({"teacher_activation": activation} if colon else {})


def name_of_teacher(layers: Sequence[int], activation: str) -> str:
    """The name that `teacher_of_name` reads."""
    return f"{NAME}:{','.join(map(str, layers))}" + ("" if activation == "tanh" else f":{activation}")


def teacher_parameters(network: MLP, teacher_seed: int) -> np.ndarray:
    """The teacher's parameters (P,): normal, with a variance of one over the inputs of the layer."""
    rng = np.random.default_rng(teacher_seed)
    deviations = [
        np.full((n_in + 1) * n_out, 1.0 / np.sqrt(n_in))
        for n_in, n_out in zip(network.layer_sizes[:-1], network.layer_sizes[1:], strict=True)
    ]
    return np.concatenate(deviations) * rng.normal(size=network.n_parameters)
