"""Choices that look random and come out the same on every machine and Python, from a key alone."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def number(below: int, *key: object) -> int:
    """0 <= n < below, fixed by the key."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8]) % below


def pick(options: Sequence[T], *key: object) -> T:
    return options[number(len(options), *key)]
