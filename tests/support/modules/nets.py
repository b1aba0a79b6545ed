"""Torch modules that tests name on the command line. This file is executed by `load_module` only."""

from typing import ClassVar

import torch
from torch import nn


class Dense(nn.Module):
    """An affine layer with the layout of a perceptron here: kernel (n_in, n_out), then bias."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.kernel, self.bias = nn.Parameter(torch.empty(n_in, n_out)), nn.Parameter(torch.empty(n_out))
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.xavier_uniform_(self.kernel)
        nn.init.zeros_(self.bias)

    def forward(self, x):
        return x @ self.kernel + self.bias


class Net(nn.Module):
    """A perceptron with one hidden layer: the same vector of parameters as `MLP((2, hidden, 4))`."""

    axes_to_perm: ClassVar = {
        "first.kernel": (None, "hidden"),
        "first.bias": ("hidden",),
        "last.kernel": ("hidden", None),
    }

    def __init__(self, hidden=3, activation="Softplus"):
        super().__init__()
        self.first, self.last = Dense(2, hidden), Dense(hidden, 4)
        self.activation = getattr(nn, activation)()
        self.sign_flips = ["hidden"] if activation == "Tanh" else []

    def forward(self, x):
        return self.last(self.activation(self.first(x)))


class Undeclared(Net):
    """The same without declared symmetries."""

    axes_to_perm = None


class Functional(Undeclared):
    """A kink in the forward pass that no part shows."""

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))


class Wrong(Net):
    """The declaration lacks an axis."""

    axes_to_perm: ClassVar = {"first.kernel": (None, "hidden"), "last.kernel": ("hidden", None)}


def make(hidden):
    """A function that makes a module."""
    return Net(hidden)


def text():
    """No module."""
    return "text"


def broken():
    """A function that fails."""
    msg = "not today"
    raise RuntimeError(msg)
