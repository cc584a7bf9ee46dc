"""Runs a sign-in as several processes would: before each run everything but the written journal is gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.connector.panes import Answer, CodeAnswer, CredentialsAnswer, WaitingAnswer
from cobalt_link.connector.secrets import Secret
from cobalt_link.signin.journal import JournalEntry, MemoryJournal
from cobalt_link.signin.replay import Asking, Outcome, Polling, SignIn, WaitResult, encoded, replay

PASSWORD = "correct horse battery"
GRANT = Grant(user=EhrUser(id="7", username="ann", name="Ann Lee"), tenant="t", session={"token": "s"})


class Shelf:
    """The journal between two runs, as bytes. `replay` is one run by a process of its own."""

    def __init__(self, sign_in: SignIn, **options: Any) -> None:
        self.sign_in = sign_in
        self.options = options
        self.written = msgspec.msgpack.encode([])

    @property
    def entries(self) -> list[JournalEntry]:
        return msgspec.msgpack.decode(self.written, type=list[JournalEntry])

    async def replay(self, journal: type[MemoryJournal] = MemoryJournal) -> Outcome:
        """Runs it. What was written stays even if the run dies."""
        opened = journal(self.entries)
        try:
            return await replay(self.sign_in, opened, **self.options)
        finally:
            self.keep(await opened.read())

    def keep(self, entries: list[JournalEntry]) -> None:
        self.written = msgspec.msgpack.encode(entries)

    def answer(self, outcome: Outcome, answer: Answer) -> None:
        """What Link does when the user answers."""
        assert isinstance(outcome, Asking | Polling)
        kind, value = ("ask", encoded(answer))
        if isinstance(outcome, Polling):
            assert isinstance(answer, WaitingAnswer)
            kind, value = ("wait", encoded(WaitResult(answer=answer)))
        before = {entry.n: entry for entry in self.entries}
        name = before[outcome.n].name if outcome.n in before else outcome.pane.name
        before[outcome.n] = JournalEntry(n=outcome.n, kind=kind, name=name, state="done", value=value)
        self.keep([before[n] for n in sorted(before)])

    async def through(self, *answers: Answer) -> Outcome:
        """Answers pane after pane. Each runs twice, because a run without news must end the same."""
        outcome = await self.replay()
        for answer in answers:
            before = self.written
            again = await self.replay()
            assert (again, self.written) == (outcome, before)
            self.answer(outcome, answer)
            outcome = await self.replay()
        return outcome


def credentials(password: str = PASSWORD, username: str = "ann") -> CredentialsAnswer:
    return CredentialsAnswer(username=username, password=Secret(password))


def code(text: str = "123456") -> CodeAnswer:
    return CodeAnswer(code=Secret(text))


class Ehr:
    """What is outside: counts what was done to it, and answers what the test wants."""

    def __init__(self, **says: Any) -> None:
        self.says = says
        self.done: list[str] = []

    def step(self, name: str) -> Callable[[], Awaitable[Any]]:
        async def do() -> Any:
            self.done.append(name)
            said = self.says.get(name)
            if isinstance(said, list):
                said = said.pop(0)
            if isinstance(said, BaseException):
                raise said
            return said

        return do


def saved(answer: Answer) -> Mapping[str, bytes]:
    return {"credentials": encoded(answer)}
