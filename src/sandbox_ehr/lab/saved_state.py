"""Keeps the clock and the fault switches over a restart. Owns the table lab."""

import sqlite3

import msgspec


def load(connection: sqlite3.Connection, name: str) -> dict[str, object]:
    """What was saved under `name`, or nothing."""
    row = connection.execute("SELECT value FROM lab WHERE name = ?", (name,)).fetchone()
    return msgspec.json.decode(row["value"]) if row else {}


def save(connection: sqlite3.Connection, name: str, value: msgspec.Struct) -> None:
    connection.execute("INSERT OR REPLACE INTO lab VALUES (?, ?)", (name, msgspec.json.encode(value).decode()))


def delete_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM lab")
