"""Every way this EHR says no, each with its error code, HTTP status and message.

A password `error_<code>` asks for one of `ERROR_CODES`. docs/reference/sandbox-ehr.md shows what each looks like.
"""

import math

import msgspec

ERROR_CODES = (
    "wrong_credentials",
    "wrong_code",
    "code_expired",
    "too_many_codes",
    "push_denied",
    "push_expired",
    "locked",
    "password_expired",
    "ehr_down",
    "ehr_busy",
    "no_rights",
    "declined",
    "unsupported",
    "unexpected",
    "session_ended",
)
# A lock that lasts longer than this (in seconds, about 32 years) is one that only an administrator ends.
LONGEST_TIMED_LOCK = 10**9


class Refusal(msgspec.Struct, frozen=True):
    """`facts` are more members of the JSON body. If `page` is set, that text is sent instead of JSON."""

    error: str
    status: int
    message: str
    facts: dict[str, int | str] = {}
    page: str | None = None


class RequestRefused(Exception):
    """Ends a request with a refusal. Raised inside a transaction, it also rolls that transaction back."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.error)
        self.refusal = refusal


def wrong_credentials(tries_left: int) -> Refusal:
    facts: dict[str, int | str] = {"tries_left": tries_left, "reset_url": "/forgotten"}
    return Refusal("wrong_credentials", 401, "The username or password is wrong.", facts)


def locked(seconds: float) -> Refusal:
    """`unlocks_in` is missing when only an administrator can unlock the account."""
    facts: dict[str, int | str] = {"unlocks_in": _whole_seconds(seconds)} if seconds < LONGEST_TIMED_LOCK else {}
    return Refusal("locked", 403, "Too many wrong passwords. This account is locked.", facts)


def password_expired() -> Refusal:
    message = "The password has expired. Change it first, then sign in with the new one."
    return Refusal("password_expired", 403, message, {"change_url": "/password"})


def wrong_code(tries_left: int) -> Refusal:
    return Refusal("wrong_code", 401, "That code does not match.", {"tries_left": tries_left})


def code_expired() -> Refusal:
    return Refusal("code_expired", 410, "That code has expired. Request a new one.")


def too_many_codes(seconds: float) -> Refusal:
    return Refusal("too_many_codes", 403, "Too many codes. Try again later.", {"retry_in": _whole_seconds(seconds)})


def push_denied() -> Refusal:
    return Refusal("push_denied", 403, "The request was denied on the phone.")


def push_expired() -> Refusal:
    return Refusal("push_expired", 410, "Nobody answered the request on the phone.")


def no_rights(right: str) -> Refusal:
    return Refusal("no_rights", 403, f"This account does not have the right {right}.", {"missing": right})


def declined() -> Refusal:
    return Refusal("declined", 403, "The owner of this account does not allow access by other apps.")


def busy() -> Refusal:
    return Refusal("busy", 429, "Too many people are signing in. Wait, then try again.", {"retry_in": 120})


def down() -> Refusal:
    """The page of a load balancer whose EHR is gone: HTML, although the client asked for JSON."""
    page = "<html><head><title>503 Service Temporarily Unavailable</title></head><body></body></html>\n"
    return Refusal("down", 503, "", page=page)


def unexpected() -> Refusal:
    """A 200 that is not JSON, as a captive portal or a changed API would send."""
    page = "<!doctype html><html><head><title>Welcome</title></head><body><div id=app data-v=7></div></body>\n"
    return Refusal("unexpected", 200, "", page=page)


def session_expired() -> Refusal:
    return Refusal("session_expired", 401, "The session has ended. Sign in again.")


def sign_in_expired() -> Refusal:
    return Refusal("sign_in_expired", 410, "This sign-in is unknown or has ended. Start again with the password.")


def wrong_step(kind: str) -> Refusal:
    return Refusal("wrong_step", 409, f"This sign-in expects another step: {kind}.", {"waiting_for": kind})


def resend_too_soon(seconds: float) -> Refusal:
    return Refusal("resend_too_soon", 409, "A code was sent a moment ago.", {"retry_in": _whole_seconds(seconds)})


def bad_request(message: str) -> Refusal:
    return Refusal("bad_request", 400, message)


def too_large(limit: int) -> Refusal:
    return Refusal("too_large", 413, f"A body may have at most {limit} bytes.")


def not_found(what: str) -> Refusal:
    return Refusal("not_found", 404, f"There is no such {what}.")


def unknown_reference(field: str) -> Refusal:
    """A body names a row that the clinic does not have."""
    return Refusal("unknown_reference", 422, f"The clinic has nothing with this {field}.", {"field": field})


def invalid_value(field: str, message: str) -> Refusal:
    return Refusal("invalid_value", 422, message, {"field": field})


def missing_fields(fields: list[str]) -> Refusal:
    names = ", ".join(fields)
    return Refusal("missing_fields", 422, f"This clinic requires {names}.", {"missing": names})


def duplicate_patient(patient_id: str, mrn: str) -> Refusal:
    facts: dict[str, int | str] = {"patient_id": patient_id, "mrn": mrn}
    return Refusal("duplicate_patient", 409, "A patient with this name and birth date exists.", facts)


def schedule_conflict(facts: dict[str, int | str]) -> Refusal:
    """`facts` name the other visit or block: `conflict`, `id`, `title`, `start`, `end`."""
    return Refusal("schedule_conflict", 409, f"The provider has another {facts['conflict']} at that time.", facts)


def status_not_allowed(status: str, wanted: str) -> Refusal:
    facts: dict[str, int | str] = {"status": status, "wanted": wanted}
    return Refusal("status_not_allowed", 409, f"A visit cannot go from {status} to {wanted}.", facts)


def not_changeable(status: str) -> Refusal:
    return Refusal("not_changeable", 409, "Only the note of such a visit can be changed.", {"status": status})


def signed() -> Refusal:
    return Refusal("signed", 409, "The note is signed. A signed note does not change.")


def duplicate_claim(claim_id: str) -> Refusal:
    return Refusal("duplicate_claim", 409, "There is a claim for this visit already.", {"claim_id": claim_id})


def duplicate_provider(provider_id: str) -> Refusal:
    facts: dict[str, int | str] = {"referring_provider_id": provider_id}
    return Refusal("duplicate_provider", 409, "There is a referring provider with this NPI already.", facts)


def visit_not_started() -> Refusal:
    return Refusal("visit_not_started", 409, "There is no claim for a visit that has not started or was cancelled.")


def rank_taken(rank: int) -> Refusal:
    return Refusal("rank_taken", 409, "The patient has a plan of this rank already.", {"rank": rank})


def unknown_app() -> Refusal:
    message = "No app is registered here under this client id, or the clinic has not enabled it."
    return Refusal("unauthorized_client", 400, message)


def wrong_redirect() -> Refusal:
    return Refusal("wrong_redirect", 400, "This redirect address is not registered for the app, letter for letter.")


def request_ended() -> Refusal:
    return Refusal("request_ended", 400, "The app's request is unknown or has ended. Start again from the app.")


def _whole_seconds(seconds: float) -> int:
    # Rounded up, and never 0: a client that waits this long must not come back too early.
    return max(1, math.ceil(seconds))
