"""An outbound proxy: everything goes through it, and still only to addresses that were checked (S-073)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cobalt_link.net.http import AddressRefused, Http, HttpError, NoAnswer
from tests.net.test_http_tls import Authority
from tests.net.wires import Wire, listening, plain


class Proxy(Wire):
    """Connects where CONNECT says, or to `leads_to`. `heard` has the head of each request."""

    leads_to: int | None = None
    answer = b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n"


@asynccontextmanager
async def proxying(answer: bytes | None = None, leads_to: int | None = None) -> AsyncIterator[Proxy]:
    proxy, tasks = Proxy(), set[asyncio.Task[None]]()
    writers: list[asyncio.StreamWriter] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        proxy.heard.append(head)
        writer.write(answer or Proxy.answer)
        if answer:
            writer.close()
            return
        host, _, port = head.split()[1].decode().rpartition(":")
        writers.append(writer)
        there = await asyncio.open_connection("127.0.0.1" if leads_to else host, leads_to or int(port))
        writers.append(there[1])
        for pair in ((reader, there[1]), (there[0], writer)):
            tasks.add(asyncio.create_task(pipe(*pair)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()


async def asked(url: str, proxy: Proxy, ips: list[str], *, user: str = "", authority: Authority | None = None) -> int:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ips

    trust = authority.trusted() if authority else None
    http = Http(allow_private=True, tls=trust, resolve=resolve, proxy=f"http://{user}127.0.0.1:{proxy.port}", timeout=5)
    try:
        return (await http.request("POST", url, content="password=s3cret")).status
    finally:
        await http.close()


async def test_the_proxy_is_asked_for_the_address_that_was_checked_and_reads_nothing_inside(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with listening(plain(), tls=authority.serves("ehr.example.org")) as ehr, proxying() as proxy:
        url = f"https://ehr.example.org:{ehr.port}/"
        assert await asked(url, proxy, ["127.0.0.1"], user="me:p%40ss@", authority=authority) == 200
    assert proxy.heard[0].startswith(f"CONNECT 127.0.0.1:{ehr.port} HTTP/1.1\r\n".encode())
    assert b"Proxy-Authorization: Basic bWU6cEBzcw==" in proxy.heard[0]
    assert b"s3cret" in ehr.heard[0] and b"s3cret" not in b"".join(proxy.heard)
    assert b"Proxy-Authorization" not in ehr.heard[0]


async def test_a_name_that_only_the_proxy_knows_is_given_to_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with (
        listening(plain(), tls=authority.serves("ehr.example.org")) as ehr,
        proxying(leads_to=ehr.port) as proxy,
    ):
        assert await asked("https://ehr.example.org/", proxy, [], authority=authority) == 200
    assert proxy.heard[0].startswith(b"CONNECT ehr.example.org:443 ")


@pytest.mark.parametrize("ip", ["169.254.169.254", "100.100.100.200", "0.0.0.0", "::ffff:10.0.0.1"])
async def test_a_refused_address_never_reaches_the_proxy(ip: str) -> None:
    async with proxying() as proxy:
        with pytest.raises(AddressRefused):
            await asked("https://ehr.example.org/", proxy, [ip])
    assert proxy.heard == []


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 403 Forbidden\r\n\r\n", b"HTTP/1.1 407 Sign in\r\n\r\n", b"nonsense\r\n\r\n", b"x" * 9000]
)
async def test_a_proxy_that_refuses_is_named(answer: bytes) -> None:
    async with proxying(answer) as proxy:
        with pytest.raises(NoAnswer, match="outbound proxy of this server"):
            await asked("https://ehr.example.org/", proxy, ["127.0.0.1"])


async def test_a_proxy_that_is_down_is_no_answer() -> None:
    proxy = Proxy(port=1)
    with pytest.raises(HttpError):
        await asked("https://ehr.example.org/", proxy, ["127.0.0.1"])
