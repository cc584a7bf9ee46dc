"""S-147: a client that is slow, or silent, is let go. Over a real server, with short times."""

import asyncio
import time

import msgspec
import pytest

from tests.web.raw import QUICK, Peer, attacked, peers, problem, works


async def seconds_until_closed(peer: Peer) -> tuple[float, bytes]:
    began = time.monotonic()
    async with asyncio.timeout(5):
        said = await peer.rest()
    return time.monotonic() - began, said


@pytest.mark.parametrize("kept_alive", [False, True], ids=["new", "kept alive"])
async def test_a_connection_that_sends_nothing_is_closed(kept_alive: bool) -> None:
    async with attacked() as app, peers(app) as (peer,):
        if kept_alive:
            peer.send("GET /fine HTTP/1.1")
            await peer.answer()
        seconds, said = await seconds_until_closed(peer)
        expected = QUICK.keep_alive if kept_alive else QUICK.first_byte
    assert said == b""
    assert expected * 0.9 < seconds < expected + 0.4


async def drip(peer: Peer, data: bytes, pause: float = 0.05) -> None:
    try:
        while True:
            for byte in data:
                peer.raw(bytes((byte,)))
                await asyncio.sleep(pause)
    except ConnectionError:
        return


POST = b"POST /body HTTP/1.1\r\nHost: x\r\n"
# What is sent at once, what then drips, the limit that it meets, and the status of the response.
DRIPPING = {
    "blank lines": (b"", b"\r\n", QUICK.first_byte, b""),
    "head": (b"GET /fine HTTP/1.1\r\n", b"X-A: b\r\n", QUICK.head, b"408"),
    "body": (POST + b"Content-Length: 999\r\n\r\n", b"x", QUICK.body, b"408"),
    "body that nobody reads": (b"POST /fine HTTP/1.1\r\nContent-Length: 999\r\n\r\n", b"x", QUICK.linger, b"200"),
    "chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", QUICK.body, b"408"),
    "chunk extension": (POST + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x", QUICK.body, b"408"),
    "trailer": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n", QUICK.body, b"408"),
}


async def test_bytes_that_only_drip_extend_nothing() -> None:
    async with attacked() as app, peers(app, len(DRIPPING)) as opened:

        async def meets(peer: Peer, first: bytes, dripped: bytes, limit: float, status: bytes) -> None:
            peer.raw(first)
            dripping = asyncio.create_task(drip(peer, dripped))
            seconds, said = await seconds_until_closed(peer)
            dripping.cancel()
            assert said[9:12] == status, first
            assert limit * 0.9 < seconds < limit + QUICK.linger + 0.5, first
            if status == b"408":
                head, _, body = said.partition(b"\r\n\r\n")
                assert problem(body)["error"] == "request_timeout"
                assert f"x-request-id: {problem(body)['request_id']}".encode() in head

        await asyncio.gather(
            *(meets(*each) for each in zip(opened, *zip(*DRIPPING.values(), strict=True), strict=True))
        )
        assert await works(app)
        assert app.bodies == []
        assert app.refused("request_timeout") == 5


async def test_a_large_body_may_take_longer_as_long_as_it_arrives() -> None:
    limits = msgspec.structs.replace(QUICK, body=0.3)
    async with attacked(limits) as app, peers(app) as (peer,):
        peer.send("POST /body HTTP/1.1", "Content-Length: 4000")
        for _ in range(20):
            peer.raw(b"x" * 200)
            await asyncio.sleep(0.05)
        assert (await peer.answer())[0] == 200
        assert app.bodies == [b"x" * 4000]


async def test_a_handler_that_reads_slowly_is_not_the_clients_fault() -> None:
    async with attacked() as app, peers(app) as (peer,):
        peer.send("POST /hold HTTP/1.1", "Content-Length: 200000", body=b"x" * 200_000)
        await asyncio.sleep(QUICK.body + 0.4)
        app.let_go.set()
        assert (await peer.answer())[0] == 200


async def test_a_client_that_takes_none_of_its_response_is_let_go() -> None:
    async with attacked() as app, peers(app, limit=1000) as (peer,):
        peer.send("GET /large HTTP/1.1")
        await asyncio.sleep(QUICK.unread + 0.6)
        assert len(await peer.rest()) < 20_000_000
        assert app.left == ["/large"]  # its handler has ended too


async def test_a_slow_response_is_waited_for() -> None:
    async with attacked() as app, peers(app) as (peer,):
        peer.send("GET /hold HTTP/1.1")
        await asyncio.sleep(QUICK.body + 0.4)
        app.let_go.set()
        assert (await peer.answer())[0] == 200
