"""What waits for the next step: an authorization request for its user, a launch for its app. Owns the table waiting.

Each has an id that only the browser or the app holds; the table keeps the hash of it.
"""

import secrets
import sqlite3
from typing import Literal

import msgspec

from sandbox_ehr.login.hashing import hash_secret

REQUEST_SECONDS = 1800
LAUNCH_SECONDS = 300


class AuthorizationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What an app asked for. `username` and what follows it are known once the user has signed in."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str = ""
    nonce: str = ""
    challenge: str = ""
    patient_id: str = ""
    encounter_id: str = ""
    username: str = ""
    user_id: str = ""
    user_name: str = ""
    clinic: str = ""
    rights: tuple[str, ...] = ()
    own_patient: str = ""
    signed_in_at: float = 0


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What the EHR showed when the user started an app from it."""

    client_id: str
    username: str
    clinic: str
    patient_id: str
    encounter_id: str = ""


def add_request(connection: sqlite3.Connection, now: float, request: AuthorizationRequest) -> str:
    return _add(connection, "request", msgspec.json.encode(request), now + REQUEST_SECONDS)


def add_launch(connection: sqlite3.Connection, now: float, launch: Launch) -> str:
    return _add(connection, "launch", msgspec.json.encode(launch), now + LAUNCH_SECONDS)


def find_request(connection: sqlite3.Connection, now: float, request_id: str) -> AuthorizationRequest | None:
    doc = _find(connection, "request", now, request_id)
    return msgspec.json.decode(doc, type=AuthorizationRequest) if doc else None


def take_request(connection: sqlite3.Connection, now: float, request_id: str) -> AuthorizationRequest | None:
    """Find it, and end it: two clicks give one code."""
    found = find_request(connection, now, request_id)
    connection.execute("DELETE FROM waiting WHERE id = ?", (hash_secret(request_id),))
    return found


def find_launch(connection: sqlite3.Connection, now: float, launch_id: str) -> Launch | None:
    doc = _find(connection, "launch", now, launch_id)
    return msgspec.json.decode(doc, type=Launch) if doc else None


def delete_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM waiting")


def _add(connection: sqlite3.Connection, kind: Literal["request", "launch"], doc: bytes, ends_at: float) -> str:
    secret = secrets.token_urlsafe(24)
    connection.execute("INSERT INTO waiting VALUES (?, ?, ?, ?)", (hash_secret(secret), kind, doc.decode(), ends_at))
    return secret


def _find(connection: sqlite3.Connection, kind: str, now: float, secret: str) -> str:
    connection.execute("DELETE FROM waiting WHERE ends_at <= ?", (now,))
    row = connection.execute("SELECT doc FROM waiting WHERE id = ? AND kind = ?", (hash_secret(secret), kind))
    found = row.fetchone()
    return found["doc"] if found else ""
