"""The moves of a sign-in: begin to wait, send a code or a push, block codes, ask for the clinic, open a session."""

import secrets
import sqlite3

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.login import accounts
from sandbox_ehr.login import pending_sign_ins as pending
from sandbox_ehr.login.accounts import Account
from sandbox_ehr.login.pending_sign_ins import SignIn
from sandbox_ehr.refusals import Refusal, Refused

TRIES = 5
LOCK_SECONDS = 1800
CODES_SECONDS = 900
CODE_SECONDS = 300
PUSH_SECONDS = 120
RESEND_SECONDS = 30
SENDS = 5
WAYS = ("text", "email", "app")


class Opened(msgspec.Struct, frozen=True):
    """`session` is the secret, said once."""

    session: str
    account: Account
    clinic: str


class Waiting(msgspec.Struct, frozen=True):
    """`sent` is what went out to the user in this step: text, email, push or nothing."""

    challenge: str
    sign_in: SignIn
    account: Account
    sent: str = ""


Step = Opened | Waiting | Refusal


def begin(connection: sqlite3.Connection, now: float, account: Account, kind: str, *, fate: str = "") -> Waiting:
    ends_at = now + pending.SIGN_IN_SECONDS
    tries_left = TRIES - account.code_failures
    sign_in = SignIn(id="", username=account.username, kind=kind, fate=fate, tries_left=tries_left, ends_at=ends_at)
    challenge = pending.begin(connection, sign_in)
    sign_in = msgspec.structs.replace(sign_in, id=accounts.hashed(challenge), way="text" if kind == "code" else "")
    if kind not in ("code", "push"):
        return Waiting(challenge, sign_in, account)
    sent = send(connection, now, challenge, sign_in, account)
    assert isinstance(sent, Waiting)
    return sent


def send(connection: sqlite3.Connection, now: float, challenge: str, sign_in: SignIn, account: Account) -> Step:
    """Text, mail or push once more; the sixth time blocks."""
    if sign_in.sends >= SENDS:
        return block_codes(connection, now, sign_in, account)
    number = str(10 + secrets.randbelow(90)) if sign_in.kind == "push" else ""
    sign_in = msgspec.structs.replace(sign_in, sends=sign_in.sends + 1, sent_at=now, number=number, answer="")
    pending.keep(connection, sign_in)
    sent = "push" if sign_in.kind == "push" else {"app": ""}.get(sign_in.way, sign_in.way)
    return Waiting(challenge, sign_in, account, sent)


def block_codes(connection: sqlite3.Connection, now: float, sign_in: SignIn, account: Account) -> Refusal:
    pending.end(connection, sign_in)
    if not sign_in.fate:
        blocked = msgspec.structs.replace(account, code_failures=0, codes_until=now + CODES_SECONDS)
        accounts.save(connection, blocked)
    return refusals.too_many_codes(CODES_SECONDS)


def clinic_step(
    connection: sqlite3.Connection, now: float, challenge: str, sign_in: SignIn | None, account: Account
) -> Step:
    if len(account.clinics) == 1:
        if sign_in is not None:
            pending.end(connection, sign_in)
        return open_session(connection, now, account, account.clinics[0])
    if sign_in is None:
        return begin(connection, now, account, "clinic")
    sign_in = msgspec.structs.replace(sign_in, kind="clinic")
    pending.keep(connection, sign_in)
    return Waiting(challenge, sign_in, account)


def open_session(connection: sqlite3.Connection, now: float, account: Account, clinic: str) -> Opened:
    session = accounts.open_session(connection, account.username, clinic, account.rights, now)
    return Opened(session, account, clinic)


def load(connection: sqlite3.Connection, now: float, challenge: str, *kinds: str) -> tuple[SignIn, Account]:
    sign_in = pending.find(connection, challenge, now)
    if sign_in is None:
        raise Refused(refusals.sign_in_expired())
    if sign_in.kind not in kinds:
        raise Refused(refusals.wrong_step(sign_in.kind))
    account = None if sign_in.fate else accounts.find(connection, sign_in.username)
    kind = "push" if sign_in.kind == "push" else "code"
    return sign_in, account or accounts.stranger(sign_in.username, kind)
