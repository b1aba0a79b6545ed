"""What the paper says about Hessians and gradients: figures 7, A1, A2 and A3."""

from collections.abc import Iterator

import numpy as np

from bridge.figures._statements import Numbers, Outcome, Statement, decided, listed, values

PUBLISHED_GRADIENTS = (0.02, 0.07, 0.12)
NAMES = {"ljat": "LJAT-like", "mnist": "MNIST"}


def _parts(ours: Numbers) -> Iterator[tuple[str, Numbers]]:
    """Each data set with its numbers."""
    return ((NAMES[name], ours[name]) for name in NAMES if name in ours)


def _counts(ours: Numbers, at: tuple[int, ...] | None = None) -> str:
    """Negative eigenvalues of each data set, of its P, at these places among the steps."""
    said = []
    for name, part in _parts(ours):
        counts = values(part, "negative_eigenvalues")
        counts = counts if at is None else counts[list(at)]
        said.append(f"{name} {', '.join(f'{count:.3g}' for count in counts)} of {part['parameters']}")
    return "; ".join(said)


def _fewer_at_the_end(ours: Numbers) -> Outcome:
    counts = [values(part, "negative_eigenvalues") for _, part in _parts(ours)]
    fewer = [some[-1] < some[0] for some in counts]
    return Outcome(
        _counts(ours, (0, -1)), decided(fewer, ~np.array(fewer)), "mean numbers at the first and the last step"
    )


def _fewer_all_the_time(ours: Numbers) -> Outcome:
    steps = next(iter(ours.values()))["steps"]
    rises = {name: (np.diff(values(part, "negative_eigenvalues")) > 0).any() for name, part in _parts(ours)}
    again = [name for name, rise in rises.items() if rise]
    reason = f"at steps {', '.join(str(step) for step in steps[:-1])} and the last; "
    reason += f"the number rises in between for {' and '.join(again)}" if again else "it falls from each to the next"
    return Outcome(_counts(ours), decided(not again, bool(again)), reason)


def _negative_to_the_end(ours: Numbers) -> Outcome:
    left = [values(part, "negative_eigenvalues")[-1] for _, part in _parts(ours)]
    reason = "SGD is still on its way down, not at a minimum: full-batch descent has negative eigenvalues there, too"
    return Outcome(_counts(ours, (-1,)), decided(np.array(left) > 0, np.array(left) == 0), reason)


def _around_zero(ours: Numbers) -> Outcome:
    ranges = {name: values(part, "interquartile_range")[[0, -1]] for name, part in _parts(ours)}
    narrower = [pair[1] < pair[0] for pair in ranges.values()]
    said = "; ".join(f"{name} {pair[0]:.2g} to {pair[1]:.2g}" for name, pair in ranges.items())
    wider = " and ".join(name for name, pair in ranges.items() if pair[1] >= pair[0])
    reason = "interquartile range at the first and the last step (nats)" + (f": it grows for {wider}" if wider else "")
    return Outcome(said, decided(narrower, ~np.array(narrower)), reason)


def _outliers_positive(ours: Numbers) -> Outcome:
    shares = {name: values(part, "positive_outliers")[-1] for name, part in _parts(ours)}
    said = "; ".join(f"{name} {share:.3f}" for name, share in shares.items())
    numbers = np.array(list(shares.values()))
    reason = "share of positive ones among the eigenvalues beyond 1.5 interquartile ranges, at the last step"
    return Outcome(said, decided(numbers > 0.5, numbers <= 0.5), reason)


def _trace_rises(ours: Numbers) -> Outcome:
    plain, alone = (float(values(ours, name)) for name in ("rank_correlation", "rank_correlation_of_rows_alone"))
    rows, trace, error = (values(ours, name) for name in ("rows", "trace_per_row", "generalization_error"))
    parts = [rows == number for number in np.unique(rows)]
    alike = sum((np.argsort(trace[part]) == np.argsort(error[part])).all() for part in parts)
    reason = (
        f"that of 1/N alone with the error is {alone:z.2f}; at {alike} of {len(parts)} N the networks are in the same "
        "order of both, too"
    )
    return Outcome(f"rank correlation {plain:z.2f}", decided(plain > 0.5, plain < 0), reason)


def _gradients(ours: Numbers) -> Outcome:
    rms, error = values(ours, "late_gradient_rms"), values(ours, "late_gradient_rms_error")
    said = ", ".join(f"{value:.3f} +- {bar:.3f}" for value, bar in zip(rms, error, strict=True))
    ratio = rms / PUBLISHED_GRADIENTS[: rms.size]
    reason = (
        f"factors of {listed(ratio)}; standard errors over the runs, rms over {ours['late_points']} steps; at ends of "
        f"epochs alone {listed(values(ours, 'late_gradient_rms_at_ends_of_epochs'), '.3f')}"
    )
    return Outcome(said, decided(np.abs(ratio - 1) < 0.1, np.abs(ratio - 1) > 0.25), reason)


def _noisier_with_depth(ours: Numbers) -> Outcome:
    rms, error = values(ours, "late_gradient_rms"), values(ours, "late_gradient_rms_error")
    rises, errors = np.diff(rms), np.hypot(error[1:], error[:-1])
    return Outcome(listed(rms, ".3f"), decided(rises > 2 * errors, rises < -2 * errors), "it rises with each layer")


SAID_OF_FIG7 = (
    Statement(
        "falls",
        "section 3, figure 7",
        "In the course of training, negative eigenvalues become fewer.",
        _fewer_all_the_time,
    ),
    Statement(
        "remain", "section 3, figure 7", "The negative eigenvalues do not disappear entirely.", _negative_to_the_end
    ),
    Statement(
        "interquartile_range",
        "section 3, figure 7",
        "At the start the eigenvalues have a wide range, at the end most are around zero.",
        _around_zero,
    ),
    Statement(
        "positive_outliers", "section 3, figure 7", "At the end the outliers are mainly positive.", _outliers_positive
    ),
)
SAID_OF_FIGA1 = (
    Statement(
        "fewer_at_end",
        "appendix 5.2, figure A1",
        "There are fewer negative eigenvalues at the end than at the start.",
        _fewer_at_the_end,
    ),
)
SAID_OF_FIGA2 = (
    Statement(
        "rises_with_error", "appendix 5.2, figure A2", "Tr(H)/N grows with the generalization error.", _trace_rises
    ),
)
SAID_OF_FIGA3 = (
    Statement(
        "late_gradient_rms",
        "appendix 5.3, figure A3",
        "The rms after step 10^4 of the magnitude of the gradient.",
        _gradients,
        PUBLISHED_GRADIENTS,
        "0.02, 0.07, 0.12",
    ),
    Statement(
        "noisier_with_depth",
        "appendix 5.3, figure A3",
        "The deeper the network, the larger the fluctuations.",
        _noisier_with_depth,
    ),
)
