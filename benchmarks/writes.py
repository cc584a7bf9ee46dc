"""Writes accepted per second at 32 connections, sealed, audited and durable, against the same rows one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec

from benchmarks.cpu import Meter
from benchmarks.load import post
from benchmarks.practice import booking, practice
from benchmarks.tokens import Requests, Side, compare
from benchmarks.world import free_port, program

TARGET = 0.7


async def run(rounds: int = 15, seconds: float = 0.8) -> None:
    """Rounds of so many seconds for each of the two. Nobody does the writes: the server has no worker."""
    async with practice(worker=False) as place:
        bare, folder = free_port(), place.here.settings.postgres_path
        async with program("-m", "benchmarks.bare", str(bare), env=place.here.env, port=bare) as pid:
            sides = [Side(place.port, Meter(place.pid, folder)), Side(bare, Meter(pid, folder))]
            fields = await booking(place.ehr)
            loads = (
                _posts("/v1/appointments", fields, place.keys),
                _posts("/write", fields | {"client": place.here.client}, {}),
            )
            await compare("accepted writes", sides, loads, rounds, seconds, TARGET)


def _posts(path: str, fields: dict[str, str], keys: dict[str, str]) -> Requests:
    async def requests() -> Iterator[bytes]:
        return itertools.repeat(post(path, msgspec.json.encode(fields), keys))

    return requests
