"""How an EHR says no, and what can be done about it: one small family, translated once by Link, the API and the jobs.

Refusal
├─ AskAgain     the person can mend it now: wrong password, wrong code, approval refused
├─ AskAHuman    somebody must act first: locked account, expired password, missing rights
├─ TryLater     not anyone's fault: EHR down, EHR busy
└─ Never        not this way: not supported, an answer that we don't understand
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

Detail: TypeAlias = str | int


class Refusal(Exception):
    """An EHR's no. `details` fill the text's placeholders and hold nothing that a person typed."""

    code: ClassVar[str]

    def __init__(self, **details: Detail | None) -> None:
        self.details: dict[str, Detail] = {key: value for key, value in details.items() if value is not None}
        super().__init__(self.code)


class AskAgain(Refusal):
    """The person can mend it now, on the pane where it happened."""


class AskAHuman(Refusal):
    """Somebody has to act outside of Link first."""


class TryLater(Refusal):
    """The same thing may work in a while."""


class Never(Refusal):
    """The same thing will not work by repeating it."""


class WrongCredentials(AskAgain):
    """Wrong username or password. `tries_left` before the EHR locks the account, if it says so; `url` where a
    forgotten password is reset, if there is such a page."""

    code = "wrong_credentials"


class WrongCode(AskAgain):
    """The code did not match. `tries_left` if the EHR says so."""

    code = "wrong_code"


class CodeExpired(AskAgain):
    """The code was right once, and has ended."""

    code = "code_expired"


class PushDenied(AskAgain):
    """The person said no on the phone."""

    code = "push_denied"


class PushExpired(AskAgain):
    """Nobody answered on the phone in time."""

    code = "push_expired"


class TooManyCodes(TryLater):
    """The EHR accepts no more codes for now. `minutes` to wait."""

    code = "too_many_codes"


class Locked(AskAHuman):
    """The EHR locked the account. `minutes` until it usually unlocks; `user` as the EHR names it."""

    code = "locked"


class PasswordExpired(AskAHuman):
    """The password was right and has to be changed at the EHR first. `url` where that is done."""

    code = "password_expired"


class NoRights(AskAHuman):
    """Signed in, and not allowed to share. `rights` is what the administrator has to turn on."""

    code = "no_rights"


class Declined(AskAHuman):
    """The person said no on the EHR's own page."""

    code = "declined"


class LoginRequired(AskAHuman):
    """The saved sign-in cannot be renewed without the person."""

    code = "login_required"


class EhrDown(TryLater):
    """No answer, or a server error. `seconds` waited."""

    code = "ehr_down"


class EhrBusy(TryLater):
    """The EHR asks us to wait. `seconds` to wait, if it says so."""

    code = "ehr_busy"


class SessionEnded(TryLater):
    """The EHR no longer knows the session: a renewal may help."""

    code = "session_ended"


class Interrupted(TryLater):
    """A step was started and its end is not known. It is never repeated by itself."""

    code = "interrupted"


class StartedOver(TryLater):
    """What is told is not what was recorded: an update in the middle of the sign-in, which starts over. `entry` is the
    number of the first that differs, if known."""

    code = "started_over"


class Unsupported(Never):
    """This EHR, version or account kind is not supported. `what` names it."""

    code = "unsupported"


class NotThisAddress(Never):
    """The address leads nowhere good. `reason`: "not_found", "other_ehr", "not_https" or "not_allowed"."""

    code = "not_this_address"


class Unexpected(Never):
    """An answer that we do not understand. `reference` finds it in our log."""

    code = "unexpected"


class OtherAccount(Never):
    """The sign-in worked, with another EHR account than the one being repaired."""

    code = "other_account"


def _leaves(kind: type[Refusal]) -> list[type[Refusal]]:
    return [leaf for sub in kind.__subclasses__() for leaf in (_leaves(sub) or [sub])]


def catalogue() -> dict[str, type[Refusal]]:
    """Every refusal by its code."""
    return {kind.code: kind for kind in _leaves(Refusal)}
