"""What only a real server over TCP shows: raw bytes in, raw bytes out, on our server and on plain uvicorn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import structlog

from tests.web.sample import sample
from tests.web.servers import on_ours, on_uvicorn

Wire = Any


@pytest.fixture(params=[on_ours, on_uvicorn], ids=["ours", "uvicorn"])
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    """Sends raw bytes over a connection of its own; gives all bytes that came back before it was closed."""
    async with AsyncExitStack() as stack:
        host, port = await stack.enter_async_context(request.param(sample()))

        async def send(*lines: str, body: bytes = b"") -> bytes:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(
                "\r\n".join([*lines, "Host: sample", "Connection: close", "", ""]).encode(errors="surrogateescape")
                + body
            )
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

        yield send


async def test_headers_with_underscores_arrive_and_the_answer_names_no_version(wire: Wire) -> None:
    # Contract §2; S-148
    answer = await wire(
        "GET /me HTTP/1.1", 'client_id: "ci_test_one"', "client_secret: cs_test_one", "access_token: at_test_one"
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b'"client":"ci_test_one"' in body
    assert b"uvicorn" not in head.lower()
    assert b"server:" not in head.lower()
    assert head.lower().count(b"date:") == 1


async def test_a_get_with_a_json_body_is_read(wire: Wire) -> None:
    # Contract §9 row 6
    body = b'{"start_date": "2026-01-31", "client_id": "ci_test_one", "client_secret": "cs_test_one"}'
    form = "Content-Type: application/x-www-form-urlencoded"
    answer = await wire("GET /things HTTP/1.1", f"Content-Length: {len(body)}", form, body=body)
    assert b'"start_date":"2026-01-31"' in answer


async def test_head_sends_no_body_and_trace_is_refused(wire: Wire) -> None:
    head = await wire("HEAD /things/7 HTTP/1.1")
    assert head.startswith(b"HTTP/1.1 200")
    assert head.endswith(b"\r\n\r\n")
    trace = await wire("TRACE /things/7 HTTP/1.1", "X-Canary: 4711")
    assert trace.startswith(b"HTTP/1.1 405")
    assert b"4711" not in trace


async def test_a_body_over_the_limit_is_refused_before_it_is_sent(wire: Wire) -> None:
    # S-147
    answer = await wire("POST /things HTTP/1.1", "client_id: x", "client_secret: y", "Content-Length: 99999999")
    assert answer.startswith(b"HTTP/1.1 413") or answer.startswith(b"HTTP/1.1 401")
    answer = await wire("POST /things HTTP/1.1", "Content-Length: 99999999")
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "path", ["/things/%00", "/things/%ff", "/%2e%2e/etc", "/things/%0d%0aX: y", "//", "/things?%ff"]
)
async def test_strange_paths_are_refused_cleanly(wire: Wire, path: str) -> None:
    answer = await wire(f"GET {path} HTTP/1.1".replace(": ", ":%20"))
    assert answer.split(b" ")[1] in (b"400", b"401", b"404"), answer


async def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(wire: Wire) -> None:
    with structlog.testing.capture_logs():
        answer = await wire("GET /stream HTTP/1.1")
    assert b"<p>one</p>" in answer
    assert not answer.endswith(b"0\r\n\r\n"), "the end of a chunked body would say that this was all"
    assert b"canary" not in answer
