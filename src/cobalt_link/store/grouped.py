"""Grouped writes: concurrent writes of one kind share a transaction. Each caller continues after its commit (S-095).

Writes that arrive while a group is being written form the next group, so a single write never waits for others. If a
group takes long and several writes wait, another group is written at the same time.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from cobalt_link.store.database import Database, Tx

Item = TypeVar("Item")
Result = TypeVar("Result")

_MAX_WRITERS = 2  # groups at the same time, of any size
_ENOUGH_WAITING = 4  # waiting writes that may start one more group
_LOOP_TURNS = (
    3  # of the event loop before a group is closed: a request that has arrived by now needs two or three to get here
)


class Grouped(Generic[Item, Result]):
    """`await grouped(item)` returns the result that `write` gave for the item.

    `write(tx, items)` runs in its own transaction and returns one result for each item, in the same order. If it or the
    commit fails, every caller of the group gets the error and none of its items is stored. A caller that is cancelled
    before its group starts is left out. After that, its item is stored and its result is dropped.
    """

    def __init__(
        self,
        db: Database,
        write: Callable[[Tx, Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        limit: int = 500,
        single: bool = False,
    ) -> None:
        """A group has at most `limit` items. `single` means that `write` sends one statement and needs no BEGIN."""
        self._write = write
        self._limit = limit
        self._db = db
        self._begin = db.connection if single else db.transaction
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._writers: set[asyncio.Task[None]] = set()
        self._open = 0

    async def __call__(self, item: Item) -> Result:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future))
        if self._wanted(self._open):
            self._open += 1
            self._db.group_writers += 1
            # An empty context, because a writer outlives the request that started it, and so would its log fields.
            writer = loop.create_task(self._write_groups(), context=Context())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        return await future

    async def _write_groups(self) -> None:
        try:
            await self._drain()
        finally:
            # Not in a callback of the task: a write that arrived before that callback would wait forever.
            self._open -= 1
            self._db.group_writers -= 1

    def _wanted(self, others: int) -> bool:
        """Whether to write one more group, if `others` writers of this kind are already at work."""
        return bool(self._waiting) and (
            others < _MAX_WRITERS or (self._spare(others) and len(self._waiting) >= _ENOUGH_WAITING)
        )

    def _spare(self, others: int) -> bool:
        """Whether the grouped writes of all kinds use at most 60 % of the pool, so that reads get connections."""
        own = self._open - others  # 1 if a running writer asks for itself
        return self._db.group_writers - own < self._db.size * 6 // 10

    async def _drain(self) -> None:
        while group := await self._next_group():
            futures = [future for _, future in group]
            try:
                results = await self._store([item for item, _ in group])
            except BaseException as error:
                _fail(futures, error)
                if not isinstance(error, Exception):
                    raise
                continue
            for future, result in zip(futures, results, strict=True):
                if not future.done():
                    future.set_result(result)

    async def _next_group(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        for _ in range(_LOOP_TURNS if self._waiting else 0):
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


def _fail(futures: list[asyncio.Future[Result]], error: BaseException) -> None:
    for future in futures:
        if future.done():
            continue
        if isinstance(error, Exception):
            future.set_exception(error)
        else:
            future.cancel()
