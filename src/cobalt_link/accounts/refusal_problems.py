"""The one translation of an EHR's refusal into what the API answers; each message says what to do next."""

from __future__ import annotations

from cobalt_link.accounts.problems import (
    EhrThrottled,
    EhrUnavailable,
    EhrUnexpected,
    MissingRights,
    NotSupported,
    ReconnectRequired,
)
from cobalt_link.connector import refusals
from cobalt_link.connector.refusals import Refusal
from cobalt_link.web.problems import Problem

DOWN_SECONDS = 10
BUSY_SECONDS = 10


def needs_the_user(refusal: Refusal) -> bool:
    """Whether nothing but a new sign-in by the person helps. Missing rights are the EHR's administrator's to mend."""
    return isinstance(refusal, refusals.AskAgain | refusals.AskAHuman | refusals.TooManyCodes) and not isinstance(
        refusal, refusals.NoRights
    )


def reason(refusal: Refusal) -> str:
    """Why the person is needed, as a refusal's code. A story that stopped before its person says so in `reason`: an
    earlier refusal, or the name of the pane or deed where it stopped, which tells the app nothing."""
    told = refusal.details.get("reason")
    return str(told) if told in refusals.catalogue() else refusal.code


def problem_of(refusal: Refusal, ehr: str, host: str) -> Problem:
    """What the caller is told; `ehr` is the EHR's name, `host` the one of this installation."""
    if needs_the_user(refusal):
        return ReconnectRequired()
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
                f"{ehr} cannot be reached at {host}: the address is not allowed or leads elsewhere. Ask the operator."
            )
        case refusals.SessionEnded():
            return EhrUnexpected(
                f"{ehr} at {host} ended the session right after a new sign-in. If that stays, link the account again."
            )
    reference = refusal.details.get("reference", refusal.code)
    return EhrUnexpected(
        f"{ehr} at {host} gave an answer that we do not understand. Give the operator the reference {reference}."
    )


def rest(refusal: Refusal, failures: int) -> int:
    """Seconds without a sign-in after one that came to nothing: longer each time, lest the EHR lock the account."""
    asked = refusal.details.get("seconds") if isinstance(refusal, refusals.EhrBusy) else None
    if isinstance(asked, int):
        return min(max(asked, 1), 900)
    first = 5 if isinstance(refusal, refusals.TryLater) else 30
    return min(first * 2 ** min(failures, 8), 900)


def _later(kind: type[Problem], text: str, refusal: Refusal, usual: int) -> Problem:
    asked = refusal.details.get("rest", refusal.details.get("seconds") if kind is EhrThrottled else None)
    seconds = min(max(asked, 1), 3600) if isinstance(asked, int) else usual
    return kind(
        f"{text} Try again in {seconds} s (the Retry-After header).",
        headers={"Retry-After": str(seconds)},
    )


def _no_rights(refusal: Refusal, ehr: str) -> str:
    rights = refusal.details.get("rights")
    wanted = f" They have to turn on: {rights}." if rights else ""
    return f"{ehr} does not let this user see what was asked for. Ask the EHR's administrator for the right.{wanted}"
