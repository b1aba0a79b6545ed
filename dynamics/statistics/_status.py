"""Status of an estimate. Every meaning has one member, whatever function finds it."""

import re
from enum import StrEnum


class Status(StrEnum):
    """Status of an estimate; if something is missing or wrong, the value is the remedy."""

    OK = "ok"
    NO_INTERVAL = (
        "the interval is not defined: it depends on single runs, because the value does not exist in more than 5 % of "
        "the bootstrap samples; train longer runs or more replicas"
    )
    TOO_FEW_RUNS = "one run: no interval; train at least two replicas"
    TIME_OF_ONE_RUN = (
        "no interval: some t* is of one run alone, since others lack the snapshots; leave out waiting times that only "
        "one run has, or train more replicas"
    )
    RUNS_AGREE = "no interval: too few runs differ; train more replicas, or map more snapshots"

    # t*, the time to move a given distance, and mu of t* ~ tw^mu
    NO_T_STAR = "no waiting time has a t*; choose another threshold or train longer runs"
    THRESHOLD_TOO_LARGE = (
        "mu is not defined: fewer than two waiting times have a t*, because the displacement does not reach the "
        "threshold within the runs; train longer runs or choose a smaller threshold"
    )
    THRESHOLD_TOO_SMALL = (
        "mu is not defined: fewer than two waiting times have a t*, because the displacement is beyond the threshold "
        "at the first lag; choose a larger threshold or record shorter lags"
    )
    AMBIGUOUS = (
        "t* is ambiguous: the displacement falls below the threshold again after it reached it, as it does if lags are "
        "not multiples of the epoch; record lags that are (train --lags-multiple-of epoch) or choose a larger "
        "threshold"
    )
    RUNS_CHANGE = (
        "different waiting times or lags have different runs, because some lack the snapshots: the mean over the runs "
        "may jump where they change; leave out the shorter runs, or choose waiting times and lags that all of them have"
    )
    WIDE_GAP = (
        "t* lies in a gap of the recorded lags of more than a factor of two and is interpolated across it: its "
        "interval includes what a curve that bends one way can do there; record more lags or choose another threshold"
    )
    TWO_POINTS = "no error of the fit: fewer than three waiting times have a t*; add waiting times"
    HANGS_ON_SINGLE_RUNS = (
        "the interval of mu is not defined: a waiting time has no t* if some of the runs are left out; train longer "
        "runs or more replicas, or choose another threshold"
    )
    UNEVEN_RUNS = (
        "the intervals are too narrow: few runs make up most of the mean displacement at t* (see the effective runs); "
        "train more replicas, or look at the t* of single runs"
    )
    ONE_EXPONENT_MISSING = (
        "not determined: one of the two has no mu, because fewer than two waiting times have a t*; choose another "
        "threshold or train longer runs"
    )
    NOT_A_POWER_LAW = (
        "mu is a mean slope only: a power law misses t*(tw) by more than the errors (p below 0.01); look at the worst "
        "misfit, at two slopes (the crossover) and at other laws of t*(tw), or give mu with its range of waiting times"
    )

    # the mean over the runs of t*
    SOME_CENSORED = (
        "mu from t* of single runs leaves out waiting times at which the mean over the runs is not determined, because "
        "runs do not reach the threshold or are beyond it at the first lag: only a lower bound is known there; train "
        "longer runs or choose another threshold"
    )
    CENSORED = (
        "not determined: at fewer than two waiting times do all runs have a t*; others do not reach the threshold or "
        "are beyond it at the first lag, so that only a lower bound is known; train longer runs or choose another "
        "threshold"
    )

    # mu at several thresholds, on several data sets
    NOT_FLAT = (
        "mu is nowhere flat: it changes by more than the tolerance within every half decade of the threshold; "
        "give mu with its threshold, or a larger tolerance"
    )
    TOO_NARROW = (
        "the scan is too narrow: less than half a decade of thresholds is reached from every waiting time; "
        "train longer runs, record shorter lags or leave out early waiting times"
    )
    TOO_FEW_REALIZATIONS = (
        "the spread is not defined: fewer than two realizations have a mu; train on more data sets (--dataset-seeds), "
        "or choose another threshold or longer runs"
    )

    # laws for t*(tw)
    TOO_FEW_WAITING_TIMES = (
        "no law is chosen among the fits: fewer than four waiting times have a t*; "
        "train longer runs, add waiting times or choose another threshold"
    )
    TOO_FEW_RUNS_FOR_COVARIANCE = (
        "no law is chosen among the fits: there must be three more runs than waiting times with a t*; "
        "train more replicas"
    )
    NONE_FITS = (
        "none of the forms describes t*(tw): the best of them misses it by more than its errors (p below 0.01); "
        "leave out early waiting times, or give t* itself"
    )

    # curves that collapse
    TOO_FEW_RUNS_FOR_COLLAPSE = (
        "not to be trusted: one run has no spread, and intervals of a collapse from two cover in 0.77 of the cases "
        "instead of 0.95; train at least three replicas"
    )
    TOO_LITTLE_OVERLAP = (
        "there is nothing to collapse: fewer than two curves have three points in the window, or they do not overlap; "
        "choose another window, or add lags, waiting times or learning rates"
    )
    AT_THE_EDGE = (
        "not to be trusted: the best exponent lies at the end of what could be searched, -1 ... 3 and while the curves "
        "overlap; add waiting times, lags or learning rates in between"
    )
    NOT_DETERMINED = (
        "not to be trusted: the interval is wider than 1 or has an open end, so many exponents collapse the curves "
        "(where t* grows as tw they slide along themselves); add runs, waiting times, learning rates farther apart, or "
        "start the ensembles alike"
    )
    DOES_NOT_COLLAPSE = (
        "the curves do not collapse: with the best exponent they still differ by more than their errors (p below "
        "0.01); the exponent is only the one at which they differ least; choose a narrower window or later waiting "
        "times"
    )

    # D(tw) t^alpha, D ~ tw^-a
    TOO_FEW_LAGS = (
        "D(tw) is not defined: fewer than four lags of the window are recorded for at least two waiting times; "
        "train longer runs or choose another window"
    )
    ALPHA_NOT_A_POWER_LAW = (
        "alpha is a mean slope only: D(tw) t^alpha with one alpha misses the displacement by more than its errors "
        "(p below 0.01); choose a narrower window, or look at the local slope"
    )
    D_NOT_A_POWER_LAW = (
        "a is a mean slope only: tw^-a misses D(tw) by more than its errors (p below 0.01); give D(tw) itself"
    )

    # scaling forms of whole curves, and where curves leave the first regime
    TOO_FEW_WAITING_TIMES_FOR_SCALING = (
        "no form is chosen: fewer than four waiting times have four lags in the window; train longer runs, add waiting "
        "times or choose a wider window"
    )
    NO_FORM_SCALES = (
        "none of the forms describes all curves: the best of them mispredicts curves by more than their errors (p "
        "below 0.01); leave out early waiting times, choose a narrower window, or give the error with the form"
    )
    NO_DEPARTURE = (
        "not determined: at fewer than two waiting times does the local slope fall below the level after its largest "
        "value; train longer runs or choose a higher level"
    )
    DEPARTURE_NOT_A_POWER_LAW = (
        "nu is a mean slope only: a power law misses the departures by more than their errors (p below 0.01); give the "
        "departures themselves"
    )

    NO_PEAK = (
        "not determined: at fewer than two waiting times does the susceptibility have its largest value within the "
        "lags; train longer runs or choose another cutoff"
    )

    # a prediction beside what was measured; drift and noise
    NOWHERE = (
        "the prediction holds at none of the waiting times that can be compared; look at later waiting times or allow "
        "a larger tolerance"
    )
    NOT_AT_THE_END = (
        "the prediction holds at some waiting times, but not at the last one that can be compared; look at later "
        "waiting times or allow a larger tolerance"
    )
    NOT_COMPARED = (
        "not determined: no waiting time can be compared, because the prediction does not exist near the measured t*; "
        "train longer runs or choose a smaller threshold"
    )
    NO_GRADIENT = (
        "no velocity from the gradient: these runs have no curve of its norm, no learning rate, or another optimizer "
        "than SGD; the finite differences stand alone"
    )
    ONLY_CURVES = (
        "no drift and no share of it: these are curves of the displacement without the runs; import their checkpoints, "
        "if they are kept (agescape import-runs)"
    )
    NO_SNAPSHOTS = (
        "no drift from differences and no share of it: the runs keep no snapshots between waiting times; "
        "train with snapshots='all' (--snapshots all)"
    )

    # onset of the slow phase
    SLOW_AT_FIRST = (
        "the onset is not defined: the runs are below the level at the first recorded step already; record earlier "
        "steps or choose a lower level"
    )
    STILL_FAST = (
        "the onset is not defined: the runs are above the level at the last recorded step; train longer runs or choose "
        "a higher level"
    )
    TOO_FEW_STEPS = (
        "the onset is not defined: fewer than two steps have a value in every run; record more waiting times, with "
        "lags of successive steps such as 1, 2, 3"
    )


def reason(status: str) -> str:
    """What is missing or wrong, without what follows from it and without the remedy; nothing if all is well."""
    if status == Status.OK:
        return ""
    told = re.sub(r"^([^:;]* (is|are) not defined|not determined|not to be trusted): ", "", status)
    return re.split(r"; |, because |, so that ", told, maxsplit=1)[0]
