"""The displacement of each layer's kernel and biases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamics.displacement._msd import MeanSquareDisplacement
from dynamics.displacement._pairs import two_time_moments
from dynamics.runs import Parameter, Trajectories, sizes_of
from landscape.support import Result

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerDisplacement(Result, shows=("values",), axes={"G": "layer"}):
    """Two-time mean square displacement of G groups of parameters, in their order in theta.

    Parameters
    ----------
    names : tuple of str
        Of the parameters, e.g. "conv1.weight"; of an MLP "kernel 1", "bias 1", "kernel 2", ..., layer 1 being the first
        hidden one.
    sizes : (G,) int64
        Number of parameters in each group.
    waiting_times : (W,) int64
        Waiting times tw (steps).
    lags : (T,) int64
        Lags (steps).
    values : (R, W, T, G) float64
        Per parameter of the group, nan beyond the run.
    metadata : mapping
        That of the runs.
    """

    names: tuple[str, ...]
    sizes: NDArray[np.int64]
    waiting_times: NDArray[np.int64]
    lags: NDArray[np.int64]
    values: Array
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def group(self, name: str) -> MeanSquareDisplacement:
        """The displacement of one group, for instance to give it to `aging`."""
        if name not in self.names:
            msg = f"name must be one of {', '.join(self.names)}; got {name!r}"
            raise ValueError(msg)
        return self._pooled([self.names.index(name)])

    def layer(self, number: int) -> MeanSquareDisplacement:
        """The displacement of kernel and biases of layer `number`, counted from 1."""
        if not 1 <= number <= len(self.layers):
            msg = f"number must be in 1 ... {len(self.layers)}; got {number!r}"
            raise ValueError(msg)
        layer = self.layers[number - 1]
        return self._pooled([k for k, name in enumerate(self.names) if Parameter(name, ()).layer == layer])

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in their order: what the groups of a layer have in common (`Parameter.layer`)."""
        return tuple(dict.fromkeys(Parameter(name, ()).layer for name in self.names))

    @property
    def whole(self) -> MeanSquareDisplacement:
        """The displacement of all parameters: that of the groups weighted by their sizes."""
        return self._pooled(range(len(self.names)))

    def _pooled(self, groups: Any) -> MeanSquareDisplacement:
        chosen = np.array(groups)
        values = self.values[..., chosen] @ (self.sizes[chosen] / self.sizes[chosen].sum())
        return MeanSquareDisplacement(self.waiting_times, self.lags, values, self.metadata, ~np.isnan(values))


def layer_displacement(runs: Trajectories) -> LayerDisplacement:
    """Two-time mean square displacement of the kernel and the biases of each layer, run by run.

    Delta_g(tw, t) = (1 / |g|) sum_{p in g} [theta_p(tw + t) - theta_p(tw)]^2, and sum_g |g| Delta_g = P Delta: equation
    2 of Herrera Segura et al. 2022 (arXiv 2209.02517), over a group g instead of all parameters.

    Raises
    ------
    ValueError
        If the runs have no named parameters, or no run has the two snapshots of any waiting time and lag.
    """
    if not runs.parameters:
        msg = "runs must be those of a network, with layer_sizes or named parameters; these have none"
        raise ValueError(msg)
    names, sizes = tuple(one.name for one in runs.parameters), sizes_of(runs.parameters)
    (values,) = two_time_moments(runs, "layer_displacement", sizes=sizes)
    return LayerDisplacement(names, sizes, runs.waiting_times, runs.lags, values, runs.metadata)
