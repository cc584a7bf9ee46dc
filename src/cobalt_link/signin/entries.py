"""The values of journal entries: how they are written and read."""

from __future__ import annotations

from typing import Any

import msgspec

from cobalt_link.connector import secrets
from cobalt_link.connector.refusals import Refusal, catalogue
from cobalt_link.connector.validity import MOST_RESULT, NotValid
from cobalt_link.signin.journal import JournalEntry


class RecordedRefusal(msgspec.Struct, frozen=True):
    code: str
    details: dict[str, str | int] = {}


def encoded(value: object) -> bytes:
    """JSON for a journal, secrets included. It has to be sealed."""
    return msgspec.json.encode(value, enc_hook=secrets.for_sealing)


def decoded(value: bytes, kind: Any) -> Any:
    """The inverse of `encoded`."""
    return msgspec.json.decode(value, type=kind, dec_hook=secrets.from_sealed)


def result_of(value: object) -> bytes:
    """The result of a step. Raises NotValid if it is far too large."""
    written = encoded(value)
    if len(written) > MOST_RESULT:
        raise NotValid
    return written


def refused(entry: JournalEntry, no: Refusal) -> JournalEntry:
    return msgspec.structs.replace(entry, state="refused", value=encoded(RecordedRefusal(no.code, no.details)))


def refusal_in(entry: JournalEntry) -> Refusal | None:
    """The refusal that an entry holds."""
    if entry.state != "refused":
        return None
    no = decoded(entry.value or b"", RecordedRefusal)
    return catalogue()[no.code](**no.details)
