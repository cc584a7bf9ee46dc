"""Runs a sign-in in two ways: straight through, and in pieces that are interrupted after every journal entry.

Both must end the same way, with the same requests. A difference means that something was not in the journal.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

import msgspec

from cobalt_link.conformance.cases import CaseBroken, label
from cobalt_link.conformance.lines import at_caller, at_code, at_error
from cobalt_link.conformance.recording import RecordingHttp
from cobalt_link.conformance.report import Fault
from cobalt_link.conformance.script import Script
from cobalt_link.connector.ask import Ask
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import CodeAnswer, CredentialsAnswer, Pane, Waiting, WaitingAnswer
from cobalt_link.connector.refusals import Refusal
from cobalt_link.connector.secrets import step as opened
from cobalt_link.signin.journal import JournalEntry, MemoryJournal
from cobalt_link.signin.replay import Asking, Granted, Polling, Refused, WaitResult, decoded, encoded, replay
from cobalt_link.signin.translate import as_refusal

T = TypeVar("T")
Args = TypeVarTuple("Args")

POLLS = 200
POLL_SECONDS = 0.1
RUNS = 400


class RunResult(msgspec.Struct, kw_only=True):
    """The result of one run. `traces` are (where, text) of all that it left. `faults` are what it must not do.

    `broken` says why the case itself could not run to its end.
    """

    ends: str = ""
    panes: list[Pane] = []
    steps: list[str] = []
    sent: list[str] = []
    traces: list[tuple[str, str]] = []
    faults: list[Fault] = []
    grant: Grant | None = None
    answers: dict[str, bytes] = {}
    refusal: Refusal | None = None
    broken: str = ""
    typed: set[str] = set()
    declined: set[str] = set()

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


class StraightRun(Ask):
    """Answers at once and keeps no journal: the sign-in runs as plain Python."""

    polls = POLLS
    pause = POLL_SECONDS

    def __init__(self, script: Script, http: RecordingHttp, result: RunResult) -> None:
        self.known: Mapping[str, Any] = {}
        self._script, self._http, self._result = script, http, result

    async def __call__(self, pane: Any) -> Any:
        self._shown(pane)
        return await self._script.answer(pane)

    async def once(
        self,
        name: str,
        step: Callable[[*Args], Awaitable[T]],
        *args: *Args,
        returns: type[T] | None = None,
        again: bool = False,
        reaches_user: bool = False,
    ) -> T:
        self._begun(name)
        result = await self._do(name, lambda: step(*args))
        if text := _changed(name, result, returns):
            self._result.faults.append(Fault(text, at_caller(self._http.folder)))
        return result

    async def until(
        self,
        name: str,
        poll: Callable[[*Args], Awaitable[T | None]],
        *args: *Args,
        pane: Waiting,
        every: float = 1.0,
        **_options: Any,
    ) -> T | WaitingAnswer:
        self._begun(name)
        if pane.name != name:
            text = f"`ask.until({name!r}, …)` shows a pane named {pane.name!r}. Give both the same name."
            self._result.faults.append(Fault(text, at_caller(self._http.folder)))
        for polls in range(self.polls):
            before = len(self._http.sent)
            found = await self._do(name, lambda: poll(*args))
            if found is not None:
                return found
            # The number of polls without a result differs from run to run, so their requests do not count.
            del self._http.sent[before:]
            if not polls:
                self._shown(pane)
            if answer := await self._script.instead_of_waiting(pane):
                return answer
            await asyncio.sleep(min(every, self.pause))
        raise CaseBroken(f"{name} was polled {self.polls} times and gave nothing")

    async def forget(self, answer: CredentialsAnswer | CodeAnswer) -> None:
        self._result.steps.append("(forget)")

    def _shown(self, pane: Pane) -> None:
        self._result.shown(pane)

    def _begun(self, name: str) -> None:
        self._result.steps.append(name)

    async def _do(self, name: str, step: Callable[[], Awaitable[T]]) -> T:
        try:
            with opened():
                result = await step()
        except Exception as error:
            self._result.traces.append((f"an exception in {name}", "".join(traceback.format_exception_only(error))))
            raise as_refusal(error) from error
        self._result.traces.append((f"the result of {name}", _json(result)))
        return result


def _changed(name: str, result: Any, returns: Any) -> str:
    """What a missing or wrong `returns` does to the result of a step: later runs read it from the journal's JSON."""
    if isinstance(result, msgspec.Struct) and returns is None:
        kind = type(result).__name__
        return f"The step {name!r} gives a {kind} without returns={kind}. Add it, or later runs get a dict."
    try:
        read = decoded(encoded(result), returns or Any)
    except Exception as error:
        return (
            f"The step {name!r} gives what the journal cannot keep ({type(error).__name__}). Return JSON or a Struct."
        )
    if _listed(read) != _listed(result):
        kinds = f"a {type(result).__name__} that later runs get as other JSON"
        return f"The step {name!r} gives {kinds}. Return texts, numbers, lists, and dicts, or a Struct with returns=."
    return ""


