"""Checks a password and counts the wrong ones; changes and resets it."""

import sqlite3

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.login import accounts
from sandbox_ehr.login.accounts import Account
from sandbox_ehr.login.errors_on_demand import PREFIX
from sandbox_ehr.login.limits import LOCK_SECONDS, TRIES
from sandbox_ehr.login.sandbox_logins import PASSWORD
from sandbox_ehr.refusals import Refusal

MIN_LENGTH = 8


def check_password(connection: sqlite3.Connection, now: float, username: str, password: str) -> Account | Refusal:
    """The account if the password is right. The fifth wrong one in a row locks the account."""
    account = accounts.find(connection, username)
    if account is None:
        # The answer to a first wrong password, so that nobody learns which usernames exist.
        return refusals.wrong_credentials(TRIES - 1)
    if account.locked_until > now:
        return refusals.locked(account.locked_until - now)
    if not accounts.is_password(connection, username, password):
        return _count_wrong_password(connection, now, account)
    return account


def change_password(
    connection: sqlite3.Connection, now: float, username: str, password: str, new_password: str
) -> Refusal | None:
    """Needs the current password, which may be expired. Open sessions stay open."""
    account = check_password(connection, now, username, password)
    if isinstance(account, Refusal):
        return account
    # A password that starts like an error on demand could never sign in.
    if len(new_password) < MIN_LENGTH or new_password == password or new_password.startswith(PREFIX):
        return refusals.bad_request(
            f"The new password must have at least {MIN_LENGTH} characters and differ from the current one."
        )
    accounts.set_password(connection, username, new_password)
    accounts.save(connection, msgspec.structs.replace(account, must_change=False, failures=0))
    return None


def reset_password(connection: sqlite3.Connection, username: str) -> None:
    """Return to the password of the first day. Nobody has to prove who they are, because nobody here is real."""
    account = accounts.find(connection, username)
    if account is not None:
        accounts.set_password(connection, username, PASSWORD)
        accounts.save(connection, msgspec.structs.replace(account, failures=0))


def _count_wrong_password(connection: sqlite3.Connection, now: float, account: Account) -> Refusal:
    failures = account.failures + 1
    if failures < TRIES:
        accounts.save(connection, msgspec.structs.replace(account, failures=failures))
        return refusals.wrong_credentials(TRIES - failures)
    accounts.save(connection, msgspec.structs.replace(account, failures=0, locked_until=now + LOCK_SECONDS))
    return refusals.locked(LOCK_SECONDS)
