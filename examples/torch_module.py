"""The landscape of a torch module that is no multilayer perceptron: a recurrent network.

    python examples/torch_module.py --searches 64 recurrent.db

Any module that maps inputs (N, D) to logits (N, n_classes) will do. Its symmetries are unknown to us, so that images
of one minimum would count as several: this one has none, its units have time constants of their own and their
response is not odd. Prints what was found; `agescape graph recurrent.db --output F.svg` draws it.
"""

import argparse
from pathlib import Path

import torch

from landscape import Database, TorchLoss, datasets, explore
from landscape.graph import funnelling


class LeakyNetwork(torch.nn.Module):
    """Leaky units that feed back to each other, read out after some steps from rest."""

    def __init__(self, n_inputs: int, n_units: int, n_classes: int, steps: int = 4) -> None:
        super().__init__()
        self.into = torch.nn.Linear(n_inputs, n_units)
        self.back = torch.nn.Linear(n_units, n_units, bias=False)
        self.out = torch.nn.Linear(n_units, n_classes)
        self.steps = steps
        self.register_buffer("rates", 1.0 / torch.arange(1.0, n_units + 1.0))  # 1 / time constant

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits (N, n_classes) of inputs (N, n_inputs)."""
        drive = self.into(inputs)
        state = torch.zeros_like(drive)
        for _ in range(self.steps):
            state = state + self.rates * (torch.nn.functional.softplus(drive + self.back(state)) - state)
        return self.out(state)


def main() -> None:
    """Explore, then say what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", type=Path)
    parser.add_argument("--searches", type=int, default=64)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--units", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    data = datasets.ljat(rows=options.rows, seed=0)
    loss = TorchLoss(LeakyNetwork(data.n_features, options.units, data.n_classes), data, regularization=1e-4)
    found = explore(loss, options.database, searches=options.searches, jobs=options.jobs)
    print(f"{loss.n_parameters} parameters: {found.minima} minima, {found.transition_states} transition states,")
    print(f"{found.components} components, lowest loss {found.lowest_loss:.5f}")
    with Database(options.database) as database:
        lowest = database.minima[0].point
        share = funnelling(database.graph()).share
    print(f"accuracy there {loss.accuracy(lowest.coordinates):.3f}; share of minima in its funnel {share:.2f}")


if __name__ == "__main__":
    main()
