"""Loss, accuracy and gradient of points, over all rows."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dynamics.training._wide_curves import evaluate_wide
from landscape.datasets import Dataset
from landscape.losses import WIDE, CrossEntropyLoss, MLPLoss
from landscape.networks import MLP

Array = NDArray[np.float64]


class Curves(NamedTuple):
    """What `evaluate_curves` returns, per replica and curve step; fields are named as in `Trajectories`."""

    loss: Array
    accuracy: Array
    gradient_norm: Array
    test_loss: Array
    test_accuracy: Array


def evaluate_curves(
    network: MLP, data: Dataset, penalty: Array, thetas: Array, kind: type[MLPLoss] = CrossEntropyLoss
) -> Curves:
    """Training and test curves at each of `thetas` (C, P), each (C,).

    `penalty` (P,) is the lambda of every parameter. The training loss is the mean over
    the rows (cross-entropy in nats, or another `kind`) plus sum_p penalty_p theta_p^2 (Herrera Segura et al. 2022,
    equation 1) and the gradient is that of this loss; the test loss is the mean alone, because the penalty is not a
    property of the test rows. Accuracies are shares of rows; nan for a regression. Test curves are nan without test
    rows.

    All in float64, except that wide inputs (64 and more) use float32 with sums in float64, because float64 takes as
    long as the runs themselves. Losses then have a relative error of about 1e-6, gradients an error of 1e-6 of the
    mean gradient of a row, and a row whose two best classes are this close may count as the other.
    """
    if network.layer_sizes[0] >= WIDE:
        points = np.array(thetas, dtype=np.float64).reshape(-1, network.n_parameters)
        return Curves(*np.ascontiguousarray(evaluate_wide(network, data, penalty, points, kind.head).T))
    bare = kind(network, data, 0.0)  # it has one lambda for all parameters: the penalty is added here
    thetas = np.array(thetas, dtype=np.float64).reshape(-1, network.n_parameters)
    rows = [_evaluate_point(bare, penalty, theta) for theta in thetas]
    values = np.array(rows, dtype=np.float64).reshape(-1, len(Curves._fields))
    return Curves(*np.ascontiguousarray(values.T))


def _evaluate_point(bare: MLPLoss, penalty: Array, theta: Array) -> tuple[float, ...]:
    entropy, gradient = bare.value_and_gradient(theta)
    slope = np.linalg.norm(gradient + 2.0 * penalty * theta)
    return entropy + float(penalty @ theta**2), bare.scores(theta)[1], float(slope), *bare.scores(theta, test=True)
