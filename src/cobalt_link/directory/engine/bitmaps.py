"""Bitmaps of the words, and of the beginnings of words, that very many organizations have.

A list of 100,000 numbers is slow to compare with another one. As bits, 32,000 numbers are compared at once.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence


def hot_from(count: int) -> int:
    """How many numbers a list of an index of `count` organizations has before it gets a bitmap."""
    return max(256, count // 64)


class HotRanges:
    """The ranges of words (sorted, by number) that begin alike, or are one word, and have long lists."""

    def __init__(self, words: Sequence[str], starts: array[int], lists: array[int], count: int) -> None:
        self._words = words
        self._starts = starts
        self._lists = lists
        self._from = hot_from(count)
        self._size = -(-count // 8)
        self._found: dict[tuple[int, int], bytes] = {}
        for low, high in self._split(0, len(words), 0):
            if self._is_hot(low, high):
                self._bits_of(low, high, 1)

    def bits(self) -> bytes:
        return b"".join(self._found.values())

    def ranges(self) -> array[int]:
        """Pairs of the first word and the one behind the last, in the order of the bitmaps."""
        return array("I", [number for pair in self._found for number in pair])

    def _bits_of(self, low: int, high: int, length: int) -> int:
        """The bits of all words in a hot range, whose first `length` letters are the same, as one number."""
        if (low, high) in self._found:
            return int.from_bytes(self._found[low, high], "little")
        bits, plain = 0, bytearray(self._size)
        for inner in self._split(low, high, length) if high - low > 1 else [(low, high)]:
            if high - low > 1 and self._is_hot(*inner):
                bits |= self._bits_of(*inner, length + 1)
            else:
                self._add(plain, *inner)
        bits |= int.from_bytes(plain, "little")
        self._found[low, high] = bits.to_bytes(self._size, "little")
        return bits

    def _is_hot(self, low: int, high: int) -> bool:
        return self._starts[high] - self._starts[low] > self._from

    def _add(self, bits: bytearray, low: int, high: int) -> None:
        for number in self._lists[self._starts[low] : self._starts[high]]:
            bits[number >> 3] |= 1 << (number & 7)

    def _split(self, low: int, high: int, length: int) -> list[tuple[int, int]]:
        """The range in parts that have one more letter in common."""
        parts: list[tuple[int, int]] = []
        start = low
        for number in range(low + 1, high + 1):
            if number == high or self._words[number][: length + 1] != self._words[start][: length + 1]:
                parts.append((start, number))
                start = number
        return parts
