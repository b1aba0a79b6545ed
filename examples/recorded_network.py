"""A ReLU convolutional network on digits, trained by a torch loop of its own with Adam, and recorded.

    python examples/recorded_network.py digits.h5 --replicas 8

`agescape age digits.h5` measures its aging. Complete runs are not repeated when it is started again, and another
process may record further ones at the same time, with --first 8.
"""

import argparse
from pathlib import Path

import torch

from dynamics import Recorder
from landscape import datasets


def network() -> torch.nn.Module:
    """Two convolutional layers and a dense one, for images of 8 x 8 pixels."""
    layers = {"conv1": torch.nn.Conv2d(1, 8, 3, padding=1), "relu1": torch.nn.ReLU(), "pool1": torch.nn.MaxPool2d(2)}
    layers |= {"conv2": torch.nn.Conv2d(8, 16, 3, padding=1), "relu2": torch.nn.ReLU(), "pool2": torch.nn.MaxPool2d(2)}
    model = torch.nn.Sequential()
    for name, layer in {**layers, "flat": torch.nn.Flatten(), "dense": torch.nn.Linear(64, 10)}.items():
        model.add_module(name, layer)
    return model


def main() -> None:
    """Train the runs, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--replicas", type=int, default=8)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--rows", type=int, default=500)
    options = parser.parse_args()
    data = datasets.load("sklearn:digits", rows=options.rows)
    images = torch.tensor(data.inputs, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    labels = torch.tensor(data.labels)
    about = {"optimizer": "adam", "learning_rate": 1e-3, "batch_size": 50, "rows": data.rows, "data": data.metadata}
    torch.set_num_threads(1)
    for replica in range(options.first, options.first + options.replicas):
        torch.manual_seed(replica)
        model = network()
        adam = torch.optim.Adam(model.parameters(), lr=about["learning_rate"])
        with Recorder(options.runs, options.steps, replica=replica, metadata=about) as recorder:
            for step in range(0 if recorder.complete else options.steps + 1):
                batch = torch.randint(len(labels), (about["batch_size"],))
                loss = torch.nn.functional.cross_entropy(model(images[batch]), labels[batch])
                recorder.step(model, step, loss=loss)  # of the minibatch, before the update
                adam.zero_grad()
                loss.backward()
                adam.step()
        print(f"run {replica} is complete")


if __name__ == "__main__":
    main()
