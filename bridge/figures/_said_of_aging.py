"""What the paper says about aging: figures 2, 5 and 6."""

from dataclasses import replace

import numpy as np

from bridge.figures._statements import Numbers, Outcome, Statement, Verdict, decided, listed, values, with_intervals

HAND_DRAWN = 0.7  # exponent of the line in figure 2d
NEAR = 0.1  # to that line, by eye
PUBLISHED_MU, PUBLISHED_ERROR = 0.709, 0.017  # figure 6b
CROSSOVER = 10**3.6


def _below_one(part: Numbers, why: str) -> Outcome:
    low, high = values(part, "mu_runs_mean_low"), values(part, "mu_runs_mean_high")
    return Outcome(with_intervals(part, "mu_runs_mean"), decided(high < 1, low > 1), why)


def _ours_beside(part: Numbers) -> str:
    return f"of the mean displacement {with_intervals(part, 'mu')}"


def _subaging_behind_the_bend(ours: Numbers) -> Outcome:
    part = ours["behind_the_bend"]
    times = ", ".join(f"{time:.0f}" for time in values(part, "waiting_times"))
    return _below_one(part, f"tw = {times}, the window of which the paper speaks; {_ours_beside(part)}")


def _subaging_at_all_times(ours: Numbers) -> Outcome:
    low, high = values(ours, "mu_runs_mean_low"), values(ours, "mu_runs_mean_high")
    reason = (
        "a mean slope over a bend; the paper draws the line over all six waiting times, but claims the exponent only "
        f"behind the bend; {_ours_beside(ours)}"
    )
    lower, upper = HAND_DRAWN - NEAR, HAND_DRAWN + NEAR
    verdict = decided((low < upper) & (high > lower), (low > upper) | (high < lower))
    return Outcome(with_intervals(ours, "mu_runs_mean"), verdict, reason)


def _one_exponent(part: Numbers, beyond: str) -> Outcome:
    low, high = values(part, "mu_runs_mean_low"), values(part, "mu_runs_mean_high")
    apart = low.max() > high.min() if np.isfinite([*low, *high]).all() else False
    known = np.isfinite([*low, *high]).all()
    reason = f"the 95 % intervals over the runs {'do not all' if apart else 'all'} overlap{beyond}"
    return Outcome(with_intervals(part, "mu_runs_mean"), decided(known and not apart, apart), reason)


def _any_depth_behind_the_bend(ours: Numbers) -> Outcome:
    beyond = "; another draw of the data changes the exponent more than another depth does (figure realizations)"
    found = _one_exponent(ours["behind_the_bend"], beyond)
    return replace(found, verdict=Verdict.UNDECIDED) if found.verdict == Verdict.FAILS else found


def _any_depth(ours: Numbers) -> Outcome:
    return _one_exponent(ours, "")


def _crossover(ours: Numbers) -> Outcome:
    at = np.array([np.nan if place is None else place for place in ours["bend_at"]], dtype=np.float64)
    said = ", ".join("none" if np.isnan(place) else f"{place:.0f}" for place in at)
    near = np.abs(np.log10(at / CROSSOVER)) < 0.2
    reason = (
        f"waiting time where two power laws meet, if they are better than one: found for {int(near.sum())} of {at.size}"
    )
    return Outcome(said, decided(near, np.isnan(at).all()), reason)


def _slower_with_age(ours: Numbers) -> Outcome:
    t_star = values(ours, "t_star_runs_mean")
    factors = t_star[:, -1] / t_star[:, 0]
    reason = f"factors by which t* grows from tw = {ours['waiting_times'][0]} to {ours['waiting_times'][-1]}"
    return Outcome(listed(factors, ".1f"), decided(np.diff(t_star) > 0, factors < 1), reason)


def _subaging_of_mnist(ours: Numbers) -> Outcome:
    reason = f"at Delta* = {ours['threshold']:g}, our assumption: the paper gives none here; {_ours_beside(ours)}"
    return _below_one(ours, reason)


