"""Which searches several databases hold together, each once, and how often they found each point.

A search is known by its seed and number, and by what it set out from (`SearchOrigin`): two files that both have it had
it once. Files of older versions do not say what each search found, only how often each point was found in all; and
those that an older version merged do not say which searches they hold. Of such files no more is counted than is sure.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from landscape.database._records import ORIGINS, Attempt

Point = tuple[str, int]  # "minimum" or "transition state", and its id in the new file
Hits = Counter[Point]


@dataclass(frozen=True, eq=False)
class OneSearch:
    """A search of one file, minima by their ids in the new file."""

    attempt: Attempt
    identity: tuple[int, int] | None  # its seed and number; None: not known
    finds: Hits | None  # None: not known

    @property
    def key(self) -> Hashable:
        """Equal for what is the same search."""
        if self.identity is None:
            return None
        return *self.identity, self.attempt.kind, self.attempt.minimum_ids

    @property
    def content(self) -> Hashable:
        """What it was and what came of it, for searches without an identity."""
        return replace(self.attempt, search=0)


@dataclass(frozen=True, eq=False)
class OneFile:
    """The searches of one file, and how often it says that they found each point in all."""

    searches: Sequence[OneSearch]
    hits: Hits

    @property
    def unexplained(self) -> Hits:
        """Hits by those searches of which it is not known what they found; without such searches there are none."""
        if all(search.finds is not None for search in self.searches):
            return Counter()
        return self.hits - _sum(search.finds for search in self.searches if search.finds is not None)

    @property
    def anonymous(self) -> bool:
        """Whether there are searches without an identity."""
        return any(search.identity is None for search in self.searches)


@dataclass(frozen=True, eq=False)
class Together:
    """The searches of all files, each once and in order, and the hits of each point."""

    searches: Sequence[OneSearch]
    hits: Hits


def together(files: Sequence[OneFile]) -> Together:
    """Join the searches of several files; the result does not depend on their order."""
    named = _named(search for file in files for search in file.searches if search.identity is not None)
    hits = _sum(search.finds for search in named.values() if search.finds is not None)
    hits += _unexplained([file for file in files if not file.anonymous], named)
    extra, more = _anonymous([file for file in files if file.anonymous], named, hits)
    ordered = sorted([*named.values(), *extra], key=_order)
    return Together(ordered, hits + more)


def _order(search: OneSearch) -> tuple:
    seed, number = search.identity or (-1, search.attempt.search)
    return number, seed, repr(search.content)


def _named(searches: Iterable[OneSearch]) -> Mapping[Hashable, OneSearch]:
    """Each search once: where machines differ, one that says what it found, and of these the first in order."""
    found: dict[Hashable, OneSearch] = {}
    for search in searches:
        known = found.get(search.key)
        if known is None or _preference(search) < _preference(known):
            found[search.key] = search
    return found


def _preference(search: OneSearch) -> tuple:
    return search.finds is None, repr(search.content), sorted((search.finds or Counter()).items())


def _unexplained(files: Sequence[OneFile], named: Mapping[Hashable, OneSearch]) -> Hits:
    """Hits of searches of which no file says what they found: of files that share such searches the most of each point.

    That is what they are if one of the files holds all searches of the others, and fewer than they are otherwise.
    """
    groups: list[tuple[set[Hashable], Hits]] = []
    for file in files:
        dark = {search.key for search in file.searches if search.finds is None}
        lit = {key for key in dark if named[key].finds is not None}
        hits = file.unexplained - _sum(named[key].finds for key in lit) if dark - lit else Counter()
        keys = dark - lit
        sharing = [group for group in groups if group[0] & keys]
        for group in sharing:
            groups.remove(group)
            keys, hits = keys | group[0], hits | group[1]
        groups.append((keys, hits))
    return _sum(hits for _, hits in groups)


def _anonymous(
    files: Sequence[OneFile], named: Mapping[Hashable, OneSearch], hits: Hits
) -> tuple[list[OneSearch], Hits]:
    """Searches without an identity that are not among the others as far as their content tells, and their hits.

    Where some of the searches of such a file may be among the others, its hits count so far as they exceed those of the
    others; two such files count as if one held the searches of the other.
    """
    known = Counter(search.content for search in named.values())
    most: Counter[Hashable] = Counter()
    of_content: dict[Hashable, OneSearch] = {}
    own: Hits = Counter()
    shared = False
    for file in files:
        nameless = [search for search in file.searches if search.identity is None]
        of_content |= {search.content: search for search in nameless}
        most |= Counter(search.content for search in nameless)
        telling = [search for search in nameless if search.attempt.minimum_ids != (None, None)] or nameless
        shared |= any(search.content in known for search in telling)
        own |= file.unexplained
    left = most - known if shared else most
    extra = [of_content[content] for content, count in left.items() for _ in range(count)]
    return extra, own - hits if shared else own


def was_merged_before(origins: Iterable[tuple[str, int | None]]) -> bool:
    """Whether points (origin, number of the search that found it) were found by searches whose numbers are gone."""
    by_searches = {*ORIGINS.values(), "saddle"}
    return any(origin in by_searches and search is None for origin, search in origins)


def _sum(counters: Iterable[Hits | None]) -> Hits:
    total: dict[Point, int] = defaultdict(int)
    for counter in counters:
        for point, count in (counter or {}).items():
            total[point] += count
    return Counter(total)
