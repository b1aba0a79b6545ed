"""The union of the searches of several databases, and how often they found each point.

Its seed and number and its starting point identify a search (`SearchOrigin`): it counts once if two files have it.
Files of older versions do not say what each search found, only how often each point was found in total; those that an
older version merged do not say which searches they hold. For such files only certain hits count.
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
    identity: tuple[int, int] | None  # its seed and number; None: unknown
    finds: Hits | None  # None: unknown

    @property
    def key(self) -> Hashable:
        """Equal for equal searches."""
        if self.identity is None:
            return None
        return *self.identity, self.attempt.kind, self.attempt.minimum_ids

    @property
    def content(self) -> Hashable:
        """Kind and result, for searches without an identity."""
        return replace(self.attempt, search=0)


@dataclass(frozen=True, eq=False)
class OneFile:
    """The searches of one file, and how often in total they found each point."""

    searches: Sequence[OneSearch]
    hits: Hits

    @property
    def unexplained(self) -> Hits:
        """Hits by searches whose finds are unknown; none without such searches."""
        if all(search.finds is not None for search in self.searches):
            return Counter()
        return self.hits - _sum(search.finds for search in self.searches if search.finds is not None)

    @property
    def anonymous(self) -> bool:
        """Whether there are searches without an identity."""
        return any(search.identity is None for search in self.searches)


@dataclass(frozen=True, eq=False)
class Together:
    """The searches of all files, each once and in order, with the hits of each point."""

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
    """Each search once: if machines differ, the first in order among those with known finds."""
    found: dict[Hashable, OneSearch] = {}
    for search in searches:
        known = found.get(search.key)
        if known is None or _preference(search) < _preference(known):
            found[search.key] = search
    return found


def _preference(search: OneSearch) -> tuple:
    return search.finds is None, repr(search.content), sorted((search.finds or Counter()).items())


def _unexplained(files: Sequence[OneFile], named: Mapping[Hashable, OneSearch]) -> Hits:
    """Hits of searches with unknown finds: for files that share such searches, the maximum for each point.

    This is exact if one of the files holds all searches of the others, and a lower bound otherwise.
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
    """Searches without an identity whose content differs from all others, and their hits.

    If some searches of such a file may be among the others, only hits in excess of those of the others count; two such
    files count as if one held the searches of the other.
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
    """Whether points (origin, number of the search that found it) come from searches whose numbers are lost."""
    by_searches = {*ORIGINS.values(), "saddle"}
    return any(origin in by_searches and search is None for origin, search in origins)


def _sum(counters: Iterable[Hits | None]) -> Hits:
    total: dict[Point, int] = defaultdict(int)
    for counter in counters:
        for point, count in (counter or {}).items():
            total[point] += count
    return Counter(total)