def _listed(value: Any) -> Any:
    """The value with lists for tuples: JSON makes no difference, and neither do loops."""
    match value:
        case list() | tuple():
            return [_listed(each) for each in value]
        case dict():
            return {key: _listed(each) for key, each in value.items()}
    return value


def _json(result: object) -> str:
    try:
        return encoded(result).decode()
    except Exception:
        return repr(result)


Runner: TypeAlias = Callable[[type[Connector], EhrInstance, Script, RecordingHttp, RunResult], Awaitable[None]]


async def run_straight(
    kind: type[Connector], instance: EhrInstance, script: Script, http: RecordingHttp, result: RunResult
) -> None:
    """Runs the sign-in from start to end in one go. Fills in `result`."""
    connector = kind(http)
    before = repr(vars(connector))
    try:
        result.granted(await connector.sign_in(StraightRun(script, http, result), instance))
    except Refusal as no:
        result.refused(no)
    except Exception as error:
        text = f"The sign-in broke with {type(error).__name__}. Raise a refusal for what an EHR may answer."
        result.faults.append(Fault(text, at_error(error, kind.folder)))
        result.refused(as_refusal(error))
    if repr(vars(connector)) != before:
        text = "The connector object changed during the sign-in. A connector must not keep state."
        result.faults.append(Fault(text, at_code(kind.sign_in)))
    result.sent, result.faults = list(http.sent), result.faults + http.loose


class Interruption(BaseException):
    """Ends a run as a crash would, right after an entry was written."""


class InterruptedJournal(MemoryJournal):
    """Interrupts the run after each new entry."""

    async def finish(self, entry: JournalEntry) -> None:
        before = self.entries.get(entry.n)
        await super().finish(entry)
        if before is None or before.state == "open":
            raise Interruption

    def for_the_next_process(self) -> InterruptedJournal:
        """A copy that went through bytes, as the next process reads it."""
        return InterruptedJournal(
            msgspec.json.decode(msgspec.json.encode([*self.entries.values()]), type=list[JournalEntry])
        )


async def run_in_pieces(
    kind: type[Connector], instance: EhrInstance, script: Script, http: RecordingHttp, result: RunResult
) -> None:
    """Runs the sign-in as if each process died after one entry. The last run has all entries and sends nothing."""
    journal = InterruptedJournal()
    for _ in range(RUNS):
        journal = journal.for_the_next_process()
        connector, before = kind(http), len(http.sent)
        try:
            outcome = await replay(lambda ask, runner=connector: runner.sign_in(ask, instance), journal)
        except Interruption:
            continue
        match outcome:
            case Asking(n, pane):
                result.shown(pane)
                value = encoded(await script.answer(pane))
                journal.entries[n] = JournalEntry(n=n, kind="ask", name=pane.name, state="done", value=value)
            case Polling(n, pane, seconds):
                del http.sent[before:]
                if pane not in result.panes:
                    result.shown(pane)
                if answer := await script.instead_of_waiting(pane):
                    value = encoded(WaitResult(answer=answer))
                    journal.entries[n] = JournalEntry(n=n, kind="wait", name=pane.name, state="done", value=value)
                else:
                    await asyncio.sleep(min(seconds, POLL_SECONDS))
            case Granted(grant, answers):
                result.granted(grant)
                result.answers = answers
                break
            case Refused(refusal):
                result.refused(refusal)
                break
    else:
        raise CaseBroken(f"the sign-in did not end within {RUNS} runs")
    _note_journal(result, journal, http)


def _note_journal(result: RunResult, journal: MemoryJournal, http: RecordingHttp) -> None:
    for entry in journal.entries.values():
        if entry.kind in ("step", "wait"):
            result.steps.append(entry.name)
            result.traces.append((f"the journal's {entry.name}", (entry.value or b"").decode()))
        elif entry.kind == "forget":
            result.steps.append("(forget)")
        result.traces.append(("a name in the journal", entry.name))
    result.sent, result.faults = list(http.sent), list(http.loose)
