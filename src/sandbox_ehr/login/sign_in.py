"""The steps of a sign-in: password, way, code or push, clinic. Each function does one step in one transaction."""

import sqlite3

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.login import accounts, errors_on_demand, pending_sign_ins
from sandbox_ehr.login.accounts import Account
from sandbox_ehr.login.limits import CODE_SECONDS, PUSH_SECONDS, RESEND_SECONDS, TRIES
from sandbox_ehr.login.passwords import check_password
from sandbox_ehr.login.pending_sign_ins import PendingSignIn
from sandbox_ehr.login.results import Challenge, SignInResult
from sandbox_ehr.login.sandbox_logins import CODE
from sandbox_ehr.login.second_steps import block_codes, clinic_or_session, load, open_session, send, start_challenge
from sandbox_ehr.refusals import Refusal, RequestRefused

# How users of a kind can prove who they are. Others have one way only.
WAYS = {"choice": ("text", "email", "app"), "push": ("push", "text", "email", "app")}
ALL_KINDS = ("way", "code", "push", "clinic", "smart_card")


def log_in(connection: sqlite3.Connection, now: float, username: str, password: str) -> SignInResult:
    if password.startswith(errors_on_demand.PREFIX):
        code = password.removeprefix(errors_on_demand.PREFIX)
        return errors_on_demand.error_on_demand(connection, now, username, code)
    account = check_password(connection, now, username, password)
    if isinstance(account, Refusal):
        return account
    if account.failures:
        account = msgspec.structs.replace(account, failures=0)
        accounts.save(connection, account)
    return _after_password(connection, now, account)


def choose_way(connection: sqlite3.Connection, now: float, challenge_id: str, way: str) -> SignInResult:
    """Choose how to get the code. Works again while a code or an approval is expected, for the user whose text never
    arrives or who has no phone at hand."""
    sign_in, account = load(connection, now, challenge_id, "way", "code", "push")
    if account.mfa not in WAYS or sign_in.forced_error:
        raise RequestRefused(refusals.wrong_step(sign_in.kind))
    if way not in WAYS[account.mfa]:
        raise RequestRefused(refusals.bad_request(f"way must be one of {', '.join(WAYS[account.mfa])}."))
    kind = "push" if way == "push" else "code"
    return send(connection, now, challenge_id, msgspec.structs.replace(sign_in, kind=kind, way=way), account)


def answer_code(connection: sqlite3.Connection, now: float, challenge_id: str, code: str) -> SignInResult:
    sign_in, account = load(connection, now, challenge_id, "code")
    expired = sign_in.way != "app" and now >= sign_in.sent_at + CODE_SECONDS
    if sign_in.forced_error == "code_expired" or expired:
        return refusals.code_expired()
    if sign_in.forced_error == "wrong_code" or code != CODE:
        return _count_wrong_code(connection, now, sign_in, account)
    if account.code_failures:
        account = msgspec.structs.replace(account, code_failures=0)
        accounts.save(connection, account)
    return clinic_or_session(connection, now, challenge_id, sign_in, account)


def send_again(connection: sqlite3.Connection, now: float, challenge_id: str) -> SignInResult:
    """Send a new push, or a new code if the last one is at least `RESEND_SECONDS` old."""
    sign_in, account = load(connection, now, challenge_id, "code", "push")
    wait = sign_in.sent_at + RESEND_SECONDS - now
    if sign_in.kind == "code" and sign_in.way == "app":
        return refusals.bad_request("An authenticator app makes its own codes. There is nothing to send.")
    if sign_in.kind == "code" and wait > 0:
        return refusals.resend_too_soon(wait)
    return send(connection, now, challenge_id, sign_in, account)


def poll_push(connection: sqlite3.Connection, now: float, challenge_id: str) -> SignInResult:
    """The same challenge again while nobody has answered the push."""
    sign_in, account = load(connection, now, challenge_id, "push")
    # A test that answers by hand comes before what the phone would do by itself.
    answer = sign_in.forced_error or sign_in.answer or _planned_answer(account, sign_in, now)
    if answer in ("deny", "push_denied"):
        return refusals.push_denied()
    if answer in ("expire", "push_expired") or now >= sign_in.sent_at + PUSH_SECONDS:
        return refusals.push_expired()
    if answer == "approve":
        return clinic_or_session(connection, now, challenge_id, sign_in, account)
    return Challenge(challenge_id, sign_in, account)


def choose_clinic(connection: sqlite3.Connection, now: float, challenge_id: str, clinic: str) -> SignInResult:
    sign_in, account = load(connection, now, challenge_id, "clinic")
    if clinic not in account.clinics:
        raise RequestRefused(refusals.bad_request("clinic must be one of the ids that the challenge lists."))
    pending_sign_ins.end(connection, sign_in)
    return open_session(connection, now, account, clinic)


def current_challenge(connection: sqlite3.Connection, now: float, challenge_id: str) -> Challenge:
    """What a sign-in waits for, without taking a step."""
    sign_in, account = load(connection, now, challenge_id, *ALL_KINDS)
    return Challenge(challenge_id, sign_in, account)


def _after_password(connection: sqlite3.Connection, now: float, account: Account) -> SignInResult:
    if account.must_change:
        return refusals.password_expired()
    # Refused before a code is sent: a blocked account costs no text message.
    if account.mfa in ("code", "choice") and account.codes_until > now:
        return refusals.too_many_codes(account.codes_until - now)
    if account.mfa == "none":
        return clinic_or_session(connection, now, "", None, account)
    return start_challenge(connection, now, account, "way" if account.mfa == "choice" else account.mfa)


def _planned_answer(account: Account, sign_in: PendingSignIn, now: float) -> str:
    waits = account.push_plan == "ignore" or now < sign_in.sent_at + account.push_after
    return "" if waits else account.push_plan


def _count_wrong_code(connection: sqlite3.Connection, now: float, sign_in: PendingSignIn, account: Account) -> Refusal:
    # Counted per account, so that two sign-ins side by side have no more tries than one. An error on demand has no
    # account that could count, so it counts on the sign-in.
    left = (sign_in.tries_left if sign_in.forced_error else TRIES - account.code_failures) - 1
    if left <= 0:
        return block_codes(connection, now, sign_in, account)
    pending_sign_ins.save(connection, msgspec.structs.replace(sign_in, tries_left=left))
    if not sign_in.forced_error:
        accounts.save(connection, msgspec.structs.replace(account, code_failures=TRIES - left))
    return refusals.wrong_code(left)
