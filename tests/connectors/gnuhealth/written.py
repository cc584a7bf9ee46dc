"""Writes at the real GNU Health, as the worker does them: write, then look what the chart holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.writes import Write
from cobalt_link.connector.writing import Held, NotWritten
from cobalt_link.connectors.gnuhealth import GnuHealth
from tests.net.wires import Wire, listening
from tests.support.ehrs.gnuhealth import GnuHealth as Bench


def ref() -> str:
    """Like a job's: only its end differs."""
    return f"{uuid4().int % 2**60:032x}"


async def do(connector: GnuHealth, chart: Chart, write: Write) -> Held:
    """What the chart holds of the write, which has to be the same by the server's id and without it."""
    writing = connector.writings[write.capability]
    answer = await writing.write(connector, chart, write)
    held = await held_of(connector, chart, write, answer.ehr_id)
    assert held and held.took and held == await held_of(connector, chart, write)
    return held


async def held_of(connector: GnuHealth, chart: Chart, write: Write, ehr_id: str | None = None) -> Held | None:
    read_back = connector.writings[write.capability].read_back
    assert read_back
    return await read_back(connector, chart, write, ehr_id)


async def refused(connector: GnuHealth, chart: Chart, write: Write) -> list[tuple[str, str | None]]:
    """The codes and fields for which the write is refused. The dry run finds the same ones."""
    writing, found = connector.writings[write.capability], []
    assert writing.check
    for act in (writing.check, writing.write):
        with pytest.raises(NotWritten) as no:
            await act(connector, chart, write)
        assert all(each.description for each in no.value.reasons)
        found.append([(each.code, each.field) for each in no.value.reasons])
    assert found[0] == found[1]
    return found[0]


def raw(bench: Bench, model: str, number: str | int, *fields: str) -> dict[str, Any]:
    """A record by GNU Health's own API, without its id."""
    (row,) = bench.rpc(f"model.{model}.read", [int(number)], list(fields))
    return {name: value for name, value in row.items() if name in fields}


def count(bench: Bench, model: str, *domain: Any) -> int:
    return bench.rpc(f"model.{model}.search_count", list(domain))


@asynccontextmanager
async def cut(
    bench: Bench, chart: Chart, method: str, *, before: bool, instead: bytes = b""
) -> AsyncIterator[tuple[Wire, Chart]]:
    """The chart through a line that breaks at each call of `method`: before it reached the server, or after.
    `instead` comes back in place of the answer."""

    async def say(request: bytes) -> bytes:
        changing = called(request) == method
        if changing and before:
            return instead
        answer = await _forwarded(bench.port, request)
        return instead if changing else answer

    async with listening(say) as wire:
        yield wire, msgspec.structs.replace(chart, session=chart.session | {"base": wire.url})


def called(request: bytes) -> str:
    return json.loads(request.partition(b"\r\n\r\n")[2])["method"]


async def _forwarded(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head, _, body = request.partition(b"\r\n")
    writer.write(head + b"\r\nConnection: close\r\n" + body)
    answer = await reader.read()
    writer.close()
    return answer
