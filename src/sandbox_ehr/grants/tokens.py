"""Grants of users to apps, with their codes and tokens. Owns the tables app_grant and app_token.

A code works once. A refresh token that was replaced works no more, and its second use ends the whole grant
(RFC 9700, section 4.14.2).
"""

import secrets
import sqlite3

import msgspec

from sandbox_ehr.login.hashing import hash_secret

_LOOK_UP = """
    SELECT t.id, t.kind, t.grant_id, t.scopes, t.ends_at, t.used_at, g.doc, g.revoked
    FROM app_token t JOIN app_grant g ON g.id = t.grant_id
    WHERE t.id = ? AND t.kind = ?
"""
_REVOKE = """
    UPDATE app_grant SET revoked = 1
    WHERE revoked = 0 AND ? IN ('', username) AND ? IN ('', client_id) AND ? IN (0, id)
"""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a user lets an app do. `rights` are the user's own; `patient_id` and `encounter_id` the launch context.

    `own_patient` is the user's own chart if the user is a patient.
    """

    client_id: str
    username: str
    user_id: str
    user_name: str
    clinic: str
    rights: tuple[str, ...]
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str
    nonce: str = ""
    patient_id: str = ""
    encounter_id: str = ""
    own_patient: str = ""
    signed_in_at: float = 0


class Token(msgspec.Struct, frozen=True):
    """A code or token that somebody showed. `scopes` may be fewer than the grant's."""

    id: str
    grant_id: int
    scopes: tuple[str, ...]
    ends_at: float
    was_used: bool
    grant: Grant
    revoked: bool


def add_grant(connection: sqlite3.Connection, grant: Grant) -> int:
    values = (grant.client_id, grant.username, msgspec.json.encode(grant).decode())
    cursor = connection.execute("INSERT INTO app_grant (client_id, username, doc) VALUES (?, ?, ?)", values)
    return int(cursor.lastrowid or 0)


def issue(
    connection: sqlite3.Connection,
    kind: str,
    grant_id: int,
    scopes: tuple[str, ...],
    ends_at: float,
    secret: str = "",
) -> str:
    """A new code or token. This is the only time that it is known."""
    secret = secret or secrets.token_urlsafe(32)
    values = (hash_secret(secret), kind, grant_id, " ".join(scopes), ends_at)
    connection.execute("INSERT INTO app_token (id, kind, grant_id, scopes, ends_at) VALUES (?, ?, ?, ?, ?)", values)
    return secret


def look_up(connection: sqlite3.Connection, kind: str, secret: str) -> Token | None:
    """Whatever its state: the caller decides what an old, used or revoked one means."""
    row = connection.execute(_LOOK_UP, (hash_secret(secret), kind)).fetchone()
    if row is None:
        return None
    grant = msgspec.json.decode(row["doc"], type=Grant)
    scopes = tuple(row["scopes"].split())
    return Token(row["id"], row["grant_id"], scopes, row["ends_at"], row["used_at"] > 0, grant, bool(row["revoked"]))


def mark_used(connection: sqlite3.Connection, token: Token, now: float) -> None:
    connection.execute("UPDATE app_token SET used_at = ? WHERE id = ?", (now, token.id))


def prolong(connection: sqlite3.Connection, token: Token, ends_at: float) -> None:
    connection.execute("UPDATE app_token SET ends_at = ? WHERE id = ?", (ends_at, token.id))


def end_token(connection: sqlite3.Connection, token: Token) -> None:
    connection.execute("DELETE FROM app_token WHERE id = ?", (token.id,))


def revoke(connection: sqlite3.Connection, *, username: str = "", client_id: str = "", grant_id: int = 0) -> int:
    """End the grants that match, with every token of theirs. Return how many there were."""
    return connection.execute(_REVOKE, (username, client_id, grant_id)).rowcount


def end_access_tokens(connection: sqlite3.Connection) -> int:
    """As if their time were over. Refresh tokens stay."""
    return connection.execute("DELETE FROM app_token WHERE kind = 'access'").rowcount


def delete_all(connection: sqlite3.Connection) -> None:
    for table in ("app_token", "app_grant"):
        connection.execute(f"DELETE FROM {table}")
