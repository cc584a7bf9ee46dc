"""The logins that the sign-in page lists. All have the same password, which the page prints."""

import sqlite3

import msgspec

from sandbox_ehr.login import accounts
from sandbox_ehr.login.accounts import FOREVER, Account

PASSWORD = "pass_good"  # noqa: S105
CODE = "123456"


class Login(msgspec.Struct, frozen=True):
    """`description` says on the sign-in page what happens with this login."""

    account: Account
    description: str


LOGINS = (
    Login(Account(username="user_good", id="u1", name="Dana Goodwin"), "Signs in right away"),
    Login(Account(username="user_code", id="u2", name="Cody Textor", mfa="code"), f"Asks for a texted code: {CODE}"),
    Login(
        Account(username="user_choice", id="u3", name="Charlie Wahl", mfa="choice"),
        f"Lets you choose text, email or app, then asks for the code: {CODE}",
    ),
    Login(
        Account(username="user_push", id="u4", name="Pia Push", mfa="push", role="Physician"),
        "Sends a request to a phone, which approves it by itself after 3 seconds",
    ),
    Login(
        Account(username="user_clinics", id="u5", name="Tri Klein", clinics=("1", "2", "3"), role="Billing"),
        "Lets you choose one of three clinics",
    ),
    Login(Account(username="user_locked", id="u6", name="Lou Locke", locked_until=FOREVER), "Is locked"),
    Login(
        Account(username="user_expired", id="u7", name="Alter Pass", must_change=True),
        "Must change the password first",
    ),
    Login(
        Account(username="patient_good", id="u8", name="Dana Whitlock", role="Patient", rights=(), patient_id="10001"),
        "Is a patient: only for apps, and only her own chart",
    ),
)


def seed(connection: sqlite3.Connection) -> None:
    """Create the logins in a new file. In one with accounts they stay as a test left them."""
    if not accounts.exist(connection):
        for login in LOGINS:
            accounts.save(connection, login.account)
            accounts.set_password(connection, login.account.username, PASSWORD)
