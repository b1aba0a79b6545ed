"""Colors of groups of minima, and their legend."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from landscape.plots._layout import counted, legend_beside

# the colorblind-safe palette of Okabe and Ito without yellow and black
GROUP_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
OTHER_COLOR = "#a6761d"  # of all further groups


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of n minima with their colors, largest group first.

    Attributes
    ----------
    numbers : (n,) int64
        Number of the group of each minimum; -1: none.
    names : tuple of str
        For the legend: name and size of each group; those without a color of their own are one group.
    colors : tuple of str
        One for each.
    """

    numbers: NDArray[np.int64]
    names: tuple[str, ...]
    colors: tuple[str, ...]

    def inks(self, groups: NDArray[np.int64], otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
        """Colors (k, 4) of these groups (k,), and `otherwise` (k, 4) where there is none."""
        colors = np.array([to_rgba(color) for color in self.colors]).reshape(-1, 4)
        return np.where((groups >= 0)[:, None], colors[groups] if len(colors) else otherwise, otherwise)


def groups_of(labels: Sequence[Any]) -> Groups:
    """Number the groups that labels (n,) name; None, "" and nan are no group."""
    texts = [_text(label) for label in (labels.tolist() if isinstance(labels, np.ndarray) else labels)]
    sizes = Counter(text for text in texts if text)
    names = sorted(sizes, key=lambda name: (-sizes[name], name))
    own = names if len(names) <= len(GROUP_COLORS) + 1 else names[: len(GROUP_COLORS)]
    number = {name: min(k, len(own)) for k, name in enumerate(names)}
    said = [f"{name} ({counted(sizes[name], 'minimum', 'minima')})" for name in own]
    if rest := names[len(own) :]:
        size = sum(sizes[name] for name in rest)
        said.append(f"{len(rest)} other groups ({counted(size, 'minimum', 'minima')})")
    return Groups(
        np.array([number.get(text, -1) for text in texts], dtype=np.int64),
        tuple(said),
        (*GROUP_COLORS, OTHER_COLOR)[: len(said)],
    )


def _text(label: Any) -> str:
    """The name of a group, "" for none; whole numbers are written without a point."""
    if label is None or (isinstance(label, float) and math.isnan(label)):
        return ""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def group_legend(ax: Axes, groups: Groups) -> None:
    """Name the groups beside the lines, or above the axes."""
    for color, name in zip(groups.colors, groups.names, strict=True):
        ax.add_line(Line2D([], [], color=color, lw=2.0, label=name))
    if groups.names:
        legend_beside(ax)
