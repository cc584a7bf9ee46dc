"""What the guarded client hands back, and what it makes of servers that misbehave."""

import asyncio
import gzip
import socket
import threading
import zlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from cobalt_link.net.http import (
    PER_INSTANCE,
    BrokenAnswer,
    Http,
    HttpError,
    HttpResponse,
    NoAnswer,
    NotJson,
    TooMuch,
    TooSlow,
    system_trust,
)
from cobalt_link.net.transport import MOST_LOOKUPS
from tests.net.wires import Wire, listening, plain


async def ask(wire: Wire, **words: Any) -> HttpResponse:
    http = Http(allow_private=True, max_body=words.pop("max_body", 2**20), timeout=words.pop("timeout", 20.0))
    try:
        return await http.request(words.pop("method", "GET"), wire.url + words.pop("path", "/"), **words)
    finally:
        await http.close()


async def test_what_is_asked_is_what_arrives() -> None:
    async with listening(plain(b'{"id": 1}', Content_Type="application/json")) as ehr:
        answer = await ask(
            ehr, method="POST", path="/db/?a=1", params={"b": "ä &"}, json={"x": [None, "é"]}, headers={"X-Y": "z"}
        )
    head, body = ehr.heard[0].split(b"\r\n\r\n")
    assert head.startswith(b"POST /db/?a=1&b=%C3%A4+%26 ") and b"x-y: z" in head.lower()
    assert body == '{"x":[null,"é"]}'.encode()
    assert (answer.status, answer.json(), answer.headers["CONTENT-type"]) == (200, {"id": 1}, "application/json")


