"""The ids that we give out: 32 hex digits (UUIDs without hyphens, contract §2), and a short form to read aloud."""

import hashlib
import os
import re
from datetime import date, datetime

HEX = re.compile(r"[0-9a-f]{32}")
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U, which are misread on the phone


def new_id() -> str:
    """A random UUID (version 4) as 32 lower-case hex digits."""
    # Not uuid.uuid4(), which takes six times as long. Every request gets an id.
    digits = os.urandom(16).hex()
    return f"{digits[:12]}4{digits[13:16]}{'89ab'[int(digits[16], 16) % 4]}{digits[17:]}"


def canonical(text: str) -> str:
    """An id of ours as we write it, from upper case or with a UUID's hyphens. Any other text stays as it is."""
    written = text.replace("-", "").lower()
    return written if HEX.fullmatch(written) else text


def dated_id(now: datetime) -> str:
    """An id of 32 hex digits that begins with its day, for tables in partitions by day. It has 104 random bits."""
    return f"{day_of_ids(now.date())}{os.urandom(13).hex()}"


def day_of_ids(day: date) -> str:
    """How the ids of a day begin: `ff` and the days since 1970. The database has it as the function `cobalt_day`."""
    return f"ff{(day - date(1970, 1, 1)).days:04x}"


def reference(id: str) -> str:  # noqa: A002 - the contract's word
    """A short form of an id for people, such as `7F3K-92QX`: 40 bits of its hash. An id always has the same one."""
    number = int.from_bytes(hashlib.sha256(id.encode()).digest()[:5])
    text = "".join(LETTERS[number >> shift & 31] for shift in range(35, -1, -5))
    return f"{text[:4]}-{text[4:]}"


def reference_hash(text: str) -> bytes | None:
    """The five bytes of an id's hash that a reference stands for. None if the text is not a reference."""
    letters = text.upper().replace("-", "")
    if len(letters) != 8 or not set(letters) <= set(LETTERS):
        return None
    return sum(
        LETTERS.index(letter) << shift for letter, shift in zip(letters, range(35, -1, -5), strict=True)
    ).to_bytes(5)
