"""Translates an EHR's refusal into what the API answers, in this one place. Each message says what to do next."""

from __future__ import annotations

from cobalt_link.accounts.problems import (
    EhrThrottled,
    EhrUnavailable,
    EhrUnexpected,
    MissingRights,
    NotSupported,
    ReconnectRequired,
    SignInRests,
)
from cobalt_link.connector import refusals
from cobalt_link.connector.refusals import Refusal
from cobalt_link.web.problems import Problem

DOWN_SECONDS = 10
BUSY_SECONDS = 10
LONGEST_REST = 86400
# A lock without an end that strangers may have caused. An administrator lifts it, and the saved password works again.
UNKNOWN_LOCK = 3600


def needs_the_user(refusal: Refusal) -> bool:
    """Whether only a new sign-in by the person helps."""
    # Missing rights look like a refusal of the user, but only the EHR's administrator can grant them.
    if isinstance(refusal, refusals.NoRights) or rest_of(refusal) is not None:
        return False
    return isinstance(refusal, refusals.AskAgain | refusals.AskAHuman | refusals.TooManyCodes)


def rest_of(refusal: Refusal) -> int | None:
    """The seconds after which a lock ends by itself. The saved password may be right all the time (S-141)."""
    minutes = refusal.details.get("minutes")
    lasts = isinstance(refusal, refusals.Locked | refusals.TooManyCodes | refusals.TooManyTries)
    return min(minutes * 60, LONGEST_REST) if lasts and isinstance(minutes, int) else None


def reason(refusal: Refusal) -> str:
    """Why the person is needed, as a refusal's code."""
    # A sign-in that stopped at a question says why in `reason`: an earlier refusal, or the name of the pane or step
    # where it stopped. That name means nothing to an app.
    given = refusal.details.get("reason")
    return str(given) if given in refusals.catalogue() else refusal.code


def problem_of(refusal: Refusal, ehr: str, host: str) -> Problem:
    """What the API answers. `ehr` is the EHR's name, `host` the host of this instance."""
    if needs_the_user(refusal):
        return ReconnectRequired()
    if (rest := rest_of(refusal)) is not None:
        text = f"{ehr} at {host} had too many wrong passwords or codes for this login, so nobody signs in for a while."
        return _later(SignInRests, text, refusal, rest)
    match refusal:
        case refusals.EhrDown():
            return _later(EhrUnavailable, f"{ehr} at {host} does not answer.", refusal, DOWN_SECONDS)
        case refusals.EhrBusy():
            return _later(EhrThrottled, f"{ehr} at {host} asks us to wait.", refusal, BUSY_SECONDS)
        case refusals.NoRights():
            return MissingRights(_no_rights(refusal, ehr))
        case refusals.Unsupported():
            what = refusal.details.get("what", "this")
            return NotSupported(f"{ehr} at {host} does not support {what}. Leave it out for this EHR.")
        case refusals.NotThisAddress():
            return EhrUnexpected(
                f"{ehr} cannot be reached at {host}. The address is not allowed or leads elsewhere. Ask the operator to"
                " check it."
            )
        case refusals.SessionEnded():
            return EhrUnexpected(
                f"{ehr} at {host} ended the session right after a new sign-in. If this happens again, send the user"
                " through Link again."
            )
    reference = refusal.details.get("reference", refusal.code)
    return EhrUnexpected(
        f"{ehr} at {host} gave an answer that we do not understand. Give the operator the reference {reference}."
    )


def back_off(refusal: Refusal, failures: int) -> int:
    """Seconds without a sign-in after one that failed. Longer each time, so that the EHR does not lock the account."""
    if (rest := rest_of(refusal)) is not None:
        return rest
    asked = refusal.details.get("seconds") if isinstance(refusal, refusals.EhrBusy) else None
    if isinstance(asked, int):
        return min(max(asked, 1), 900)
    # An EHR that is down comes back by itself. An answer that we do not understand may be counted as a wrong password.
    first = 5 if isinstance(refusal, refusals.TryLater) else 30
    return min(first * 2 ** min(failures, 8), 900)


def _later(kind: type[Problem], text: str, refusal: Refusal, usual: int) -> Problem:
    asked = refusal.details.get("back_off", refusal.details.get("seconds") if kind is EhrThrottled else None)
    seconds = min(max(asked, 1), 3600) if isinstance(asked, int) else usual
    return kind(
        f"{text} Try again in {seconds} s (the Retry-After header).",
        headers={"Retry-After": str(seconds)},
    )


def _no_rights(refusal: Refusal, ehr: str) -> str:
    rights = refusal.details.get("rights")
    wanted = f" The administrator has to turn on: {rights}." if rights else ""
    return (
        f"{ehr} does not let this user see what you asked for. Ask the EHR's administrator to grant the right.{wanted}"
    )
