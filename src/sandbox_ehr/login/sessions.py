"""Open sessions. Owns the table session, which keeps only the hash of a session's secret."""

import secrets
import sqlite3

import msgspec

from sandbox_ehr.login.hashing import hash_secret
from sandbox_ehr.login.limits import SESSION_IDLE_SECONDS


class Session(msgspec.Struct, frozen=True):
    """`rights` are those of the moment of sign-in: an account that loses one keeps it until the session ends."""

    username: str
    clinic: str
    rights: tuple[str, ...]
    last_seen: float


def open_session(
    connection: sqlite3.Connection, username: str, clinic: str, rights: tuple[str, ...], now: float
) -> str:
    """Return the secret of a new session. This is the only time that it is known."""
    secret = secrets.token_urlsafe(32)
    connection.execute(
        "INSERT INTO session VALUES (?, ?, ?, ?, ?)",
        (hash_secret(secret), username, clinic, msgspec.json.encode(rights).decode(), now),
    )
    return secret


def use_session(connection: sqlite3.Connection, secret: str, now: float) -> Session | None:
    """Return the session if it is still open. Each use restarts its idle time."""
    row = connection.execute("SELECT * FROM session WHERE id = ?", (hash_secret(secret),)).fetchone()
    if row is None:
        return None
    if now >= row["last_seen"] + SESSION_IDLE_SECONDS:
        # Deleted, and not only refused: a test that turns the clock back must not bring the session back.
        connection.execute("DELETE FROM session WHERE id = ?", (row["id"],))
        return None
    # Not on every use: a burst of requests would write the same second again and again. The difference may be negative
    # when a test turned the clock back.
    if abs(now - row["last_seen"]) >= 1:
        connection.execute("UPDATE session SET last_seen = ? WHERE id = ?", (now, row["id"]))
    return Session(row["username"], row["clinic"], tuple(msgspec.json.decode(row["rights"])), now)


def end_session(connection: sqlite3.Connection, secret: str) -> None:
    connection.execute("DELETE FROM session WHERE id = ?", (hash_secret(secret),))


def end_sessions(connection: sqlite3.Connection, username: str = "") -> int:
    """End the sessions of one user, or all of them without `username`. Return how many there were."""
    return connection.execute("DELETE FROM session WHERE ? IN ('', username)", (username,)).rowcount


def delete_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM session")
