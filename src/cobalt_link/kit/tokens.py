"""Tokens that secret scanners recognize, with a checksum that can be checked without the database.

A token is `<kind>_<env>_<43 base62 digits><6 base62 digits>`: at least 256 random bits, then the CRC-32 of everything
before it. So a mistyped or made-up token costs no query (S-045).
"""

import os
import re
from typing import Final
from zlib import crc32

LINK: Final = "lt"
PUBLIC: Final = "pt"
ACCESS: Final = "at"
CLIENT_ID: Final = "ci"
CLIENT_SECRET: Final = "cs"  # noqa: S105  (the name of a kind, not a secret)
KINDS: Final = (LINK, PUBLIC, ACCESS, CLIENT_ID, CLIENT_SECRET)

LIVE: Final = "live"
TEST: Final = "test"
ENVIRONMENTS: Final = (LIVE, TEST)

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SHAPE: Final = re.compile(f"({'|'.join(KINDS)})_({'|'.join(ENVIRONMENTS)})_([0-9A-Za-z]{{43}})([0-9A-Za-z]{{6}})")

# 248 = 4 x 62. Larger bytes are dropped, so that each digit is equally likely.
_DIGITS: Final = bytes(ord(ALPHABET[byte % 62]) for byte in range(256))
_DROPPED: Final = bytes(range(248, 256))
_PAIRS: Final = [one + two for one in ALPHABET for two in ALPHABET]  # the 3844 numbers of two digits


def mint(kind: str, env: str) -> str:
    """A new token of one of `KINDS` for one of `ENVIRONMENTS`. Its 43 random base62 digits have 256.03 bits."""
    if kind not in KINDS or env not in ENVIRONMENTS:
        raise ValueError(f"There is no token {kind!r} for {env!r}: use one of {KINDS} and one of {ENVIRONMENTS}.")
    head = f"{kind}_{env}_{_random_digits(43)}"
    return head + _checksum(head)


def well_formed(text: str, kind: str | None = None) -> bool:
    """Whether the text is a complete token with a correct checksum (and of this kind). It may still be unknown."""
    match = SHAPE.fullmatch(text)
    return match is not None and kind in (None, match[1]) and _checksum(text[:-6]) == match[4]


def environment(text: str) -> str | None:
    """`live` or `test` for a well-formed token, else None."""
    return text.split("_", 2)[1] if well_formed(text) else None


def _random_digits(count: int) -> str:
    digits = b""
    while len(digits) < count:
        digits += os.urandom(64).translate(_DIGITS, _DROPPED)
    return digits[:count].decode()


def _checksum(head: str) -> str:
    value, last = divmod(crc32(head.encode()), 3844)
    first, middle = divmod(value, 3844)
    return _PAIRS[first] + _PAIRS[middle] + _PAIRS[last]
