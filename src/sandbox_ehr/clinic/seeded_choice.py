"""Choices that look random but depend on a key alone: the same on every machine and every version of Python."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def number(below: int, *key: object) -> int:
    """A number from 0 to `below` - 1, decided by the key."""
    # Not random.Random(key): its results may change between versions of Python, and hash() between two runs.
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8]) % below


def pick(options: Sequence[T], *key: object) -> T:
    return options[number(len(options), *key)]
