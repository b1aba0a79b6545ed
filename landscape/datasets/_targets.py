"""Several targets of a regression: columns of a table that are taken out of its features."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.datasets._classes import SEVERAL
from landscape.datasets._content import FILL_IN, Content
from landscape.datasets._layout import Where

Name = str | int  # of a column, or its position
Target = Name | Sequence[Name] | None


def first_target(where: Where, target: Target, *, regression: bool = True) -> tuple[Name | None, tuple[Name, ...]]:
    """The first target, and the others; ValueError if there are several without a `regression`, or none."""
    if target is None or isinstance(target, str | int):
        return target, ()
    if not target or (len(target) > 1 and not regression):
        msg = f"{where}: target must name a column{f', {SEVERAL}' if target else ''}; got {list(target)!r}"
        raise ValueError(msg)
    return target[0], tuple(target[1:])


def with_targets(where: Where, content: Content, others: Sequence[Name]) -> Content:
    """The content with these columns as further targets, and no features.

    Raises
    ------
    ValueError
        If there is no such column, a column is named twice, no feature is left or a value is missing.
    """
    if not others:
        return content
    label = content.target
    if label is not None and any(name in (label.name, label.position) for name in others):
        msg = f"{where}: target must name each column once; got {label.name or label.position!r} twice"
        raise ValueError(msg)
    at = [_position(where, content, name) for name in others]
    kept = [k for k in range(len(content.columns)) if k not in at]
    if len(set(at)) < len(at) or not kept:
        msg = f"{where}: target must name each column once, and leave features; got {list(others)!r} as further ones"
        raise ValueError(msg)
    further = content.inputs[:, at]
    if not np.isfinite(further).all():
        row, k = np.argwhere(~np.isfinite(further))[0].tolist()
        found = f"found {further[row, k]} in {content.columns[at[k]]}: {FILL_IN}"
        raise content.wrong(where, row, f"expected a finite number as the target, {found}")
    return replace(
        content,
        inputs=np.ascontiguousarray(content.inputs[:, kept]),
        columns=[content.columns[k] for k in kept],
        missing={(row, kept.index(k)): text for (row, k), text in content.missing.items()},
        further=further,
        further_columns=[content.columns[k] for k in at],
    )


def _position(where: Where, content: Content, name: Name) -> int:
    """Place among the features of the column with this name, or at this position of the table."""
    columns = content.columns
    if isinstance(name, str):
        found = [k for k, column in enumerate(columns) if column.name == name]
    else:
        width = len(columns) + len(content.ignored) + 1
        found = [k for k, column in enumerate(columns) if column.position == name % width]
    if len(found) != 1:
        among = ", ".join(str(column.name or column.position) for column in columns)
        msg = f"{where}: target must name columns of numbers among {among}; got {name!r}"
        raise ValueError(msg)
    return found[0]
