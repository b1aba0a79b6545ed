"""The kernels for wide inputs against a naive network in float64 and against the loops over all layers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from test_dynamics_kernels import DECAY, KEY, RATE, naive_sgd, problem

from dynamics import NOISES, _wide_layer
from dynamics._kernels import _build, get_kernel
from dynamics.noises import make_noise

PARAMETERS = {"persistent": {"persistence": 5.0}, "langevin": {"temperature": 1e-3}}
SIZES = (70, 4, 3, 5)  # rows of 70 numbers are padded; blocks of two units


@dataclass
class Run:
    """What a call of a kernel leaves."""

    records: Any
    theta: Any
    velocity: Any
    diverged: int


def read_only(array):
    array.flags.writeable = False
    return array


def advance(
    sizes, theta, inputs, labels, batch_size, start, stop, *, noise="sgd", precision="float64", momentum=0.0,
    label_noise=0.0, velocity=None, rates=RATE,
):  # fmt: skip
    dtype = np.dtype(precision)
    theta = np.array(theta, dtype)
    velocity = np.zeros(theta.size, dtype) if velocity is None else velocity.copy()
    records = np.empty((stop - start + 1, theta.size), dtype)
    pixels = inputs.dtype == np.uint8
    rows = len(labels) if NOISES[noise].all_rows else batch_size
    kernel = get_kernel(
        sizes, rows, precision, noise, momentum=momentum > 0, label_noise=label_noise > 0, pixels=pixels
    )
    diverged = kernel.advance(
        theta, velocity, read_only(np.array(inputs, np.uint8 if pixels else dtype)),
        read_only(np.array(labels, dtype)), KEY, start, stop, batch_size,
        np.broadcast_to(rates, stop - start).astype(dtype), dtype.type(momentum), np.full(theta.size, DECAY, dtype),
        label_noise, make_noise(noise, **PARAMETERS.get(noise, {})).numbers, np.arange(start, stop + 1), records,
    )  # fmt: skip
    return Run(records, theta, velocity, diverged)


def looped(monkeypatch, *arguments, **options):
    """The same by the loops over all layers."""
    with monkeypatch.context() as context:
        context.setattr(_wide_layer, "WIDE", 10**6)
        _build.cache_clear()
        run = advance(*arguments, **options)
    _build.cache_clear()
    return run


CASES = [
    (SIZES, 23, 5, "sgd"),  # neither B nor N are multiples of the tile
    (SIZES, 23, 8, "sgd"),
    (SIZES, 300, 300, "full"),  # several passes
    ((64, 7, 3), 23, 6, "sgd"),  # blocks of three and two units, no padding
    ((65, 3), 16, 8, "sgd"),  # no hidden layer
    ((70, 13, 13, 4), 23, 5, "sgd"),  # loops behind the first layer
]


@pytest.mark.parametrize(("sizes", "rows", "batch_size", "noise"), CASES)
def test_float64_agrees_with_naive_sgd(sizes, rows, batch_size, noise):
    inputs, labels, theta = problem(sizes, rows)
    run = advance(sizes, theta, inputs, labels, batch_size, 0, 20, noise=noise)
    assert run.diverged == -1
    expected = naive_sgd(sizes, theta, inputs, labels, batch_size, 20, noise)
    np.testing.assert_allclose(run.records, expected, rtol=1e-11, atol=1e-11)
    np.testing.assert_array_equal(run.theta, run.records[-1])
