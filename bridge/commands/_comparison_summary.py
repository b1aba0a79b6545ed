"""Architectures beside one another, in words: what `compare` and `study` show."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bridge.commands._results import Table
from bridge.commands._words import UNKNOWN, decimal, is_unknown, with_interval
from bridge.comparison import RankCorrelation


def describe_correlations(found: Iterable[RankCorrelation]) -> dict[str, Any]:
    """Rank correlations with mu by quantity, of those that are defined."""
    return {
        part.quantity: {**part.coefficient.parts, "p": part.p, "rows": part.rows}
        for part in found
        if part.rows and np.isfinite(part.coefficient.value)
    }


def comparison_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """A row for each architecture and data set."""
    columns = ("hidden", "data", "parameters", "minima", "at least", "transition states", "components", "mu")
    cells = [
        (
            row["hidden"],
            _data(row),
            f"{row['parameters']:,}",
            f"{row['minima']:,}",
            _at_least(row["estimated_minima"]),
            f"{row['transition_states']:,}",
            f"{row['components']:,}",
            with_interval(row["mu"], row["mu_low"], row["mu_high"]),
        )
        for row in rows
    ]
    return Table(columns, cells)


def _data(row: Mapping[str, Any]) -> str:
    seed = row["dataset_seed"]
    return f"{row['dataset']}, {row['rows']:,} rows" + (f", seed {seed}" if seed is not None else "")


def _at_least(estimate: Mapping[str, Any]) -> str:
    """How many minima there are at least, at 95 %."""
    return UNKNOWN if is_unknown(estimate["value"]) else f"{estimate['low']:,.0f}"


def correlations_in_words(correlations: Mapping[str, Mapping[str, Any]]) -> str:
    """How the quantities correlate with mu, or why that is not known."""
    if not correlations:
        return f"How mu correlates with the landscape is {UNKNOWN}: that takes several architectures with a mu."
    parts = [
        f"{name.replace('_', ' ')} {with_interval(one['value'], one['low'], one['high'])}, p = {decimal(one['p'])}"
        for name, one in correlations.items()
    ]
    return f"Rank correlation with mu: {'; '.join(parts)}."