async def test_a_list_in_the_query_is_a_repeated_key() -> None:
    async with listening(plain(b"")) as ehr:
        await ask(ehr, path="/db?a=1", params={"state": ["new", "a b"], "days": ("3",), "none": []})
    assert ehr.heard[0].startswith(b"GET /db?a=1&state=new&state=a+b&days=3 ")


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b'{"cut": ', b"\xff\xfe", b"[" * 100_000])
async def test_a_body_that_is_not_json_is_told_apart(body: bytes) -> None:
    async with listening(plain(body, status="502 Bad Gateway", Content_Type="text/html")) as ehr:
        answer = await ask(ehr)
    with pytest.raises(NotJson, match="answered 502 with text/html"):
        answer.json()
    assert answer.text() is not None and issubclass(NotJson, HttpError)


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_compressed_bodies_are_unpacked_within_the_limit(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    bomb = pack(b"0" * 50_000_000)
    async with listening(plain(pack(b"chart " * 100), Content_Encoding=encoding)) as ehr:
        assert (await ask(ehr)).body == b"chart " * 100
    async with listening(plain(bomb, Content_Encoding=encoding)) as ehr:
        with pytest.raises(BrokenAnswer, match="more than 1048576 bytes"):
            await ask(ehr)


async def test_a_body_may_be_as_large_as_the_limit_and_not_one_byte_larger() -> None:
    async with listening(plain(b"x" * 1000)) as ehr:
        assert len((await ask(ehr, max_body=1000)).body) == 1000
        with pytest.raises(TooMuch, match="more than 999 bytes"):
            await ask(ehr, max_body=999)


async def test_one_request_may_have_its_own_limit() -> None:
    async with listening(plain(b"x" * 1000)) as ehr:
        http = Http(allow_private=True, max_body=999)
        assert len((await http.request("GET", ehr.url, max_body=1000)).body) == 1000
        for most in (None, 998):
            with pytest.raises(TooMuch):
                await http.request("GET", ehr.url, max_body=most)
        await http.close()


@pytest.mark.parametrize(
    "garbage",
    [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut", b"\x00" * 100,
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", plain(b"not gzip", Content_Encoding="gzip"),
     plain(b"x", Content_Encoding="br")],
)  # fmt: skip
async def test_garbage_is_a_broken_answer(garbage: bytes) -> None:
    async def say(_request: bytes) -> bytes:
        return garbage

    async with listening(say) as ehr, cut_after_an_answer(garbage) as cut:
        for wire in (cut, *([ehr] if b"Content-Encoding" in garbage else [])):
            with pytest.raises(BrokenAnswer):
                await ask(wire, timeout=5)


def cut_after_an_answer(answer: bytes) -> AbstractAsyncContextManager[Wire]:
    """Without a full length the server hangs up after its last byte."""
    return listening(lambda _request: answer.replace(b"Content-Length: 10", b"content-length: 10"))


async def test_a_silent_server_and_a_dripping_one_are_too_slow() -> None:
    async def never(_request: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with listening(never) as ehr:
        with pytest.raises(TooSlow, match=r"within 0\.2 seconds") as slow:
            await ask(ehr, timeout=0.2)
    assert slow.value.seconds == 0.2 and ehr.heard


async def test_the_name_look_up_counts_towards_the_time() -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    http = Http(resolve=resolve, timeout=0.1)
    with pytest.raises(TooSlow):
        await http.request("GET", "https://ehr.example.org/")
    with pytest.raises(TooSlow):
        await http.check("https://ehr.example.org/")


async def test_a_closed_port_is_no_answer_and_the_message_keeps_the_secrets() -> None:
    async with listening(plain()) as gone:
        pass
    with pytest.raises(NoAnswer, match=f"http://127.0.0.1:{gone.port} does not accept connections") as closed:
        await ask(gone, path="/s3cret?token=s3cret", headers={"Authorization": "Bearer s3cret"})
    assert "s3cret" not in str(closed.value)


async def test_header_injection_sends_nothing() -> None:
    async with listening(plain()) as ehr:
        with pytest.raises(HttpError):
            await ask(ehr, headers={"X-Name": "a\r\nHost: evil"})
    assert not ehr.heard


async def test_many_requests_at_once_share_the_client() -> None:
    async with listening(lambda request: plain(request.split()[1])) as ehr:
        http = Http(allow_private=True)
        answers = await asyncio.gather(*(http.request("GET", f"{ehr.url}/{n}") for n in range(50)))
        await http.close()
    assert [answer.text() for answer in answers] == [f"/{n}" for n in range(50)]


async def test_many_requests_to_a_slow_server_leave_connections_for_another() -> None:
    go = asyncio.Event()

    async def slow(_request: bytes) -> bytes:
        await go.wait()
        return plain(b"late")

    http = Http(allow_private=True)
    async with listening(slow) as held, listening(plain(b"here")) as quick:
        crowd = [asyncio.create_task(http.request("GET", held.url)) for _ in range(230)]
        while len(held.heard) < PER_INSTANCE:
            await asyncio.sleep(0.01)
        assert (await http.request("GET", quick.url)).body == b"here"
        assert held.connects == PER_INSTANCE
        go.set()
        assert {each.body for each in await asyncio.gather(*crowd)} == {b"late"}
    await http.close()


@pytest.mark.parametrize(("method", "heard"), [("GET", 3), ("POST", 2), ("DELETE", 2)])
async def test_a_connection_that_closes_as_it_is_used_again_costs_a_read_nothing(method: str, heard: int) -> None:
    # S-012: servers close idle connections, and one in some thousand requests is sent at that moment
    asked: list[bytes] = []

    def answer_the_first(request: bytes) -> bytes:
        asked.append(request)
        if len(asked) == 2:
            raise ConnectionError
        return plain(b"here")

    async with listening(answer_the_first) as ehr:
        http = Http(allow_private=True)
        assert (await http.request("GET", ehr.url)).body == b"here"
        if method == "GET":
            assert (await http.request(method, ehr.url)).body == b"here"
        else:
            with pytest.raises(BrokenAnswer, match="closed the connection"):
                await http.request(method, ehr.url)
        await http.close()
    assert len(ehr.heard) == heard


async def test_a_read_on_a_new_connection_is_sent_once() -> None:
    # S-141: it may carry a password, and an EHR may count each as an attempt
    def hang_up(request: bytes) -> bytes:
        raise ConnectionError

    async with listening(hang_up) as ehr:
        with pytest.raises(BrokenAnswer, match="closed the connection"):
            await ask(ehr)
    assert len(ehr.heard) == 1


async def test_a_client_that_is_closed_at_any_moment_of_a_request_leaves_no_connection_open() -> None:
    trust = system_trust()
    async with listening(plain()) as ehr:
        for turns in range(60):  # of the event loop; a request takes fewer
            http = Http(allow_private=True, tls=trust)
            request = asyncio.ensure_future(http.request("GET", ehr.url))
            for _ in range(turns):
                await asyncio.sleep(0)
            await http.close()
            (end,) = await asyncio.gather(request, return_exceptions=True)
            assert isinstance(end, HttpResponse | HttpError), end
        async with asyncio.timeout(10):
            while ehr.open:
                await asyncio.sleep(0.01)


async def test_interim_responses_are_skipped_and_do_not_go_on_for_ever() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    async with listening(interim * 20 + plain(b"x" * 300_000)) as ehr:
        assert len((await ask(ehr)).body) == 300_000
    async with listening(interim * 20_000 + plain()) as ehr:
        with pytest.raises(BrokenAnswer):
            await ask(ehr)


# S-072
async def test_name_servers_that_never_answer_hold_up_no_other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    real, go, asked = socket.getaddrinfo, threading.Event(), list[str]()

    def slow(host: str, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        if host.startswith("stuck"):
            go.wait(60)
            raise socket.gaierror
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    http = Http(allow_private=True)
    names = [f"stuck{number}.example.org" for number in range(MOST_LOOKUPS - 1)]
    stuck = [asyncio.create_task(http.check(f"https://{each}/")) for each in names * 2]
    async with listening(plain()) as ehr:
        assert (await http.request("GET", f"http://localhost:{ehr.port}/", timeout=10)).status == 200
        stuck += [asyncio.create_task(http.check(f"https://stuck-{each}.example.org/")) for each in "ab"]
        await asyncio.sleep(0)
        await http.close()  # the last two have no thread
        for each in stuck[-1:]:
            with pytest.raises(NoAnswer):
                await asyncio.wait_for(each, 10)
        go.set()
        ends = await asyncio.gather(*stuck, return_exceptions=True)
        assert all(isinstance(each, NoAnswer) for each in ends)
        assert sorted(each for each in asked if each in names) == sorted(names)  # each once
        with pytest.raises(NoAnswer):
            await http.request("GET", ehr.url)
