"""The loss that options describe, and what is wrong with the scales of its data."""

from pathlib import Path
from typing import Any

from bridge.commands._notes import note
from bridge.commands._parsing import parse_hidden
from landscape import datasets
from landscape.datasets import Dataset
from landscape.losses import CrossEntropyLoss
from landscape.networks import MLP


def make_loss(
    hidden: str,
    name: str,
    rows: int | None,
    seed: int,
    data_dir: Path | None,
    regularization: float,
    biases: bool,
    **options: Any,
) -> CrossEntropyLoss:
    """Make the loss that the options describe; further ones are those of `data_options`."""
    layers = parse_hidden(hidden)
    data = datasets.load(name, rows=rows, seed=seed, data_dir=data_dir, **options)
    network = MLP((data.n_features, *layers, data.n_classes))
    return CrossEntropyLoss(network, data, regularization, regularize_biases=biases)


def warn_of_scales(data: Dataset) -> dict[str, Any]:
    """Say on stderr what is wrong with the scale of the columns, and what to do; the same for the JSON, if anything."""
    warning = datasets.scale_warning(data)
    if warning is None:
        return {}
    warning += ": --standardize"
    note(f"warning: {warning}")
    return {"scale_warning": warning}
