"""Finds a secret in everything that a run left, also base64-, URL-, JSON-, HTML-, hex-, or UTF-16-encoded."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 4


def leaks(secrets: Iterable[str], traces: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """(where, encoding) for each trace that holds a secret. Neither contains the secret."""
    wanted = {how: text for secret in secrets for how, text in forms(secret)}
    for where, text in traces:
        # UTF-16 is text with zeros. Text that was quoted twice has more backslashes, but the same letters.
        plain = text.replace("\x00", "").replace("\\x00", "").replace("\\u0000", "").replace("\\", "")
        for (how, _), needle in wanted.items():
            if needle.replace("\\", "") in plain:
                yield where, how
                break


def forms(secret: str) -> Iterator[tuple[tuple[str, str], str]]:
    """(encoding, needle) for each way to spell a secret. Leaves out needles too short to mean anything."""
    encoded = secret.encode()
    if len(secret) < SHORTEST:
        return
    spelled = {
        "as it is": [secret, repr(secret)[1:-1], repr(encoded)[2:-1]],
        "URL-encoded": [quote(secret, safe=""), quote_plus(secret), quote(secret)],
        "JSON-encoded": [json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]],
        "HTML-encoded": [html.escape(secret)],
        "in hexadecimal": [encoded.hex(), encoded.hex().upper()],
        "in base64": list(_base64(encoded)),
    }
    for how, needles in spelled.items():
        yield from (((how, needle), needle) for needle in needles if len(needle) >= SHORTEST)


def _base64(secret: bytes) -> Iterator[str]:
    """The letters that stay the same, whatever comes before and after the secret."""
    for before in range(3):
        end = len(secret) + before
        first, last = -(-before * 8 // 6), end * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(b"\0" * before + secret).decode()[first:last]
