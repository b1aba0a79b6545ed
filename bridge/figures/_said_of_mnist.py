"""What we found for LJAT-like data, tested on the MNIST networks (docs/findings/what-ages.md)."""

import numpy as np

from bridge.figures._statements import Numbers, Outcome, Statement, decided, values, with_intervals

NEAR = 0.1  # by which the predicted displacement may differ
DECADES = 2.0  # by which the unstable mode is much colder; four to five for LJAT-like data


def _descent(ours: Numbers) -> Outcome:
    share, low, high = (values(ours, f"descent_share{end}") for end in ("", "_low", "_high"))
    known = np.isfinite(share)
    reason = (
        "predicted over measured displacement at t*, range over the waiting times; it holds if all are within "
        f"{NEAR:.0%} of 1, and fails if an interval is outside"
    )
    holds = (np.abs(share - 1) <= NEAR)[known] if known.any() else False
    ranges = ", ".join(
        f"{row[np.isfinite(row)].min():.2f} to {row[np.isfinite(row)].max():.2f}" if np.isfinite(row).any() else "none"
        for row in share
    )
    return Outcome(ranges, decided(holds, (low > 1 + NEAR) | (high < 1 - NEAR)), reason)


def _basins(ours: Numbers) -> Outcome:
    low, high = (values(ours, f"changed_late_over_early_{end}") for end in ("low", "high"))
    moved = values(ours, "displacement_late_over_early_high")
    reason = (
        "share of runs in another basin after the same lag, later over earlier waiting times; that of the displacement "
        f"is {with_intervals(ours, 'displacement_late_over_early')}. It holds if every interval is above that of the "
        "displacement and reaches 1, and fails if one ends below 1"
    )
    verdict = decided((low > moved) & (high >= 1), high < 1)
    return Outcome(with_intervals(ours, "changed_late_over_early"), verdict, reason)


def _cold(ours: Numbers) -> Outcome:
    low, high = values(ours, "decades_colder_low"), values(ours, "decades_colder_high")
    said = ", ".join(
        f"{a:.1f} ({b:.1f} to {c:.1f})" if np.isfinite(a) else "no exits"
        for a, b, c in zip(values(ours, "decades_colder"), low, high, strict=True)
    )
    reason = (
        "decades by which the temperature along the unstable mode of a transition state is below that near the "
        f"minimum, median and quartiles over the exits; it holds if all lower quartiles are above {DECADES:g}, and "
        "fails if an upper one is below"
    )
    return Outcome(said, decided(low > DECADES, high < DECADES), reason)


def _more_with_depth(ours: Numbers) -> Outcome:
    found, least = values(ours, "random_minima"), values(ours, "estimated_minima_low")
    starts, estimate = values(ours, "random_starts"), values(ours, "estimated_minima")
    complete = float(values(ours, "coverage_low")[0])
    reason = (
        f"of {', '.join(f'{n:.0f}' for n in starts)} random starts each; there are at least "
        f"{', '.join(f'{n:.0f}' for n in least)} (95 %); of one layer about {estimate[0]:.0f}, and a next start ends "
        f"in a known one with a probability of {complete:.0%} or more"
    )
    holds = (least[1:] > 2 * estimate[0]) & (complete > 0.5)
    return Outcome(", ".join(f"{n:.0f}" for n in found), decided(holds, least[0] > estimate[1:]), reason)


SAID_OF_MNIST_LANDSCAPE = (
    Statement(
        "descent_share",
        "what ages",
        "Descent without noise predicts the displacement of SGD at t*.",
        _descent,
        published="0.94 to 1.06",
    ),
    Statement(
        "changed_late_over_early",
        "what ages",
        "Basins do not age: changes of basin become no rarer with age, while the displacement does.",
        _basins,
    ),
    Statement(
        "decades_colder",
        "what ages",
        "Along the unstable mode of a transition state the noise is far colder than near a minimum.",
        _cold,
        published="4 to 5 decades",
    ),
    Statement(
        "random_minima",
        "landscapes",
        "Networks of several hidden layers have more minima than one of a single layer.",
        _more_with_depth,
    ),
)
