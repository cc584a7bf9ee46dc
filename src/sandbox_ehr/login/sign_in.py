"""The sign-in itself: password, second step, clinic. Each function does one step in one transaction.

A step ends in an open session, a wait for the next step, or a refusal; refusals are returned, since they count tries.
"""

import sqlite3
from collections.abc import Callable

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.login import accounts
from sandbox_ehr.login import pending_sign_ins as pending
from sandbox_ehr.login.accounts import CODE, Account
from sandbox_ehr.login.pending_sign_ins import SignIn
from sandbox_ehr.login.second_steps import (
    CODE_SECONDS,
    CODES_SECONDS,
    LOCK_SECONDS,
    PUSH_SECONDS,
    RESEND_SECONDS,
    TRIES,
    WAYS,
    Step,
    Waiting,
    begin,
    block_codes,
    clinic_step,
    load,
    open_session,
    send,
)
from sandbox_ehr.refusals import Refusal, Refused


def log_in(connection: sqlite3.Connection, now: float, username: str, password: str) -> Step:
    if password.startswith("error_"):
        return _as_told(connection, now, username, password.removeprefix("error_"))
    account = accounts.find(connection, username)
    if account is None:
        return refusals.wrong_credentials(TRIES - 1)
    if account.locked_until > now:
        return refusals.locked(account.locked_until - now)
    if not accounts.password_fits(connection, username, password):
        return _count_wrong_password(connection, now, account)
    if account.failures:
        account = msgspec.structs.replace(account, failures=0)
        accounts.save(connection, account)
    return _second_step(connection, now, account)


def choose_way(connection: sqlite3.Connection, now: float, challenge: str, way: str) -> Step:
    sign_in, account = load(connection, now, challenge, "way", "code")
    if account.mfa != "choice":
        raise Refused(refusals.wrong_step(sign_in.kind))
    if way not in WAYS:
        raise Refused(refusals.bad_request(f"way is one of {', '.join(WAYS)}."))
    return send(connection, now, challenge, msgspec.structs.replace(sign_in, kind="code", way=way), account)


def answer_code(connection: sqlite3.Connection, now: float, challenge: str, code: str) -> Step:
    sign_in, account = load(connection, now, challenge, "code")
    if sign_in.fate == "code_expired" or (sign_in.way != "app" and now >= sign_in.sent_at + CODE_SECONDS):
        return refusals.code_expired()
    if sign_in.fate == "wrong_code" or code != CODE:
        return _count_wrong_code(connection, now, sign_in, account)
    if account.code_failures:
        account = msgspec.structs.replace(account, code_failures=0)
        accounts.save(connection, account)
    return clinic_step(connection, now, challenge, sign_in, account)


def send_again(connection: sqlite3.Connection, now: float, challenge: str) -> Step:
    """A new code, at most every 30 seconds, or a new push; five in all."""
    sign_in, account = load(connection, now, challenge, "code", "push")
    wait = sign_in.sent_at + RESEND_SECONDS - now
    if sign_in.kind == "code" and sign_in.way == "app":
        return refusals.bad_request("The authenticator app makes its codes itself.")
    if sign_in.kind == "code" and wait > 0:
        return refusals.resend_too_soon(wait)
    return send(connection, now, challenge, sign_in, account)


def poll_push(connection: sqlite3.Connection, now: float, challenge: str) -> Step:
    sign_in, account = load(connection, now, challenge, "push")
    answer = sign_in.fate or sign_in.answer or _planned_answer(account, sign_in, now)
    if answer in ("deny", "push_denied"):
        return refusals.push_denied()
    if answer in ("expire", "push_expired") or now >= sign_in.sent_at + PUSH_SECONDS:
        return refusals.push_expired()
    if answer == "approve":
        return clinic_step(connection, now, challenge, sign_in, account)
    return Waiting(challenge, sign_in, account)


def choose_clinic(connection: sqlite3.Connection, now: float, challenge: str, clinic: str) -> Step:
    sign_in, account = load(connection, now, challenge, "clinic")
    if clinic not in account.clinics:
        raise Refused(refusals.bad_request("clinic is one of the ids that the challenge listed."))
    pending.end(connection, sign_in)
    return open_session(connection, now, account, clinic)


