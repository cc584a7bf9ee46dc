"""Client assertions that were used: each `jti` works once. Owns the table used_assertion."""

import sqlite3

from sandbox_ehr.login.hashing import hash_secret


def use(connection: sqlite3.Connection, client_id: str, jti: str, ends_at: float, now: float) -> bool:
    """False if this app has used it before. Times are real ones."""
    connection.execute("DELETE FROM used_assertion WHERE ends_at <= ?", (now,))
    key = hash_secret(f"{client_id}\n{jti}")
    return connection.execute("INSERT OR IGNORE INTO used_assertion VALUES (?, ?)", (key, ends_at)).rowcount == 1


def delete_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM used_assertion")
