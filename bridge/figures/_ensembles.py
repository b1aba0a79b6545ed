"""Ensembles of runs that figures share; equal ones run once."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Literal

from dynamics.noises import Epochs, Noise
from dynamics.runs import curve_steps
from dynamics.training import SGD, Adam, Optimizer

ScaleName = Literal["quick", "paper"]

MNIST_FEATURES, MNIST_CLASSES = 784, 10
LJAT_FEATURES, LJAT_CLASSES = 2, 4
LJAT_ROWS, MNIST_ROWS = 1000, 60_000
TEST_ROWS = {"ljat": 4000, "mnist": 10_000}
LEARNING_RATE = 0.05  # of the paper
BATCHES = {"ljat": 100, "mnist": 50}  # of the paper
METHODS: dict[str, Callable[..., Optimizer]] = {"sgd": SGD, "momentum": partial(SGD, momentum=0.9), "adam": Adam}
WIDE = 64  # inputs beyond which the first layer dominates the cost


@dataclass(frozen=True)
class Ensemble:
    """The settings that determine the runs of one file.

    Parameters
    ----------
    hidden : tuple of int
        Hidden layers.
    replicas : int
        Number of runs.
    steps : int
        Steps of SGD of each run.
    dataset : {"ljat", "mnist"}
    rows : int, optional
        Training rows; by default 1000 of ljat, all of mnist.
    dataset_seed, batch_size, noise, learning_rate
        As in `dynamics.train`.
    waiting_times : tuple of int, optional
        By default the paper's.
    every : int, optional
        Snapshots every so many steps from the first waiting time on, instead of log-spaced lags.
    method : {"sgd", "momentum", "adam"}
        The optimizer: SGD, SGD with momentum 0.9, or Adam.
    pca : int, optional
        Principal components in place of the pixels of mnist.
    snapshots : {"all", "waiting"}, optional
        As in `dynamics.train`; by default "waiting" for the pixels of mnist, whose files would have gigabytes.
    """

    hidden: tuple[int, ...]
    replicas: int
    steps: int
    dataset: str = "ljat"
    rows: int | None = None
    dataset_seed: int = 0
    batch_size: int = 100
    noise: Noise = field(default_factory=Epochs)
    waiting_times: tuple[int, ...] | None = None
    every: int | None = None
    learning_rate: float = LEARNING_RATE
    method: str = "sgd"
    pca: int | None = None
    snapshots: Literal["all", "waiting"] | None = None

    @property
    def landscape(self) -> str:
        """What of the name decides the landscape: data and hidden layers."""
        parts = [self.dataset, *([f"n{self.rows}"] if self.rows else []), *([f"pca{self.pca}"] if self.pca else [])]
        parts += ["h" + "-".join(map(str, self.hidden)), *([f"d{self.dataset_seed}"] if self.dataset_seed else [])]
        return "_".join(parts)

    @property
    def name(self) -> str:
        """Name of the file: all settings except the number of runs, which may grow."""
        parts = [self.landscape]
        parts += [self.noise_label.replace(" ", "")] * (self.noise != Epochs())
        parts += [f"b{self.batch_size}"] * (self.batch_size != BATCHES[self.dataset])
        parts += [self.method] * (self.method != "sgd")
        parts += [f"lr{self.learning_rate:g}"] * (self.learning_rate != LEARNING_RATE)
        parts += [f"s{self.steps}"]
        parts += [f"tw{'-'.join(map(str, self.waiting_times))}"] if self.waiting_times else []
        parts += [f"every{self.every}"] if self.every else []
        return "_".join([*parts, *([f"snapshots-{self.snapshots}"] if self.snapshots else [])])

    @property
    def kept_snapshots(self) -> Literal["all", "waiting"]:
        """Which snapshots the file keeps."""
        return self.snapshots or ("waiting" if self.layer_sizes[0] > WIDE else "all")

    @property
    def training_rows(self) -> int:
        """Number N of training rows."""
        return self.rows or (MNIST_ROWS if self.dataset == "mnist" else LJAT_ROWS)

    @property
    def lags(self) -> range | None:
        """Lags of the snapshots, or None for the default ones."""
        if self.every is None:
            return None
        first = self.waiting_times[0] if self.waiting_times else 0
        return range(self.every, self.steps - first + 1, self.every)

    @property
    def label(self) -> str:
        """Hidden layers for a legend."""
        return ",".join(map(str, self.hidden))

    @property
    def noise_label(self) -> str:
        """Kind of noise and its parameters."""
        return " ".join([self.noise.name, *(f"{number:g}" for number in self.noise.numbers)])

    @property
    def optimizer(self) -> Optimizer:
        """That of `method` with this learning rate, batch size and noise."""
        return METHODS[self.method](self.learning_rate, batch_size=self.batch_size, noise=self.noise)

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Layer sizes of the network."""
        mnist = self.dataset == "mnist"
        inputs, classes = (MNIST_FEATURES, MNIST_CLASSES) if mnist else (LJAT_FEATURES, LJAT_CLASSES)
        return (self.pca or inputs, *self.hidden, classes)

    @property
    def n_parameters(self) -> int:
        """Number P of parameters."""
        return sum((n_in + 1) * n_out for n_in, n_out in pairwise(self.layer_sizes))

    @property
    def step_microseconds(self) -> float:
        """Approximate cost of a step on one core of the machine where the kernels were measured."""
        rows = self.training_rows if self.noise.all_rows else self.batch_size
        if self._wide:
            return (4.0 + 0.0026 * self.n_parameters) * rows / 50
        return 1.4 * self.n_parameters / 70 * rows / 100

    @property
    def curve_microseconds(self) -> float:
        """The same of a point of the curves: losses of all training and test rows, and a gradient of the former."""
        rows = self.training_rows + TEST_ROWS[self.dataset] / 3  # a gradient takes as long as two losses
        return (75e-6 if self._wide else 1e-3) * self.n_parameters * rows

    @property
    def run_seconds(self) -> float:
        """The same of a run, steps and curves, without what is compiled on first use."""
        curves = len(curve_steps(self.steps)) * self.curve_microseconds
        return 1e-6 * (self.steps * self.step_microseconds + curves)

    @property
    def _wide(self) -> bool:
        return self.layer_sizes[0] > WIDE

    def at_most(self, replicas: int | None = None, steps: int | None = None, rows: int | None = None) -> "Ensemble":
        """The same with at most this many runs, steps and training rows."""
        return replace(
            self,
            replicas=self.replicas if replicas is None else min(replicas, self.replicas),
            steps=self.steps if steps is None else min(steps, self.steps),
            rows=self.rows if rows is None or rows >= self.training_rows else rows,
        )
