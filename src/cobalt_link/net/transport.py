"""The connections of the guarded client. They go to the address that was checked, and bodies have a limit."""

from __future__ import annotations

import asyncio
import logging
import re
import select
import socket
import ssl
import zlib
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import unquote, urlsplit
from weakref import WeakSet

import httpcore2
import httpx2
import msgspec

from cobalt_link.net.addresses import Target
from cobalt_link.net.errors import AddressRefused, BrokenAnswer, NoAnswer, TooMuch

# At DEBUG it logs the headers of responses, and with them session cookies.
logging.getLogger("httpcore2").setLevel(logging.INFO)


MOST_CONNECTIONS = 200
MOST_LOOKUPS = 128  # threads, of one client
MOST_HEAD = 128 * 1024  # bytes up to the end of the headers. The parser limits a response, and not how many 1xx come
SKIM_SECONDS = 2.0

# Whether the request of this task has opened a connection. The traces of httpcore2 would tell it too, at a fifth of the
# CPU time of a request.
_connected: ContextVar[bool] = ContextVar("connected", default=False)
# How many bytes the request of this task may still read until it has the headers of its response.
_head: ContextVar[list[int] | None] = ContextVar("head", default=None)


class OutboundProxy(msgspec.Struct, frozen=True):
    """An HTTP proxy that all connections are made through, by CONNECT (RFC 9110 §9.3.6)."""

    host: str
    port: int
    authorization: str | None = None

    @classmethod
    def parse(cls, address: str) -> Self:
        """From `http://host:port` or `http://user:password@host:port`, with special characters in percent encoding."""
        parts = urlsplit(address)
        user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        basic = f"Basic {b64encode(user.encode()).decode()}" if parts.username else None
        return cls(parts.hostname or "", parts.port or 3128, basic)


class ProxyRefused(Exception):
    """The outbound proxy did not open the connection. The text is what it answered."""


