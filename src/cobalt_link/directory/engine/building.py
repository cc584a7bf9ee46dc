"""Builds the file of an index from the organizations of the directory.

Organizations are numbered from the best to show to the least: pinned ones, then organizations before their sites, and
short names before long ones. A list of numbers in ascending order so begins with the best, and a search need not look
at the rest of it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from zlib import crc32

import msgspec

from cobalt_link.directory.engine.bitmaps import HotRanges
from cobalt_link.directory.engine.organizations import Organization
from cobalt_link.directory.engine.sections import SectionWriter
from cobalt_link.directory.engine.spelling import LOOKED_AT, mistakes_in, shortened
from cobalt_link.directory.engine.words import LIGHT, acronym, long_forms, place_words, words_of

# The parts of the text of an organization, each behind its mark: its name, other names, place, vendor. Another mark
# stands around each of the other names.
NAME, OTHER, PLACE, VENDOR, EACH = b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"
FIELDS = (NAME, OTHER, PLACE, VENDOR)
PINNED, IS_SITE = 1, 2


class IndexBuilder:
    """`add` every organization, then `write`. `aliases` gives further names by the folded name of an organization."""

    def __init__(self, aliases: Mapping[str, Sequence[str]]) -> None:
        self._aliases = aliases
        self._texts: list[bytes] = []
        self._shown: list[bytes] = []
        self._order: list[tuple[bool, bool, int, int, str]] = []
        self._other_names: list[tuple[bytes, int]] = []
        self._postings: dict[str, array[int]] = {}
        self._vendors: dict[str, array[int]] = {}

    def add(self, each: Organization) -> None:
        number = len(self._texts)
        name = long_forms(words_of(each.name))
        others = [alias for alias in self._names(each, name) if alias]
        self._other_names += [(_spaced(alias), number) for alias in others]
        place = place_words(each.city, each.state, each.postal_code)
        short = acronym(name)
        parts = (
            name,
            [word for alias in others for word in alias],
            [*place, short] if short else place,
            words_of(each.vendor),
        )
        texts = [_spaced(words) for words in parts]
        texts[1] = EACH.join((b"", *map(_spaced, others), b""))
        self._texts.append(b"".join(mark + text for mark, text in zip(FIELDS, texts, strict=True)))
        self._shown.append(msgspec.json.encode(each))
        heavy = sum(word not in LIGHT for word in name)
        self._order.append((not each.pinned, each.is_site, heavy, len(each.name), each.name))
        for word in dict.fromkeys(word for words in parts for word in words):
            self._postings.setdefault(word, array("I")).append(number)
        self._vendors.setdefault(each.vendor, array("I")).append(number)

    def write(self, path: Path) -> None:
        ranks = sorted(range(len(self._order)), key=self._order.__getitem__)
        numbers = array("I", bytes(4 * len(ranks)))
        for number, before in enumerate(ranks):
            numbers[before] = number
        with path.open("wb") as file:
            out = SectionWriter(file)
            _write_blob(out, "texts", [self._texts[before] for before in ranks])
            by_name = sorted(range(len(ranks)), key=lambda number: self._texts[ranks[number]])
            out.write("by_name", array("I", by_name))
            self._texts.clear()
            self._write_other_names(out, numbers)
            flags = [(not other) * PINNED | site * IS_SITE for other, site, *_ in map(self._order.__getitem__, ranks)]
            out.write("flags", bytes(flags))
            self._order.clear()
            _write_blob(out, "shown", [self._shown[before] for before in ranks])
            self._shown.clear()
            self._write_words(out, numbers)
            self._write_vendors(out, numbers)
            out.close({"count": len(ranks), "vendors": list(self._vendors)})

    def _write_other_names(self, out: SectionWriter, numbers: array[int]) -> None:
        known = sorted((text, numbers[before]) for text, before in self._other_names)
        _write_blob(out, "other_names", [text for text, _ in known])
        out.write("by_other_name", array("I", [number for _, number in known]))
        self._other_names.clear()

    def _names(self, each: Organization, name: list[str]) -> list[list[str]]:
        also = [*each.aliases, *self._aliases.get(" ".join(name), ())]
        return [long_forms(words_of(alias)) for alias in also]

    def _write_words(self, out: SectionWriter, numbers: array[int]) -> None:
        words = sorted(self._postings)
        _write_blob(out, "words", [word.encode() for word in words])
        starts, lists = array("Q", [0]), array("I")
        for word in words:
            lists.extend(sorted([numbers[before] for before in self._postings.pop(word)]))
            starts.append(len(lists))
        out.write("lists", lists)
        out.write("list_starts", array("I", starts))
        hot = HotRanges(words, starts, lists, len(numbers))
        out.write("hot_bits", hot.bits())
        out.write("hot_ranges", hot.ranges())
        _write_spellings(out, words)

    def _write_vendors(self, out: SectionWriter, numbers: array[int]) -> None:
        size = -(-len(numbers) // 8)
        bits = bytearray(size * len(self._vendors))
        for place, listed in enumerate(self._vendors.values()):
            for before in listed:
                number = numbers[before]
                bits[place * size + (number >> 3)] |= 1 << (number & 7)
        out.write("vendor_bits", bits)


def _spaced(words: Iterable[str]) -> bytes:
    return "".join(f" {word}" for word in words).encode() + b" "


def _write_blob(out: SectionWriter, name: str, parts: Sequence[bytes]) -> None:
    starts = array("I", [0])
    total = 0
    for part in parts:
        total += len(part)
        starts.append(total)
    out.write(f"{name}_starts", starts)
    out.write(name, b"".join(parts))


def _write_spellings(out: SectionWriter, words: Sequence[str]) -> None:
    """Buckets of shortened forms. A bucket has the numbers of the words in whose group of beginnings the form is."""
    groups: dict[str, int] = {}
    for number, word in enumerate(words):
        if mistakes_in(word):
            groups.setdefault(word[:LOOKED_AT], number)
    pairs = array("Q")
    count = 1 << max(10, (len(groups) * 16).bit_length())
    for start, number in groups.items():
        for form in shortened(start, mistakes_in(start)):
            pairs.append((crc32(form.encode()) & (count - 1)) << 32 | number)
    ordered = sorted(pairs)
    starts = array("I", bytes(4 * (count + 1)))
    for pair in ordered:
        starts[(pair >> 32) + 1] += 1
    for bucket in range(count):
        starts[bucket + 1] += starts[bucket]
    out.write("spelling_starts", starts)
    out.write("spellings", array("I", [pair & 0xFFFFFFFF for pair in ordered]))
