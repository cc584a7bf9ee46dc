"""Which organizations have a word, and which have all words of a query: the best ones first, and no more than asked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from cobalt_link.directory.engine.bitmaps import hot_from
from cobalt_link.directory.engine.sections import Sections

WINDOW = 4096  # bytes of bitmaps that are compared at once

Ranges = Sequence[tuple[int, int]]


class Holders:
    """The organizations that have any word of some ranges: as numbers, and as bitmaps where there are many."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.few: set[int] = set()
        self.maps: list[memoryview] = []

    @property
    def weight(self) -> int:
        """About how many they are, to begin with the fewest."""
        return len(self.few) + len(self.maps) * self.size * 8

    def has(self, number: int) -> bool:
        if number in self.few:
            return True
        place, bit = number >> 3, 1 << (number & 7)
        return any(each[place] & bit for each in self.maps)

    def as_maps(self) -> list[memoryview]:
        """Its bitmaps, with one for the numbers."""
        if not self.few:
            return self.maps
        bits = bytearray(self.size)
        for number in self.few:
            bits[number >> 3] |= 1 << (number & 7)
        return [*self.maps, memoryview(bits)]


class Postings:
    """The lists and bitmaps of an index."""

    def __init__(self, sections: Sections, count: int, vendors: Sequence[str]) -> None:
        self._starts = sections.numbers("list_starts")
        self._lists = sections.numbers("lists")
        self._size = -(-count // 8)
        self._hot_from = hot_from(count)
        self._bits = sections.raw("hot_bits")
        pairs = sections.numbers("hot_ranges")
        self._hot = {(pairs[place], pairs[place + 1]): place // 2 for place in range(0, len(pairs), 2)}
        self._vendor_bits = sections.raw("vendor_bits")
        self._vendors = {vendor: place for place, vendor in enumerate(vendors)}

    def holders(self, ranges: Ranges) -> Holders:
        found = Holders(self._size)
        for low, high in ranges:
            if (place := self._hot.get((low, high))) is not None:
                found.maps.append(self._bits[place * self._size : (place + 1) * self._size])
            elif low < high:
                found.few.update(self._lists[self._starts[low] : self._starts[high]])
        return found

    def of_vendors(self, vendors: Sequence[str]) -> Holders:
        found = Holders(self._size)
        for vendor in vendors:
            if (place := self._vendors.get(vendor)) is not None:
                found.maps.append(self._vendor_bits[place * self._size : (place + 1) * self._size])
        return found

    def in_all(self, holders: Sequence[Holders], most: int) -> list[int]:
        """The first `most` organizations that are in each of the holders, in ascending order."""
        ordered = sorted(holders, key=lambda each: each.weight)
        if not ordered or not ordered[0].weight:
            return []
        if ordered[0].maps:
            return self._in_all_maps(ordered, most)
        few = ordered[0].few
        rest: list[Holders] = []
        for each in ordered[1:]:
            if each.maps:
                rest.append(each)
            else:
                few = few & each.few
        numbers = sorted(few)
        if not rest:
            return numbers[:most]
        return list(islice((number for number in numbers if all(each.has(number) for each in rest)), most))

    def _in_all_maps(self, holders: Sequence[Holders], most: int) -> list[int]:
        found: list[int] = []
        maps = [each.as_maps() for each in holders]
        for start in range(0, self._size, WINDOW):
            end = min(start + WINDOW, self._size)
            bits = -1
            for each in maps:
                bits &= _any_of(each, start, end)
            while bits:
                lowest = bits & -bits
                found.append(start * 8 + lowest.bit_length() - 1)
                if len(found) == most:
                    return found
                bits ^= lowest
        return found


def _any_of(maps: Sequence[memoryview], start: int, end: int) -> int:
    bits = 0
    for each in maps:
        bits |= int.from_bytes(each[start:end], "little")
    return bits
