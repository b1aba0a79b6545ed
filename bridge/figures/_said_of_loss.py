"""What the paper says about loss, accuracy and minima: figures 1, 3 and 4, section 2."""

import numpy as np

from bridge.figures._statements import Numbers, Outcome, Statement, decided, listed, values

BOTTOM = 0.05  # nats above 0.5 that still are about 0.5


def _highest_accuracy(ours: Numbers) -> Outcome:
    highest = values(ours, "highest_accuracy")
    near = np.abs(highest - 0.8) < 0.015
    return Outcome(
        listed(highest), decided(near, np.abs(highest - 0.8) > 0.03), "the mean over the runs at its highest"
    )


def _plateau(ours: Numbers) -> Outcome:
    level = float(ours["constant_loss"])
    spans = values(ours, "plateau")
    said = ", ".join(f"{first:.0f} to {last:.0f}" for first, last in spans)
    reason = (
        f"the networks predict the largest class ({float(ours['largest_class']):.3f} of the rows); {level:.3f} is the "
        f"loss of the best constant prediction, and the loss is within 0.03 of it from step {said}"
    )
    return Outcome(f"{level:.2f}", decided(np.isfinite(spans) & (abs(level - 0.8) < 0.05), level < 0.7), reason)


def _plateau_by_depth(ours: Numbers) -> Outcome:
    spans = values(ours, "plateau")
    decades = np.log10(spans[:, 1] / spans[:, 0])
    longer = np.diff(decades)
    return Outcome(
        f"{listed(decades)} decades",
        decided(longer > 0.1, np.isfinite(decades).all() and decades.max() - decades[0] < 0.1),
        "decades of steps within 0.03 of that loss: the plateau does not get longer with depth",
    )


def _bottom(ours: Numbers) -> Outcome:
    loss = values(ours, "loss_at_1000")
    reason = "the loss falls on: it is " + listed(values(ours, "final_loss"), ".3f") + f" after {ours['steps']} steps"
    return Outcome(listed(loss), decided(loss < 0.5 + BOTTOM, loss > 0.5 + BOTTOM), reason)


def _alike(ours: Numbers) -> Outcome:
    loss, accuracy = values(ours, "final_loss"), values(ours, "final_accuracy")
    spreads = np.array([np.ptp(each) / each.mean() for each in (loss, accuracy)])
    error = np.ptp(loss) / values(ours, "final_loss_error").max()
    reason = (
        f"losses differ by {spreads[0]:.1%}, though by {error:.0f} standard errors; "
        f"accuracies, {listed(accuracy, '.3f')}, by {spreads[1]:.1%}"
    )
    return Outcome(listed(loss, ".3f"), decided(spreads < 0.05, spreads > 0.1), reason)


def _slow_phase(ours: Numbers) -> Outcome:
    loss, later = values(ours, "loss"), values(ours, "loss_at_1000")
    early, late = (loss[:, 1] - later) / 3, (later - loss[:, -1]) / float(ours["decades_of_the_late_fall"])
    said = ", ".join(f"{a:.2f} then {b:.2f}" for a, b in zip(early, late, strict=True))
    reason = "nats that the loss falls a decade of steps, up to step 1000 and from there on: slower in the second phase"
    return Outcome(said, decided(late < early / 2, late > early), reason)


def _chain_ages(ours: Numbers) -> Outcome:
    t_star = values(ours, "t_star_runs_mean")[0]
    slower = np.diff(t_star) > 0
    reason = (
        f"time to move by 10^-2 from tw = {ours['waiting_times'][0]} and {ours['waiting_times'][-1]} (mean over runs; "
        "steps); the paper gives no exponent for it"
    )
    return Outcome(
        f"{t_star[0]:.0f} and {t_star[-1]:.0f}", decided(slower, ~slower & np.isfinite(np.diff(t_star))), reason
    )


def _numbers_of_minima(ours: Numbers) -> Outcome:
    found = values(ours, "minima")
    reason = (
        "the order is the same; the numbers are those of the searches, theirs and ours, and more searches find more: "
        f"{listed(values(ours, 'searches'), '.0f')} here"
    )
    factors = found / (10, 1e3, 1e4)
    return Outcome(
        f"at least {listed(found, '.0f')}", decided((factors < 3) & (np.array([1, *np.diff(found)]) > 0), False), reason
    )


def _deepest(ours: Numbers) -> Outcome:
    loss = values(ours, "lowest_loss")
    return Outcome(
        listed(loss, ".3f"), decided(np.abs(loss - 0.5) < 0.05, np.abs(loss - 0.5) > 0.1), "lowest found (nats)"
    )


def _minima_at_the_plateau(ours: Numbers) -> Outcome:
    found, all_found = values(ours, "minima_at_plateau"), values(ours, "minima")
    reason = (
        f"minima with a loss of 0.75 to 0.85, of {listed(all_found, '.0f')} found: the plateau is the neighborhood of "
        "the constant prediction, which is a saddle for one and two hidden layers and a minimum for three"
    )
    return Outcome(listed(found, ".0f"), decided(found > 10, found <= 10), reason)


SAID_OF_FIG1 = (
    Statement(
        "highest_accuracy",
        "section 2",
        "With two of the three coordinates the highest possible accuracy is about 0.8.",
        _highest_accuracy,
        0.8,
        "about 0.8",
    ),
    Statement(
        "constant_loss",
        "section 3, figure 1",
        "The loss has an intermediate plateau at about 0.8.",
        _plateau,
        0.8,
        "about 0.8",
    ),
    Statement(
        "plateau_by_depth",
        "section 3, figure 1",
        "The plateau is there especially for several layers.",
        _plateau_by_depth,
    ),
    Statement(
        "loss_at_1000",
        "section 3, figure 1",
        "At about 10^3 steps the loss is that of the lowest minima, about 0.5.",
        _bottom,
        0.5,
        "about 0.5",
    ),
    Statement(
        "final_loss_alike",
        "section 3, figure 1",
        "Loss and accuracy of the three networks reach similar values.",
        _alike,
    ),
    Statement("two_phases", "section 3, figure 1", "Learning is fast first, and slow afterward.", _slow_phase),
)
SAID_OF_FIG3 = (
    Statement(
        "chain_ages",
        "section 3, figure 3",
        "The chain of three hidden units slows down with age like the wider networks.",
        _chain_ages,
    ),
)
SAID_OF_FIG4 = (
    Statement(
        "two_phases",
        "section 3, figure 4",
        "The loss evolves as for LJAT19: a fast phase, then a slow one.",
        _slow_phase,
    ),
)
SAID_OF_MINIMA = (
    Statement(
        "minima",
        "section 2",
        "The numbers of minima found for one, two and three hidden layers.",
        _numbers_of_minima,
        (10, 1000, 10_000),
        "10, 10^3, 10^4",
    ),
    Statement("lowest_loss", "section 2", "The deepest minimum found is at about 0.5.", _deepest, 0.5, "about 0.5"),
    Statement(
        "minima_at_plateau",
        "section 3, figure 1",
        "Many local minima have a loss of about 0.8, which explains the plateau.",
        _minima_at_the_plateau,
        None,
        "many",
    ),
)
