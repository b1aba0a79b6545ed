"""What a database holds after an exploration, and how many minima there are at least."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from landscape import descent
from landscape.completeness import chao1, coverage_interval, minima_at_least
from landscape.database import Database
from landscape.graph import components, minimax_barriers, with_bounds
from landscape.search._targets import Targets
from landscape.support import Estimate, Result

FEWEST_STARTS = 24  # random starts that ended in minima to bound the number of minima; a first batch has 31
NO_MINIMUM = ("RUNAWAY", "DEGENERATE")  # statuses of quenches that end in no isolated point


@dataclass(frozen=True)
class Unjoined:
    """A target that transition states do not connect to the global minimum."""

    id: int
    loss: float  # nats
    bound: float  # nats: best known upper bound on its barrier to the global minimum; inf without a path
    given_up: bool = False  # whether searches failed on every way to it; otherwise searches or budget ended

    @property
    def above(self) -> float:
        """Height of the bound above the target, in nats."""
        return self.bound - self.loss


@dataclass(frozen=True)
class Exploration(
    Result, shows=("minima", "transition_states", "searches", "components", "lowest_loss", "estimated_minima", "path")
):
    """Summary of a database after an exploration."""

    path: Path
    searches: int
    minima: int
    transition_states: int
    components: int
    lowest_loss: float  # nats; nan without a minimum
    estimated_minima: Estimate[float] | None  # lower bound, see `summarize`; None without a minimum
    coverage: Estimate[float]  # probability that a random start ends where another one did (Good-Turing)
    random_starts: int = 0  # random starts that ended in minima, the basis of estimate and coverage
    unrecorded_starts: int = 0  # random starts of an older version, which did not record what they found
    random_minima: int = 0  # distinct minima that they found
    found_share: float = math.nan  # upper bound on the share that they found of the minima in reach
    statuses: Mapping[str, int] = field(default_factory=dict)  # number of searches by status
    targets: int = 0  # minima to be joined with the global minimum, itself not counted
    unjoined: tuple[Unjoined, ...] = ()  # those that are not, lowest first
    bounds: int = 0  # upper bounds on barriers that the database holds
    new_searches: int = field(default=0, compare=False)  # of this exploration, without earlier ones
    unfinished: int = 0  # 1 if the search after these was stopped by the budget, and nothing of it is stored

    @property
    def advice(self) -> str | None:
        """What to do about searches that ended in no isolated point, in a sentence; None if there are none."""
        counts = {name: self.statuses.get(name, 0) for name in NO_MINIMUM}
        worst = max(counts, key=lambda name: counts[name])
        if not counts[worst]:
            return None
        return f"{counts[worst]} of {self.searches} searches ended in no minimum: {descent.QuenchStatus[worst].value}"


def next_search(database: Database) -> int:
    """Number of searches so far."""
    return database.n_attempts


def summarize(database: Database, targets: Targets | None = None) -> Exploration:
    """Count the contents of a database, bound the number of minima from below, and name the targets not yet joined.

    The estimate uses random starts alone (`Database.found_by_random_starts`), at least 24 of them: its value is Chao1,
    a lower bound in expectation, `low` is a lower bound at 95 % for any probabilities of the minima
    (`minima_at_least`), and `high` is inf, because there is no upper bound. All known minima count for both. With
    fewer random starts the value is nan: not determined.
    """
    graph, starts = database.graph(), database.found_by_random_starts()
    labels, n, ids = components(graph), graph.n_minima, database.minimum_ids()
    wanted = np.empty(0, np.int64) if targets is None else targets.among(ids, database)
    outer = wanted[labels[wanted] != 0]
    barriers = minimax_barriers(with_bounds(graph), 0) if len(outer) else np.empty(0)
    estimate, share, coverage = Estimate(math.nan, float(n), math.inf), math.nan, Estimate(math.nan, math.nan, math.nan)
    hits = np.unique(starts, return_counts=True)[1]
    if starts.size >= FEWEST_STARTS:
        least, coverage = minima_at_least(starts), coverage_interval(hits)
        share = float(hits.size / chao1(hits).value)
        estimate = Estimate(max(least.value, float(n)), max(least.low, float(n)), math.inf)
    return Exploration(
        path=database.path,
        searches=next_search(database),
        minima=n,
        transition_states=graph.n_transition_states,
        components=int(labels.max()) + 1 if len(labels) else 0,
        lowest_loss=float(graph.losses[0]) if n else float("nan"),
        estimated_minima=estimate if n else None,
        coverage=coverage,
        random_starts=starts.size,
        unrecorded_starts=database.n_unrecorded_starts(),
        random_minima=hits.size,
        found_share=share,
        statuses=database.attempt_statuses(),
        targets=int((wanted != 0).sum()),
        unjoined=tuple(Unjoined(int(ids[k]), float(graph.losses[k]), float(barriers[k])) for k in outer),
        bounds=len(graph.bounds),
    )


def with_given_up(found: Exploration, given_up: Collection[int]) -> Exploration:
    """The same summary, which says which of the targets (ids) are given up."""
    return replace(found, unjoined=tuple(replace(one, given_up=one.id in given_up) for one in found.unjoined))
