"""The sandbox logins and their open sessions. Owns the tables account and session; passwords rest as salted scrypt."""

import hashlib
import hmac
import secrets
import sqlite3

import msgspec

PASSWORD = "pass_good"  # noqa: S105
CODE = "123456"
IDLE_SECONDS = 900
ALL_RIGHTS = ("patients.read", "schedule.read")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """`mfa` is none, code, choice or push; more than one clinic means a choice after sign-in."""

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


class Session(msgspec.Struct, frozen=True):
    username: str
    clinic: str
    rights: tuple[str, ...]
    last_seen: float


class Login(msgspec.Struct, frozen=True):
    """A login as the EHR's own page lists it."""

    account: Account
    what: str


FOREVER = 4e12


def stranger(username: str, mfa: str = "none") -> Account:
    """Who signs in with a password `error_<code>`: nobody that the file knows."""
    return Account(username=username, id="u0", name="Sandbox User", mfa=mfa)


LOGINS = (
    Login(Account(username="user_good", id="u1", name="Dana Goodwin"), "Signs in at once"),
    Login(Account(username="user_code", id="u2", name="Cody Textor", mfa="code"), f"Asks for a texted code: {CODE}"),
    Login(
        Account(username="user_choice", id="u3", name="Charlie Wahl", mfa="choice"),
        f"Lets you choose text, e-mail or app, then asks for the code: {CODE}",
    ),
    Login(
        Account(username="user_push", id="u4", name="Pia Push", mfa="push", role="Physician"),
        "Sends a request to a phone that approves itself after 3 seconds",
    ),
    Login(
        Account(username="user_clinics", id="u5", name="Tri Klein", clinics=("1", "2", "3"), role="Billing"),
        "Lets you choose one of three clinics",
    ),
    Login(Account(username="user_locked", id="u6", name="Lou Locke", locked_until=FOREVER), "Is locked"),
    Login(
        Account(username="user_expired", id="u7", name="Alter Pass", must_change=True),
        "Has to change the password first",
    ),
)


def seed_logins(connection: sqlite3.Connection) -> None:
    """Put the sandbox logins in; those that are there stay as they are."""
    if connection.execute("SELECT 1 FROM account LIMIT 1").fetchone() is None:
        for login in LOGINS:
            save(connection, login.account)
            set_password(connection, login.account.username, PASSWORD)


def find(connection: sqlite3.Connection, username: str) -> Account | None:
    row = connection.execute("SELECT * FROM account WHERE username = ?", (username,)).fetchone()
    if row is None:
        return None
    fields = {name: row[name] for name in Account.__struct_fields__}
    fields["clinics"] = msgspec.json.decode(row["clinics"])
    fields["rights"] = msgspec.json.decode(row["rights"])
    return msgspec.convert(fields, Account, strict=False)


def save(connection: sqlite3.Connection, account: Account) -> None:
    """Write everything but the password; a new account has none that works until `set_password`."""
    values = msgspec.structs.asdict(account)
    values |= {name: msgspec.json.encode(values[name]).decode() for name in ("clinics", "rights")}
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    renew = ", ".join(f"{name} = :{name}" for name in values)
    connection.execute(
        f"INSERT INTO account ({names}, password) VALUES ({marks}, '') ON CONFLICT (username) DO UPDATE SET {renew}",
        values,
    )


def usernames(connection: sqlite3.Connection) -> list[str]:
    return [row["username"] for row in connection.execute("SELECT username FROM account ORDER BY id")]


def set_password(connection: sqlite3.Connection, username: str, password: str) -> None:
    salt = secrets.token_bytes(16)
    stored = f"{salt.hex()}:{_scrypt(password, salt).hex()}"
    connection.execute("UPDATE account SET password = ? WHERE username = ?", (stored, username))


def password_fits(connection: sqlite3.Connection, username: str, password: str) -> bool:
    row = connection.execute("SELECT password FROM account WHERE username = ?", (username,)).fetchone()
    if row is None or not row["password"]:
        return False
    salt, _, stored = row["password"].partition(":")
    return hmac.compare_digest(bytes.fromhex(stored), _scrypt(password, bytes.fromhex(salt)))


def open_session(
    connection: sqlite3.Connection, username: str, clinic: str, rights: tuple[str, ...], now: float
) -> str:
    """Returns the session's secret; only its hash is kept."""
    secret = secrets.token_urlsafe(32)
    connection.execute(
        "INSERT INTO session VALUES (?, ?, ?, ?, ?)",
        (hashed(secret), username, clinic, msgspec.json.encode(rights).decode(), now),
    )
    return secret


def use_session(connection: sqlite3.Connection, secret: str, now: float) -> Session | None:
    """The session if it is still open; using it starts its idle time anew."""
    row = connection.execute("SELECT * FROM session WHERE id = ?", (hashed(secret),)).fetchone()
    if row is None:
        return None
    if now >= row["last_seen"] + IDLE_SECONDS:
        connection.execute("DELETE FROM session WHERE id = ?", (row["id"],))
        return None
    if abs(now - row["last_seen"]) >= 1:
        connection.execute("UPDATE session SET last_seen = ? WHERE id = ?", (now, row["id"]))
    return Session(row["username"], row["clinic"], tuple(msgspec.json.decode(row["rights"])), now)


def close_session(connection: sqlite3.Connection, secret: str) -> bool:
    return connection.execute("DELETE FROM session WHERE id = ?", (hashed(secret),)).rowcount > 0


def drop_sessions(connection: sqlite3.Connection, username: str = "") -> int:
    """End every session, or those of one user; returns how many."""
    return connection.execute("DELETE FROM session WHERE ? IN ('', username)", (username,)).rowcount


def empty(connection: sqlite3.Connection) -> None:
    for table in ("session", "account"):
        connection.execute(f"DELETE FROM {table}")


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _scrypt(password: str, salt: bytes) -> bytes:
    # Small on purpose: the passwords are printed on the front page, and tests sign in by the hundred.
    return hashlib.scrypt(password.encode(), salt=salt, n=2**10, r=8, p=1, dklen=32)
