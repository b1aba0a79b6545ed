"""Langevin dynamics: gradient descent at a temperature."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit

from dynamics.noises._base import Compiled, Noise, check_number
from dynamics.noises._full import draw_all
from dynamics.noises._random import NOISE, normals, stream


@njit
def kick_thermally(kicks, step, key, learning_rate, momentum, numbers):
    """Independent Gaussians of variance 2 eta (1 - momentum) T."""
    normals(kicks, stream(key, NOISE, step))
    scale = np.sqrt(2.0 * learning_rate * (1.0 - momentum) * numbers[0])
    for p in range(kicks.size):
        kicks[p] *= scale


@dataclass(frozen=True)
class Langevin(Noise):
    """The full-batch gradient and sqrt(2 eta T) times a standard Gaussian vector in every step; "langevin".

    theta <- theta - eta grad L + sqrt(2 eta T) xi: for small eta it samples exp(-L / T), where L is the loss (nats)
    including its penalty. With momentum m the Gaussian, sqrt(2 eta (1 - m) T) xi, drives the velocity, and the heavy
    ball is an underdamped Langevin equation at the same T. In a harmonic well of curvature k the variance is (T / k)
    (1 + m) / (1 + m - eta k / 2).

    Parameters
    ----------
    temperature : float
        T (nats), >= 0.
    """

    temperature: float
    name: ClassVar[str] = "langevin"
    draw: ClassVar[Compiled] = staticmethod(draw_all)
    kick: ClassVar[Compiled | None] = staticmethod(kick_thermally)
    all_rows: ClassVar[bool] = True
    uses_batch_size: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_number("temperature", self.temperature, positive=False)
        object.__setattr__(self, "temperature", float(self.temperature))