def look_at(connection: sqlite3.Connection, now: float, challenge: str) -> Waiting:
    """What a sign-in waits for, without a step taken."""
    sign_in, account = load(connection, now, challenge, "way", "code", "push", "clinic", "smart_card")
    return Waiting(challenge, sign_in, account)


def change_password(
    connection: sqlite3.Connection, now: float, username: str, password: str, new_password: str
) -> Refusal | None:
    """Needs the present password, also an expired one; sessions that are open go on."""
    account = accounts.find(connection, username)
    if account is None:
        return refusals.wrong_credentials(TRIES - 1)
    if account.locked_until > now:
        return refusals.locked(account.locked_until - now)
    if not accounts.password_fits(connection, username, password):
        return _count_wrong_password(connection, now, account)
    if len(new_password) < 8 or new_password == password or new_password.startswith("error_"):
        return refusals.bad_request("A new password has 8 characters or more and differs from the old one.")
    accounts.set_password(connection, username, new_password)
    accounts.save(connection, msgspec.structs.replace(account, must_change=False, failures=0))
    return None


def forget_password(connection: sqlite3.Connection, username: str) -> None:
    """The password is the one of the first day again. Nobody is asked to prove anything: nobody here is real."""
    account = accounts.find(connection, username)
    if account is not None:
        accounts.set_password(connection, username, accounts.PASSWORD)
        accounts.save(connection, msgspec.structs.replace(account, failures=0))


def _as_told(connection: sqlite3.Connection, now: float, username: str, code: str) -> Step:
    """What a password `error_<code>` asks for; it counts no tries and touches no account."""
    direct: dict[str, Callable[[], Refusal]] = {
        "too_many_codes": lambda: refusals.too_many_codes(CODES_SECONDS),
        "locked": lambda: refusals.locked(LOCK_SECONDS),
        "password_expired": refusals.password_expired,
        "ehr_down": refusals.down,
        "ehr_busy": refusals.busy,
        "declined": refusals.declined,
        "unexpected": refusals.unexpected,
    }
    account = accounts.stranger(username)
    kinds = {"wrong_code": "code", "code_expired": "code", "push_denied": "push", "push_expired": "push"}
    if code in direct:
        return direct[code]()
    if code in kinds:
        return begin(connection, now, msgspec.structs.replace(account, mfa=kinds[code]), kinds[code], fate=code)
    if code == "unsupported":
        return begin(connection, now, account, "smart_card")
    if code == "no_rights":
        return open_session(connection, now, msgspec.structs.replace(account, rights=()), "1")
    if code == "session_ended":
        opened = open_session(connection, now, account, "1")
        accounts.close_session(connection, opened.session)
        return opened
    return refusals.wrong_credentials(TRIES - 1)


def _count_wrong_password(connection: sqlite3.Connection, now: float, account: Account) -> Refusal:
    failures = account.failures + 1
    if failures < TRIES:
        accounts.save(connection, msgspec.structs.replace(account, failures=failures))
        return refusals.wrong_credentials(TRIES - failures)
    accounts.save(connection, msgspec.structs.replace(account, failures=0, locked_until=now + LOCK_SECONDS))
    return refusals.locked(LOCK_SECONDS)


def _second_step(connection: sqlite3.Connection, now: float, account: Account) -> Step:
    if account.must_change:
        return refusals.password_expired()
    if account.mfa in ("code", "choice") and account.codes_until > now:
        return refusals.too_many_codes(account.codes_until - now)
    if account.mfa == "none":
        return clinic_step(connection, now, "", None, account)
    return begin(connection, now, account, "way" if account.mfa == "choice" else account.mfa)


def _planned_answer(account: Account, sign_in: SignIn, now: float) -> str:
    waiting = account.push_plan == "ignore" or now < sign_in.sent_at + account.push_after
    return "" if waiting else account.push_plan


def _count_wrong_code(connection: sqlite3.Connection, now: float, sign_in: SignIn, account: Account) -> Refusal:
    # Counted per account, so that two sign-ins side by side have no more tries than one.
    left = (sign_in.tries_left if sign_in.fate else TRIES - account.code_failures) - 1
    if left <= 0:
        return block_codes(connection, now, sign_in, account)
    pending.keep(connection, msgspec.structs.replace(sign_in, tries_left=left))
    if not sign_in.fate:
        accounts.save(connection, msgspec.structs.replace(account, code_failures=TRIES - left))
    return refusals.wrong_code(left)
