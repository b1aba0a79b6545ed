"""From the claims to the table: makes the runs that are missing, measures, judges and writes."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bridge.claims._claim import Claim, Finding, judge_claims
from bridge.claims._markdown import markdown
from bridge.claims._registry import CLAIMS
from bridge.figures import Ensemble, Progress, ScaleName, Work, machine_factor, missing_seconds
from landscape.support import package_version, to_json, write_text

NAME = "claims"


@dataclass(frozen=True)
class ClaimTable:
    """The findings, the numbers behind them, and the files."""

    numbers: dict[str, Any]
    findings: tuple[Finding, ...]
    files: tuple[Path, ...]


def reproduce_claims(
    claims: Sequence[Claim],
    output: str | Path,
    scale: ScaleName = "quick",
    *,
    data_dir: Path | None = None,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> ClaimTable:
    """Test claims of the paper; runs and searches are made only if they are missing.

    The table is written after every claim, so that an interrupted call leaves those that are finished, and a later one
    continues. Claims that the file holds already and that are not asked for stay.

    Parameters
    ----------
    claims : sequence of Claim
    output : path
        Folder: runs are in `output`/SCALE/runs, which the figures share; the table in `output`/SCALE.
    scale : {"quick", "paper"}
    data_dir : path, optional
        Directory of the MNIST files. Without them the claims about MNIST are left out.
    seed : int
        Seed of the runs.
    jobs : int
        Number of workers.
    progress : callable (stage, done, total), optional

    Raises
    ------
    ValueError
        If files in `output` were made with other settings.
    """
    folder = Path(output) / scale
    work = Work(folder / "runs", data_dir, seed, jobs, progress or (lambda stage, done, total: None), scale)
    path = folder / f"{NAME}.json"
    numbers = _stored(path, seed)
    table = _written(numbers, path, scale, seed)
    for done, claim in enumerate(claims):
        work.progress(f"claim {claim.name}", done, len(claims))
        try:
            numbers[claim.name] = _measured(claim, work)
        except FileNotFoundError as missing:  # the files of MNIST
            if claim.data != "MNIST":
                raise
            work.progress(f"claim {claim.name} is left out: {missing}", done, len(claims))
        table = _written(numbers, path, scale, seed)
    return table


def estimate_claims_seconds(claims: Sequence[Claim], output: str | Path, scale: ScaleName) -> float:
    """Estimated core seconds of claims here, without finished runs and compilation; accurate within a factor of two."""
    work = Work(Path(output) / scale / "runs")
    needed: dict[str, Ensemble] = {}
    for one in (e for claim in claims for draw in range(claim.draws) for e in claim.ensembles(scale, draw)):
        if one.name not in needed or one.replicas > needed[one.name].replicas:
            needed[one.name] = one
    runs = sum(missing_seconds(one, work) for one in needed.values())
    return (runs + sum(claim.extra_seconds(scale) * claim.draws for claim in claims)) * machine_factor()


def _measured(claim: Claim, work: Work) -> dict[str, Any]:
    """The contrasts of a claim on every realization, as its JSON has them."""
    found = [tuple(claim.measure(work, draw)) for draw in range(claim.draws)]
    ensembles = [claim.ensembles(work.scale, draw) for draw in range(claim.draws)]
    return {
        "contrasts": [one.name for one in found[0]],
        **{f"{part}s": [[getattr(one, part) for one in draw] for draw in found] for part in ("value", "error")},
        "freedoms": [[one.freedom for one in draw] for draw in found],
        "scale": work.scale,
        "size": _size(claim, ensembles),
        "runs": [[one.name for one in draw] for draw in ensembles],
    }


def _size(claim: Claim, ensembles: list[tuple[Ensemble, ...]]) -> str:
    """Runs, steps and realizations in words."""
    draws = f"{claim.draws} realizations" if claim.draws > 1 else "one realization"
    amounts = list(dict.fromkeys(_amount(part) for part in ensembles if part))
    others = f" ({amounts[1]} on the others)" if len(amounts) > 1 else ""
    return ", ".join([claim.data, *(f"{amount}{others}" for amount in amounts[:1]), draws])


def _amount(ensembles: tuple[Ensemble, ...]) -> str:
    runs, steps = (_between(getattr(one, name) for one in ensembles) for name in ("replicas", "steps"))
    return f"{runs} run{'s' * (runs != '1')} x {steps} steps"


def _between(numbers: Any) -> str:
    low, *_, high = sorted([*(found := list(numbers)), found[-1]])
    return f"{low}" if low == high else f"{low} to {high}"


def _stored(path: Path, seed: int) -> dict[str, Any]:
    """Numbers of an earlier call with this seed."""
    if not path.is_file():
        return {}
    content = json.loads(path.read_text())
    return content["ours"] if content["seed"] == seed else {}


def _written(numbers: dict[str, Any], path: Path, scale: ScaleName, seed: int) -> ClaimTable:
    numbers = json.loads(to_json(numbers))
    findings = judge_claims(CLAIMS.values(), numbers)
    content = {
        "figure": NAME,
        "title": "claims of the paper",
        "scale": scale,
        "seed": seed,
        "version": package_version("agescape"),
        "ours": numbers,
        "statements": [asdict(one) for one in findings],
    }
    write_text(path, to_json(content) + "\n")
    write_text(path.with_suffix(".md"), markdown(findings))
    return ClaimTable(numbers, findings, (path, path.with_suffix(".md")))
