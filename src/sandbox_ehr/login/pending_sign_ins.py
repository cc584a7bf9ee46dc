"""Sign-ins that wait for a further step.

Owns the table pending_sign_in, which keeps only the hash of a challenge id.
"""

import secrets
import sqlite3

import msgspec

from sandbox_ehr.login.hashing import hash_secret


class PendingSignIn(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is the step that it waits for: way, code, push, clinic or smart_card.

    `forced_error` is the error that an `error_<code>` password asked for, or empty. `way` is how the code was sent,
    `number` what the phone must show for a push, and `answer` what the phone said.
    """

    id: str
    username: str
    kind: str
    forced_error: str
    tries_left: int
    ends_at: float
    way: str = ""
    number: str = ""
    sends: int = 0
    sent_at: float = 0
    answer: str = ""


def create(connection: sqlite3.Connection, sign_in: PendingSignIn) -> tuple[str, PendingSignIn]:
    """Store the sign-in under a new challenge id. Return that id, and the sign-in with the hash of it."""
    challenge_id = secrets.token_urlsafe(24)
    sign_in = msgspec.structs.replace(sign_in, id=hash_secret(challenge_id))
    save(connection, sign_in)
    return challenge_id, sign_in


def save(connection: sqlite3.Connection, sign_in: PendingSignIn) -> None:
    values = msgspec.structs.asdict(sign_in)
    columns, parameters = ", ".join(values), ", ".join(f":{name}" for name in values)
    connection.execute(f"INSERT OR REPLACE INTO pending_sign_in ({columns}) VALUES ({parameters})", values)


def find(connection: sqlite3.Connection, challenge_id: str, now: float) -> PendingSignIn | None:
    connection.execute("DELETE FROM pending_sign_in WHERE ends_at <= ?", (now,))
    row = connection.execute("SELECT * FROM pending_sign_in WHERE id = ?", (hash_secret(challenge_id),)).fetchone()
    return msgspec.convert(dict(row), PendingSignIn) if row else None


def end(connection: sqlite3.Connection, sign_in: PendingSignIn) -> None:
    connection.execute("DELETE FROM pending_sign_in WHERE id = ?", (sign_in.id,))


def answer_push(connection: sqlite3.Connection, username: str, answer: str) -> int:
    """Answer all pushes that wait for the user. Return how many there were."""
    return connection.execute(
        "UPDATE pending_sign_in SET answer = ? WHERE username = ? AND kind = 'push' AND answer = ''", (answer, username)
    ).rowcount


def delete_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM pending_sign_in")
