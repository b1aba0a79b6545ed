"""Which tensors of a checkpoint are the parameters."""

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dynamics.checkpoints._tensors import FLOATS, StoredTensor

# names of what layers of torch and Keras, and models of Hugging Face, keep beside what the optimizer changes; older
# versions of Keras write "moving_mean:0"
BUFFERS = re.compile(
    r"(?:^|\.)(?:running_mean|running_var|num_batches_tracked|moving_mean(?::0)?|moving_variance(?::0)?|inv_freq|"
    r"masked_bias|position_ids)$"
)


@dataclass(frozen=True)
class Choice:
    """Which tensors count as parameters.

    Parameters
    ----------
    parameters : sequence of str
        Shell patterns of names (`*`, `?`, `[abc]`), e.g. "conv.*"; none: all.
    buffers : bool
        Also running statistics of normalization layers and other buffers that are known by their names. Tensors of
        whole numbers are never parameters.
    """

    parameters: Sequence[str] = ()
    buffers: bool = False
    left_out: dict[str, list[str]] = field(default_factory=dict, compare=False)

    def of(self, path: object, tensors: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
        """The chosen ones of a checkpoint, in their order; `left_out` then says why others are not among them.

        Raises
        ------
        ValueError
            If there is none, or a pattern fits no name.
        """
        chosen: dict[str, StoredTensor] = {}
        numbers: dict[tuple, str] = {}
        self.left_out.clear()
        for name, tensor in tensors.items():
            same = numbers.get(tensor.identity) if tensor.identity else None
            if why := self._why_not(name, tensor, same):
                self.left_out.setdefault(why, []).append(name)
                continue
            chosen[name] = tensor
            if tensor.identity and tensor.size:
                numbers[tensor.identity] = name
        self._check(path, tensors, chosen)
        return chosen

    def _why_not(self, name: str, tensor: StoredTensor, same: str | None) -> str:
        if not self.buffers and BUFFERS.search(name):
            return "buffers"
        if tensor.kind not in FLOATS:
            return "not floating-point numbers"
        if not tensor.size:
            return "empty"
        if self.parameters and not any(fnmatch.fnmatchcase(name, pattern) for pattern in self.parameters):
            return "not chosen"
        return f"the same numbers as {same}" if same is not None else ""

    def _check(self, path: object, tensors: Mapping[str, StoredTensor], chosen: Mapping[str, StoredTensor]) -> None:
        for pattern in self.parameters:
            if not fnmatch.filter(tensors, pattern):
                msg = f"parameters: {pattern!r} fits no name in {path}, which has {_some(list(tensors))}"
                raise ValueError(msg)
        if not sum(tensor.size for tensor in chosen.values()):
            why = "; ".join(f"{_some(names)}: {reason}" for reason, names in self.left_out.items())
            msg = f"{path} has no parameters ({why or 'it is empty'})"
            raise ValueError(msg)


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} others" if len(names) > most else "")
