"""Command `reproduce`."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import joblib
import numpy as np
import typer

from bridge.claims import chosen_claims, estimate_claims_seconds, reproduce_claims
from bridge.commands._claims_summary import summarize_claims
from bridge.commands._cluster import cluster
from bridge.commands._figure_options import FigureSize, chosen_panels, panel_option
from bridge.commands._notes import note
from bridge.commands._options import AsJson, DataDir, Jobs, Scheduler, Seed
from bridge.commands._progress import progress_bar
from bridge.commands._results import Summary, Table, show
from bridge.commands._words import between, counted, duration, number
from bridge.figures import FIGURES, Ensemble, estimate_seconds, get_figure, reproduce as make_figure
from landscape.support import check_jobs

Scale = Literal["quick", "paper"]
LIST, CLAIMS = "list", "claims"
CHOICES = f"{LIST}, {CLAIMS}, or one of {', '.join(FIGURES)}"
MANY = 8  # numbers of a list: of more the range is shown


def reproduce(
    figure: Annotated[str, typer.Argument(help=f"{CHOICES}.")] = LIST,
    scale: Annotated[
        Scale,
        typer.Option(help="quick: under three minutes (claims: ten); paper: runs and steps as in the paper."),
    ] = "quick",
    output: Annotated[Path, typer.Option(help="Folder for runs, numbers and figures.")] = Path("results/reproduce"),
    replicas: Annotated[
        int | None, typer.Option(min=2, help="Use at most this many runs per ensemble. [default: by --scale]")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=2, help="Use at most this many steps per run. [default: by --scale]")
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=10, help="Use at most this many training rows. [default: by --scale]")
    ] = None,
    panel: Annotated[str | None, panel_option("those of the figure (a wrong name lists them)")] = None,
    size: FigureSize = "screen",
    claim: Annotated[
        str | None, typer.Option(help="Test only these claims, by name, separated by commas. [default: all]")
    ] = None,
    data_dir: DataDir = None,
    seed: Seed = 0,
    jobs: Jobs = -1,
    scheduler: Scheduler = None,
    as_json: AsJson = False,
) -> None:
    """Reproduce a figure of the paper with the published numbers beside ours, test its claims, or list the figures."""
    check_jobs(jobs)
    _check_options(figure, claim, {"--replicas": replicas, "--steps": steps, "--rows": rows, "--panel": panel})
    if figure == CLAIMS:
        _test_claims(claim, output, scale, data_dir, seed, jobs, scheduler, as_json=as_json)
        return
    if figure == LIST:
        _show_list(
            output, {"replicas": replicas, "steps": steps, "rows": rows}, joblib.effective_n_jobs(jobs), as_json=as_json
        )
        return
    chosen = get_figure(figure)
    panels = chosen_panels(panel, chosen.panels(chosen.ensembles(scale)))
    # before the cluster: it times a run here
    seconds = estimate_seconds(chosen, output, scale, replicas=replicas, steps=steps, rows=rows)
    with cluster(scheduler), progress_bar() as bar:
        workers = joblib.effective_n_jobs(jobs)
        note(f"{figure} at {scale} scale: about {duration(seconds / workers)} on {counted(workers, 'processor')}")
        made = make_figure(
            chosen,
            output,
            scale,
            replicas=replicas,
            steps=steps,
            rows=rows,
            data_dir=data_dir,
            seed=seed,
            jobs=jobs,
            panels=panels,
            size=size,
            progress=bar,
        )
    result: dict[str, Any] = {
        "figure": made.figure,
        "title": chosen.title,
        "said": chosen.said,
        "scale": scale,
        "published": made.published,
        "ours": made.ours,
        "statements": [asdict(one) for one in made.statements],
        "files": made.files,
    }
    show(result, summarize(result), as_json=as_json)


def _check_options(figure: str, claim: str | None, of_figures: dict[str, Any]) -> None:
    """Raise a ValueError for options that the figure, or the claims, do not have."""
    given = [name for name, value in of_figures.items() if value is not None]
    if figure not in {LIST, CLAIMS, *FIGURES}:
        msg = f"FIGURE must be {CHOICES}; got {figure!r}"
        raise ValueError(msg)
    if figure == CLAIMS and given:
        why = (
            "it draws no figure"
            if given == ["--panel"]
            else "how many runs and steps a claim needs is part of its test"
        )
        msg = f"{CLAIMS} takes no {' and '.join(given)}: {why}"
        raise ValueError(msg)
    if figure != CLAIMS and claim is not None:
        msg = f"--claim chooses among the claims: agescape reproduce {CLAIMS} --claim {claim}; got figure {figure!r}"
        raise ValueError(msg)


def _test_claims(
    claim: str | None,
    output: Path,
    scale: Scale,
    data_dir: Path | None,
    seed: int,
    jobs: int,
    scheduler: str | None,
    *,
    as_json: bool,
) -> None:
    chosen = chosen_claims(claim)
    seconds = estimate_claims_seconds(chosen, output, scale)
    with cluster(scheduler), progress_bar() as bar:
        workers = joblib.effective_n_jobs(jobs)
        what = f"{counted(len(chosen), 'claim')} at {scale} scale"
        note(f"{what}: about {duration(seconds / workers)} on {counted(workers, 'processor')}")
        table = reproduce_claims(chosen, output, scale, data_dir=data_dir, seed=seed, jobs=jobs, progress=bar)
    names = [one.name for one in chosen]
    result: dict[str, Any] = {
        "figure": CLAIMS,
        "scale": scale,
        "ours": {name: table.numbers[name] for name in names if name in table.numbers},
        "statements": [asdict(one) for one in table.findings if one.name in names],
        "files": table.files,
    }
    show(result, summarize_claims(table, names, scale), as_json=as_json)


def summarize(result: dict[str, Any]) -> Summary:
    """What a person reads of a figure: what the paper says with our verdicts, the published numbers beside ours."""
    published, ours = _flat(result["published"]), _flat(result["ours"])
    names = [*published, *(name for name in ours if name not in published)]
    rows = [(name, published.get(name, ""), ours.get(name, "")) for name in names]
    tables = [Table(("quantity", "published", "ours"), rows)] if rows else []
    judged = [(one["statement"], one["published"], one["ours"], one["verdict"]) for one in result.get("statements", ())]
    if judged:
        tables.insert(0, Table((result.get("said", "the paper says"), "published", "ours", "verdict"), judged))
    return Summary(
        verdict=f"{result['figure']}, {result['title']}, at {result['scale']} scale.",
        tables=tables,
        files={path.suffix.removeprefix("."): path for path in result["files"]},
    )


def _flat(numbers: Any, name: str = "") -> dict[str, str]:
    """Nested numbers as texts by their names; of long lists the range."""
    if isinstance(numbers, dict):
        parts = [_flat(value, f"{name} {key}".strip().replace("_", " ")) for key, value in numbers.items()]
        return {key: text for part in parts for key, text in part.items()}
    if isinstance(numbers, np.ndarray | list | tuple):
        if any(isinstance(one, dict) for one in numbers):
            return _flat({str(k): one for k, one in enumerate(numbers, 1) if one is not None}, name)
        return {name: _list(list(_leaves(numbers)))}
    return {name: numbers if isinstance(numbers, str) else number(numbers)}


def _leaves(numbers: Any) -> Iterator[Any]:
    """What nested lists hold in the end, in order."""
    if isinstance(numbers, np.ndarray | list | tuple):
        for one in numbers:
            yield from _leaves(one)
    else:
        yield numbers


def _list(values: list[Any]) -> str:
    if len(values) > MANY and not any(isinstance(value, str) for value in values):
        return between([value for value in values if value is not None])
    return ", ".join(value if isinstance(value, str) else number(value) for value in values[:MANY])


def _show_list(output: Path, most: dict[str, int | None], workers: int, *, as_json: bool) -> None:
    rows = []
    for name, figure in FIGURES.items():
        row: dict[str, Any] = {"figure": name}
        for scale in ("quick", "paper"):
            ensembles = [ensemble.at_most(**most) for ensemble in figure.ensembles(scale)]
            row |= {
                f"{scale}_runs": sum(ensemble.replicas for ensemble in ensembles),
                f"{scale}_steps": max((ensemble.steps for ensemble in ensembles), default=0),
                f"{scale}_seconds": estimate_seconds(figure, output, scale, jobs=workers, **most),
            }
        rows.append(row | {"needs": _needs(figure.ensembles("paper")), "title": figure.title})
    result = {"figures": rows, "processors": workers}
    show(result, summarize_list(rows, workers), as_json=as_json)


def summarize_list(rows: list[dict[str, Any]], workers: int) -> Summary:
    """What a person reads of the figures that there are."""
    cells = [
        (
            row["figure"],
            _summary(FIGURES[row["figure"]].ensembles("paper")),
            *(_amount(row, scale) for scale in ("quick", "paper")),
            row["title"],
        )
        for row in rows
    ]
    return Summary(
        verdict=f"{counted(len(rows), 'figure')}, with the runs, the steps and the time that each still needs on "
        f"{counted(workers, 'processor')}, for each scale.",
        tables=[Table(("figure", "networks", "quick", "paper", "title"), cells)],
        notes=["Make one with agescape reproduce FIGURE; test the claims with agescape reproduce claims."],
    )


def _amount(row: dict[str, Any], scale: str) -> str:
    """Runs, steps and time of a figure at a scale."""
    runs, steps, seconds = (row[f"{scale}_{what}"] for what in ("runs", "steps", "seconds"))
    return f"{runs:,} x {steps:,}, {duration(seconds)}" if runs else duration(seconds)


def _needs(ensembles: tuple[Ensemble, ...]) -> list[str]:
    return [ensemble.name for ensemble in ensembles]


def _summary(ensembles: tuple[Ensemble, ...]) -> str:
    """Data and hidden layers of the runs, each once."""
    names = [e.dataset for e in ensembles] + [e.label for e in ensembles]
    return " ".join(dict.fromkeys(names)) or "searches"
