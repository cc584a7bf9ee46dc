"""User accounts. Owns the table account."""

import sqlite3

import msgspec

from sandbox_ehr.clinic.context import StaffUser
from sandbox_ehr.login.hashing import hash_password, password_matches

ALL_RIGHTS = (
    "patients.read",
    "schedule.read",
    "patients.write",
    "schedule.write",
    "insurance.read",
    "insurance.write",
    "notes.read",
    "notes.write",
    "notes.sign",
    "documents.read",
    "documents.write",
    "orders.read",
    "referrals.read",
    "referrals.write",
    "tasks.read",
    "tasks.write",
    "messages.read",
    "messages.write",
    "calls.read",
    "calls.write",
    "billing.read",
    "billing.write",
)
# When a lock ends that only an administrator can end: more than 100,000 years from now. A time and not a flag, so that
# every lock is compared in the same way.
FOREVER = 4e12


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """`mfa` is none, code, choice or push. An account with several clinics chooses one after sign-in.

    `patient_id` is the user's own chart: only a patient has one, and works in no clinic.
    `push_plan` is what the phone answers by itself, `push_after` seconds after the push. Times are by the EHR's clock.
    """

    username: str
    id: str
    name: str
    role: str = "Front desk"
    mfa: str = "none"
    clinics: tuple[str, ...] = ("1",)
    rights: tuple[str, ...] = ALL_RIGHTS
    must_change: bool = False
    failures: int = 0
    locked_until: float = 0
    code_failures: int = 0
    codes_until: float = 0
    push_plan: str = "approve"
    push_after: float = 3
    patient_id: str = ""


def unsaved_account(username: str, mfa: str = "none") -> Account:
    """The account behind an error on demand, which works for any username and must not change a real account."""
    return Account(username=username, id="u0", name="Sandbox User", mfa=mfa)


def find(connection: sqlite3.Connection, username: str) -> Account | None:
    row = connection.execute("SELECT * FROM account WHERE username = ?", (username,)).fetchone()
    if row is None:
        return None
    fields = {name: row[name] for name in Account.__struct_fields__}
    fields["clinics"] = msgspec.json.decode(row["clinics"])
    fields["rights"] = msgspec.json.decode(row["rights"])
    # Not strict, because SQLite keeps a bool as 0 or 1.
    return msgspec.convert(fields, Account, strict=False)


def save(connection: sqlite3.Connection, account: Account) -> None:
    """Write everything but the password. A new account cannot sign in before `set_password`."""
    values = msgspec.structs.asdict(account)
    values |= {name: msgspec.json.encode(values[name]).decode() for name in ("clinics", "rights")}
    columns = ", ".join(values)
    parameters = ", ".join(f":{name}" for name in values)
    updates = ", ".join(f"{name} = :{name}" for name in values)
    connection.execute(
        f"INSERT INTO account ({columns}, password) VALUES ({parameters}, '')"
        f" ON CONFLICT (username) DO UPDATE SET {updates}",
        values,
    )


def of_clinic(connection: sqlite3.Connection, clinic: str) -> tuple[StaffUser, ...]:
    """Those who may work in this clinic, by username."""
    rows = connection.execute(
        "SELECT id, username, name, role FROM account"
        " WHERE patient_id = '' AND EXISTS (SELECT 1 FROM json_each(clinics) WHERE value = ?) ORDER BY username",
        (clinic,),
    )
    return tuple(StaffUser(**row) for row in rows)


def exist(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM account LIMIT 1").fetchone() is not None


def set_password(connection: sqlite3.Connection, username: str, password: str) -> None:
    connection.execute("UPDATE account SET password = ? WHERE username = ?", (hash_password(password), username))


def is_password(connection: sqlite3.Connection, username: str, password: str) -> bool:
    row = connection.execute("SELECT password FROM account WHERE username = ?", (username,)).fetchone()
    return row is not None and password_matches(password, row["password"])


def delete_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM account")
