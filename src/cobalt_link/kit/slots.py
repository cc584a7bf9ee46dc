"""How much is done at once: in all, and for each lane, such as one EHR instance.

A slow lane fills only its own share, and what waits for it holds no slot that another lane could use.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slots:
    """`total` at once in this process, and at most `per_lane` of them in one lane. Waiters of a lane come in turn."""

    def __init__(self, total: int, per_lane: int) -> None:
        self._per_lane = per_lane
        self._total = asyncio.Semaphore(total)
        self._lanes: dict[str, asyncio.Semaphore] = {}
        self._used: Counter[str] = Counter()  # with those that wait, so that a lane is forgotten with its last one

    @asynccontextmanager
    async def taken(self, lane: str | None) -> AsyncIterator[None]:
        """A slot while the block runs. None is for work that belongs to no lane: only the total limits it."""
        if lane is None:
            async with self._total:
                yield
            return
        self._used[lane] += 1
        try:
            # The lane first. In the other order, a slow lane would wait with a slot of the total in its hand.
            async with self._lanes.setdefault(lane, asyncio.Semaphore(self._per_lane)), self._total:
                yield
        finally:
            self._used[lane] -= 1
            if not self._used[lane]:
                del self._used[lane], self._lanes[lane]
