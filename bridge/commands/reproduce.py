"""Command for the figures of the paper: reproduce."""

from pathlib import Path
from typing import Annotated, Any, Literal

import joblib
import typer

from bridge.commands._cluster import cluster
from bridge.commands._console import progress_bar, show, show_table
from bridge.commands._options import AsJson, DataDir, Jobs, Scheduler, Seed
from bridge.figures import FIGURES, Ensemble, estimate_seconds, get_figure, reproduce as make_figure
from landscape.support import check_jobs

Scale = Literal["quick", "paper"]
LIST = "list"


def reproduce(
    figure: Annotated[str, typer.Argument(help=f"{LIST}, or one of {', '.join(FIGURES)}.")] = LIST,
    scale: Annotated[
        Scale, typer.Option(help="quick: under three minutes; paper: the paper's numbers of runs and steps.")
    ] = "quick",
    output: Annotated[Path, typer.Option(help="Folder of runs, numbers and figures.")] = Path("results/reproduce"),
    replicas: Annotated[
        int | None, typer.Option(min=2, help="At most so many runs of each ensemble. [default: the scale's]")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=2, help="At most so many steps of each run. [default: the scale's]")
    ] = None,
    data_dir: DataDir = None,
    seed: Seed = 0,
    jobs: Jobs = -1,
    scheduler: Scheduler = None,
    as_json: AsJson = False,
) -> None:
    """Make a figure of the paper, with the published numbers beside ours; or list the figures."""
    check_jobs(jobs)
    if figure == LIST:
        _show_list(output, replicas, steps, joblib.effective_n_jobs(jobs), as_json=as_json)
        return
    chosen = get_figure(figure)
    # before the cluster: it times a run here
    seconds = estimate_seconds(chosen, output, scale, replicas=replicas, steps=steps)
    with cluster(scheduler), progress_bar() as bar:
        workers = joblib.effective_n_jobs(jobs)
        typer.echo(f"{figure} at {scale} scale: about {_duration(seconds / workers)} on {workers} processors", err=True)
        made = make_figure(
            chosen,
            output,
            scale,
            replicas=replicas,
            steps=steps,
            data_dir=data_dir,
            seed=seed,
            jobs=jobs,
            progress=bar,
        )
    result: dict[str, Any] = {"figure": made.figure, "title": chosen.title, "scale": scale}
    if as_json:
        show(result | {"published": made.published, "ours": made.ours, "files": made.files}, as_json=True)
        return
    show(result, as_json=False)
    show({f"published {name}": value for name, value in made.published.items()}, as_json=False)
    show({f"ours {name}": value for name, value in made.ours.items() if not _is_long(value)}, as_json=False)
    show({"files": made.files}, as_json=False)


def _show_list(output: Path, replicas: int | None, steps: int | None, workers: int, *, as_json: bool) -> None:
    rows = []
    for name, figure in FIGURES.items():
        row: dict[str, Any] = {"figure": name}
        for scale in ("quick", "paper"):
            ensembles = [ensemble.at_most(replicas, steps) for ensemble in figure.ensembles(scale)]
            row |= {
                f"{scale}_runs": sum(ensemble.replicas for ensemble in ensembles),
                f"{scale}_steps": max((ensemble.steps for ensemble in ensembles), default=0),
                f"{scale}_seconds": estimate_seconds(
                    figure, output, scale, replicas=replicas, steps=steps, jobs=workers
                ),
            }
        rows.append(row | {"needs": _needs(figure.ensembles("paper")), "title": figure.title})
    if as_json:
        show({"figures": rows, "processors": workers}, as_json=True)
        return
    for row in rows:
        row |= {f"{scale}_time": _duration(row[f"{scale}_seconds"]) for scale in ("quick", "paper")}
        row["needs"] = _summary(FIGURES[row["figure"]].ensembles("paper"))
    numbers = [f"{scale}_{what}" for scale in ("quick", "paper") for what in ("runs", "steps", "time")]
    columns = ("figure", "needs", *numbers, "title")
    show_table(rows, columns)


def _needs(ensembles: tuple[Ensemble, ...]) -> list[str]:
    return [ensemble.name for ensemble in ensembles]


def _summary(ensembles: tuple[Ensemble, ...]) -> str:
    """Data and hidden layers of the runs, each once."""
    names = [e.dataset for e in ensembles] + [e.label for e in ensembles]
    return " ".join(dict.fromkeys(names)) or "searches"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _is_long(value: Any) -> bool:
    size = getattr(value, "size", None)
    return (size if size is not None else len(value) if isinstance(value, list | tuple) else 1) > 12
