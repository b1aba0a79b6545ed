"""Command `import-runs`."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bridge.commands._notes import note
from bridge.commands._options import RUN, AsJson
from bridge.commands._parsing import parse_steps
from bridge.commands._progress import progress_bar
from bridge.commands._results import Summary, show
from bridge.commands._words import between, counted, duration, number, some_of
from dynamics.checkpoints import (
    Checkpoints,
    ImportPlan,
    copies_snapshots,
    find_checkpoints,
    import_runs,
    plan_import,
)
from dynamics.recording import join_recordings

RECORDING = ".recording"  # how the folder of a Recorder ends
FILES_HELP = "Files, or quoted patterns of them such as 'run*/step_*.pt': torch, safetensors, .weights.h5, npz or npy."
STEP_HELP = (
    "Regular expression for the step in a path: its first group, or all that it fits. [default: the number after step, "
    "iter, checkpoint or ckpt, otherwise the last number]"
)
REPLICA_HELP = "Regular expression for the run in a path, in the same way. [default: the rest of the path]"
PARAMETERS_HELP = "Shell pattern of the names of parameters that count, e.g. 'conv.*'; may be repeated. [default: all]"
STACKED_HELP = (
    "Each file holds all steps of a run along the leading axis of its arrays: name of the array of steps in it, or the "
    "steps, e.g. 0,100,200."
)
KEEP_HELP = (
    "Keep snapshots, or displacements alone, from which age computes everything but the split into drift and noise. "
    "[default: snapshots up to 1 GiB in total]"
)


def import_checkpoints(
    files: Annotated[list[str], typer.Argument(help=f"{FILES_HELP} Or the folder F.h5.recording of a Recorder.")],
    output: Annotated[Path, typer.Option(help="HDF5 file of runs to make, or to replace.")],
    step: Annotated[str | None, typer.Option(help=STEP_HELP)] = None,
    replica: Annotated[str | None, typer.Option(help=REPLICA_HELP)] = None,
    parameters: Annotated[list[str] | None, typer.Option(help=PARAMETERS_HELP)] = None,
    *,
    buffers: Annotated[
        bool, typer.Option("--buffers", help="Also count running statistics and other buffers, known by their names.")
    ] = False,
    state: Annotated[
        str | None, typer.Option(help="Key of the parameters in each file, e.g. model, where there are several.")
    ] = None,
    stacked: Annotated[str | None, typer.Option(help=STACKED_HELP)] = None,
    waiting_times: Annotated[
        str | None,
        typer.Option(help="Waiting times (steps), e.g. 1000,2000. [default: log-spaced among the steps]"),
    ] = None,
    lags: Annotated[
        str | None, typer.Option(help="Lags (steps), e.g. 1,10,100. [default: those that the steps have]")
    ] = None,
    snapshots: Annotated[bool | None, typer.Option("--snapshots/--displacements", help=KEEP_HELP)] = None,
    jobs: Annotated[
        int, typer.Option(help="Threads; -1 uses all cores. Never changes a result.", rich_help_panel=RUN)
    ] = -1,
    as_json: AsJson = False,
) -> None:
    """Make a file of runs from checkpoints of any training, or of a Recorder; nothing in them is executed.

    Not every run needs every step. Run the same command again to continue after an interruption.
    """
    if (folder := _recording(files)) is not None:
        given = (step, replica, parameters, state, stacked, waiting_times, lags, snapshots, buffers or None)
        if any(option is not None for option in given):
            msg = f"{folder} is recorded with its own settings: give only --output"
            raise ValueError(msg)
        result = _joined(folder, output)
        show(result, summarize_recording(result), as_json=as_json)
        return
    found = find_checkpoints(
        files,
        step=step,
        replica=replica,
        parameters=parameters or (),
        buffers=buffers,
        state=state,
        stacked=_steps_or_name(stacked),
    )
    times = {"waiting_times": parse_steps(waiting_times, "waiting-times"), "lags": parse_steps(lags, "lags")}
    keeps = copies_snapshots(found) if snapshots is None else snapshots
    note(_understood(found))
    plan = plan_import(found, **times, jobs=jobs)
    note(_planned(plan, keeps))
    with progress_bar() as bar:
        runs = import_runs(
            found,
            output,
            **times,
            snapshots=keeps,
            jobs=jobs,
            progress=lambda done, total: bar("read checkpoints", done, total),
        )
    result = describe(found, plan) | {"snapshots": runs.metadata["snapshots"], "output": output}
    show(result, summarize(result), as_json=as_json)


def _recording(files: list[str]) -> Path | None:
    """The folder of a Recorder, if it is what is to be imported."""
    folders = [Path(name) for name in files if name.rstrip("/").endswith(RECORDING) and Path(name).is_dir()]
    if folders and len(files) > 1:
        msg = f"give {folders[0]} alone: the runs in it are joined"
        raise ValueError(msg)
    return folders[0] if folders else None


def _joined(folder: Path, output: Path) -> dict[str, Any]:
    """Join the runs of a Recorder; what the JSON says of them."""
    place = folder.with_name(folder.name.removesuffix(RECORDING))
    if output.absolute() != place.absolute():
        msg = f"--output must be {place}, beside {folder.name}: its recorders continue there; got {output}"
        raise ValueError(msg)
    runs = join_recordings(output)
    mark = runs.metadata["recording"]
    return {
        "replicas": runs.replicas,
        "steps": mark["steps"],
        "recorded_to": mark["recorded_to"],
        "keep": mark["keep"],
        "n_parameters": runs.n_parameters,
        "waiting_times": runs.waiting_times,
        "lags": runs.lags,
        "output": output,
    }


def summarize_recording(result: dict[str, Any]) -> Summary:
    """What a person reads of runs of a Recorder that were joined."""
    ends = result["recorded_to"]
    done = sum(step == result["steps"] for step in ends)
    verdict = f"{counted(result['replicas'], 'run')} joined, {done:,} of them complete to step {result['steps']:,}."
    early = [step for step in ends if step != result["steps"]]
    notes = ["Measure the aging with agescape age."]
    if early:
        notes.insert(0, "The others may go on: joining again adds what they record.")
    return Summary(
        verdict=verdict,
        facts={
            **({"the others end at": between(early, "steps")} if early else {}),
            "keeps": result["keep"],
            "parameters": number(result["n_parameters"]),
            "waiting times": f"{len(result['waiting_times'])}, {between(result['waiting_times'], 'steps')}",
            "lags": f"{len(result['lags'])}, {between(result['lags'], 'steps')}",
        },
        notes=notes,
        files={"runs": result["output"]},
    )


def _steps_or_name(stacked: str | None) -> str | list[int] | None:
    """What --stacked means: steps if it is a list of whole numbers."""
    return parse_steps(stacked, "stacked") if stacked and stacked[0].isdecimal() else stacked


def describe(found: Checkpoints, plan: ImportPlan) -> dict[str, Any]:
    """What was imported, for JSON."""
    return {
        "replicas": len(found.runs),
        "runs": list(found.runs),
        "steps": found.steps,
        "checkpoints": int(found.recorded.sum()),
        "missing": [{"run": found.runs[r], "step": int(found.steps[s])} for r, s in np.argwhere(~found.recorded)],
        "n_parameters": found.n_parameters,
        "parameters": {one.name: list(one.shape) for one in found.parameters},
        "layers": list(dict.fromkeys(one.layer for one in found.parameters)),
        "left_out": {why: list(names) for why, names in found.left_out.items()},
        "waiting_times": plan.waiting_times,
        "lags": plan.lags,
        "pairs": plan.pairs,
    }


def summarize(result: dict[str, Any]) -> Summary:
    """What a person reads of an import."""
    layers, left_out = result["layers"], result["left_out"]
    facts = {
        "runs": some_of(result["runs"]),
        "parameters": f"{number(result['n_parameters'])} in {counted(len(layers), 'layer')}: {some_of(layers)}",
        **({"left out": "; ".join(f"{why}: {some_of(names)}" for why, names in left_out.items())} if left_out else {}),
        **({"missing": _missing(result["missing"])} if result["missing"] else {}),
        "waiting times": f"{len(result['waiting_times'])}, {between(result['waiting_times'], 'steps')}",
        "lags": f"{len(result['lags'])}, {between(result['lags'], 'steps')}; {counted(result['pairs'], 'pair')} in all",
    }
    kept = result["snapshots"] == "all"
    return Summary(
        verdict=f"{counted(result['replicas'], 'run')} imported, {counted(result['checkpoints'], 'checkpoint')} at "
        f"{counted(len(result['steps']), 'step')}, {between(result['steps'])}"
        f"{'' if kept else '; displacements only'}.",
        facts=facts,
        notes=["Measure the aging with agescape age."],
        files={"runs": result["output"]},
    )


def _understood(found: Checkpoints) -> str:
    """What was found, in a line."""
    absent = [{"run": found.runs[r], "step": int(found.steps[s])} for r, s in np.argwhere(~found.recorded)]
    left_out = sum(len(names) for names in found.left_out.values())
    return (
        f"{counted(len(found.runs), 'run')} ({some_of(found.runs)}), {counted(found.steps.size, 'step')}, "
        f"{between(found.steps)}; {'no checkpoint is missing' if not absent else 'missing: ' + _missing(absent)}; "
        f"{number(found.n_parameters)} parameters ({found.dtype}) in {counted(len(found.parameters), 'tensor')}"
        + (f", {counted(left_out, 'tensor')} left out" if left_out else "")
    )


def _planned(plan: ImportPlan, keeps: bool) -> str:
    """What will be read, and how long it takes, in a line."""
    return (
        f"{counted(plan.pairs, 'pair')} of checkpoints at {counted(plan.waiting_times.size, 'waiting time')}, "
        f"{_size(plan.bytes)} to read, about {duration(plan.seconds)}; "
        f"{'snapshots are copied' if keeps else 'displacements only'}"
    )


def _size(number_of_bytes: float) -> str:
    """A size for a person: "1.3 GB"."""
    for unit in ("bytes", "kB", "MB"):
        if number_of_bytes < 1000:
            return f"{number_of_bytes:.3g} {unit}"
        number_of_bytes /= 1000
    return f"{number_of_bytes:.3g} GB"


def _missing(places: list[dict[str, Any]]) -> str:
    """Which checkpoints of the grid do not exist."""
    return some_of([f"step {one['step']:,} of {one['run']}" for one in places])
