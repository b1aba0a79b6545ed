"""What a referee sees at a glance in a figure: texts that are cut, overprint, hide curves or say nan."""

import math
import re
from itertools import combinations, pairwise

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

CLOSE = 1.0  # pixels by which boxes of texts may overlap: they include the space of letters that reach lower
NO_NUMBERS = re.compile(r"\b(nan|inf|None)\b")


def flaws(figure):
    """Everything that is wrong with a figure, as sentences; draws it first."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return [
        *_missing_letters(figure),
        *(flaw for ax in figure.axes for flaw in (*_axis_flaws(ax), *_axes_flaws(ax))),
        *(flaw for ax in figure.axes for inset in ax.child_axes for flaw in _inset_flaws(inset, ax)),
        *_text_flaws(figure),
    ]


def _panels(figure):
    return [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]


def _missing_letters(figure):
    axes = _panels(figure)
    letters = [text.get_text() for ax in axes for text in ax.texts if text.get_fontweight() == "bold"]
    wanted = [chr(ord("a") + k) for k in range(len(axes))] if len(axes) > 1 else []
    if letters != wanted:
        yield f"the panels have the letters {letters}, not {wanted}"


def tick_labels(axis):
    """Labels of all ticks within an axis, in the order of their places."""
    scaled = axis.get_transform().transform
    low, high = sorted(scaled(axis.get_view_interval()))
    slack = 1e-9 * (high - low)
    places = scaled(np.concatenate([axis.get_majorticklocs(), axis.get_minorticklocs()]))
    labels = [*axis.get_majorticklabels(), *axis.get_minorticklabels()]
    shown = [
        (place, label) for place, label in zip(places, labels, strict=False) if low - slack <= place <= high + slack
    ]
    return [label for _, label in sorted(shown, key=lambda pair: pair[0]) if label.get_text() and label.get_visible()]


def _axis_flaws(ax):
    for axis, name in ((ax.xaxis, "x"), (ax.yaxis, "y")):
        labels = tick_labels(axis)
        for a, b in pairwise(labels):
            if _distance(a, b, name) < 0:
                yield f"tick labels {a.get_text()!r} and {b.get_text()!r} overprint"
        if ax.get_label() != "<colorbar>" and len(axis.get_ticklocs()) and labels and not axis.label.get_text():
            if not (name == "y" and ax.get_shared_y_axes().get_siblings(ax) != [ax]):
                yield f"the {name} axis has no label"
        if axis.get_scale() == "log" and not labels:
            yield f"the {name} axis has no tick labels"


def _distance(a, b, name):
    """Pixels between two tick labels."""
    first, second = a.get_window_extent(), b.get_window_extent()
    boxes = sorted((first, second), key=lambda box: box.x0 if name == "x" else box.y0)
    if name == "y":
        return boxes[1].y0 - boxes[0].y1 + CLOSE
    if angle := a.get_rotation() % 90:
        height = a.get_fontsize() * a.get_figure(root=True).dpi / 72
        return (boxes[1].x1 - boxes[0].x1) * math.sin(math.radians(angle)) - height + CLOSE
    return boxes[1].x0 - boxes[0].x1


def _axes_flaws(ax):
    legend = ax.get_legend()
    if legend is None:
        return
    box = Bbox.intersection(legend.get_window_extent(), ax.bbox)  # beyond it nothing is drawn
    if box is None:
        return
    for line in ax.lines:
        x, y = line.get_xydata().T
        if line.get_drawstyle() == "steps-post":
            x, y = np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]
        vertices = line.get_transform().transform(np.stack([x, y], axis=1))
        drawn = line.get_linestyle() not in {"None", "none", "", " "}
        if _passes(vertices, box, drawn):
            yield f"the legend hides the line {line.get_label()!r}"
    if any(inset.get_tightbbox().overlaps(box) for inset in ax.child_axes):
        yield "the legend hides an inset"


def _inset_flaws(inset, ax):
    """What an inset hides of the lines of its axes."""
    box = inset.get_tightbbox()
    for collection in ax.collections:
        if isinstance(collection, LineCollection):
            for path in collection.get_paths():
                if _passes(collection.get_transform().transform(path.vertices), box, drawn=True):
                    yield f"the inset hides a line at {path.vertices[0].tolist()}"
        elif len(offsets := collection.get_offsets()) and _passes(
            collection.get_offset_transform().transform(offsets), box, drawn=False
        ):
            yield "the inset hides a disk"


def _passes(vertices, box, drawn):
    """Whether points, or the lines between them sampled finely, are within a box."""
    steps = np.linspace(0.0, 1.0, 201 if drawn else 1)[:, None, None]
    if drawn:
        vertices = (vertices[:-1] * (1 - steps) + vertices[1:] * steps).reshape(-1, 2)
    x, y = vertices.T
    inside = (x > box.x0 + CLOSE) & (x < box.x1 - CLOSE) & (y > box.y0 + CLOSE) & (y < box.y1 - CLOSE)
    return bool(inside.any())


def _text_flaws(figure):
    whole, texts = figure.bbox, list(_texts(figure))
    for text in texts:
        said, box = text.get_text(), text.get_window_extent()
        if box.x0 < -CLOSE or box.y0 < -CLOSE or box.x1 > whole.x1 + CLOSE or box.y1 > whole.y1 + CLOSE:
            yield f"{said!r} is cut"
        if NO_NUMBERS.search(said):
            yield f"{said!r} says what is not a number"
    straight = [text for text in texts if text.get_rotation() % 90 == 0]
    for a, b in combinations(straight, 2):
        one, other = a.get_window_extent(), b.get_window_extent()
        wide = min(one.x1, other.x1) - max(one.x0, other.x0)
        high = min(one.y1, other.y1) - max(one.y0, other.y0)
        if wide > CLOSE and high > CLOSE:
            yield f"{a.get_text()!r} and {b.get_text()!r} overprint"
    for ax in figure.axes:
        for note in ax.texts:
            if isinstance(note, Annotation) and note.arrow_patch is not None:
                box = note.arrow_patch.get_window_extent()
                if not (
                    ax.bbox.x0 <= box.x0 and box.x1 <= ax.bbox.x1 and ax.bbox.y0 <= box.y0 and box.y1 <= ax.bbox.y1
                ):
                    yield "an arrow leaves the axes"


def _texts(figure):
    """Every text that is visible, once."""
    yield from (text for text in figure.texts if text.get_text())
    legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes)]
    for legend in filter(None, legends):
        yield from (text for text in (*legend.get_texts(), legend.get_title()) if text.get_text())
    for ax in [*figure.axes, *(inset for panel in figure.axes for inset in panel.child_axes)]:
        yield from (
            t for t in (ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts) if t.get_text() and t.get_visible()
        )
        for axis in (ax.xaxis, ax.yaxis):
            yield from tick_labels(axis)
            if axis.get_offset_text().get_text():
                yield axis.get_offset_text()
