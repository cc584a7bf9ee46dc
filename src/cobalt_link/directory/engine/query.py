"""A query as the index understands it: its words, and for each the ways in which a name may spell it."""

from __future__ import annotations

import msgspec

from cobalt_link.directory.engine.vocabulary import Vocabulary
from cobalt_link.directory.engine.words import LIGHT, LONG_FORMS, words_of

MOST_WORDS = 10

ABBREVIATED, SINGULAR, BEGUN, BEGUN_EARLY = 0.02, 0.15, 0.05, 0.15
PER_LETTER = 0.02


class Form(msgspec.Struct, frozen=True):
    """A spelling to look for in the text of an organization, with the blank in front of it. `cost` is 0 for the word
    as it was typed. `begins`: longer words count too, and each further letter costs a little."""

    text: bytes
    cost: float
    begins: bool = False


class QueryWord:
    """One word. `ranges` are the words of the index that count as it, and `forms` the same for ranking."""

    def __init__(self, typed: str, vocabulary: Vocabulary, *, is_last: bool) -> None:
        self.typed = typed
        self.is_last = is_last
        self.is_light = typed in LIGHT and not is_last
        self._vocabulary = vocabulary
        self._beginning = vocabulary.range_of(typed.encode())
        self.ranges: list[tuple[int, int]] = []
        self.forms = [Form(_spaced(typed), 0.0)]
        self._add_exact(typed)
        for also, cost in _also(typed):
            self._add_exact(also)
            self.forms.append(Form(_spaced(also), cost))
        self.forms.append(Form(f" {typed}".encode(), BEGUN if is_last else BEGUN_EARLY, begins=True))
        if is_last:
            self.begin()

    @property
    def is_known(self) -> bool:
        """Whether the index has a word that begins like it."""
        return self._beginning[0] < self._beginning[1]

    def begin(self) -> bool:
        """Lets every word that begins like it count. False if all of them did already."""
        if not self.is_known or self._beginning in self.ranges:
            return False
        self.ranges = [self._beginning, *(each for each in self.ranges if not _within(each, self._beginning))]
        return True

    def guess(self) -> bool:
        """Lets words count that it may be with typing mistakes. False if there are none."""
        low, high = self._beginning
        guesses = [
            each
            for each in self._vocabulary.near(self.typed, whole=not self.is_last)
            if each[0] and not low <= each[2] < high
        ]
        for mistakes, left, number in guesses:
            self.ranges.append((number, number + 1))
            cost = mistakes * (0.4 + 3.0 / len(self.typed)) + PER_LETTER * left
            self.forms.append(Form(_spaced(self._vocabulary.word(number)), cost))
        self.forms.sort(key=lambda each: each.cost)
        return bool(guesses)

    def _add_exact(self, word: str) -> None:
        encoded = word.encode()
        number = self._vocabulary.range_of(encoded)[0] if word != self.typed else self._beginning[0]
        if self._vocabulary.holds(number, encoded):
            self.ranges.append((number, number + 1))


def read_query(query: str, vocabulary: Vocabulary) -> list[QueryWord]:
    """The words of a query. The last one may not be typed to its end, unless a blank follows it."""
    words = words_of(query)[:MOST_WORDS]
    ended = query[-1:].isspace()
    return [
        QueryWord(word, vocabulary, is_last=place == len(words) and not ended) for place, word in enumerate(words, 1)
    ]


def rewritten(words: list[QueryWord], vocabulary: Vocabulary) -> list[str]:
    """The query with two words as one, or one as two, where the index has such words: health care → healthcare."""
    typed = [each.typed for each in words]
    found = []
    for place in range(len(typed) - 1):
        joined = typed[place] + typed[place + 1]
        if len(joined) > 5 and _is_known(joined, vocabulary):
            found.append(" ".join([*typed[:place], joined, *typed[place + 2 :]]))
    for place, word in enumerate(words):
        if not word.is_known:
            for cut in range(3, len(word.typed) - 2):
                left, right = word.typed[:cut], word.typed[cut:]
                if _is_word(left, vocabulary) and _is_known(right, vocabulary):
                    found.append(" ".join([*typed[:place], left, right, *typed[place + 1 :]]))
    return found[:4]


def _also(typed: str) -> list[tuple[str, float]]:
    found = [(LONG_FORMS[typed], ABBREVIATED)] if typed in LONG_FORMS else []
    return [*found, (typed[:-1], SINGULAR)] if typed.endswith("s") and len(typed) > 4 else found


def _is_known(beginning: str, vocabulary: Vocabulary) -> bool:
    low, high = vocabulary.range_of(beginning.encode())
    return low < high


def _is_word(word: str, vocabulary: Vocabulary) -> bool:
    return vocabulary.holds(vocabulary.range_of(word.encode())[0], word.encode())


def _within(inner: tuple[int, int], outer: tuple[int, int]) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _spaced(word: str) -> bytes:
    return f" {word} ".encode()
