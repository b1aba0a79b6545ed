"""A layout in which no text overprints another and no legend hides a curve, whatever the size of the figure."""

import math
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.cbook import STEP_LOOKUP_MAP
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    Formatter,
    LogFormatter,
    LogFormatterMathtext,
    LogLocator,
    MaxNLocator,
    NullFormatter,
)
from matplotlib.transforms import Bbox

BESIDE, ABOVE = "beside the curves", "above the axes"  # labels of legends: where they are
IF_ROOM = "_if there is room"  # label of texts that are left out if they overprint an earlier one
MOST_PASSES = 6  # what is moved makes panels smaller, so that more may have to move
SLOW_LEGEND = 20_000  # points from where matplotlib takes long to find a free corner
SPACE = 0.33  # length of a space, in font sizes
_BROKEN: WeakKeyDictionary[Text, tuple[str, str]] = WeakKeyDictionary()  # texts as broken, and as they were
WORDS = re.compile(r"(?:\$[^$]*\$|[^\s$])+")
TITLE_PAD = 6.0  # points between axes and title, matplotlib's default
APART = 2.0  # points between two tick labels, at least
MARGIN = 5.0  # points by which a text may be longer than the axes, on each side
FEW, SOME = 1.0, 2.0  # decades of a logarithmic axis up to which plain numbers are written


class ReadableLayout(ConstrainedLayoutEngine):
    """Constrained layout; then ticks are thinned out, long texts broken, and legends moved away from curves."""

    def execute(self, fig: Any) -> Any:
        """Arrange a figure before it is drawn."""
        grids = super().execute(fig)
        for _ in range(MOST_PASSES):
            if not _make_readable(fig):
                break
            grids = super().execute(fig)
        return grids


class PlainNumbers(Formatter):
    """Numbers as one writes them: 0.02, 500, 20000, but 2 x 10^6."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The label of one tick."""
        text = f"{x:.6g}"
        if "e" not in text:
            return text
        factor, _, power = text.partition("e")
        times = "" if factor == "1" else rf"{factor} \times "
        return rf"${times}10^{{{int(power)}}}$"


def _make_readable(figure: Figure) -> bool:
    """Take one step for every part of a figure; whether anything changed."""
    changed = [wrap(text, 0.98 * figure.bbox.width) for text in figure.texts]
    for ax in figure.axes:
        changed += [readable_ticks(ax), *(_thin(axis) for axis in (ax.xaxis, ax.yaxis)), _free_curves(ax)]
        _leave_out_crowded(ax)
        changed += [wrap(text, room) for text, room in _texts_with_room(ax)]
    return any(changed)


def readable_ticks(ax: Axes) -> bool:
    """Ticks of logarithmic axes whose labels do not overprint: few plain numbers, or powers of ten.

    Returns whether the labels changed.
    """
    changed = False
    for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        ours = isinstance(axis.get_major_formatter(), LogFormatter | PlainNumbers)
        if axis.get_scale() != "log" or not ours or not 0 < min(low, high) < math.inf:
            continue
        before = _said(axis)
        axis.set_minor_formatter(NullFormatter())
        powers = LogFormatterMathtext() if isinstance(axis.get_major_formatter(), LogFormatter) else PlainNumbers()
        for locator, formatter in _log_ticks(abs(math.log10(high / low)), powers):
            axis.set_major_locator(locator)
            axis.set_major_formatter(formatter)
            if not _overprinted(axis):
                break
        changed |= _said(axis) != before
    return changed


def _log_ticks(decades: float, powers: Formatter) -> Iterator[tuple[Any, Formatter]]:
    """Locators and formatters for an axis over so many decades, those with the most labels first.

    `powers` formats powers of ten.
    """
    if decades < FEW:
        yield from ((MaxNLocator(n, steps=[1, 2, 5, 10]), PlainNumbers()) for n in (4, 3, 2, 1))
    elif decades < SOME:
        yield from ((LogLocator(subs=subs), PlainNumbers()) for subs in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)))
    else:
        yield from ((LogLocator(numticks=n), powers) for n in (6, 5, 4, 3))


def _shown(axis: Axis) -> list[Text]:
    """The labels of the major ticks that are within an axis, from its beginning to its end."""
    scaled = axis.get_transform().transform
    low, high = sorted(scaled(np.asarray(axis.get_view_interval())))
    slack = 1e-9 * (high - low)
    labels = zip(scaled(np.asarray(axis.get_majorticklocs())), axis.get_majorticklabels(), strict=False)
    return [label for place, label in labels if label.get_text() and low - slack <= place <= high + slack]


def _said(axis: Axis) -> list[str]:
    return [label.get_text() for label in axis.get_majorticklabels()]


