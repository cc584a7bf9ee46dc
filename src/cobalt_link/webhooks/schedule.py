"""What follows from an attempt: delivered, another try, a pause, or the end of the endpoint (S-068, S-069, S-070)."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Literal

import msgspec

# Waits after the first attempt and the ones that follow: 75 hours and 35 minutes in all.
DELAYS: Final = tuple(
    timedelta(seconds=each)
    for each in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
JITTER: Final = 0.1
LONGEST_WAIT: Final = timedelta(hours=24)  # that a Retry-After may ask for
LONGEST_PAUSE: Final = timedelta(minutes=5)  # of an endpoint that says no time
PATIENCE: Final = timedelta(days=5)  # of failing, until an endpoint is disabled
GONE: Final = 410
THROTTLED: Final = (429, 502, 503, 504)
# The contract repeats no other 4xx (§6.2). 408 says by its name that the same request may be sent again.
REPEATED: Final = (408, 429)

DisabledReason = Literal["gone", "failing"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt: a status, or the code of an error. `retry_after` is the header as it was sent."""

    at: datetime
    milliseconds: int
    status: int | None = None
    error: str | None = None
    retry_after: str | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Consequence(msgspec.Struct, frozen=True):
    """`due_at` is None if nothing is tried again. Until `pause`, the endpoint gets nothing at all."""

    delivered: bool
    due_at: datetime | None = None
    pause: datetime | None = None
    gone: bool = False


def consequence_of(answer: Answer, waits: int, jitter: Callable[[], float] = random.random) -> Consequence:
    """`waits` is how many of the delays are over since the delivery was asked for."""
    if answer.delivered:
        return Consequence(True)
    if answer.status == GONE:
        return Consequence(False, gone=True)
    asked = _asked_wait(answer)
    pause = None
    if answer.status in THROTTLED and (asked or answer.status != 503):
        usual = DELAYS[min(waits, len(DELAYS) - 1)]
        pause = answer.at + (asked or min(usual, LONGEST_PAUSE))
    if not _is_repeated(answer) or waits >= len(DELAYS):
        return Consequence(False, pause=pause)
    # Only later, never sooner, so that the last attempt is 75 hours and 35 minutes after the first at the earliest.
    wait = DELAYS[waits] * (1 + JITTER * jitter())
    return Consequence(False, due_at=answer.at + max(wait, asked or wait), pause=pause)


def _is_repeated(answer: Answer) -> bool:
    return answer.status is None or not 400 <= answer.status < 500 or answer.status in REPEATED


def _asked_wait(answer: Answer) -> timedelta | None:
    """What `Retry-After` asks for: seconds, or a date (RFC 9110 §10.2.3). None if it cannot be read."""
    text = (answer.retry_after or "").strip()
    try:
        if text.isascii() and text.isdigit():
            wait = timedelta(seconds=min(int(text[:9]), LONGEST_WAIT.total_seconds()))
        else:
            at = parsedate_to_datetime(text)
            wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - answer.at
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, timedelta()), LONGEST_WAIT)
