"""The losses of outputs as functions of torch's tensors, differentiable twice and under `torch.func.vmap`."""

from collections.abc import Callable

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

MeanLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # of outputs (N, K) and labels, over the rows


def _squared_error(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Half the squared distance to targets (N,) or (N, K), or to the indicators of classes (N,)."""
    if labels.is_floating_point():
        wanted = labels.reshape(outputs.shape)
    else:
        classes = torch.arange(outputs.shape[1], device=labels.device)  # one_hot does not work under vmap
        wanted = (labels[:, None] == classes).to(outputs.dtype)
    return 0.5 * ((outputs - wanted) ** 2).sum(dim=1).mean()


def _logistic(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of one output (N, 1)."""
    return binary_cross_entropy_with_logits(outputs[:, 0], labels.to(outputs.dtype))


MEANS: dict[str, MeanLoss] = {
    "cross-entropy": cross_entropy,
    "squared-error": _squared_error,
    "logistic": _logistic,
}
