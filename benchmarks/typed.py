"""What users type to find an organization, made from the organizations themselves: nobody has tuned the search to it.

A query is only made if it tells the organization: at most five names have all of its words, typed without mistakes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple, TypeAlias

from cobalt_link.directory.engine.words import LIGHT, LONG_FORMS, STATES, folded, place_words
from cobalt_link.directory.entry import Entry

LETTERS = "abcdefghijklmnopqrstuvwxyz"
TELLING = 5  # names


class TypedQuery(NamedTuple):
    """`name` is the folded name to find."""

    kind: str
    text: str
    name: str


class Names:
    """All names, to know how many have the words of a query."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._holders: dict[str, set[str]] = {}
        for each in entries:
            name = each.folded
            for word in [*name.split(), *place_words(each.city, each.state, "")]:
                self._holders.setdefault(word, set()).add(name)
        self._words = sorted(self._holders)

    def with_all(self, words: Sequence[str]) -> int:
        found: set[str] | None = None
        for word in words:
            holding: set[str] = set()
            for each in self._words[bisect_left(self._words, word) : bisect_left(self._words, word + "\U0010ffff")]:
                holding |= self._holders[each]
            found = holding if found is None else found & holding
        return len(found or ())


Typing: TypeAlias = Callable[[Entry, list[str], Random], tuple[list[str], list[str]] | None]
"""The words as they are meant and as they are typed, None if this organization cannot be typed so."""


def typed_queries(entries: Sequence[Entry], each_kind: int, seed: int) -> Iterator[TypedQuery]:
    random, names = Random(seed), Names(entries)
    for kind, typing in KINDS.items():
        left = each_kind
        for _ in range(each_kind * 400):
            entry = random.choice(entries)
            words = [word for word in entry.folded.split() if word not in LIGHT]
            made = typing(entry, words, random) if len(words) > 1 else None
            if made and 0 < names.with_all(folded(" ".join(made[0])).split()) <= TELLING:
                yield TypedQuery(kind, " ".join(made[1]), entry.folded)
                left -= 1
            if not left:
                break


def _beginning(entry: Entry, words: list[str], random: Random) -> tuple[list[str], list[str]]:
    typed = [*words[:1], words[1][: random.randint(3, 6)]]
    return typed, typed


def _any_order(entry: Entry, words: list[str], random: Random) -> tuple[list[str], list[str]]:
    typed = random.sample(words, min(len(words), 3))
    return typed, typed


def _one_mistake(entry: Entry, words: list[str], random: Random) -> tuple[list[str], list[str]] | None:
    return _mistaken(words[:3], random, 1, 5)


def _two_mistakes(entry: Entry, words: list[str], random: Random) -> tuple[list[str], list[str]] | None:
    return _mistaken(words[:3], random, 2, 8)


def _mistaken(words: list[str], random: Random, mistakes: int, length: int) -> tuple[list[str], list[str]] | None:
    places = [place for place, word in enumerate(words) if len(word) >= length and word.isalpha()]
    if not places:
        return None
    place, typed = random.choice(places), list(words)
    for _ in range(mistakes):
        typed[place] = mistyped(typed[place], random)
    return words, typed


def mistyped(word: str, random: Random) -> str:
    """With one mistake, not in the first letter."""
    at = random.randrange(1, len(word) - 1)
    match random.randrange(4):
        case 0:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case 1:
            return word[:at] + word[at + 1 :]
        case 2:
            return word[:at] + random.choice(LETTERS) + word[at:]
        case _:
            return word[:at] + random.choice(LETTERS) + word[at + 1 :]


def _other_form(entry: Entry, words: list[str], random: Random) -> tuple[list[str], list[str]] | None:
    short = {long: each for each, long in LONG_FORMS.items()}
    typed = [short.get(word, word) for word in words[:4]]
    return (words[:4], typed) if typed != words[:4] else None


def _with_place(entry: Entry, words: list[str], random: Random) -> tuple[list[str], list[str]] | None:
    if not entry.city or entry.state.lower() not in STATES:
        return None
    place = [*entry.city.lower().split(), random.choice((entry.state.lower(), STATES[entry.state.lower()]))]
    return words[:2] + place, words[:2] + place


KINDS: dict[str, Typing] = {
    "beginning": _beginning,
    "any order": _any_order,
    "one mistake": _one_mistake,
    "two mistakes": _two_mistakes,
    "St and Saint": _other_form,
    "with place": _with_place,
}
