"""S-147, S-148: what cannot be read, or is too large, gets a refusal like any other, and costs little."""

import asyncio

import msgspec
import pytest

from tests.web.raw import QUICK, Peer, attacked, peers, problem, works

HOST = b"Host: x\r\n"
CHUNKED = b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
        b"GET  / HTTP/1.1 extra\r\n" + HOST + b"\r\n",
        b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET http://[/ HTTP/1.1\r\n" + HOST + b"\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n",
        b"POST /body HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /body HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /body HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"2\r\n{}no end\r\n0\r\n\r\n",
        CHUNKED + b"ffffffffffffffffff\r\n{}",
        b"POST /fine HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_http_gets_a_refusal_like_any_other(sent: bytes) -> None:
    async with attacked() as app, peers(app) as (peer,):
        peer.raw(sent)
        status, headers, body = await peer.answer()
        assert (status, problem(body)["error"]) == (400, "invalid_request")
        assert headers["x-request-id"] == problem(body)["request_id"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers and "date" in headers
        assert await peer.rest() == b""
        assert app.refused("invalid_request") == 1
        assert await works(app)


@pytest.mark.parametrize(
    ("sent", "kilobytes"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 70),
        (b"GET /" + b"x" * 70_000, 70),
        (b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 101 + b"\r\n", 1),
    ],
    ids=["one header", "address", "many headers"],
)
async def test_a_head_over_the_limit_is_refused_before_it_ends(sent: bytes, kilobytes: int) -> None:
    async with attacked() as app, peers(app) as (peer,):
        peer.raw(sent)
        status, _, body = await peer.answer()
        assert (status, problem(body)["error"]) == (431, "headers_too_large")
        assert app.headers == []


async def test_a_head_of_thirty_kilobytes_and_a_hundred_headers_is_fine() -> None:
    async with attacked() as app, peers(app) as (peer,):
        peer.send("GET /fine HTTP/1.1", "Cookie: " + "a=b; " * 6000)
        peer.send("GET /fine HTTP/1.1", *(f"X-{n}: y" for n in range(99)))
        assert [(await peer.answer())[0] for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("piece", [b"1\r\nx\r\n" * 2000, b"1;" + b"e" * 70_000], ids=["tiny chunks", "extension"])
async def test_a_chunked_body_that_is_mostly_wrapping_is_refused(piece: bytes) -> None:
    async with attacked() as app, peers(app) as (peer,):
        peer.raw(CHUNKED + piece)
        status, _, body = await peer.answer()
        assert (status, problem(body)["error"]) in [(400, "invalid_request"), (431, "headers_too_large")]
        assert app.bodies == []


async def test_a_trailer_does_not_pass_for_a_header() -> None:
    async with attacked() as app, peers(app) as (peer,):
        peer.raw(CHUNKED + b"2\r\n{}\r\n0\r\nclient_secret: cs_test_canary\r\n\r\n")
        assert (await peer.answer())[0] == 200
        assert app.bodies == [b"{}"]
        assert not [name for headers in app.headers for name, _ in headers if name == b"client_secret"]


@pytest.mark.parametrize("closing", [True, False])
@pytest.mark.parametrize("size", [300_000, 3_000_000])
async def test_a_client_that_still_sends_can_read_why_it_was_refused(closing: bool, size: int) -> None:
    async with attacked(msgspec.structs.replace(QUICK, linger=5.0)) as app, peers(app) as (peer,):
        for _ in range(1 if closing else 3):
            more = ["Connection: close"] if closing else []
            peer.send("POST /unread HTTP/1.1", f"Content-Length: {size}", *more, body=b"x" * size)
            await peer.writer.drain()
            status, _, body = await peer.answer()
            assert (status, body) == (200, b"/unread")
        if closing:
            assert await peer.rest() == b""


async def test_a_body_that_goes_on_for_ever_after_the_response_is_cut_off() -> None:
    limits = msgspec.structs.replace(QUICK, drained=100_000, linger=30.0)
    async with attacked(limits) as app, peers(app) as (peer,):
        peer.send("POST /unread HTTP/1.1", "Content-Length: 999999999")
        assert (await peer.answer())[0] == 200
        async with asyncio.timeout(5):
            while await sent(peer, b"x" * 10_000):
                await asyncio.sleep(0)


async def sent(peer: Peer, data: bytes) -> bool:
    try:
        peer.raw(data)
        await peer.writer.drain()
    except ConnectionError:
        return False
    return True


async def test_requests_that_are_sent_together_are_answered_in_order() -> None:
    async with attacked() as app, peers(app) as (peer,):
        peer.raw(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(20)))
        assert [(await peer.answer())[2] for _ in range(20)] == [b"/%d" % n for n in range(20)]
        assert await peer.is_open()