def _mean_mu(ours: Numbers) -> Outcome:
    mean, error, deviation = (float(values(ours, name)) for name in ("mean_mu", "mean_mu_error", "mean_mu_deviation"))
    apart = abs(mean - PUBLISHED_MU) / np.hypot(error, PUBLISHED_ERROR)
    reason = (
        f"standard error over the widths, {deviation:.3f} is their standard deviation; the paper does not say which of "
        f"the two its 0.017 is; of the mean displacement {float(values(ours, 'mean_mu_ours')):.3f}"
    )
    return Outcome(f"{mean:.3f} +- {error:.3f}", decided(apart < 2, apart > 3), reason)


def _one_exponent_over_widths(ours: Numbers) -> Outcome:
    mu, low, high = (values(ours, f"mu_runs_mean{end}") for end in ("", "_low", "_high"))
    steps = np.diff(mu)
    known = np.isfinite([*low, *high]).all()
    apart = bool(known and low.max() > high.min())
    trend = "; mu falls with every width" if known and (steps < 0).all() else ""
    of_two = f"the intervals over the runs of the largest and the smallest do not overlap{trend}"
    reason = of_two if apart else "the intervals over the runs overlap"
    return Outcome(with_intervals(ours, "mu_runs_mean"), decided(known and not apart, apart), reason)


def _bottom_to_top(ours: Numbers) -> Outcome:
    t_star = values(ours, "t_star_runs_mean")
    rises = np.diff(t_star, axis=0)
    said = listed(t_star[:, 0], ".0f")
    reason = f"t* at tw = {ours['waiting_times'][0]} from the smallest alpha to the largest (steps)"
    return Outcome(said, decided(rises > 0, rises[0] < 0), reason)


def _underparametrized(ours: Numbers) -> Outcome:
    accuracy, steps = values(ours, "final_accuracy"), int(values(ours, "steps"))
    reason = f"training accuracy after {steps} steps"
    if steps < 1_000_000:
        return Outcome(listed(accuracy, ".3f"), decided(False, accuracy > 0.99), reason + "; 10^6 were not run here")
    return Outcome(listed(accuracy, ".3f"), decided(accuracy < 0.99, accuracy >= 0.99), reason)


SAID_OF_FIG2 = (
    Statement(
        "slower_with_age",
        "section 3, figure 2a to c",
        "The motion becomes slower with the age, whatever the architecture.",
        _slower_with_age,
    ),
    Statement(
        "mu_behind_the_bend",
        "section 3, figure 2d",
        "Asymptotically, behind the crossover, there is subaging.",
        _subaging_behind_the_bend,
        HAND_DRAWN,
        "below 1; line of 0.7 set by hand",
    ),
    Statement(
        "mu_runs_mean",
        "figure 2d",
        "The line of 0.7 over all six waiting times.",
        _subaging_at_all_times,
        HAND_DRAWN,
        "line of 0.7 set by hand",
    ),
    Statement(
        "same_mu_behind_the_bend",
        "section 3, figure 2d",
        "The asymptotic scaling does not depend on the architecture.",
        _any_depth_behind_the_bend,
    ),
    Statement(
        "bend_at",
        "section 3, figure 2d",
        "There is a crossover around tw = 10^3.6.",
        _crossover,
        CROSSOVER,
        "10^3.6 = 3981",
    ),
)
SAID_OF_FIG5 = (
    Statement(
        "slower_with_age", "section 3, figure 5a to c", "The motion becomes slower with the age.", _slower_with_age
    ),
    Statement(
        "mu_runs_mean", "section 3, figure 5d", "There is subaging as for LJAT19.", _subaging_of_mnist, None, "below 1"
    ),
    Statement(
        "same_mu",
        "abstract, figure 5d",
        "The exponent is the same for different architectures at a fixed P/N.",
        _any_depth,
    ),
)
SAID_OF_FIG6 = (
    Statement("bottom_to_top", "figure 6a", "t* increases with alpha = P/N at each waiting time.", _bottom_to_top),
    Statement(
        "mean_mu",
        "section 3, figure 6b",
        "The mean exponent over the widths.",
        _mean_mu,
        PUBLISHED_MU,
        "0.709 +- 0.017",
    ),
    Statement(
        "one_mu",
        "section 3, figure 6b",
        "The data are consistent with a single exponent across the phase.",
        _one_exponent_over_widths,
    ),
    Statement(
        "final_accuracy",
        "section 3, footnote",
        "After 10^6 steps the accuracy is below 0.99.",
        _underparametrized,
        0.99,
        "below 0.99",
    ),
)
