"""What was understood of a table, in words and as JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bridge.commands._results import Summary, Table
from bridge.commands._words import counted, number, share
from landscape import datasets
from landscape.datasets import Dataset, TableDescription

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
NAMED = 6  # classes on a line
Range = tuple[float, float, float]  # lowest, mean and highest
LISTED = 30  # columns in a table; the JSON has all


def understood(data: Dataset) -> list[str]:
    """What was understood of a table and what becomes of it, in two lines; nothing of generated data."""
    said, table = data.metadata, data.description
    if table is None and said.get("pca") is None:
        return []
    name = said["name"] if table is None else Path(table.source).name
    test = len(data.test_labels)
    steps = [f"training on {counted(data.rows, 'row')}" + (f" of {name}" if table is None else "")]
    if test:
        how = "drawn at random" if data.is_regression else "drawn in proportion to the classes"
        drawn = f" ({how})" if table is not None and said["seed"] is not None else ""
        steps = [f"{steps[0]}{drawn}, {counted(test, 'test row')}"]
    steps += ["inputs standardized"] if said["standardize"] else []
    if said["pca"] is not None:
        steps.append(f"{counted(said['pca'], 'principal component')} ({share(said['variance_kept'])} of the variance)")
    return [*([] if table is None else [f"{name}: {form(table)}; {classes(table)}"]), "; ".join(steps)]


def scale_warnings(data: Dataset) -> dict[str, Any]:
    """What is wrong with the scale of inputs and targets, and what to do, for the JSON."""
    inputs, targets = datasets.scale_warning(data), datasets.target_warning(data)
    return ({} if inputs is None else {"scale_warning": f"{inputs}: --standardize"}) | (
        {} if targets is None else {"target_warning": targets}
    )


def form(table: TableDescription) -> str:
    """Rows and features of a table, and how they are written."""
    text = f"{counted(table.rows, 'row')} of {counted(len(table.columns), 'feature')}"
    if table.delimiter is not None:
        names = "names in the first line" if table.header else "no line of names"
        text += f", separated by {DELIMITERS.get(table.delimiter, table.delimiter)}, {names}"
    return text


def classes(table: TableDescription) -> str:
    """The target of a table and its classes, of many the first."""
    if table.target_ranges is not None:
        several = "s" if len(table.target_ranges) > 1 else ""
        return f"regression, target{several} {'; '.join(_ranges(table.target_ranges))}"
    pairs = list(zip(table.classes, table.class_counts, strict=True))
    named = [f"{name} ({rows:,})" for name, rows in pairs[:NAMED]] + ["..."] * (len(pairs) > NAMED)
    return f"target {table.target}, {counted(len(pairs), 'class', 'classes')} (rows): {', '.join(named)}"


def _ranges(targets: Mapping[str, Range], *, named: bool = True) -> list[str]:
    """The range of each target, in words."""
    texts = ("{} to {}, mean {}".format(*map(number, (low, high, mean))) for low, mean, high in targets.values())
    return [f"{name}, {text}" if named else text for name, text in zip(targets, texts, strict=True)]


def describe_description(table: TableDescription) -> dict[str, Any]:
    """What the JSON of `info` says of a table, also one with missing values."""
    found = asdict(table)
    names, counts, targets = (found.pop(name) for name in ("classes", "class_counts", "target_ranges"))
    return {
        "kind": "data set",
        "format": found.pop("kind"),
        **found,
        "features": len(table.columns),
        **(
            {}
            if targets is None
            else {"regression": True, "target_range": table.target_range, "target_ranges": targets}
        ),
        "classes": list(names),
        "class_counts": list(counts),
    }


def summarize_table(table: TableDescription, result: dict[str, Any]) -> Summary:
    """What a person reads of a table."""
    counts = zip(table.classes, table.class_counts, strict=True)
    columns = [
        (str(c.position), c.name, number(c.low), number(c.mean), number(c.high), f"{c.missing:,}")
        for c in table.columns[:LISTED]
    ]
    names = "the first line" if table.delimiter else "the table"
    facts = {
        "column names": f"in {names}" if table.header else "none",
        "target": table.target + ("" if table.target_position is None else f", position {table.target_position}"),
        "missing values": number(table.missing_values),
    }
    if table.delimiter is not None:
        facts = {"delimiter": DELIMITERS.get(table.delimiter, table.delimiter), **facts}
    if table.target_ranges is not None:
        several = len(table.target_ranges) > 1
        facts["target range"] = "; ".join(_ranges(table.target_ranges, named=several))
    if "constant_error" in result:
        facts["half the squared error of the mean target"] = number(result["constant_error"])
    if table.ignored:
        facts["not used"] = f"{', '.join(table.ignored)}: numbers or names the rows"
    if "constant_entropy" in result:
        facts["loss of guessing by frequency"] = number(result["constant_entropy"], "nats")
    return Summary(
        verdict=f"{Path(table.source).name} is a data set of {counted(table.rows, 'row')} with "
        f"{counted(len(table.columns), 'feature')} {_kind(table)}.",
        facts=facts,
        tables=[
            *([Table(("class", "rows"), [(str(name), f"{n:,}") for name, n in counts])] if table.classes else []),
            Table(("position", "feature", "lowest", "mean", "highest", "missing"), columns),
        ],
        notes=_notes(table, result),
    )


def _kind(table: TableDescription) -> str:
    if table.target_ranges is not None:
        return "for a regression: the target is real-valued (--regression --loss squared-error)"
    return f"in {counted(len(table.classes), 'class', 'classes')}"


def _notes(table: TableDescription, result: dict[str, Any]) -> list[str]:
    """What is wrong with a table, and what to do about it."""
    notes = []
    if (more := len(table.columns) - LISTED) > 0:
        notes.append(f"{counted(more, 'more feature')}; --json lists all.")
    notes.append("Positions count from 0, as --target does; lines count from 1.")
    if table.missing_values:
        notes.append(
            f"Warning: {counted(table.missing_values, 'value')} missing, the first in {table.first_missing}. explore "
            "and train refuse such a table: fill the values in, or leave out the rows or columns without them."
        )
    notes += [f"Warning: {result[key]}." for key in ("scale_warning", "target_warning") if key in result]
    return notes
