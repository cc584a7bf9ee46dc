"""What was just read, for well under a second, so that a hot path needs no round trip and a change still acts at once.

Age counts from before the read began (S-128); concurrent askers of one key share one read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

FRESH = 0.75  # seconds; with the read itself this stays under the promised second
MOST = 10_000


class ShortCache(Generic[Key, Value]):
    """`await remembered(key)` gives what `read(key)` gave at most `FRESH` seconds ago; failures are not kept."""

    def __init__(self, read: Callable[[Key], Awaitable[Value]], *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._ticks = ticks
        self._kept: dict[Key, tuple[float, asyncio.Future[Value]]] = {}

    async def __call__(self, key: Key) -> Value:
        return await self.since(key, self._ticks() - FRESH)

    async def since(self, key: Key, moment: float) -> Value:
        """What was read after `moment`; reads again if that is needed."""
        began, answer = self._kept.get(key, (float("-inf"), None))
        if answer is None or began < moment or _failed(answer):
            answer = self._start(key)
        if answer.done():
            return answer.result()
        # Shielded: one asker that hangs up must not take the read from the others.
        return await asyncio.shield(answer)

    def now(self) -> float:
        return self._ticks()

    def forget(self, key: Key) -> None:
        """The next asker reads again: for the process that just changed the value itself."""
        self._kept.pop(key, None)

    def _start(self, key: Key) -> asyncio.Future[Value]:
        if len(self._kept) >= MOST:
            self._kept.clear()
        answer = asyncio.ensure_future(self._read(key))
        answer.add_done_callback(_failed)
        self._kept[key] = (self._ticks(), answer)
        return answer


def _failed(answer: asyncio.Future[Value]) -> bool:
    return answer.done() and (answer.cancelled() or answer.exception() is not None)
