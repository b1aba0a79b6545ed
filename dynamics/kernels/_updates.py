"""Update rules of the kernels: what a step does with the gradient, parameter by parameter.

A rule is text in the loop over the parameters `p` of the kernel, which has `gradient`, the mean over the minibatch, and
`decay`, 2 lambda or 0. `dynamics.training` has the same arithmetic for arrays (`Optimizer.step`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

PLAIN = "theta[p] -= learning_rate * (gradient[p] + decay[p] * theta[p])"
PLAIN_KICKED = "theta[p] += kicks[p] - learning_rate * (gradient[p] + decay[p] * theta[p])"
# Keras' heavy ball, without Nesterov's correction
HEAVY = """\
velocity[p] = momentum * velocity[p] - learning_rate * (gradient[p] + decay[p] * theta[p])
theta[p] += velocity[p]"""
HEAVY_KICKED = """\
velocity[p] = momentum * velocity[p] + kicks[p] - learning_rate * (gradient[p] + decay[p] * theta[p])
theta[p] += velocity[p]"""
NESTEROV = """\
change = learning_rate * (gradient[p] + decay[p] * theta[p])
velocity[p] = momentum * velocity[p] - change
theta[p] += momentum * velocity[p] - change"""
RMSPROP = """\
slope = gradient[p] + decay[p] * theta[p]
squares[p] = alpha * squares[p] + square_share * (slope * slope)
theta[p] -= learning_rate * slope / (np.sqrt(squares[p]) + epsilon)"""
MOMENTS = """\
slope = gradient[p] + decay[p] * theta[p]
mean[p] += mean_share * (slope - mean[p])
squares[p] = beta2 * squares[p] + square_share * (slope * slope)
change = step_size * mean[p] / (np.sqrt(squares[p]) / correction + epsilon)"""
ADAM = f"{MOMENTS}\ntheta[p] -= change"
ADAMW = f"{MOMENTS}\ntheta[p] -= change + shrinkage * theta[p]"


@dataclass(frozen=True)
class Update:
    """One update rule.

    Parameters
    ----------
    rule : str
        Lines that change ``theta[p]`` and the state.
    kicked : str, optional
        The same with ``kicks[p]``; None if noise of this kind (Langevin) has no meaning here.
    state : tuple of str
        Names of the vectors (P,) that pass from step to step, besides theta.
    rates : tuple of str
        Names of the numbers that change from step to step.
    constants : tuple of str
        Names of the numbers that do not.
    """

    rule: str
    kicked: str | None = None
    state: tuple[str, ...] = ("velocity",)
    rates: tuple[str, ...] = ("learning_rate",)
    constants: tuple[str, ...] = ("momentum",)

    def places(self, zeros: str, shape: str) -> Mapping[str, str]:
        """Contents of the placeholders of the kernel's text that depend on the rule.

        `zeros` is the text of a new vector (P,), `shape` that of the arguments of `to_rows`.
        """
        step = [f"rates[{k}, step - start]" for k in range(len(self.rates))]
        return {
            "state": ", ".join(self.state),
            "vector_types": ", ".join(["VECTOR"] * (1 + len(self.state))),
            "state_words": " and ".join(f"`{name}`" for name in ("theta", *self.state)),
            "constants": ", ".join(self.constants),
            "rate_types": ", ".join(["MATRIX" if len(step) > 1 else "VECTOR", *("REAL" for _ in self.constants)]),
            "rates": f"{', '.join(self.rates)} = {', '.join(step) if len(step) > 1 else 'rates[step - start]'}",
            "public_state": ", ".join(f"public_{name}" for name in self.state),
            "state_zeros": ", ".join(zeros for _ in self.state),
            "state_to_rows": "\n".join(f"to_rows({name}, public_{name}, {shape})" for name in self.state),
            "state_from_rows": "\n".join(f"from_rows(public_{name}, {name}, {shape})" for name in self.state),
        }


ADAM_STATE = ("mean", "squares")
ADAM_CONSTANTS = ("mean_share", "beta2", "square_share", "epsilon")

UPDATES: Mapping[str, Update] = {
    "sgd": Update(PLAIN, PLAIN_KICKED),
    "momentum": Update(HEAVY, HEAVY_KICKED),
    "nesterov": Update(NESTEROV),
    "rmsprop": Update(RMSPROP, None, ("squares",), constants=("alpha", "square_share", "epsilon")),
    "adam": Update(ADAM, None, ADAM_STATE, ("step_size", "correction"), ADAM_CONSTANTS),
    "adamw": Update(ADAMW, None, ADAM_STATE, ("step_size", "correction", "shrinkage"), ADAM_CONSTANTS),
}
