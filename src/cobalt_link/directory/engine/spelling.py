"""Typing mistakes: how far a word is from another one, and the shortened forms by which near words are found.

Two words within so many mistakes share a form from which up to as many letters are left out (the SymSpell method).
Only their first seven letters are looked at, which keeps the number of forms small.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

LOOKED_AT = 7
FAR = 99


def mistakes_in(word: str) -> int:
    """How many mistakes a word may have: none in a short one, else almost every word would be near."""
    if len(word) < 4 or word.isdigit():
        return 0
    return 1 if len(word) < 7 else 2


def shortened(word: str, most: int) -> set[str]:
    """The first letters of a word, and what is left of them without one letter, up to without `most` letters."""
    start = word[:LOOKED_AT]
    return {form for count in range(most + 1) for form in _without(start, count)}


def _without(text: str, count: int) -> Iterator[str]:
    if count >= len(text):
        return
    for kept in combinations(text, len(text) - count):
        yield "".join(kept)


def has_strange_letters(typed: str, word: str, most: int) -> bool:
    """Whether more letters of `typed` than that many are not in `word` at all. Each would be a mistake, and most words
    are told to be too far away by this alone."""
    return len(set(typed).difference(word)) > most


def distance_to_start(typed: str, word: str, most: int) -> tuple[int, int]:
    """The fewest mistakes between `typed` and a beginning of `word`, and the length of that beginning.

    A mistake is a letter too many, a missing one, a wrong one, or two that changed places (optimal string alignment).
    Beyond `most` the number is FAR.
    """
    width = min(len(word), len(typed) + most)
    before: list[int] = []
    row = list(range(width + 1))
    for i, letter in enumerate(typed, 1):
        earlier, before = before, row
        row = [i]
        add = row.append
        for j in range(1, width + 1):
            other = word[j - 1]
            if letter == other:
                best = before[j - 1]
            else:
                best = before[j - 1]
                if before[j] < best:
                    best = before[j]
                if row[j - 1] < best:
                    best = row[j - 1]
                best += 1
                if i > 1 and j > 1 and letter == word[j - 2] and typed[i - 2] == other and earlier[j - 2] + 1 < best:
                    best = earlier[j - 2] + 1
            add(best)
        if min(row) > most:
            return FAR, 0
    best = min(row)
    if best > most:
        return FAR, 0
    return best, max(j for j, each in enumerate(row) if each == best)
