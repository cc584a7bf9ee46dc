"""The words of an index in their order: a word's number, the range of those with a beginning, and those spelled nearly
alike."""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

from cobalt_link.directory.engine.sections import Sections
from cobalt_link.directory.engine.spelling import (
    FAR,
    LOOKED_AT,
    distance_to_start,
    has_strange_letters,
    mistakes_in,
    shortened,
)

MOST_COMPARED = 400
MOST_NEAR = 24


class Vocabulary:
    """Words have numbers in the order of their bytes, so those with one beginning are a range."""

    def __init__(self, sections: Sections) -> None:
        self._starts = sections.numbers("words_starts")
        self._words = sections.raw("words")
        self._buckets = sections.numbers("spelling_starts")
        self._spellings = sections.numbers("spellings")
        self._count = len(self._starts) - 1

    def word(self, number: int) -> str:
        return str(self._bytes(number), "utf-8")

    def range_of(self, beginning: bytes) -> tuple[int, int]:
        """The first word with the beginning, and the one behind the last."""
        low = self._first_from(beginning, 0)
        return low, self._first_from(beginning + b"\xff", low)

    def holds(self, number: int, word: bytes) -> bool:
        return number < self._count and self._bytes(number) == word

    def near(self, typed: str, *, whole: bool) -> list[tuple[int, int, int]]:
        """At most 24 words that `typed` may mean, the nearest first: mistakes, letters left over, and the number.

        `whole`: the word is typed to its end, so that a much longer one is not meant.
        """
        most = mistakes_in(typed)
        found: list[tuple[int, int, int]] = []
        if not most:
            return found
        room = most + 2 if whole else FAR
        for number in self._candidates(typed, most):
            word = self.word(number)
            if len(word) - len(typed) > room:
                continue
            if has_strange_letters(typed, word, most):
                continue
            mistakes, length = distance_to_start(typed, word, most)
            if mistakes != FAR:
                found.append((mistakes, len(word) - length, number))
        found.sort()
        return found[:MOST_NEAR]

    def _candidates(self, typed: str, most: int) -> Iterator[int]:
        mask = len(self._buckets) - 2
        groups: set[int] = set()
        for form in shortened(typed, most):
            bucket = crc32(form.encode()) & mask
            groups.update(self._spellings[self._buckets[bucket] : self._buckets[bucket + 1]])
        left = MOST_COMPARED
        for first in sorted(groups):
            start = self.word(first)[:LOOKED_AT]
            # A group whose beginning is far away shares only the bucket.
            beginning = typed[: len(start)]
            if has_strange_letters(beginning, start, most) or distance_to_start(beginning, start, most)[0] == FAR:
                continue
            for number in range(first, self._count):
                if left == 0:
                    return
                if not self.word(number).startswith(start):
                    break
                left -= 1
                yield number

    def _first_from(self, text: bytes, low: int) -> int:
        high, starts, words = self._count, self._starts, self._words
        while low < high:
            middle = (low + high) // 2
            if words[starts[middle] : starts[middle + 1]].tobytes() < text:
                low = middle + 1
            else:
                high = middle
        return low

    def _bytes(self, number: int) -> bytes:
        return self._words[self._starts[number] : self._starts[number + 1]].tobytes()
