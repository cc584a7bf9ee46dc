"""Runs a sign-in against its journal: recorded entries answer at once, and the first open entry ends the run.

No database and no clock, and no process owns a sign-in between two runs. A step is written down before it is done. One
that was begun and not finished is repeated only if the connector said that repeating does no harm.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

import msgspec

from cobalt_link.connector import secrets
from cobalt_link.connector.ask import Ask
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.panes import (
    Answer,
    ChoiceAnswer,
    CodeAnswer,
    CredentialsAnswer,
    Pane,
    Waiting,
    WaitingAnswer,
    answer_type,
    kept_for_renewal,
)
from cobalt_link.connector.refusals import Interrupted, LoginRequired, Refusal, StartedOver
from cobalt_link.connector.validity import checked, poll_seconds, presentable
from cobalt_link.signin.brake import Brake, NoBrake
from cobalt_link.signin.braked import BrakedSteps, JournalFailed
from cobalt_link.signin.entries import decoded, encoded, refusal_in, refused, result_of
from cobalt_link.signin.journal import Journal, JournalEntry, Kind
from cobalt_link.signin.poll import Poll, WaitResult
from cobalt_link.signin.translate import as_refusal

T = TypeVar("T")
Args = TypeVarTuple("Args")
CONFIRM = "reconnect"  # the name of the pane that is shown before the EHR contacts the user
SignIn: TypeAlias = Callable[[Ask], Awaitable[Grant]]


class Asking(msgspec.Struct, frozen=True):
    """The sign-in waits for the answer to entry `n`."""

    n: int
    pane: Pane


class Polling(msgspec.Struct, frozen=True):
    """The sign-in waits for something outside: `poll` is to be called every `seconds` or less often, and the sign-in
    run again once that gives an entry. Meanwhile `pane` is shown and may be answered as entry `n`."""

    n: int
    pane: Waiting
    seconds: float
    poll: Poll


class Granted(msgspec.Struct, frozen=True):
    """The end. `answers` are the JSON answers to keep for renewal, by pane name. `username` is the last one typed."""

    grant: Grant
    answers: dict[str, bytes]
    username: str | None = None


class Refused(msgspec.Struct, frozen=True):
    """The sign-in ended in a refusal. `username` is the last one typed, if any."""

    refusal: Refusal
    username: str | None = None


Outcome: TypeAlias = Asking | Polling | Granted | Refused


class Suspend(BaseException):
    """Ends a run at the first open entry. A BaseException, so that a connector's `except Exception` lets it pass."""

    def __init__(self, outcome: Asking | Polling | Refused) -> None:
        self.outcome = outcome


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is given. See `replay`."""

    saved: Mapping[str, bytes]
    known: Mapping[str, Any]
    silent: bool
    confirm: Pane | None
    brake: Brake
    launched: bool


async def replay(
    sign_in: SignIn,
    journal: Journal,
    *,
    saved: Mapping[str, bytes] | None = None,
    known: Mapping[str, Any] | None = None,
    silent: bool = False,
    confirm: Pane | None = None,
    brake: Brake | None = None,
    launched: bool = False,
) -> Outcome:
    """Runs `sign_in` as far as it goes.

    `saved` answers (by pane name) are given to the first pane of that name, if nothing is recorded for it. `known` is
    what the account's last grant left. `silent`: nobody is there to answer and no step may reach the user, so either
    ends as `Refused(LoginRequired)`. `confirm`: the user has answered nothing yet, and is asked this before a step
    makes the EHR text or call them. `brake` is asked before a step may send what was typed. `launched`: the user came
    from the EHR. Raises what the journal and the brake raise, and nothing else.
    """
    given = _Given(
        saved=saved or {},
        known=known or {},
        silent=silent,
        confirm=confirm,
        brake=brake or NoBrake(),
        launched=launched,
    )
    run = _Replay(journal, await journal.read(), given)
    try:
        grant = checked(await sign_in(run))
    except Suspend as stopped:
        return stopped.outcome
    except JournalFailed as failed:
        raise failed.error from None
    except Refusal as no:
        return Refused(no, run.username)
    except Exception as broken:
        return Refused(as_refusal(broken), run.username)
    return Granted(grant, run.kept, run.username)


class _Replay(Ask):
    """One run, from the top to the first open entry."""

    def __init__(self, journal: Journal, entries: list[JournalEntry], given: _Given) -> None:
        self.known = given.known
        self.launched = given.launched
        self.kept: dict[str, bytes] = {}
        self._journal = journal
        self._recorded = {entry.n: entry for entry in entries}
        self._saved = dict(given.saved)
        self._silent = given.silent
        self._confirm = given.confirm
        self._steps = BrakedSteps(given.brake)
        self._n = 0
        self._asked: dict[int, tuple[Answer, JournalEntry]] = {}

    @property
    def username(self) -> str | None:
        """The one typed last."""
        return self._steps.username

    async def __call__(self, pane: Any) -> Any:
        entry = self._next("ask", pane.name)
        if entry is None or entry.state == "open":
            entry = await self._from_saved(pane)
        answer = decoded(entry.value or b"", answer_type(type(pane)))
        self._saved.pop(pane.name, None)
        self._note(pane, entry, answer)
        return answer

    async def once(
        self,
        name: str,
        step: Callable[[*Args], Awaitable[T]],
        *args: *Args,
        returns: type[T] | None = None,
        again: bool = False,
        reaches_user: bool = False,
    ) -> T:
        if reaches_user:
            await self._confirmed()
        entry, begins = self._next("step", name), False
        if entry is None:
            if reaches_user and self._silent:
                raise self._ended(LoginRequired(reason=name))
            # Not written down beforehand if it may be repeated and nobody is shown it (`_…`).
            entry, begins = self._open("step", name), not (again and name[0] == "_")
        elif entry.state == "open" and not again:
            raise self._ended(Interrupted())
        if entry.state == "open":
            entry = await self._do(entry, lambda: step(*args), args, begins)
        else:
            self._steps.unproven.recorded(args, refusal_in(entry))
        return self._result(entry, returns or Any)

    async def until(
        self,
        name: str,
        poll: Callable[[*Args], Awaitable[T | None]],
        *args: *Args,
        pane: Waiting,
        every: float = 1.0,
        returns: type[T] | None = None,
    ) -> T | WaitingAnswer:
        entry, begins = self._next("wait", name), False
        if entry is None:
            if self._silent:
                raise self._ended(LoginRequired(reason=name))
            entry, begins = self._open("wait", name), True
        if entry.state == "open":
            shown, first = checked(pane), Poll(entry, poll, args, self._steps)
            ended = await first.first(partial(self._begin, entry) if begins else None)
            if ended is None:
                raise Suspend(Polling(self._n, shown, poll_seconds(every), first.outside()))
            entry = await self._finish(ended)
        waited: WaitResult = self._result(entry, WaitResult)
        if waited.answer is not None:
            return waited.answer
        return decoded(bytes(waited.result) or b"null", returns or Any)

    async def forget(self, answer: CredentialsAnswer | CodeAnswer) -> None:
        _, entry = self._asked[id(answer)]
        self.kept.pop(entry.name, None)
        if self._next("forget", entry.name) is None:
            redacted = msgspec.structs.replace(answer, **{_secret_field(answer): secrets.Secret("")})
            await self._finish(msgspec.structs.replace(entry, value=encoded(redacted)))
            await self._finish(JournalEntry(n=self._n, kind="forget", name=entry.name, state="done", value=b"null"))

    def remembers(self, name: str) -> bool:
        # The journal first: what was saved can change between two runs, and both must take the same way.
        following = self._recorded.get(self._n + 1)
        return (following.kind, following.name) == ("ask", name) if following else name in self._saved

    def remember(self, name: str, value: str) -> None:
        self.kept[name] = encoded(ChoiceAnswer(value=value))

    async def _confirmed(self) -> None:
        """Asks once before the EHR contacts the user. In later runs the journal says that it was asked."""
        following = self._recorded.get(self._n + 1)
        if following is not None and (following.kind, following.name) == ("ask", CONFIRM):
            self._n += 1
        elif following is None and self._confirm is not None:
            await self(self._confirm)

    def _next(self, kind: Kind, name: str) -> JournalEntry | None:
        self._n += 1
        entry = self._recorded.get(self._n)
        if entry is not None and (entry.kind, entry.name) != (kind, name):
            # The code changed under a running sign-in: the recorded answers belong to an older version of it.
            raise self._ended(StartedOver(entry=self._n))
        return entry

    async def _from_saved(self, pane: Pane) -> JournalEntry:
        saved = self._saved.get(pane.name) if kept_for_renewal(pane) and pane.problem is None else None
        if saved is None:
            why = pane.problem.code if pane.problem else pane.name
            if self._silent:
                raise self._ended(LoginRequired(reason=why))
            raise Suspend(Asking(self._n, presentable(pane)))
        return await self._finish(JournalEntry(n=self._n, kind="ask", name=pane.name, state="done", value=saved))

    async def _do(
        self, entry: JournalEntry, step: Callable[[], Awaitable[Any]], args: tuple[object, ...], begins: bool
    ) -> JournalEntry:
        async def done() -> bytes:
            return result_of(await step())

        said = await self._steps.run(done, args, partial(self._begin, entry) if begins else None)
        if isinstance(said, Refusal):
            return await self._finish(refused(entry, said))
        return await self._finish(msgspec.structs.replace(entry, state="done", value=said))

    def _open(self, kind: Kind, name: str) -> JournalEntry:
        """Not written down yet."""
        return JournalEntry(n=self._n, kind=kind, name=name, state="open")

    async def _begin(self, entry: JournalEntry) -> None:
        try:
            await self._journal.begin(entry)
        except Exception as error:
            raise JournalFailed(error) from None

    async def _finish(self, entry: JournalEntry) -> JournalEntry:
        try:
            await self._journal.finish(entry)
        except Exception as error:
            raise JournalFailed(error) from None
        return entry

    def _result(self, entry: JournalEntry, kind: Any) -> Any:
        if refusal := refusal_in(entry):
            raise refusal
        return decoded(entry.value or b"null", kind)

    def _note(self, pane: Pane, entry: JournalEntry, answer: Answer) -> None:
        # The answer is kept beside its entry, else a freed answer's id could come back.
        self._asked[id(answer)] = (answer, entry)
        if isinstance(answer, CredentialsAnswer | CodeAnswer):
            self._steps.unproven.add(answer)
        if isinstance(answer, CredentialsAnswer):
            self._steps.username = answer.username
        if kept_for_renewal(pane):
            self.kept[pane.name] = _to_keep(answer) or entry.value or b""

    def _ended(self, refusal: Refusal) -> Suspend:
        return Suspend(Refused(refusal, self.username))


def _to_keep(answer: Answer) -> bytes | None:
    """The answer without what the user said about this one try."""
    warned = isinstance(answer, CredentialsAnswer) and answer.anyway
    return encoded(msgspec.structs.replace(answer, anyway=None)) if warned else None


def _secret_field(answer: CredentialsAnswer | CodeAnswer) -> str:
    return "password" if isinstance(answer, CredentialsAnswer) else "code"
