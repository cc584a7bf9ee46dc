"""A cache for well under a second: a busy path needs no round trip, and a change still takes effect immediately.

The age of a value counts from before its read began (S-128). Concurrent callers of one key share one read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

FRESH = 0.75  # seconds. With the read itself, this stays under the promised second
MOST = 10_000


class ShortCache(Generic[Key, Value]):
    """`await cache(key)` gives what `read(key)` gave at most `FRESH` seconds ago. Failures are not cached."""

    def __init__(self, read: Callable[[Key], Awaitable[Value]], *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._ticks = ticks
        self._kept: dict[Key, tuple[float, asyncio.Future[Value]]] = {}

    async def __call__(self, key: Key) -> Value:
        return await self.since(key, self._ticks() - FRESH)

    async def since(self, key: Key, moment: float) -> Value:
        """What was read after `moment`. Reads again if necessary."""
        began, answer = self._kept.get(key, (float("-inf"), None))
        if answer is None or began < moment or _failed(answer):
            answer = self._start(key)
        if answer.done():
            return answer.result()
        # Shielded: a caller that hangs up must not cancel the read that the others wait for.
        return await asyncio.shield(answer)

    def now(self) -> float:
        return self._ticks()

    def forget(self, key: Key) -> None:
        """The next caller reads again. For the process that has just changed the value."""
        self._kept.pop(key, None)

    def _start(self, key: Key) -> asyncio.Future[Value]:
        if len(self._kept) >= MOST:
            # Simpler than an eviction, and the values are good for less than a second anyway.
            self._kept.clear()
        answer = asyncio.ensure_future(self._read(key))
        answer.add_done_callback(_failed)
        self._kept[key] = (self._ticks(), answer)
        return answer


def _failed(answer: asyncio.Future[Value]) -> bool:
    return answer.done() and (answer.cancelled() or answer.exception() is not None)
