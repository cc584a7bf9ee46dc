"""Writes that wait in the EHR until a test lets them go on: a client can be killed while its request is on the way."""

import asyncio
from typing import Literal

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.refusals import RequestRefused


class HeldWrite(msgspec.Struct, frozen=True):
    """`point` is `before` or `after` the effect."""

    method: str
    path: str
    point: Literal["before", "after"]
    client_ref: str


class Holds:
    """The writes that wait right now, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[bool], HeldWrite] = {}

    @property
    def waiting(self) -> list[HeldWrite]:
        return list(self._waiting.values())

    async def wait(self, write: HeldWrite) -> None:
        """Return once the write is released. Raises RequestRefused (503) once it is dropped."""
        released = asyncio.get_running_loop().create_future()
        self._waiting[released] = write
        try:
            if not await released:
                raise RequestRefused(refusals.down())
        finally:
            del self._waiting[released]

    def let_go(self, *, released: bool) -> int:
        """End every wait: the writes go on, or are dropped. Return how many there were."""
        waiting = [future for future in self._waiting if not future.done()]
        for future in waiting:
            future.set_result(released)
        return len(waiting)
