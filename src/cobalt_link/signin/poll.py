"""One poll of a wait, which can be repeated without the sign-in around it.

A run that comes to an open wait polls once and ends. What it leaves is a `Poll`: the connector's function with its
arguments, and no more of the sign-in. Whoever keeps it asks the EHR again and again, and runs the sign-in only once
there is something to go on with. If it is lost with its process, another run makes the same one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from cobalt_link.connector.panes import WaitingAnswer
from cobalt_link.connector.refusals import Refusal
from cobalt_link.signin.braked import BrakedSteps, JournalFailed
from cobalt_link.signin.entries import encoded, refused, result_of
from cobalt_link.signin.journal import JournalEntry


class WaitResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a wait ended: with a poll's result, or with what the user did instead."""

    result: msgspec.Raw = msgspec.Raw()
    answer: WaitingAnswer | None = None


class Poll:
    """`entry` is the open entry of the wait."""

    def __init__(
        self, entry: JournalEntry, ask: Callable[..., Awaitable[Any]], args: tuple[Any, ...], steps: BrakedSteps
    ) -> None:
        self.entry = entry
        self._ask = ask
        self._args = args
        self._steps = steps

    @property
    def username(self) -> str | None:
        """The username that was typed last in the sign-in."""
        return self._steps.username

    async def __call__(self) -> JournalEntry | None:
        """Asks the EHR once. None if there is nothing new, else the entry as it has to be recorded. Raises what the
        brake raises."""
        try:
            return await self.first()
        except JournalFailed as failed:
            raise failed.error from None

    async def first(self, begin: Callable[[], Awaitable[None]] | None = None) -> JournalEntry | None:
        """The same within a run. `begin` writes the open entry down."""
        said = await self._steps.run(self._polled, self._args, begin)
        if isinstance(said, Refusal):
            return refused(self.entry, said)
        return None if said is None else msgspec.structs.replace(self.entry, state="done", value=said)

    def outside(self) -> Poll:
        """What is kept of it after the run. A secret stays in it only if the connector gave it to the poll."""
        return Poll(self.entry, self._ask, self._args, self._steps.kept(self._args))

    async def _polled(self) -> bytes | None:
        result = await self._ask(*self._args)
        return None if result is None else result_of(WaitResult(result=msgspec.Raw(encoded(result))))
