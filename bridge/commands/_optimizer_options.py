"""The optimizer that options describe: each option, its default and what becomes of it stand here once.

A command takes them as one keyword-only argument, annotated with `OptimizerOptions`.
"""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from bridge.commands._options import OPTIMIZER
from dynamics.noises import NOISES, make_noise
from dynamics.training import OPTIMIZERS, Optimizer, make_optimizer, parse_schedule

LARGEST_SHARE = 0.1  # of the rows in a minibatch, above which commands warn before they train
OPTIMIZER_HELP = (
    f"One of {', '.join(OPTIMIZERS)}. sgd: plain, or the heavy ball with --momentum; nesterov: Nesterov's momentum; "
    "rmsprop, adam, adamw: as in torch."
)
NOISE_HELP = (
    f"One of {', '.join(NOISES)}. sgd: minibatches drawn without replacement in an epoch; replacement: minibatches "
    "drawn with replacement; persistent: rows stay in or out of the minibatch for a while (--persistence); full: all "
    "rows, no noise; langevin: all rows plus thermal noise (--temperature), for the optimizer sgd; gaussian, "
    "gaussian-replacement: all rows plus Gaussian noise with the covariance of sgd or of replacement."
)
SCHEDULE_HELP = (
    "Factor of the learning rate at step s: constant; step:EVERY,FACTOR; power:SCALE[,EXPONENT] for "
    "(1 + s / SCALE)^-EXPONENT; cosine:DURATION[,FINAL]; or a linear warmup:DURATION[+OTHER] before one of these."
)
DECAY_HELP = (
    "Decoupled weight decay of adamw, on top of --regularization; no part of the loss of the landscape. [default: 0.01]"
)


def option(text: str, **more: Any) -> Any:
    """An option of the optimizer with this help."""
    return typer.Option(help=text, rich_help_panel=OPTIMIZER, **more)


@dataclass(frozen=True, kw_only=True)
class OptimizerOptions:
    """The options that say how a run takes its steps."""

    optimizer: Annotated[str, option(OPTIMIZER_HELP)] = "sgd"
    learning_rate: Annotated[
        float | None, option("Learning rate. [default: 0.05 for sgd and nesterov, 0.001 for others]")
    ] = None
    schedule: Annotated[str, option(SCHEDULE_HELP)] = "constant"
    batch_size: Annotated[int, option("Minibatch size (rows).", min=1)] = 100
    momentum: Annotated[
        float | None, option("Momentum (as Keras defines it) of sgd and nesterov, in [0, 1). [default: 0]")
    ] = None
    alpha: Annotated[float | None, option("Memory of rmsprop's mean of squares, in [0, 1). [default: 0.99]")] = None
    beta1: Annotated[float | None, option("Memory of Adam's mean gradient, in [0, 1). [default: 0.9]")] = None
    beta2: Annotated[float | None, option("Memory of Adam's mean of squares, in [0, 1). [default: 0.999]")] = None
    epsilon: Annotated[float | None, option("Added to rmsprop's and Adam's root. [default: 1e-8]")] = None
    weight_decay: Annotated[float | None, option(DECAY_HELP)] = None
    noise: Annotated[str, option(NOISE_HELP)] = "sgd"
    temperature: Annotated[float | None, option("Temperature of langevin noise (nats).")] = None
    persistence: Annotated[float | None, option("Correlation time of persistent noise (steps).")] = None
    label_noise: Annotated[
        float,
        option(
            "Probability that a drawn row gets a random other class, independently at each draw; not of a regression."
        ),
    ] = 0.0
    shared_order: Annotated[
        bool, option("Give all runs the same minibatches in the same order; their starts differ.")
    ] = False
    precision: Annotated[str, option("Floating-point precision: float32 or float64.")] = "float32"

    def make(self) -> Optimizer:
        """The optimizer."""
        given = asdict(self)
        parameters = {name: given.pop(name) for name in ("temperature", "persistence")}
        noise = make_noise(given.pop("noise"), **parameters)
        schedule = parse_schedule(given.pop("schedule"))
        return make_optimizer(given.pop("optimizer"), noise=noise, schedule=schedule, **given)
