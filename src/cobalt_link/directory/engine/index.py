"""The index of the directory: finds organizations by what a user has typed so far.

A search goes on only while it has found less than was asked for: words as typed, then words that begin like them, then
words with typing mistakes, then, if nothing has all words, all but one or two.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import combinations
from pathlib import Path

import msgspec

from cobalt_link.directory.engine.building import IS_SITE, NAME, PINNED
from cobalt_link.directory.engine.organizations import Organization
from cobalt_link.directory.engine.postings import Holders, Postings
from cobalt_link.directory.engine.query import QueryWord, read_query, rewritten
from cobalt_link.directory.engine.ranking import SITE, Ranking
from cobalt_link.directory.engine.sections import Sections
from cobalt_link.directory.engine.vocabulary import Vocabulary
from cobalt_link.directory.engine.words import folded

MOST = 64  # organizations that are ranked after each step
MOST_BEGINNING = 16  # those whose name begins with the query
REWRITTEN = 0.3  # the cost of a query with two words as one
LEFT_OUT = {1: 0, 2: 1, 3: 1, 4: 2}  # how many words may be missing, by how many there are

Used = Collection[tuple[str, str]]
"""Address and folded name."""


class IndexHits(msgspec.Struct, frozen=True):
    """The organizations to show, and how many were found, of which more than `MOST` are not counted."""

    shown: list[Organization]
    total: int


class DirectoryIndex:
    """One file. Needs no lock: nothing of it changes."""

    def __init__(self, path: Path) -> None:
        sections = Sections(path)
        self.bytes = sections.size
        self.count: int = sections.fact("count", int)  # type: ignore[assignment]
        vendors: list[str] = sections.fact("vendors", list)  # type: ignore[assignment]
        self.vendors = frozenset(vendors)
        self._vocabulary = Vocabulary(sections)
        self._postings = Postings(sections, self.count, vendors)
        self._texts, self._text_starts = sections.raw("texts"), sections.numbers("texts_starts")
        self._shown, self._shown_starts = sections.raw("shown"), sections.numbers("shown_starts")
        self._flags = sections.raw("flags")
        self._by_name, self._by_other_name = sections.numbers("by_name"), sections.numbers("by_other_name")
        self._other_names, self._other_starts = sections.raw("other_names"), sections.numbers("other_names_starts")

    def search(
        self, query: str, limit: int, *, vendors: Collection[str] | None = None, used: Used = frozenset()
    ) -> IndexHits:
        """At most `limit` organizations, the best first. `vendors`: only theirs. `used` come before all others."""
        allowed = self.vendors if vendors is None else self.vendors & set(vendors)
        only = [] if allowed == self.vendors else [self._postings.of_vendors(sorted(allowed))]
        words = read_query(query, self._vocabulary)
        if not words or not self.count or (only and not only[0].weight):
            return IndexHits([], 0)
        search = _Search(self, words, only)
        search.run(limit)
        for number in self._used_numbers(used):
            search.consider(number)
        return self._ordered(search.costs, limit, used)

    def find(self, key: str, query: str) -> Organization | None:
        """The organization with a key among those that a query finds."""
        return next((each for each in self.search(query, MOST).shown if each.key == key), None)

    def organization(self, number: int) -> Organization:
        data = self._shown[self._shown_starts[number] : self._shown_starts[number + 1]]
        return msgspec.json.decode(data, type=Organization)

    def text(self, number: int) -> bytes:
        return self._texts[self._text_starts[number] : self._text_starts[number + 1]].tobytes()

    def named_from(self, beginning: bytes, most: int) -> list[int]:
        """Organizations whose text begins so, in the order of their names."""
        places = _beginning(lambda place: self.text(self._by_name[place]), self.count, beginning, most)
        return [self._by_name[place] for place in places]

    def also_named_from(self, beginning: bytes, most: int) -> list[int]:
        """Organizations that have another name that begins so."""

        def other_name(place: int) -> bytes:
            return self._other_names[self._other_starts[place] : self._other_starts[place + 1]].tobytes()

        places = _beginning(other_name, len(self._by_other_name), beginning, most)
        return [self._by_other_name[place] for place in places]

    @property
    def vocabulary(self) -> Vocabulary:
        return self._vocabulary

    @property
    def postings(self) -> Postings:
        return self._postings

    def _used_numbers(self, used: Used) -> Iterable[int]:
        for address, name in used:
            for number in self.named_from(NAME + f" {name} \x02".encode(), MOST):
                if address in self._addresses(number):
                    yield number

    def _is_used(self, number: int, used: Used) -> bool:
        if not used:
            return False
        name = folded(self.organization(number).name)
        return any((address, name) in used for address in self._addresses(number))

    def _addresses(self, number: int) -> tuple[str, ...]:
        each = self.organization(number)
        return (each.address, *each.other_addresses)

    def _ordered(self, costs: dict[int, float], limit: int, used: Used) -> IndexHits:
        ranked: list[tuple[bool, bool, float, int]] = []
        for number, cost in costs.items():
            flags = self._flags[number]
            cost += SITE if flags & IS_SITE else 0.0
            ranked.append((not self._is_used(number, used), not flags & PINNED, cost, number))
        ranked.sort()
        return IndexHits([self.organization(number) for *_, number in ranked[:limit]], len(ranked))


def _beginning(text: Callable[[int], bytes], count: int, beginning: bytes, most: int) -> range:
    """The places, at most so many, of sorted texts that begin so."""
    low = bisect_left(range(count), beginning, key=text)
    high = low
    while high < min(low + most, count) and text(high).startswith(beginning):
        high += 1
    return range(low, high)


def _widened(words: Sequence[QueryWord], widen: Callable[[QueryWord], bool]) -> bool:
    """Widens every word. False if none of them has more forms now."""
    return True in [widen(word) for word in words]


class _Search:
    """One search under way. `costs` are those of the organizations that were ranked so far."""

    def __init__(self, index: DirectoryIndex, words: list[QueryWord], only: Sequence[Holders]) -> None:
        self._index = index
        self._words = words
        self._only = only
        self._needed = [word for word in words if not word.is_light] or words
        self._ranking = Ranking(words)
        self.costs: dict[int, float] = {}

    def run(self, limit: int) -> None:
        self._rank(self._needed)
        self._rank_beginning()
        if len(self.costs) >= MOST:
            return
        if _widened(self._needed, QueryWord.begin):
            self._rank(self._needed)
        if len(self.costs) >= limit:
            return
        self._rank_guessed()
        if len(self.costs) < limit:
            self._rank_rewritten()
        if not self.costs:
            self._rank_with_fewer()

    def _rank_guessed(self) -> None:
        """First only words that no name has can be mistyped: guessing is what costs most."""
        unknown = [word for word in self._needed if not word.is_known]
        known = [word for word in self._needed if word.is_known]
        for words in (unknown, known):
            if _widened(words, QueryWord.guess):
                self._rank(self._needed)
            if unknown and self.costs:
                return

    def consider(self, number: int) -> None:
        """Ranks an organization if it has every word."""
        holders = [self._index.postings.holders(word.ranges) for word in self._needed]
        if all(each.has(number) for each in [*holders, *self._only]):
            self._add(number, self._ranking)

    def _rank(self, words: Sequence[QueryWord]) -> None:
        holders = [self._index.postings.holders(word.ranges) for word in words]
        for number in self._index.postings.in_all([*holders, *self._only], MOST):
            self._add(number, self._ranking)

    def _rank_beginning(self) -> None:
        beginning = self._ranking.beginning
        found = self._index.named_from(beginning, MOST_BEGINNING)
        found += self._index.also_named_from(beginning.removeprefix(NAME), MOST_BEGINNING)
        for number in found:
            if all(each.has(number) for each in self._only):
                self._add(number, self._ranking)

    def _rank_rewritten(self) -> None:
        for query in rewritten(self._words, self._index.vocabulary):
            words = read_query(query, self._index.vocabulary)
            ranking, needed = Ranking(words), [word for word in words if not word.is_light]
            for word in needed:
                word.begin()
            holders = [self._index.postings.holders(word.ranges) for word in needed]
            for number in self._index.postings.in_all([*holders, *self._only], MOST):
                self._add(number, ranking, REWRITTEN)

    def _rank_with_fewer(self) -> None:
        count = len(self._needed)
        for left_out in range(1, LEFT_OUT.get(count, 2) + 1):
            for words in combinations(self._needed, count - left_out):
                self._rank(words)
            if self.costs:
                return

    def _add(self, number: int, ranking: Ranking, more: float = 0.0) -> None:
        cost = ranking.cost(self._index.text(number)) + more
        self.costs[number] = min(cost, self.costs.get(number, cost))
