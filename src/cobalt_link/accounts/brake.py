"""The rules of the brake (S-141): whether a password or a code may go to the EHR, from what went there lately. Pure.

A person may try as long as the EHR says that tries are left, and the last time only after a warning. If the EHR does
not say, three times in half an hour. Strangers to a login together get two, whatever the EHR says. See
docs/why/brake.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import msgspec

from cobalt_link.connector.refusals import Refusal, TooManyCodes, TooManyTries, WrongCredentials

Who: TypeAlias = Literal["stranger", "known", "renewal"]
Outcome: TypeAlias = Literal["begun", "unknown", "wrong", "locked", "right"]
Kind: TypeAlias = Literal["password", "code"]

WINDOW = timedelta(minutes=30)
CODES_WINDOW = timedelta(minutes=15)
MOST, MOST_OF_STRANGERS, MOST_CODES = 3, 2, 3
MOST_AFTER_LOCK = 3  # warned tries while the EHR says that the login is locked
ANSWERED = timedelta(seconds=60)  # by then a try has its answer, or its process is gone
RENEWED_AT_ONCE = 3  # renewals with one password, in case it was changed a moment ago

SLOW_FROM, END_AT = 3, 6  # usernames in one link session
PAUSE = timedelta(seconds=10)  # between the tries of a session that was slowed down


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was sent, or is being sent. `typed` is the keyed hash of a password. `anyway` is the warning after
    which the user sent it. `tries_left` is what the EHR answered."""

    id: int
    kind: Kind
    typed: bytes | None
    source: str
    who: Who
    anyway: str | None
    outcome: Outcome
    tries_left: int | None
    at: datetime


class NextTry(msgspec.Struct, frozen=True, kw_only=True):
    """What is about to be sent. `typed` has the hash by every hash key. `last_try`: it may be the last one that the EHR
    allows, if the user was warned."""

    kind: Kind
    typed: Sequence[bytes]
    source: str
    who: Who
    now: datetime
    anyway: str | None = None
    last_try: bool = True


class Wait(msgspec.Struct, frozen=True):
    """Others are being sent for this login. Their answers decide."""


def decide(tries: Sequence[Try], following: NextTry) -> Refusal | Wait | None:
    """None: it may be sent. `tries` are those of its login, the oldest first. They may be older than the window only
    if they have the same password and were wrong."""
    since, answered = following.now - WINDOW, following.now - ANSWERED
    recent = [each for each in tries if each.at > since]
    flying = [
        each for each in recent if each.outcome == "begun" and each.at > answered and each.source != following.source
    ]
    over = [each for each in recent if each not in flying]
    if following.kind == "code":
        return codes_left(over, following) or (Wait() if codes_left(recent, following) else None)
    if held := codes_left(over, following):
        return held
    same = [each for each in tries if each.typed in following.typed]
    if any(each.outcome == "right" for each in same):
        waits = following.who == "renewal" and sum(each in flying for each in same) >= RENEWED_AT_ONCE
        return Wait() if waits else None
    if any(each.outcome == "wrong" for each in same) and following.anyway != "same_password":
        return WrongCredentials(reason="same_password")
    if held := passwords_left(over, following):
        return held
    in_doubt = any(each in flying for each in same) or (flying and passwords_left(recent, following))
    return Wait() if in_doubt else None


def codes_left(tries: Sequence[Try], following: NextTry) -> Refusal | None:
    """Why no code may be sent any more, nor a password, which would only bring another code."""
    since = following.now - CODES_WINDOW
    wrong = [each for each in tries if each.kind == "code" and each.outcome != "right" and each.at > since]
    if len(wrong) < MOST_CODES:
        return None
    return TooManyCodes(reason="brake", seconds=_until(wrong[-MOST_CODES], CODES_WINDOW, following.now))


def passwords_left(tries: Sequence[Try], following: NextTry) -> Refusal | None:
    """Why no password may be sent any more, or only after a warning."""
    counted = [each for each in tries if each.kind == "password" and each.outcome != "right"]
    strangers = [each for each in counted if each.who == "stranger"]
    if following.who == "stranger" and len(strangers) >= MOST_OF_STRANGERS:
        return _held(counted, strangers[-MOST_OF_STRANGERS], following)
    left, said_in = _left_by_ehr(counted)
    if said_in is not None:
        return _limit_by_ehr(counted, left, said_in, following)
    if len(counted) < MOST or (following.anyway == "last_try" and _may_insist(counted, following)):
        return None
    return _held(counted, counted[-MOST], following)


def _left_by_ehr(counted: Sequence[Try]) -> tuple[int, Try | None]:
    """How many tries the EHR leaves, by its last answer. Those that it has not answered are taken off."""
    for after, each in enumerate(reversed(counted)):
        if each.tries_left is not None:
            return each.tries_left - after, each
        if each.outcome in ("wrong", "locked"):
            break
    return 0, None


def _limit_by_ehr(counted: Sequence[Try], left: int, said_in: Try, following: NextTry) -> Refusal | None:
    if left > 1:
        return None
    if left < 1 or following.who == "renewal" or not following.last_try:
        return _held(counted, said_in, following)
    return None if following.anyway == "last_try" else WrongCredentials(reason="last_try", tries_left=1)


def _may_insist(counted: Sequence[Try], following: NextTry) -> bool:
    """Whether somebody who knows the login may try once more, having reset the password or had the lock lifted."""
    insisted = sum(each.anyway == "last_try" for each in counted)
    allowed = MOST_AFTER_LOCK if counted[-1].outcome == "locked" else 1
    return following.who == "known" and insisted < allowed


def _held(counted: Sequence[Try], last: Try, following: NextTry) -> TooManyTries:
    """`last` is the try that has to be over before another one is sent."""
    reason = None
    if not any(each.outcome in ("wrong", "locked") for each in counted):
        reason = "unanswered"
    elif _left_by_ehr(counted)[1] is None and _may_insist(counted, following):
        reason = "known"
    return TooManyTries(reason=reason, seconds=_until(last, WINDOW, following.now))


def _until(last: Try, window: timedelta, now: datetime) -> float:
    return max(1.0, (last.at + window - now).total_seconds())


def usernames_left(others: int, last_sent: datetime | None, now: datetime) -> Refusal | None:
    """Why a link session may not try another username now. `others` are the ones that were typed before, `last_sent` is
    when it sent the last one."""
    if others + 1 >= END_AT:
        return TooManyTries(reason="usernames")
    if others + 1 >= SLOW_FROM and last_sent is not None and (left := last_sent + PAUSE - now) > timedelta():
        return WrongCredentials(reason="too_fast", seconds=max(1, round(left.total_seconds())))
    return None