class _CheckedAddressBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the IP address in front of the slash in `ip/host`, which `request_for` makes."""

    def __init__(self, proxy: OutboundProxy | None) -> None:
        self._network = cast(httpcore2.AsyncNetworkBackend, httpcore2.AnyIOBackend())
        self._proxy = proxy
        self._open: WeakSet[_Stream] = WeakSet()
        self._closed = False

    async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore2.AsyncNetworkStream:
        ip = host.split("/")[0]
        _connected.set(True)
        peer = (ip, port) if self._proxy is None else (self._proxy.host, self._proxy.port)
        stream = _Stream(await self._network.connect_tcp(*peer, *args, **kwargs), self._open)
        try:
            if self._closed:
                raise httpcore2.ConnectError("The client was closed.")
            if self._proxy is not None:
                await _tunnel(stream, f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}", self._proxy)
        except BaseException:
            await stream.aclose()
            raise
        return stream

    async def aclose(self) -> None:
        """Closes all connections, also those that are being made. The pool forgets the ones that a request has."""
        self._closed = True
        for stream in list(self._open):
            await stream.aclose()

    async def connect_unix_socket(self, *_args: Any, **_kwargs: Any) -> httpcore2.AsyncNetworkStream:
        raise AddressRefused("A socket of this machine cannot be an EHR. Use an https:// address.")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


async def _tunnel(stream: httpcore2.AsyncNetworkStream, target: str, proxy: OutboundProxy) -> None:
    """Asks the proxy to connect to `host:port`. Reads up to the empty line, and nothing of what the target sends."""
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    lines += [f"Proxy-Authorization: {proxy.authorization}"] if proxy.authorization else []
    await stream.write("\r\n".join([*lines, "", ""]).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        more = await stream.read(1)  # one byte at a time, because the next ones may belong to the target
        if not more or len(answer) > 8192:
            raise ProxyRefused("no HTTP answer")
        answer += more
    status = answer.split(b"\r\n")[0].split(b" ")
    if len(status) < 2 or not re.fullmatch(rb"2\d\d", status[1]):
        raise ProxyRefused(f"status {status[1][:3].decode('ascii', 'replace') if len(status) > 1 else 'unknown'}")


class CaFileError(Exception):
    """COBALT_CA_FILE cannot be used. The text says why."""


class HandshakeFailed(Exception):
    """TLS failed on an open TCP connection. The text is the reason."""


def _why(error: BaseException | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (isinstance(error, ssl.SSLError) and error.reason) or "the handshake was broken off"


class _Stream(httpcore2.AsyncNetworkStream):
    """A connection that is also closed if the timeout ends during the TLS handshake. httpcore2 leaves it open.

    For each request, the pool asks every idle connection twice whether the server has closed it. So the answer must be
    cheap: it comes from the socket, past the layers above it.
    """

    def __init__(self, stream: httpcore2.AsyncNetworkStream, opened: WeakSet[_Stream]) -> None:
        opened.add(self)
        self._opened = opened
        self._read, self.write, self.aclose = stream.read, stream.write, stream.aclose
        self._get_extra_info, self._start_tls = stream.get_extra_info, stream.start_tls
        self._socket: socket.socket = stream.get_extra_info("socket")
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        found = await self._read(max_bytes, timeout)
        left = _head.get()
        if left is not None:
            left[0] -= len(found)
            if left[0] < 0:
                raise httpcore2.RemoteProtocolError("The headers do not end.")
        return found

    def get_extra_info(self, info: str) -> Any:
        if info != "is_readable":
            return self._get_extra_info(info)
        # A closed socket has no number. Its former one may be that of another connection by now.
        return self._socket.fileno() < 0 or bool(self._poll.poll(0))

    async def start_tls(self, *args: Any, **kwargs: Any) -> httpcore2.AsyncNetworkStream:
        try:
            return _Stream(await self._start_tls(*args, **kwargs), self._opened)
        except httpcore2.ConnectError as error:
            raise HandshakeFailed(_why(error.args[0] if error.args else None)) from None
        except BaseException:
            await self.aclose()
            raise


class Pool(httpcore2.AsyncConnectionPool):
    """Idle connections live 3 seconds. Nothing is retried, because only the caller knows what may be sent twice."""

    def __init__(self, trust: ssl.SSLContext, proxy: OutboundProxy | None) -> None:
        self._backend = _CheckedAddressBackend(proxy)
        super().__init__(
            ssl_context=trust,
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=40,
            # Well below the 5 s after which Apache, Node, and uvicorn close an idle connection. A request that is sent
            # as it closes is lost.
            keepalive_expiry=3.0,
            network_backend=self._backend,
        )

    async def aclose(self) -> None:
        await super().aclose()
        await self._backend.aclose()


def request_for(message: httpx2.Request, target: Target, ip: str, connect: float) -> httpcore2.Request:
    """The request for one checked address. `connect` is the timeout of the connect in seconds.

    The pool keeps connections by origin. The origin has both address and name, so a connection that was checked for
    another name, with another certificate, is never reused.
    """
    origin = httpcore2.URL(
        scheme=target.scheme,
        host=f"{ip}/{target.host}".encode("ascii"),
        port=target.port,
        target=message.url.raw_path,
    )
    extensions = {"sni_hostname": target.host, "timeout": {"connect": connect}}
    return httpcore2.Request(
        message.method, origin, headers=message.headers.raw, content=message.read(), extensions=extensions
    )


async def exchange(
    pool: httpcore2.AsyncConnectionPool, request: httpcore2.Request, *, repeatable: bool
) -> httpcore2.Response:
    """The response. A request that may be repeated is, if an idle connection broke under it.

    The server may have closed the connection just as it was used again (RFC 9112 §9.3.1). On a new connection the
    server did get the request: a password in it may have counted.
    """
    _connected.set(False)
    _head.set([MOST_HEAD])
    try:
        return await pool.handle_async_request(request)
    except (httpcore2.ReadError, httpcore2.WriteError, httpcore2.RemoteProtocolError):
        if not repeatable or _connected.get():
            raise
        return await pool.handle_async_request(request)
    finally:
        _head.set(None)


async def body(target: Target, encoding: str, stream: Any, limit: int) -> bytes:
    """The decoded body. Raises `TooMuch` beyond `limit` bytes, `BrokenAnswer` if it cannot be decoded."""
    unpack = _unpacker(target, encoding.strip().lower())
    whole = bytearray()
    try:
        async for chunk in stream:
            # One byte more than allowed is enough to know that the body is too large.
            whole += unpack(chunk, limit - len(whole) + 1)
            if len(whole) > limit:
                raise TooMuch(f"{target.where} sent more than {limit} bytes. Ask for less in one request.")
    except zlib.error:
        raise BrokenAnswer(f"{target.where} sent broken compressed data. Try again in a moment.") from None
    return bytes(whole)


async def skim(stream: Any, limit: int) -> None:
    """Reads a body that nobody wants, so that its connection can be used again, if it is short and comes at once."""
    length = 0
    with suppress(TimeoutError, httpcore2.NetworkError, httpcore2.ProtocolError):
        async with asyncio.timeout(SKIM_SECONDS):
            async for chunk in stream:
                length += len(chunk)
                if length > limit:
                    return


def _unpacker(target: Target, encoding: str) -> Callable[[bytes, int], bytes]:
    """A function that decodes a chunk to at most so many bytes. A small gzip can contain gigabytes."""
    if encoding in ("", "identity"):
        return lambda chunk, _room: chunk
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BrokenAnswer(f"{target.where} answered in the encoding {encoding[:20]!r}, which was not requested.")
    # 47 = 32 + 15: detects gzip or zlib by the header (zlib manual, inflateInit2).
    return zlib.decompressobj(wbits=47).decompress


class SystemResolver:
    """The resolver of the system, in threads of its own, with one look-up of a name at a time.

    A name server that never answers holds a thread for half a minute. asyncio's own pool has a few threads for
    everything in the process.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MOST_LOOKUPS, "look-up")
        self._closed = False
        self._running: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses, none if there is no such name. Raises NoAnswer when it is closed."""
        if self._closed:
            raise NoAnswer("The client was closed.")
        with suppress(ValueError):
            return [str(ip_address(host))]  # without the thread that a look-up takes
        running = self._running.get((host, port))
        if running is None:
            running = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
            self._running[host, port] = running
            running.add_done_callback(lambda _: self._running.pop((host, port), None))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if running.cancelled():  # by `close`, and not who waits for it
                raise NoAnswer("The client was closed.") from None
            raise

    def close(self) -> None:
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return []
    return [str(answer[4][0]) for answer in found]


def system_trust(ca_file: Path | None = None) -> ssl.SSLContext:
    """The certificate store of the machine, and the authorities in `ca_file` (PEM) beside it.

    SSL_CERT_FILE and SSLKEYLOGFILE in the environment are ignored. Raises `CaFileError`.
    """
    context = httpx2.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:  # ssl.SSLError is one too
            reason = error.strerror if not isinstance(error, ssl.SSLError) else "it holds no certificate in PEM form"
            raise CaFileError(f"The file with certificate authorities, {ca_file}, cannot be used: {reason}.") from None
    return context
