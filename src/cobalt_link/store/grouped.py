"""Concurrent writes of one kind become one transaction, and each caller is answered only after its commit (S-095).

What arrives while earlier groups are being written forms the next group, so a lone write waits for nobody. A group that
takes long, for the disk or a neighbor is busy, does not hold up the others: a crowd behind it is written beside it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from cobalt_link.store.database import Database, Tx

Item = TypeVar("Item")
Result = TypeVar("Result")

_LANES = 2  # groups in flight, of any size
_CROWD = 4  # waiting writes that may start another
_TURNS = (
    3  # of the event loop before a group is closed: a request that has arrived by now needs two or three to get here
)


class Grouped(Generic[Item, Result]):
    """`await grouped(item)` gives the result that `write` returned for it, in the order of the items.

    `write(tx, items)` runs in a transaction of its own; when it or the commit fails, every caller of that group gets
    the error and none of its items is stored. A caller that is cancelled before its group starts is left out; later,
    its item is stored and its result dropped.
    """

    def __init__(
        self,
        db: Database,
        write: Callable[[Tx, Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        limit: int = 500,
        single: bool = False,
    ) -> None:
        """`limit` items at most in a group. `single`: `write` sends one statement, so BEGIN and COMMIT are saved."""
        self._write = write
        self._limit = limit
        self._db = db
        self._begin = db.connection if single else db.transaction
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._open = 0

    async def __call__(self, item: Item) -> Result:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, answer))
        if self._wanted(self._open):
            self._open += 1
            self._db.lanes += 1
            # A fresh context: a lane outlives the request that happened to start it.
            lane = loop.create_task(self._lane(), context=Context())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return await answer

    async def _lane(self) -> None:
        try:
            await self._drain()
        finally:
            # Not in the task's callback: what arrived between the last look and that callback would wait forever.
            self._open -= 1
            self._db.lanes -= 1

    def _wanted(self, others: int) -> bool:
        """Whether another group is to be written beside those of so many other lanes of this kind of write."""
        return bool(self._waiting) and (others < _LANES or (self._spare(others) and len(self._waiting) >= _CROWD))

    def _spare(self, others: int) -> bool:
        """Whether writes of all kinds leave enough of the pool to everything else."""
        own = self._open - others  # 1 for a lane that asks for itself
        return self._db.lanes - own < self._db.size * 6 // 10

    async def _drain(self) -> None:
        while group := await self._next_group():
            answers = [answer for _, answer in group]
            try:
                results = await self._store([item for item, _ in group])
            except BaseException as error:
                _fail(answers, error)
                if not isinstance(error, Exception):
                    raise
                continue
            for answer, result in zip(answers, results, strict=True):
                if not answer.done():
                    answer.set_result(result)

    async def _next_group(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        for _ in range(_TURNS if self._waiting else 0):
            await asyncio.sleep(0)
        group: list[tuple[Item, asyncio.Future[Result]]] = []
        while self._wanted(self._open - 1) and not group:
            while self._waiting and len(group) < self._limit:
                entry = self._waiting.popleft()
                if not entry[1].done():
                    group.append(entry)
        return group

    async def _store(self, items: list[Item]) -> Sequence[Result]:
        async with self._begin() as tx:
            results = await self._write(tx, items)
            if len(results) != len(items):
                raise RuntimeError(f"A grouped write returned {len(results)} results for {len(items)} items.")
        return results


def _fail(answers: list[asyncio.Future[Result]], error: BaseException) -> None:
    for answer in answers:
        if answer.done():
            continue
        if isinstance(error, Exception):
            answer.set_exception(error)
        else:
            answer.cancel()
