"""Whether the learning rate times the number of steps is a time of the gradient flow, as for plain SGD.

Rates per step, temperatures of the noise, quadratic models and the age of soft modes take a step for the learning rate
times a gradient. Momentum makes steps of the learning rate times a mean of gradients, a schedule changes the rate, and
RMSprop, Adam and AdamW divide each component by a root mean square of its own. Such runs still have displacements,
basins, barriers between these, and a descent without noise by their own optimizer.
"""

from dynamics.runs import Trajectories

PLAIN = {"optimizer": "sgd", "schedule": "constant", "momentum": 0.0}


def without_clock(runs: Trajectories) -> str:
    """Why the learning rate is no clock of runs, such as "optimizer = 'adam'"; "" if it is one."""
    if "learning_rate" not in runs.metadata:
        return "their learning rate is unknown"
    differs = (name for name, plain in PLAIN.items() if runs.metadata.get(name, plain) != plain)
    return next((f"{name} = {runs.metadata[name]!r}" for name in differs), "")


def plain_learning_rate(runs: Trajectories) -> float:
    """The learning rate of runs by plain SGD.

    Raises
    ------
    ValueError
        If it is unknown, changes along the runs, or there was momentum or another optimizer.
    """
    if "learning_rate" not in runs.metadata:
        msg = "runs must have a learning_rate in their metadata; they have none"
        raise ValueError(msg)
    if reason := without_clock(runs):
        name = reason.partition(" ")[0]
        msg = f"runs must be plain SGD, with {name} = {PLAIN[name]!r}; theirs is {runs.metadata[name]!r}"
        raise ValueError(msg)
    return float(runs.metadata["learning_rate"])