async def test_a_broken_request_waits_for_the_responses_before_it() -> None:
    async with attacked() as app, peers(app) as (peer,):
        peer.raw(b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nBROKEN\r\n\r\n")
        await app.until_held(1)
        assert await peer.is_open()
        app.let_go.set()
        assert [(await peer.answer())[0] for _ in range(3)] == [200, 200, 400]
        assert await peer.rest() == b""


async def test_a_broken_body_behind_another_request_is_never_handled() -> None:
    async with attacked() as app, peers(app) as (peer,):
        peer.raw(b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n" + CHUNKED + b"zz\r\n")
        await app.until_held(1)
        app.let_go.set()
        assert [(await peer.answer())[0] for _ in range(2)] == [200, 400]
        assert len(app.headers) == 1


async def test_thousands_of_requests_at_once_are_not_queued() -> None:
    async with attacked() as app, peers(app) as (peer,):
        peer.raw(b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n" * 2000)
        await app.until_held(1)
        app.let_go.set()
        said = await peer.rest()
    assert said.count(b"HTTP/1.1 200") <= QUICK.pipelined + 1
    assert said.count(b"HTTP/1.1 400") == 1


@pytest.mark.parametrize("upgrade", ["websocket", "h2c"])
async def test_an_offer_to_change_the_protocol_is_ignored(upgrade: str) -> None:
    async with attacked() as app, peers(app) as (peer,):
        more = ["Connection: Upgrade, HTTP2-Settings", f"Upgrade: {upgrade}", "HTTP2-Settings: AAMAAABkAAQAAP__"]
        for framing, body in (("Content-Length: 2", b"{}"), ("Transfer-Encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n")):
            peer.send("POST /body HTTP/1.1", framing, *more, body=body)
            peer.send("GET /fine HTTP/1.1", *more)
            assert [(await peer.answer())[2] for _ in range(2)] == [b"/body", b"/fine"]
        peer.send("POST /body HTTP/1.1", "Content-Length: 4", *more, body=b"{")
        await asyncio.sleep(0.05)
        peer.raw(b"  }")
        assert (await peer.answer())[2] == b"/body"
        assert app.bodies == [b"{}", b"{}", b"{  }"]


async def test_a_client_that_asks_first_may_go_on() -> None:
    async with attacked() as app, peers(app) as (peer,):
        peer.send("POST /body HTTP/1.1", "Content-Length: 2", "Expect: 100-continue")
        assert (await peer.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        peer.raw(b"{}")
        assert (await peer.answer())[0] == 200


@pytest.mark.parametrize(
    "pieces", [[b"GET /\xc3\xa9?q=\xc3", b"\xbc HTTP/1.1\r\n"], [b"GET /%C3%A9 HTTP/1.1\r\nX: \xff\r\n"]]
)
async def test_letters_beyond_ascii_may_stand_in_an_address_as_they_are(pieces: list[bytes]) -> None:
    async with attacked() as app, peers(app) as (peer,):
        for piece in [*pieces, HOST, b"\r\n"]:
            peer.raw(piece)
            await asyncio.sleep(0.02)
        assert (await peer.answer())[2] == "/é".encode()
        assert await peer.is_open()


@pytest.mark.parametrize("ask", ["GET /fine HTTP/1.0", "HEAD /fine HTTP/1.1"])
async def test_old_clients_and_heads_get_what_they_expect(ask: str) -> None:
    async with attacked() as app, peers(app) as (peer,):
        peer.send(ask, "Connection: close")
        head, _, body = (await peer.rest()).partition(b"\r\n\r\n")
        assert b"content-length: 5" in head
        assert body == (b"/fine" if "1.0" in ask else b"")
