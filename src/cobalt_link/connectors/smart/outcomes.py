"""What a FHIR server's refusals mean: by HTTP status, and by its OperationOutcome (FHIR R4, http and operationoutcome).

Epic's codes: fhir.epic.com/Specifications.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cobalt_link.connector import (
    EhrBusy,
    EhrDown,
    HttpResponse,
    NoRights,
    NotJson,
    RecordNotFound,
    SessionEnded,
    retry_after,
)
from cobalt_link.connectors.smart.values import codes, every, text

FATAL = ("error", "fatal")
CAPPED = ("4119", "4127", "59133")  # Epic: there is more, and it is not given
SEALED = ("4130", "4131", "4134")  # Epic: a sensitive chart, which the clinician opens in the EHR first
DAILY = ("4135",)  # Epic: this document was generated too often today
EXPIRED = ("4113",)  # Epic: the next page is gone
NOTHING = ("4101",)  # Epic: nothing was found
DAY = 24 * 3600


class Issue(msgspec.Struct, frozen=True):
    """One issue of an OperationOutcome. `code` is FHIR's issue type, `own` the server's codes."""

    severity: str
    code: str
    own: tuple[str, ...] = ()

    @property
    def is_error(self) -> bool:
        return self.severity in FATAL and not set(self.own) & {*NOTHING}


class FhirRefused(Exception):
    """The server did not take a request as it was (400, 406, 409, 412, 422). It ends as `Unexpected`."""

    def __init__(self, status: int, issues: tuple[Issue, ...] = ()) -> None:
        self.status = status
        self.issues = issues
        super().__init__(f"{status} {' '.join(each.code for each in issues)}".strip())


class Choked(Exception):
    """The server failed at one of its own records (500 with an OperationOutcome that names an element)."""


class PageExpired(Exception):
    """The server has forgotten the list that this page belongs to."""


def issues_of(resource: Any) -> tuple[Issue, ...]:
    """The issues of an OperationOutcome. None of another resource."""
    if text(resource, "resourceType") != "OperationOutcome":
        return ()
    return tuple(
        Issue(
            severity=text(each, "severity") or "error",
            code=text(each, "code") or "unknown",
            own=tuple(code for _, code in codes(every(each, "details"))),
        )
        for each in every(resource, "issue")
    )


def error_of(response: HttpResponse) -> Exception:
    """What a response of status 400 and up means."""
    try:
        issues = issues_of(response.json())
    except NotJson:
        issues = ()
    own = {code for each in issues for code in each.own}
    if special := _special(own):
        return special
    match response.status:
        case 401:
            return SessionEnded()
        case 403:
            return NoRights(*_needed(response))
        case 404 | 410:
            return RecordNotFound()
        case 429:
            return EhrBusy(seconds=retry_after(response.headers.get("retry-after")))
        case 503 if response.headers.get("retry-after"):
            return EhrBusy(seconds=retry_after(response.headers.get("retry-after")))
        case status if status >= 500:
            # Some servers answer 500 for one record that lacks a required element: the others can still be read.
            named = any(
                each.is_error and each.code in ("required", "structure", "value", "invariant") for each in issues
            )
            return Choked() if named else EhrDown()
    return FhirRefused(response.status, issues)


def error_in(issues: tuple[Issue, ...]) -> Exception | None:
    """What an OperationOutcome in a response of status 200 means. None if it only warns."""
    own = {code for each in issues for code in each.own}
    if special := _special(own):
        return special
    errors = tuple(each for each in issues if each.is_error)
    if not errors:
        return None
    if any(each.code in ("forbidden", "suppressed", "security") for each in errors):
        return NoRights()
    if any(each.code in ("login", "expired") for each in errors):
        return SessionEnded()
    if any(each.code in ("throttled", "too-costly") for each in errors):
        return EhrBusy()
    if any(each.code in ("transient", "timeout", "lock-error", "no-store", "exception") for each in errors):
        return EhrDown()
    return FhirRefused(200, errors)


def _special(own: set[str]) -> Exception | None:
    if own & {*SEALED}:
        return NoRights("sensitive_chart")
    if own & {*DAILY}:
        return EhrBusy(seconds=DAY)
    return PageExpired() if own & {*EXPIRED} else None


def _needed(response: HttpResponse) -> tuple[str, ...]:
    """RFC 6750 §3.1."""
    return ("scope",) if "insufficient_scope" in response.headers.get("www-authenticate", "") else ()
