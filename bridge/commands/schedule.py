"""Command `schedule`."""

import sys
from typing import Annotated, Any

import numpy as np
import typer

from bridge.commands._options import AsJson, Lags, LagsPerDecade, WaitingTimes
from bridge.commands._parsing import parse_grid
from bridge.commands._results import Summary, Table, show
from bridge.commands._words import counted, number
from dynamics.recording import RecordingSchedule

FIRST_STEPS = 12  # that are shown of more; --list prints all


def schedule(
    steps: Annotated[int, typer.Option(min=2, help="Length of each run (steps: updates of the parameters).")],
    waiting_times: WaitingTimes = None,
    lags: Lags = None,
    lags_per_decade: LagsPerDecade = 16,
    lags_multiple_of: Annotated[
        str, typer.Option(help="Make lags multiples of this many steps, e.g. of the epoch.")
    ] = "1",
    parameters: Annotated[
        int | None, typer.Option(min=1, help="Number of parameters of the model, for the size on disk.")
    ] = None,
    replicas: Annotated[int, typer.Option(min=1, help="Number of runs, for the size on disk.")] = 1,
    precision: Annotated[str, typer.Option(help="Of the stored parameters: float32 or float64.")] = "float32",
    only_steps: Annotated[
        bool, typer.Option("--list", help="Print only the steps, one on each line.", rich_help_panel="Output")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the steps at which to save a run that is trained elsewhere, so that its aging can be measured.

    They are 0, every waiting time, every waiting time + lag, and the last step. Where the training loop can call
    Python, dynamics.Recorder saves at these steps by itself.
    """
    if precision not in {"float32", "float64"}:
        msg = f"--precision must be float32 or float64; got {precision!r}"
        raise ValueError(msg)
    waiting, lag = parse_grid(steps, waiting_times, lags, lags_per_decade, lags_multiple_of)
    planned = RecordingSchedule(steps, waiting_times=waiting, lags=lag)
    if only_steps and not as_json:
        sys.stdout.write("".join(f"{step}\n" for step in planned.recorded_steps))
        return
    result = describe_schedule(planned)
    if parameters is not None:
        result |= {"parameters": parameters, "replicas": replicas, "precision": precision}
        result |= describe_size(planned, parameters, precision, replicas)
    show(result, summarize(result), as_json=as_json)


def describe_schedule(planned: RecordingSchedule) -> dict[str, Any]:
    """What the JSON says of a schedule."""
    steps, counts = planned.recorded_steps, planned.pairs.sum(axis=1)
    return {
        "steps": planned.steps,
        "recorded_steps": steps.tolist(),
        "snapshots": steps.size,
        "waiting_times": planned.waiting_times.tolist(),
        "lags": planned.lags.tolist(),
        "pairs": int(counts.sum()),
        "pairs_per_waiting_time": counts.tolist(),
        "longest_lags": [int(planned.lags[row].max(initial=0)) for row in planned.pairs],
    }


def describe_size(planned: RecordingSchedule, parameters: int, precision: str, replicas: int) -> dict[str, float]:
    """Bytes on disk: of all snapshots, and of those at waiting times, which are all if only displacements are kept."""
    snapshot = parameters * np.dtype(precision).itemsize * replicas / 1e9
    return {
        "gigabytes": planned.recorded_steps.size * snapshot,
        "gigabytes_for_displacements": planned.waiting_times.size * snapshot,
    }


def _steps_in_words(steps: list[int]) -> str:
    if len(steps) <= FIRST_STEPS + 2:
        return f"steps {', '.join(map(str, steps))}"
    return f"{len(steps)} steps, {', '.join(map(str, steps[:FIRST_STEPS]))}, ... and {steps[-1]}"


def summarize(result: dict[str, Any]) -> Summary:
    """What a person reads of a schedule."""
    steps = result["recorded_steps"]
    rows = zip(result["waiting_times"], result["pairs_per_waiting_time"], result["longest_lags"], strict=True)
    facts = {"pairs of waiting time and lag": number(result["pairs"])}
    if "gigabytes" in result:
        what = f"{counted(result['replicas'], 'run')} of {number(result['parameters'])} parameters"
        facts["size on disk"] = f"{number(result['gigabytes'], 'GB')} for {what} in {result['precision']}"
        less = number(result["gigabytes_for_displacements"], "GB")
        facts["of displacements only"] = f"{less} while the runs go on (dynamics.Recorder, keep='displacements')"
    return Summary(
        verdict=f"{counted(result['snapshots'], 'snapshot')} of a run of {number(result['steps'], 'steps')}.",
        facts=facts,
        tables=[
            Table(
                ("waiting time (steps)", "lags", "longest lag (steps)"), [tuple(f"{n:,}" for n in row) for row in rows]
            )
        ],
        notes=[
            f"Save the parameters at {_steps_in_words(steps)}, step 0 being before the first update. --list prints all "
            "steps, one on each line."
        ],
    )
