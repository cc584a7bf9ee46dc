"""What clients send, over TCP to the server that we run: understood, or refused in our envelope."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from cobalt_link.web.server import serving
from tests.support.world import free_port
from tests.web.sample import sample

Wire = Callable[..., Awaitable[bytes]]


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """Sends raw bytes over a connection of its own; gives all bytes that came back before it was closed."""
    port = free_port()

    async def send(*lines: str, body: bytes = b"") -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = "\r\n".join([*lines, "Host: sample", "Connection: close", "", ""])
        writer.write(head.encode(errors="surrogateescape") + body)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    async with serving(sample(), "127.0.0.1", port):
        yield send


async def test_letters_beyond_ascii_arrive_as_they_are(wire: Wire) -> None:
    keys = ("client_id: ci_test_one", "client_secret: cs_test_one")
    answer = await wire("POST /things?user_id=Núñez&org_id=王 HTTP/1.1", *keys)
    assert '"user_id":"Núñez","org_id":"王"'.encode() in answer, answer
    body = "user_id=Núñez&org_id=王".encode()
    form = "Content-Type: application/x-www-form-urlencoded"
    answer = await wire("POST /things HTTP/1.1", *keys, form, f"Content-Length: {len(body)}", body=body)
    assert '"user_id":"Núñez","org_id":"王"'.encode() in answer, answer
    for other in ("POST /things?user_id=N\udcfa\udcf1ez HTTP/1.1", "POST /things?user_id=N%fa%f1ez HTTP/1.1"):
        answer = await wire(other, *keys)
        assert answer.startswith(b"HTTP/1.1 400"), answer


async def test_a_packed_body_is_refused_in_our_envelope(wire: Wire) -> None:
    packed = ("Content-Encoding: gzip", "Content-Type: application/json")
    keys = ("client_id: ci_test_one", "client_secret: cs_test_one")
    body = gzip.compress(b'{"user_id": "u", "org_id": "o"}')
    answer = await wire("POST /things HTTP/1.1", *keys, *packed, f"Content-Length: {len(body)}", body=body)
    head, _, said = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 415") and b"accept-encoding: identity" in head.lower()
    assert json.loads(said).keys() == {"success", "error", "message", "request_id"}
