"""How much is done at once: in all, and for each lane, such as one EHR instance.

A slow lane fills only its own share, and what waits for it holds no slot that another lane could use. In a lane, the
parties that wait come in turn: one that asks for much delays nobody else.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slots:
    """`total` at once in this process, and at most `per_lane` of them in one lane."""

    def __init__(self, total: int, per_lane: int) -> None:
        self._per_lane = per_lane
        self._total = asyncio.Semaphore(total)
        self._lanes: dict[str, _Lane] = {}
        self._used: Counter[str] = Counter()  # with those that wait, so that a lane is forgotten with its last one

    @asynccontextmanager
    async def taken(self, lane: str | None, party: str = "") -> AsyncIterator[None]:
        """A slot while the block runs. None is for work that belongs to no lane: only the total limits it."""
        if lane is None:
            async with self._total:
                yield
            return
        self._used[lane] += 1
        try:
            # The lane first. In the other order, a slow lane would wait with a slot of the total in its hand.
            async with self._lanes.setdefault(lane, _Lane(self._per_lane)).taken(party), self._total:
                yield
        finally:
            self._used[lane] -= 1
            if not self._used[lane]:
                del self._used[lane], self._lanes[lane]


class _Lane:
    """A semaphore whose waiters come in turn: the first of each party, then the second of each."""

    def __init__(self, width: int) -> None:
        self._free = width
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # the party whose turn it is comes first

    @asynccontextmanager
    async def taken(self, party: str) -> AsyncIterator[None]:
        if self._free:  # then nobody waits
            self._free -= 1
        else:
            await self._turn(party)
        try:
            yield
        finally:
            self._give()

    async def _turn(self, party: str) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(party, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._give()  # it was given the slot and cancelled in the same moment
            raise

    def _give(self) -> None:
        self._free += 1
        while self._free and self._waiting:
            party = next(iter(self._waiting))
            waiting = self._waiting.pop(party)
            turn = waiting.popleft()
            if waiting:
                self._waiting[party] = waiting
            if not turn.done():
                turn.set_result(None)
                self._free -= 1