def _overprinted(axis: Axis) -> bool:
    """Whether two labels of an axis are too close."""
    return any(_too_close(a, b, axis) for a, b in pairwise(sorted(_shown(axis), key=lambda t: _begin(t, axis))))


def _begin(label: Text, axis: Axis) -> float:
    box = label.get_window_extent()
    return box.x0 if isinstance(axis, XAxis) else box.y0


def _too_close(first: Text, second: Text, axis: Axis) -> bool:
    """Whether two labels overprint: rotated ones if their lines do."""
    a, b, apart = first.get_window_extent(), second.get_window_extent(), APART * _per_point(axis)
    if not isinstance(axis, XAxis):
        return b.y0 - a.y1 < 0.0
    if first.get_rotation() % 90:
        line = float(first.get_fontsize()) * _per_point(axis)
        return b.x1 - a.x1 < line / math.sin(math.radians(first.get_rotation() % 180))
    return b.x0 - a.x1 < apart


def _per_point(artist: Any) -> float:
    """Pixels per point."""
    return artist.get_figure(root=True).dpi / 72.0


def _thin(axis: Axis) -> bool:
    """Leave out those of given tick labels that would overprint the one before; whether one is left out."""
    if not isinstance(axis.get_major_locator(), FixedLocator):
        return False
    labels, kept, changed = axis.get_majorticklabels(), None, False
    texts = [label.get_text() for label in labels]
    order = sorted((k for k, text in enumerate(texts) if text), key=lambda k: _begin(labels[k], axis))
    for k in order:
        if kept is not None and _too_close(labels[kept], labels[k], axis):
            texts[k], changed = "", True
        else:
            kept = k
    if changed:
        axis.set_major_formatter(FixedFormatter(texts))
    return changed


def _leave_out_crowded(ax: Axes) -> None:
    """Hide those of the texts marked `IF_ROOM` that overprint an earlier one, and show the others."""
    kept: list[Bbox] = []
    for text in ax.texts:
        if text.get_label() == IF_ROOM:
            text.set_visible(True)  # what is not has no extent
            box = text.get_window_extent()
            text.set_visible(not any(box.overlaps(other) for other in kept))
            kept += [box] if text.get_visible() else []


def wrap(text: Text, room: float) -> bool:
    """Break the lines of a text that are longer than its room, in pixels, into lines as even as can be.

    Returns whether the text changed. What was broken for another room is put together first.
    """
    said = text.get_text()
    broken, whole = _BROKEN.get(text, ("", ""))
    whole = whole if broken == said else said
    text.set_text(whole)
    if whole and _length(text) > room:
        lines = [line for part in whole.split("\n") for line in _break(text, WORDS.findall(part), room)]
        text.set_text("\n".join(lines))
        _BROKEN[text] = text.get_text(), whole
    return text.get_text() != said


def _break(text: Text, words: list[str], room: float) -> list[str]:
    """Words in as few lines as there is room for, the longest of which is as short as possible."""
    lengths = []
    for word in words:
        text.set_text(word)
        lengths.append(_length(text))
    space = SPACE * float(text.get_fontsize()) * _per_point(text)  # pyright: ignore[reportArgumentType]
    ways = [_fill(words, lengths, space, share * room) for share in np.linspace(0.4, 1.0, 13)]
    fewest = min(map(len, ways))
    return next(lines for lines in ways if len(lines) == fewest)


def _fill(words: list[str], lengths: list[float], space: float, room: float) -> list[str]:
    """Lines with as many words as there is room for."""
    lines, used = [""], 0.0
    for word, length in zip(words, lengths, strict=True):
        if lines[-1] and used + space + length > room:
            lines.append(word)
            used = length
        else:
            lines[-1] += f" {word}" if lines[-1] else word
            used += length + (space if used else 0.0)
    return lines


def _length(text: Text) -> float:
    box = text.get_window_extent()
    return box.height if text.get_rotation() == 90.0 else box.width


def _cell(ax: Axes) -> Bbox:
    """The part of a figure, in pixels, that belongs to axes: of a color bar, itself."""
    spec, whole = ax.get_subplotspec(), ax.get_figure(root=True).bbox  # pyright: ignore[reportOptionalMemberAccess]
    if spec is None or ax.get_label() == "<colorbar>":
        return ax.bbox
    rows, columns = spec.get_gridspec().get_geometry()
    return Bbox.from_extents(
        whole.width * spec.colspan.start / columns,
        whole.height * (1.0 - spec.rowspan.stop / rows),
        whole.width * spec.colspan.stop / columns,
        whole.height * (1.0 - spec.rowspan.start / rows),
    )


