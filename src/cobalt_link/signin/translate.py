"""Turns anything that went wrong outside into a refusal, and logs it without the data that it carried."""

from __future__ import annotations

import traceback
from uuid import uuid4

import structlog

from cobalt_link.connector.refusals import EhrDown, NotThisAddress, Refusal, Unexpected
from cobalt_link.net import http

log = structlog.get_logger()


def as_refusal(error: Exception) -> Refusal:
    """`error` itself if it is a refusal, else the refusal that says what happened."""
    match error:
        case Refusal():
            return error
        case http.AddressRefused():
            return NotThisAddress(reason="not_allowed")
        case http.TooSlow():
            return EhrDown(seconds=round(error.seconds))
        case http.NoAnswer() | http.TlsError():
            return EhrDown()
    return _unexpected(error)


def _unexpected(error: Exception) -> Unexpected:
    # An exception may quote what the EHR sent or what the user typed, so only its type and place are logged.
    reference = uuid4().hex[:8].upper()
    frame = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    where = f"{frame.name}:{frame.lineno}" if frame else "?"
    log.error("ehr_answer_not_understood", reference=reference, error=type(error).__name__, where=where)
    return Unexpected(reference=f"{reference[:4]}-{reference[4:]}")
