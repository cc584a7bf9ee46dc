"""The ways an EHR can say no, grouped by what helps. Link, the API, and the jobs each translate them once.

Refusal
├─ AskAgain     the user can fix it now: wrong password, wrong code, denied approval
├─ AskAHuman    somebody has to act first: locked account, expired password, missing rights
├─ TryLater     nobody's fault: EHR down, EHR busy
└─ Never        repeating it will not help: not supported, an answer that we do not understand
"""

from __future__ import annotations

import unicodedata
from math import ceil
from typing import ClassVar, TypeAlias

Detail: TypeAlias = str | int
MOST_TEXT = 500  # characters of a detail
UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # nothing that a page shows, and NUL, which no database takes


class Refusal(Exception):
    """An EHR said no. `details` fill the placeholders of the text. They never hold anything that a user typed."""

    code: ClassVar[str]

    def __init__(self, **details: Detail | None) -> None:
        # A connector passes on what the EHR said. It is stored and shown, so it must be a short text or a number.
        found = {key: _detail(value) for key, value in details.items()}
        self.details: dict[str, Detail] = {key: value for key, value in found.items() if value is not None}
        super().__init__(self.code)


class AskAgain(Refusal):
    """The user can fix it now, on the pane where it happened."""


class AskAHuman(Refusal):
    """Somebody has to act outside of Link first."""


class TryLater(Refusal):
    """The same request may work in a while."""


class Never(Refusal):
    """Repeating the same request will not help."""


class WrongCredentials(AskAgain):
    """Wrong username or password. `tries_left` before the EHR locks the account, if it says so. `url` of the page that
    resets a forgotten password, if there is one.

    With the `reason` "last_try", "same_password", or "too_fast" the brake raised it, and the EHR got nothing.
    """

    code = "wrong_credentials"


class WrongCode(AskAgain):
    """The code did not match. `tries_left` if the EHR says so."""

    code = "wrong_code"


class CodeExpired(AskAgain):
    """The code was valid once and has expired."""

    code = "code_expired"


class PushDenied(AskAgain):
    """The user denied the request on the phone."""

    code = "push_denied"


class PushExpired(AskAgain):
    """Nobody answered on the phone in time."""

    code = "push_expired"


class _Wait(Refusal):
    """A refusal with a time to wait, which people read in minutes. A connector may give `seconds` instead."""

    def __init__(self, *, seconds: float | None = None, **details: Detail | None) -> None:
        if seconds is not None:
            # Rounded up: a user who comes back a minute early is refused again.
            details["minutes"] = max(1, ceil(seconds / 60))
        super().__init__(**details)


class TooManyCodes(TryLater, _Wait):
    """The EHR accepts no more codes for now. `seconds` (or `minutes`) to wait. `reason="brake"`: we send no more."""

    code = "too_many_codes"


class TooManyTries(TryLater, _Wait):
    """The brake holds: we send no more passwords for this login, so that the EHR does not lock it. `seconds` (or
    `minutes`) to wait. `reason`: "known" if the user has an account on this login, "unanswered" if the EHR did not
    answer the tries, "usernames" for too many of them in one link session."""

    code = "too_many_tries"


class Locked(AskAHuman, _Wait):
    """The EHR locked the account. `seconds` (or `minutes`) until it usually unlocks; `user` as the EHR names it."""

    code = "locked"


class PasswordExpired(AskAHuman):
    """The password is right, but has to be changed at the EHR first. `url` of the page that changes it."""

    code = "password_expired"


class NoRights(AskAHuman):
    """Signed in, but without the rights to read what is shared: `NoRights("patients", "schedule")`.

    Each right is a key of the connector's texts (`no_rights.<right>`) or the EHR's own name of it.
    """

    code = "no_rights"

    def __init__(self, *rights: str, **details: Detail | None) -> None:
        if rights:
            details["rights"] = ", ".join(rights)
        super().__init__(**details)


class NoneOfThese(AskAHuman):
    """The user needs something that the EHR's list does not have, such as another clinic. `choice` names the list."""

    code = "none_of_these"


class Declined(AskAHuman):
    """The user said no on the EHR's own page."""

    code = "declined"


class LoginRequired(AskAHuman):
    """The saved sign-in cannot be renewed without the user."""

    code = "login_required"


class EhrDown(TryLater):
    """No answer, or a server error. `seconds`: how long we waited."""

    code = "ehr_down"


class EhrBusy(TryLater):
    """The EHR asks us to wait. `seconds` to wait, if it says so. `reason="resend"`: it is too soon for a new code."""

    code = "ehr_busy"


class SessionEnded(TryLater):
    """The EHR no longer accepts the session. A renewal may help."""

    code = "session_ended"


class Interrupted(TryLater):
    """A step was started and its result is unknown. It is never repeated automatically."""

    code = "interrupted"


class StartedOver(TryLater):
    """The code changed in the middle of a sign-in, so its journal no longer fits and it starts over. `entry` is the
    number of the first journal entry that differs, if known."""

    code = "started_over"


class Unsupported(Never):
    """This EHR, version or account kind is not supported. `what` names it."""

    code = "unsupported"


class NotThisAddress(Never):
    """This EHR is not at that address. `reason`: "not_found", "other_ehr", "not_https", or "not_allowed"."""

    code = "not_this_address"


class Unexpected(Never):
    """An answer that we do not understand. `reference` finds its entry in our log."""

    code = "unexpected"


class OtherAccount(Never):
    """The sign-in worked, but with another EHR account than the one that is being repaired."""

    code = "other_account"


def _detail(value: object) -> Detail | None:
    match value:
        case bool() | None:
            return None
        case int() | float():
            return int(value) if abs(value) < 2**53 else None  # also False for NaN
        case str():
            return "".join(each for each in value[:MOST_TEXT] if unicodedata.category(each) not in UNSEEN) or None
        case list() | tuple():
            texts = [str(each) for each in value[:MOST_TEXT] if isinstance(each, str)]
            return _detail(", ".join(texts))
    return None


def _leaves(kind: type[Refusal]) -> list[type[Refusal]]:
    return [leaf for sub in kind.__subclasses__() for leaf in (_leaves(sub) or [sub])]


def catalogue() -> dict[str, type[Refusal]]:
    """Every refusal by its code. `catalogue()[no.code](**no.details)` makes an equal one."""
    return {kind.code: kind for kind in _leaves(Refusal)}
