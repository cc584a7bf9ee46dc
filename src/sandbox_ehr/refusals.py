"""Every way this EHR says no: its wire code, HTTP status and sentence.

`ERROR_CODES` are what a password `error_<code>` yields; docs/reference/sandbox-ehr.md tells how each one looks.
"""

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


class Refusal(msgspec.Struct, frozen=True):
    """`facts` are further members of the JSON body; `page` set means that this text goes out instead of JSON."""

    error: str
    status: int
    message: str
    facts: dict[str, int | str] = {}
    page: str | None = None


class Refused(Exception):
    """Raised between a request and its answer; changes made to the file before it are not kept."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.error)
        self.refusal = refusal


def wrong_credentials(tries_left: int) -> Refusal:
    facts: dict[str, int | str] = {"tries_left": tries_left, "reset_url": "/forgotten"}
    return Refusal("wrong_credentials", 401, "The username or the password is wrong.", facts)


def locked(seconds: float) -> Refusal:
    """Without `unlocks_in` when only an administrator can unlock: years from now."""
    facts: dict[str, int | str] = {"unlocks_in": _up(seconds)} if seconds < 10**9 else {}
    return Refusal("locked", 403, "Too many wrong passwords: this account is locked.", facts)


def password_expired() -> Refusal:
    message = "The password has expired. Change it first, then sign in with the new one."
    return Refusal("password_expired", 403, message, {"change_url": "/password"})


def wrong_code(tries_left: int) -> Refusal:
    return Refusal("wrong_code", 401, "That code does not match.", {"tries_left": tries_left})


def code_expired() -> Refusal:
    return Refusal("code_expired", 410, "That code has expired. Ask for a new one.")


def too_many_codes(seconds: float) -> Refusal:
    return Refusal("too_many_codes", 403, "Too many codes: try again later.", {"retry_in": _up(seconds)})


def push_denied() -> Refusal:
    return Refusal("push_denied", 403, "The request was denied on the phone.")


def push_expired() -> Refusal:
    return Refusal("push_expired", 410, "Nobody answered the request on the phone.")


def no_rights(right: str) -> Refusal:
    return Refusal("no_rights", 403, f"This account lacks the right {right}.", {"missing": right})


def declined() -> Refusal:
    return Refusal("declined", 403, "The account's owner said no to use by other apps.")


def busy() -> Refusal:
    return Refusal("busy", 429, "Too many people are signing in. Wait and try again.", {"retry_in": 120})


def down() -> Refusal:
    page = "<html><head><title>503 Service Temporarily Unavailable</title></head><body></body></html>\n"
    return Refusal("down", 503, "", page=page)


def unexpected() -> Refusal:
    """A 200 that is no JSON, as from a captive portal or a release that changed the API."""
    page = "<!doctype html><html><head><title>Welcome</title></head><body><div id=app data-v=7></div></body>\n"
    return Refusal("unexpected", 200, "", page=page)


def session_expired() -> Refusal:
    return Refusal("session_expired", 401, "The session has ended. Sign in again.")


def sign_in_expired() -> Refusal:
    return Refusal("sign_in_expired", 410, "This sign-in is over or unknown. Start again with the password.")


def wrong_step(kind: str) -> Refusal:
    return Refusal("wrong_step", 409, f"This sign-in waits for something else: {kind}.", {"waiting_for": kind})


def resend_too_soon(seconds: float) -> Refusal:
    return Refusal("resend_too_soon", 409, "A code was sent just now.", {"retry_in": _up(seconds)})


def bad_request(message: str) -> Refusal:
    return Refusal("bad_request", 400, message)


def not_found(what: str) -> Refusal:
    return Refusal("not_found", 404, f"No such {what}.")


def _up(seconds: float) -> int:
    return max(1, int(-(-seconds // 1)))
