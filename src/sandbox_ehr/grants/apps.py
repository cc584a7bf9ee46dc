"""Apps that are registered at this EHR. Owns the table app."""

import sqlite3
from typing import Any, Literal

import msgspec

Method = Literal["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]


class App(msgspec.Struct, frozen=True, kw_only=True):
    """`scopes` are those that it may ask for; empty means any. `scope_version` v1 or v2 drops scopes of the other one.

    `offline` false gives no refresh token. An app with `private_key_jwt` has its keys in `jwks` or at `jwks_url`.
    """

    client_id: str
    name: str = ""
    redirect_uris: tuple[str, ...] = ()
    method: Method = "none"
    secret: str = ""
    jwks: dict[str, Any] = {}
    jwks_url: str = ""
    scopes: tuple[str, ...] = ()
    scope_version: Literal["any", "v1", "v2"] = "any"
    offline: bool = True
    launch_url: str = ""
    enabled: bool = True

    @property
    def is_public(self) -> bool:
        return self.method == "none"

    @property
    def title(self) -> str:
        return self.name or self.client_id


def find(connection: sqlite3.Connection, client_id: str) -> App | None:
    row = connection.execute("SELECT doc FROM app WHERE client_id = ?", (client_id,)).fetchone()
    return msgspec.json.decode(row["doc"], type=App) if row else None


def every(connection: sqlite3.Connection) -> list[App]:
    """By client id."""
    rows = connection.execute("SELECT doc FROM app ORDER BY client_id")
    return [msgspec.json.decode(row["doc"], type=App) for row in rows]


def save(connection: sqlite3.Connection, app: App) -> None:
    """Add or replace."""
    values = (app.client_id, msgspec.json.encode(app).decode())
    connection.execute("INSERT OR REPLACE INTO app VALUES (?, ?)", values)


def remove(connection: sqlite3.Connection, client_id: str) -> int:
    return connection.execute("DELETE FROM app WHERE client_id = ?", (client_id,)).rowcount


def delete_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM app")