def _texts_with_room(ax: Axes) -> Iterator[tuple[Text, float]]:
    """Title and axis labels of axes, with the room in pixels along their lines that leaves the letter free."""
    box, cell, margin = ax.bbox, _cell(ax), MARGIN * _per_point(ax)
    beside = min(margin, box.x0 - cell.x0, cell.x1 - box.x1)
    yield from ((text, box.width + 2.0 * max(beside, 0.0)) for text in (ax.title, ax.xaxis.label))
    yield ax.yaxis.label, box.height + 2.0 * margin


def _free_curves(ax: Axes) -> bool:
    """Move a legend that hides curves, or does not fit into the axes, above them; whether something moved."""
    legend = ax.get_legend()
    if legend is None or legend.get_label() not in (BESIDE, ABOVE):
        return False
    box = legend.get_window_extent()
    if legend.get_label() == BESIDE:
        if _points(ax) < SLOW_LEGEND and _is_inside(box, ax.bbox) and not _hides(ax, box):
            return False
    elif box.width <= _room_above(ax):
        return _lift_title(ax)
    _put_above(ax, legend)
    _lift_title(ax)
    return True


def _points(ax: Axes) -> int:
    return sum(np.size(line.get_xdata()) for line in ax.get_lines())


def _is_inside(inner: Bbox, outer: Any) -> bool:
    return inner.x0 >= outer.x0 and inner.x1 <= outer.x1 and inner.y0 >= outer.y0 and inner.y1 <= outer.y1


def _room_above(ax: Axes) -> float:
    """Width in pixels of a legend above axes: from their left side to the end of what belongs to them."""
    return max(_cell(ax).x1 - ax.bbox.x0, ax.bbox.width)


def _put_above(ax: Axes, legend: Legend) -> None:
    """Draw the same legend again, above the axes: in as many columns as there is room for, with shorter lines."""
    texts, room = legend.get_texts(), _room_above(ax)
    handles, labels = ax.get_legend_handles_labels()[0], [text.get_text() for text in texts]
    if len(handles) != len(labels):  # a legend of other handles than those of the axes
        handles = [handle for handle in legend.legend_handles if handle is not None]
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2}
    style: dict[str, Any] = {"frameon": False, "borderpad": 0.2, "columnspacing": 1.2}
    size = float(texts[0].get_fontsize())  # pyright: ignore[reportArgumentType]
    for columns in range(len(labels), 0, -1):
        legend = ax.legend(handles, labels, ncols=columns, fontsize=size, **place, **style)
        legend.set_label(ABOVE)
        if (width := legend.get_window_extent().width) <= room:
            return
    handle = width - max(text.get_window_extent().width for text in legend.get_texts())
    for text in legend.get_texts():
        wrap(text, room - handle)


def _lift_title(ax: Axes) -> bool:
    """Put the title above a legend that is above the axes; whether it moved."""
    legend = ax.get_legend()
    if legend is None:
        return False
    box = legend.get_window_extent()
    if not ax.get_title() or ax.title.get_window_extent().y0 >= box.y1:
        return False
    pad = box.height / _per_point(ax) + TITLE_PAD
    ax.set_title(ax.get_title(), pad=pad, fontsize=ax.title.get_fontsize())
    return True


def _hides(ax: Axes, box: Bbox) -> bool:
    """Whether a line, an error bar, a point or an inset of axes is within a box, in pixels."""
    return (
        any(_line_is_in(line, box) for line in ax.lines)
        or any(_collection_is_in(collection, box) for collection in ax.collections)
        or any(inset.get_window_extent().overlaps(box) for inset in ax.child_axes)
    )


def _line_is_in(line: Line2D, box: Bbox) -> bool:
    points = np.asarray(line.get_path().vertices)
    if not line.get_visible() or not len(points):
        return False
    points = np.stack(STEP_LOOKUP_MAP[line.get_drawstyle()](*points.T), axis=1)
    path = line.get_transform().transform_path(Path(points))
    drawn = line.get_linestyle() not in ("None", "none", "", " ")
    if drawn and path.intersects_bbox(box, filled=False):
        return True
    return line.get_marker() not in ("None", "none", "", " ", None) and _any_in(np.asarray(path.vertices), box)


def _collection_is_in(collection: Any, box: Bbox) -> bool:
    if isinstance(collection, LineCollection):
        transform = collection.get_transform()
        return any(transform.transform_path(path).intersects_bbox(box, filled=False) for path in collection.get_paths())
    if isinstance(collection, PathCollection):
        return _any_in(collection.get_offset_transform().transform(collection.get_offsets()), box)
    if isinstance(collection, PolyCollection) and collection.get_alpha() is None:  # faint bands may lie below a legend
        transform = collection.get_transform()
        return any(transform.transform_path(path).intersects_bbox(box) for path in collection.get_paths())
    return False


def _any_in(points: Any, box: Bbox) -> bool:
    x, y = np.asarray(points, dtype=np.float64).T
    return bool(((x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)).any())
