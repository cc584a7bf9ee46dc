"""The lab's instruments: fault switches, the log of requests, and the table lab that keeps switches and clock."""

import sqlite3
from collections import Counter, deque

import msgspec


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong on purpose.

    `slow_ms` delays every answer. `only_path` limits the faults to paths that begin so; `times` to the next so many
    requests (null = until changed). Of those that answer, the first acts.
    """

    slow_ms: int = 0
    hang: bool = False
    down: bool = False
    http_500: bool = False
    garbage: bool = False
    busy: bool = False
    drop_sessions: bool = False
    lose_answer: bool = False
    only_path: str = ""
    times: int | None = None


class Entry(msgspec.Struct, frozen=True):
    """`outcome` is ok, session, challenge:<kind>, an error code, or fault:<switch>; `status` 0 = no answer."""

    at: float
    method: str
    path: str
    username: str
    status: int
    outcome: str


class Log:
    """The last 1,000 requests and running counts, since the program started or was reset."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=1000)
        self.counts: Counter[str] = Counter()

    def clear(self) -> None:
        self.entries.clear()
        self.counts.clear()


def read(connection: sqlite3.Connection, name: str) -> dict[str, object]:
    row = connection.execute("SELECT value FROM lab WHERE name = ?", (name,)).fetchone()
    return msgspec.json.decode(row["value"]) if row else {}


def write(connection: sqlite3.Connection, name: str, value: msgspec.Struct) -> None:
    connection.execute("INSERT OR REPLACE INTO lab VALUES (?, ?)", (name, msgspec.json.encode(value).decode()))


def empty(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM lab")
