"""How well an organization fits a query, as a cost: the lower, the better.

The numbers are weights, tried on queries made from random organizations (`benchmarks/directory.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from cobalt_link.directory.engine.building import EACH, NAME, OTHER, PLACE, VENDOR
from cobalt_link.directory.engine.query import PER_LETTER, QueryWord
from cobalt_link.directory.engine.words import LIGHT, long_forms

# For a word of the query that is found in another name, in the place, in the vendor's name, or nowhere.
IN_OTHER, IN_PLACE, IN_VENDOR, MISSING, MISSING_LIGHT = 0.15, 0.5, 0.8, 2.5, 0.1
# For words of the name that the query does not have: for all of them, and for each.
UNNAMED, UNNAMED_EACH, UNNAMED_OTHER = 0.9, 0.03, 0.2
LIGHT_WEIGHT = 0.15
# The name begins with the query. Its words come in the order of the query. It is a site.
BEGINS, ORDERED, SITE = -0.4, -0.1, 0.35
# The query is one of the other names: as good as the name itself, or nearly.
NICKNAME = -0.35

_LIGHT_BYTES = frozenset(word.encode() for word in LIGHT)


class Ranking:
    """For one query."""

    def __init__(self, words: Sequence[QueryWord]) -> None:
        self._words = words
        typed = [word.typed for word in words]
        last = [word.typed for word in words[-1:] if word.is_last]
        whole = long_forms(typed[: len(typed) - len(last)]) + last
        spaced = " ".join(whole).encode()
        self.beginning = NAME + b" " + spaced + (b"" if last else b" ")
        self._nickname = EACH + b" " + spaced + b" " + EACH

    def cost(self, text: bytes) -> float:
        """`text` as `building` writes it."""
        if self._nickname in text:
            return NICKNAME
        name_end = text.index(OTHER)
        total, before, ordered, in_other = 0.0, 0, True, False
        spans: set[int] = set()
        for word in self._words:
            cost, place = _best(word, text, name_end)
            total += cost
            if 0 <= place < name_end:
                ordered = ordered and place >= before
                before = place
                spans.add(place)
            in_other = in_other or name_end < place < text.index(PLACE)
        total += UNNAMED_OTHER if in_other else _unnamed(text[2:name_end], spans)
        if text.startswith(self.beginning):
            total += BEGINS
        elif ordered:
            total += ORDERED
        return total


def _best(word: QueryWord, text: bytes, name_end: int) -> tuple[float, int]:
    """The lowest cost of a word, and where in the text it stands."""
    best, where = (MISSING_LIGHT if word.is_light else MISSING), -1
    for form in word.forms:
        if form.cost >= best:
            break
        place = text.find(form.text)
        if place < 0:
            continue
        cost = form.cost
        if form.begins:
            end = text.find(b" ", place + 1)
            cost += PER_LETTER * (end - place - len(form.text))
        if place > name_end:
            cost += _field_cost(text, place)
        if cost < best:
            best, where = cost, place
    return best, where


def _field_cost(text: bytes, place: int) -> float:
    if place < text.index(PLACE):
        return IN_OTHER
    return IN_PLACE if place < text.index(VENDOR) else IN_VENDOR


def _unnamed(name: bytes, spans: set[int]) -> float:
    """The cost of the words of the name that the query does not have. `spans` are the blanks before those it has."""
    total = missing = 0.0
    place = 1
    for word in name.split():
        weight = LIGHT_WEIGHT if word in _LIGHT_BYTES else 1.0
        total += weight
        if place not in spans:
            missing += weight
        place += len(word) + 1
    return UNNAMED * missing / total + UNNAMED_EACH * missing if total else 0.0
