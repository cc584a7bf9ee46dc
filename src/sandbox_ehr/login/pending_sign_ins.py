"""Sign-ins that wait for a second step. Owns the table sign_in; a challenge id is kept as its hash only."""

import secrets
import sqlite3

import msgspec

from sandbox_ehr.login.accounts import hashed

SIGN_IN_SECONDS = 1800


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """`fate` is '' or the refusal in which an `error_<code>` password must end."""

    id: str
    username: str
    kind: str
    fate: str
    tries_left: int
    ends_at: float
    way: str = ""
    number: str = ""
    sends: int = 0
    sent_at: float = 0
    answer: str = ""


def begin(connection: sqlite3.Connection, sign_in: SignIn) -> str:
    """Store it under a new secret challenge id, which is returned; `sign_in.id` is not looked at."""
    secret = secrets.token_urlsafe(24)
    keep(connection, msgspec.structs.replace(sign_in, id=hashed(secret)))
    return secret


def keep(connection: sqlite3.Connection, sign_in: SignIn) -> None:
    values = msgspec.structs.asdict(sign_in)
    connection.execute(
        f"INSERT OR REPLACE INTO sign_in ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})",
        values,
    )


def find(connection: sqlite3.Connection, challenge: str, now: float) -> SignIn | None:
    connection.execute("DELETE FROM sign_in WHERE ends_at <= ?", (now,))
    row = connection.execute("SELECT * FROM sign_in WHERE id = ?", (hashed(challenge),)).fetchone()
    return msgspec.convert(dict(row), SignIn) if row else None


def end(connection: sqlite3.Connection, sign_in: SignIn) -> None:
    connection.execute("DELETE FROM sign_in WHERE id = ?", (sign_in.id,))


def answer_push(connection: sqlite3.Connection, username: str, answer: str) -> int:
    """Give the user's waiting pushes this answer; returns how many there were."""
    return connection.execute(
        "UPDATE sign_in SET answer = ? WHERE username = ? AND kind = 'push' AND answer = ''", (answer, username)
    ).rowcount


def empty(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM sign_in")
