"""Typing mistakes: how far a word is from another one, and the shortened forms by which near words are found.

Two words within so many mistakes share a form from which up to as many letters are left out (the SymSpell method).
Only their first seven letters are looked at, which keeps the number of forms small.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
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
    Beyond `most` the number is FAR. A column of the table is kept as bits (H. Hyyrö, A bit-vector algorithm for
    computing Levenshtein and Damerau edit distances, 2003).
    """
    masks, size = _masks(typed), len(typed)
    full, last = (1 << size) - 1, 1 << (size - 1)
    up, down, same, before = full, 0, 0, 0
    score = best = size
    length = 0
    for place, letter in enumerate(word[: size + most], 1):
        mask = masks.get(letter, 0)
        swapped = ((~same & mask) << 1) & before
        same = ((((mask & up) + up) ^ up) | mask | down | swapped) & full
        right, left = down | (full & ~(same | up)), same & up
        if right & last:
            score += 1
        elif left & last:
            score -= 1
        if score <= best:
            best, length = score, place
        right, left = (right << 1) | 1, left << 1
        up, down, before = (left | ~(same | right)) & full, right & same, mask
    return (best, length) if best <= most else (FAR, 0)


@lru_cache(256)
def _masks(typed: str) -> dict[str, int]:
    """For each letter, the places at which it stands."""
    masks: dict[str, int] = {}
    for place, letter in enumerate(typed):
        masks[letter] = masks.get(letter, 0) | 1 << place
    return masks
