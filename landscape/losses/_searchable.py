"""Whether stationary points of a loss can be searched: where it has second derivatives, and they are isolated."""

from typing import Any

from landscape.networks import MLP


def check_searchable(loss: Any) -> None:
    """Raise a ValueError with the reason if no search can certify stationary points of this loss.

    Looks at the activation of a perceptron, and at what a torch module says of its kinks (`TorchLoss.kink`).
    """
    network = getattr(loss, "network", None)
    if problem := getattr(loss, "kink", None):
        msg = (
            f"the module must be smooth, but {problem}: minima lie on kinks, where there is no Hessian and no quench "
            "converges. Choose softplus, GELU, SiLU or tanh (train and observe take any module)"
        )
        raise ValueError(msg)
    if not isinstance(network, MLP) or not network.hidden:
        return
    name, units = network.activation, network.units
    if not units.smooth:
        msg = (
            f"{name} has a kink, and minima lie on kinks, where there is no Hessian and no quench converges: "
            "choose softplus or gelu (train, age and observe take any activation)"
        )
        raise ValueError(msg)
    if not units.isolated:
        msg = (
            f"{name} hidden units have a continuous symmetry ({units.continuous_symmetry}; with a penalty, the "
            "rotations among these), so that no stationary point is isolated: choose another activation, or no hidden "
            "layers (train, age and observe take any activation)"
        )
        raise ValueError(msg)
