"""S-147: how many connections there are, who makes room, and how they end. Over a real server, counted."""

import asyncio
import socket
import time

import msgspec
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from cobalt_link.web.limits import Limits
from cobalt_link.web.server import serving
from tests.support import proof
from tests.support.world import free_port
from tests.web.raw import QUICK, Attacked, attacked, peers, problem, works

PATIENT = msgspec.structs.replace(QUICK, first_byte=30.0, head=30.0, body=30.0, keep_alive=30.0)


def patient(**more: object) -> Limits:
    return msgspec.structs.replace(PATIENT, **more)


async def test_thousands_of_silent_connections_are_no_outage() -> None:
    count = proof.SILENT_CONNECTIONS.times
    async with attacked(patient(connections=count // 2, per_address=count)) as app, peers(app, count) as opened:
        began = time.monotonic()
        assert all([await works(app) for _ in range(10)])
        assert time.monotonic() - began < 5
        still = sum([await each.is_open() for each in opened[:20]])
    assert still == 0, "those that waited longest make room"
    assert app.refused("gave_way") >= count // 2


async def test_no_part_of_an_answer_waits_for_the_clients_acknowledgment() -> None:
    """On asyncio too, where uvloop is missing: else each answer takes 40 ms longer."""
    port = free_port()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await PlainTextResponse("fine")(scope, receive, send)

    async with serving(app, "127.0.0.1", port) as connections:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        (connection,) = connections.state.connections
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()


async def test_an_address_has_its_share_and_makes_room_by_itself() -> None:
    async with (
        attacked(patient(connections=100, per_address=3)) as app,
        peers(app, 3, "127.0.0.2") as mine,
        peers(app, 1, "127.0.0.3") as (other,),
    ):
        mine[0].raw(b"GET /slow HTTP/1.1\r\n")
        async with peers(app, 1, "127.0.0.2") as (fourth,):
            fourth.send("GET /fine HTTP/1.1")
            assert (await fourth.answer())[0] == 200
            assert [await each.is_open() for each in mine] == [False, True, True]
            assert await other.is_open()


async def test_requests_that_are_being_answered_make_no_room() -> None:
    async with attacked(patient(connections=4, per_address=3)) as app:
        async with peers(app, 3, "127.0.0.2") as mine:
            for each in mine:
                each.send("GET /hold HTTP/1.1")
            await app.until_held(3)
            async with peers(app, 1, "127.0.0.2") as (fourth,):
                status, headers, body = await fourth.answer()
                assert (status, problem(body)["error"]) == (429, "rate_limited")
            async with peers(app, 1, "127.0.0.3") as (other,):
                other.send("GET /hold HTTP/1.1")
                await app.until_held(4)
                async with peers(app, 1, "127.0.0.4") as (late,):
                    status, headers, body = await late.answer()
                    assert (status, problem(body)["error"], headers["retry-after"]) == (503, "unavailable", "2")
                app.let_go.set()
                assert [(await each.answer())[0] for each in [*mine, other]] == [200] * 4
        assert await works(app)


async def test_a_trusted_proxy_speaks_for_many() -> None:
    async with (
        attacked(patient(per_address=2, proxies=("127.0.0.5/32",))) as app,
        peers(app, 5, "127.0.0.5") as proxied,
        peers(app, 5, "127.0.0.6") as direct,
    ):
        await works(app)
        assert sum([await each.is_open() for each in proxied]) == 5
        assert sum([await each.is_open() for each in direct]) == 2


async def test_what_has_ended_is_counted_no_more() -> None:
    async with attacked(patient(connections=4, per_address=4)) as app:
        for _ in range(10):
            async with peers(app, 4) as opened:
                for each in opened:
                    each.send("GET /hold HTTP/1.1")
            await app.until_alone()
        app.let_go.set()
        assert await works(app)
        assert app.refused("unavailable") == app.refused("rate_limited") == 0


async def test_a_second_server_on_the_port_fails() -> None:
    async with attacked() as app:
        with pytest.raises(OSError, match="in use"):
            async with serving(Attacked(), "127.0.0.1", app.port):
                pass


@pytest.mark.parametrize("host", ["::1", "::"])
async def test_it_serves_ipv6_and_both_at_once(host: str) -> None:
    app = Attacked()
    async with serving(app, host, app.port, QUICK):
        for address in ("::1", "127.0.0.1") if host == "::" else ("::1",):
            reader, writer = await asyncio.open_connection(address, app.port)
            writer.write(b"GET /fine HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b"/fine" in await reader.read()
            writer.close()


# Ending


async def test_a_server_that_stops_lets_go_of_idle_and_unfinished_requests_and_answers_the_others() -> None:
    app = Attacked()
    serving_ = serving(app, "127.0.0.1", app.port, patient(grace=5.0))
    await serving_.__aenter__()
    async with peers(app, 5) as (silent, idle, head, body, held):
        idle.send("GET /fine HTTP/1.1")
        await idle.answer()
        head.raw(b"GET /half HTTP/1.1\r\nX: ")
        body.send("POST /body HTTP/1.1", "Content-Length: 999", body=b"half")
        held.send("GET /hold HTTP/1.1")
        await app.until_held(1)
        began = time.monotonic()
        stop = asyncio.create_task(serving_.__aexit__(None, None, None))
        for each in (silent, idle):
            assert await each.rest() == b""
        assert time.monotonic() - began < 0.2
        for each in (head, body):
            assert (await each.rest()).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - began < QUICK.linger * 2 + 0.5
        assert not stop.done()
        app.let_go.set()
        status, headers, _ = await held.answer()
        assert (status, headers["connection"]) == (200, "close")
        await stop
        assert app.bodies == []
    with pytest.raises(ConnectionRefusedError):
        await works(app)


async def test_a_request_that_never_ends_is_cut_off_after_the_grace_period() -> None:
    app = Attacked()
    async with serving(app, "127.0.0.1", app.port, QUICK), peers(app, 2) as (held, dripping):
        held.send("GET /hold HTTP/1.1")
        dripping.send("POST /body HTTP/1.1", "Transfer-Encoding: chunked", body=b"5\r\nhello\r\n")
        await app.until_held(1)
        began = time.monotonic()
    assert QUICK.grace * 0.9 < time.monotonic() - began < QUICK.grace + 0.5
    assert app.left == ["gone"]


async def test_idle_connections_make_no_stop_slow() -> None:
    app = Attacked()
    async with serving(app, "127.0.0.1", app.port, PATIENT):
        async with peers(app, 50):
            began = time.monotonic()
            await works(app)
        began = time.monotonic()
    assert time.monotonic() - began < 0.1
