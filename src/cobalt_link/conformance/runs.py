"""Tells a story twice: straight through, as if nobody ever waited, and cut off after every entry of its journal.

The two have to come to the same end with the same requests: what differs was not in the journal.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import msgspec

from cobalt_link.conformance.cases import CaseBroken, label
from cobalt_link.conformance.recording import WatchedHttp
from cobalt_link.conformance.script import Script
from cobalt_link.connector.ask import Ask
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import CodeAnswer, CredentialsAnswer, Pane, Waiting, WaitingAnswer
from cobalt_link.connector.refusals import Refusal
from cobalt_link.connector.secrets import step as opened
from cobalt_link.signin.journal import JournalEntry, MemoryJournal
from cobalt_link.signin.replay import Asking, Granted, Polling, Refused, WaitResult, encoded, replay
from cobalt_link.signin.translate import as_refusal

T = TypeVar("T")

POLLS = 200
POLL_SECONDS = 0.1
TELLINGS = 400


class Told(msgspec.Struct, kw_only=True):
    """What came of a telling. `traces` are (where, text) of all that it left, `faults` what it should not have done.

    `broken` says why the case itself could not be told to its end.
    """

    ends: str = ""
    panes: list[Pane] = []
    steps: list[str] = []
    sent: list[str] = []
    traces: list[tuple[str, str]] = []
    faults: list[str] = []
    grant: Grant | None = None
    answers: dict[str, bytes] = {}
    refusal: Refusal | None = None
    broken: str = ""
    typed: set[str] = set()

    @property
    def labels(self) -> list[str]:
        return [label(pane) for pane in self.panes]

    def shown(self, pane: Pane) -> None:
        self.panes.append(pane)
        self.traces.append((f"pane {len(self.panes)} ({label(pane)})", msgspec.json.encode(pane).decode()))

    def granted(self, grant: Grant) -> None:
        self.ends, self.grant = "granted", grant
        self.traces.append(("the grant", msgspec.json.encode(grant).decode()))

    def refused(self, no: Refusal) -> None:
        self.ends, self.refusal = no.code, no
        self.traces.append((f"the refusal {no.code}", repr((str(no), no.details))))


class Straight(Ask):
    """Answers at once and keeps nothing: what a story is when it is read as plain Python."""

    def __init__(self, script: Script, http: WatchedHttp, told: Told) -> None:
        self.known: Mapping[str, Any] = {}
        self._script, self._http, self._told = script, http, told

    async def __call__(self, pane: Pane) -> Any:
        self._told.shown(pane)
        return await self._script.answer(pane)

    async def once(self, name: str, step: Callable[[], Awaitable[T]], **_options: Any) -> T:
        self._told.steps.append(name)
        return await self._do(name, step)

    async def until(
        self, name: str, poll: Callable[[], Awaitable[T | None]], *, pane: Waiting, every: float = 2.0, **_options: Any
    ) -> T | WaitingAnswer:
        self._told.steps.append(name)
        if pane.name != name:
            self._told.faults.append(f"`until({name!r}, …)` shows a pane named {pane.name!r}. Give both the same name.")
        for polls in range(POLLS):
            before = len(self._http.sent)
            found = await self._do(name, poll)
            if found is not None:
                return found
            # A poll that brought nothing may come any number of times.
            del self._http.sent[before:]
            if not polls:
                self._told.shown(pane)
            if answer := await self._script.instead_of_waiting(pane):
                return answer
            await asyncio.sleep(min(every, POLL_SECONDS))
        raise CaseBroken(f"{name} was polled {POLLS} times, and brought nothing")

    async def forget(self, answer: CredentialsAnswer | CodeAnswer) -> None:
        self._told.steps.append("(forget)")

    async def _do(self, name: str, step: Callable[[], Awaitable[T]]) -> T:
        try:
            with opened():
                result = await step()
        except Exception as error:
            self._told.traces.append((f"an exception in {name}", "".join(traceback.format_exception_only(error))))
            raise as_refusal(error) from error
        self._told.traces.append((f"the result of {name}", _json(result)))
        return result


def _json(result: object) -> str:
    try:
        return encoded(result).decode()
    except Exception:
        return repr(result)


Teller: TypeAlias = Callable[[type[Connector], EhrInstance, Script, WatchedHttp, Told], Awaitable[None]]


async def told_straight(
    kind: type[Connector], instance: EhrInstance, script: Script, http: WatchedHttp, told: Told
) -> None:
    """The story from one end to the other in one go; `told` is filled in."""
    connector = kind(http)
    before = repr(vars(connector))
    try:
        told.granted(await connector.sign_in(Straight(script, http, told), instance))
    except Refusal as no:
        told.refused(no)
    except Exception as error:
        told.faults.append(_broke(error))
        told.refused(as_refusal(error))
    if repr(vars(connector)) != before:
        told.faults.append("The connector object changed while the story was told. It keeps nothing between two calls.")
    told.sent, told.faults = list(http.sent), told.faults + _loose(http)


class Cut(BaseException):
    """The process ended right after an entry was written."""


class CuttingJournal(MemoryJournal):
    """Ends the telling after each entry that it is given."""

    async def finish(self, entry: JournalEntry) -> None:
        before = self.entries.get(entry.n)
        await super().finish(entry)
        if before is None or before.state == "open":
            raise Cut

    def by_the_next_process(self) -> CuttingJournal:
        """The same, after a way through bytes."""
        return CuttingJournal(
            msgspec.json.decode(msgspec.json.encode([*self.entries.values()]), type=list[JournalEntry])
        )


async def told_by_many(
    kind: type[Connector], instance: EhrInstance, script: Script, http: WatchedHttp, told: Told
) -> None:
    """The story as processes tell it that each live for one entry. The last telling has them all and sends nothing."""
    journal = CuttingJournal()
    for _ in range(TELLINGS):
        journal = journal.by_the_next_process()
        connector, before = kind(http), len(http.sent)
        try:
            outcome = await replay(lambda ask, teller=connector: teller.sign_in(ask, instance), journal)
        except Cut:
            continue
        match outcome:
            case Asking(n, pane):
                told.shown(pane)
                value = encoded(await script.answer(pane))
                journal.entries[n] = JournalEntry(n=n, kind="ask", name=pane.name, state="done", value=value)
            case Polling(n, pane, seconds):
                del http.sent[before:]
                if pane not in told.panes:
                    told.shown(pane)
                if answer := await script.instead_of_waiting(pane):
                    value = encoded(WaitResult(answer=answer))
                    journal.entries[n] = JournalEntry(n=n, kind="wait", name=pane.name, state="done", value=value)
                else:
                    await asyncio.sleep(min(seconds, POLL_SECONDS))
            case Granted(grant, answers):
                told.granted(grant)
                told.answers = answers
                break
            case Refused(refusal):
                told.refused(refusal)
                break
    else:
        raise CaseBroken(f"the story did not end within {TELLINGS} tellings")
    _note_journal(told, journal, http)


def _note_journal(told: Told, journal: MemoryJournal, http: WatchedHttp) -> None:
    for entry in journal.entries.values():
        if entry.kind in ("step", "wait"):
            told.steps.append(entry.name)
            told.traces.append((f"the journal's {entry.name}", (entry.value or b"").decode()))
        elif entry.kind == "forget":
            told.steps.append("(forget)")
        told.traces.append(("a name in the journal", entry.name))
    told.sent, told.faults = list(http.sent), _loose(http)


def _loose(http: WatchedHttp) -> list[str]:
    return [f"{line} was sent outside of `ask.once` and `ask.until`." for line in dict.fromkeys(http.loose)]


def _broke(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
    return f"The story itself broke with {type(error).__name__} at {where}. What an EHR may answer ends in a refusal."
