"""A password `error_<code>` ends the sign-in of any user in that error. It counts no tries and changes no account."""

import sqlite3
from collections.abc import Callable

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.login import sessions
from sandbox_ehr.login.accounts import unsaved_account
from sandbox_ehr.login.limits import CODES_BLOCKED_SECONDS, LOCK_SECONDS, TRIES
from sandbox_ehr.login.results import SignInResult
from sandbox_ehr.login.second_steps import open_session, start_challenge
from sandbox_ehr.refusals import Refusal

PREFIX = "error_"
AT_THE_PASSWORD: dict[str, Callable[[], Refusal]] = {
    "too_many_codes": lambda: refusals.too_many_codes(CODES_BLOCKED_SECONDS),
    "locked": lambda: refusals.locked(LOCK_SECONDS),
    "password_expired": refusals.password_expired,
    "ehr_down": refusals.down,
    "ehr_busy": refusals.busy,
    "declined": refusals.declined,
    "unexpected": refusals.unexpected,
}
# These come one step later, so the sign-in has to get that far: to a code or to a push.
AT_THE_SECOND_STEP = {"wrong_code": "code", "code_expired": "code", "push_denied": "push", "push_expired": "push"}


def error_on_demand(connection: sqlite3.Connection, now: float, username: str, code: str) -> SignInResult:
    account = unsaved_account(username)
    if code in AT_THE_PASSWORD:
        return AT_THE_PASSWORD[code]()
    if code in AT_THE_SECOND_STEP:
        kind = AT_THE_SECOND_STEP[code]
        account = msgspec.structs.replace(account, mfa=kind)
        return start_challenge(connection, now, account, kind, forced_error=code)
    if code == "unsupported":
        return start_challenge(connection, now, account, "smart_card")
    if code == "no_rights":
        return open_session(connection, now, msgspec.structs.replace(account, rights=()), "1")
    if code == "session_ended":
        # The client gets a session that looks good, and finds out at its first request.
        opened = open_session(connection, now, account, "1")
        sessions.end_session(connection, opened.session)
        return opened
    return refusals.wrong_credentials(TRIES - 1)
