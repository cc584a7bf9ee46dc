"""The moves that the steps of a sign-in share: start a challenge, send a code or a push, go on to the clinic."""

import secrets
import sqlite3

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.login import accounts, pending_sign_ins, sessions
from sandbox_ehr.login.accounts import Account, unsaved_account
from sandbox_ehr.login.limits import CODES_BLOCKED_SECONDS, SENDS, SIGN_IN_SECONDS, TRIES
from sandbox_ehr.login.pending_sign_ins import PendingSignIn
from sandbox_ehr.login.results import Challenge, SessionOpened, SignInResult
from sandbox_ehr.refusals import Refusal, RequestRefused


def start_challenge(
    connection: sqlite3.Connection, now: float, account: Account, kind: str, *, forced_error: str = ""
) -> SignInResult:
    """The first challenge of a sign-in. A code or a push is sent at once."""
    challenge_id, sign_in = pending_sign_ins.create(
        connection,
        PendingSignIn(
            id="",
            username=account.username,
            kind=kind,
            forced_error=forced_error,
            tries_left=TRIES - account.code_failures,
            ends_at=now + SIGN_IN_SECONDS,
            way="text" if kind == "code" else "",
        ),
    )
    if kind in ("code", "push"):
        return send(connection, now, challenge_id, sign_in, account)
    return Challenge(challenge_id, sign_in, account)


def send(
    connection: sqlite3.Connection, now: float, challenge_id: str, sign_in: PendingSignIn, account: Account
) -> SignInResult:
    """Send a code or a push. One more than `SENDS` blocks codes instead."""
    if sign_in.sends >= SENDS:
        return block_codes(connection, now, sign_in, account)
    number = str(10 + secrets.randbelow(90)) if sign_in.kind == "push" else ""
    # Clears the answer to the push before, so that a sign-in that was denied can go on.
    sign_in = msgspec.structs.replace(sign_in, sends=sign_in.sends + 1, sent_at=now, number=number, answer="")
    pending_sign_ins.save(connection, sign_in)
    # An authenticator app makes its codes itself, so choosing it sends nothing.
    sent = "push" if sign_in.kind == "push" else {"app": ""}.get(sign_in.way, sign_in.way)
    return Challenge(challenge_id, sign_in, account, sent)


def block_codes(connection: sqlite3.Connection, now: float, sign_in: PendingSignIn, account: Account) -> Refusal:
    """End the sign-in, and accept no codes from the account for a while."""
    pending_sign_ins.end(connection, sign_in)
    if not sign_in.forced_error:
        blocked = msgspec.structs.replace(account, code_failures=0, codes_until=now + CODES_BLOCKED_SECONDS)
        accounts.save(connection, blocked)
    return refusals.too_many_codes(CODES_BLOCKED_SECONDS)


def clinic_or_session(
    connection: sqlite3.Connection, now: float, challenge_id: str, sign_in: PendingSignIn | None, account: Account
) -> SignInResult:
    """The last step: a choice if the account has several clinics, else the session. Without `sign_in` it is the first.

    The challenge id stays the same through one sign-in.
    """
    if len(account.clinics) == 1:
        if sign_in is not None:
            pending_sign_ins.end(connection, sign_in)
        return open_session(connection, now, account, account.clinics[0])
    if sign_in is None:
        return start_challenge(connection, now, account, "clinic")
    sign_in = msgspec.structs.replace(sign_in, kind="clinic")
    pending_sign_ins.save(connection, sign_in)
    return Challenge(challenge_id, sign_in, account)


def open_session(connection: sqlite3.Connection, now: float, account: Account, clinic: str) -> SessionOpened:
    session = sessions.open_session(connection, account.username, clinic, account.rights, now)
    return SessionOpened(session, account, clinic)


def load(connection: sqlite3.Connection, now: float, challenge_id: str, *kinds: str) -> tuple[PendingSignIn, Account]:
    """The sign-in that waits for one of these kinds of step, and its account. Raises RequestRefused otherwise."""
    sign_in = pending_sign_ins.find(connection, challenge_id, now)
    if sign_in is None:
        raise RequestRefused(refusals.sign_in_expired())
    if sign_in.kind not in kinds:
        raise RequestRefused(refusals.wrong_step(sign_in.kind))
    # An error on demand may name a real user. It must neither read nor change that user's account.
    account = None if sign_in.forced_error else accounts.find(connection, sign_in.username)
    mfa = "push" if sign_in.kind == "push" else "code"
    return sign_in, account or unsaved_account(sign_in.username, mfa)
