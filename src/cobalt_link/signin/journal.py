"""The journal of a sign-in: what was asked and done, in order. Link keeps it in the database, a renewal in memory."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

Kind = Literal["ask", "step", "wait", "forget"]
State = Literal["open", "done", "refused"]


class JournalEntry(msgspec.Struct, kw_only=True):
    """One line. `value` is JSON (an answer, a step's result, a refusal), present unless `state` is open."""

    n: int
    kind: Kind
    name: str
    state: State
    value: bytes | None = None


class Journal(Protocol):
    """Every call is durable when it returns.

    A journal may end its caller with a BaseException of its own, as the durable one does when the claim is lost: the
    replay lets it pass.
    """

    async def read(self) -> list[JournalEntry]:
        """All entries in order."""
        ...

    async def begin(self, entry: JournalEntry) -> None:
        """Writes an open entry before the step is done."""
        ...

    async def finish(self, entry: JournalEntry) -> None:
        """Sets the state and value of an entry, new or begun."""
        ...


class MemoryJournal:
    """A journal that lives as long as the process: for a renewal in the background, and for the connector kit."""

    def __init__(self, entries: list[JournalEntry] | None = None) -> None:
        self.entries = {entry.n: entry for entry in entries or []}

    async def read(self) -> list[JournalEntry]:
        return [self.entries[n] for n in sorted(self.entries)]

    async def begin(self, entry: JournalEntry) -> None:
        self.entries[entry.n] = entry

    async def finish(self, entry: JournalEntry) -> None:
        self.entries[entry.n] = entry
