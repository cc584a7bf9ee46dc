"""Sockets below the guarded client: connections go to the address that was checked, bodies stay within a limit."""

import asyncio
import logging
import socket
import ssl
import zlib
from collections.abc import Callable, Sequence
from typing import Any, cast

import httpcore2
import httpx2

from cobalt_link.net.addresses import Target
from cobalt_link.net.errors import AddressRefused, BrokenAnswer

# At DEBUG it would log the headers of answers, session cookies among them.
logging.getLogger("httpcore2").setLevel(logging.INFO)


class _ToTheCheckedAddress(httpcore2.AsyncNetworkBackend):
    def __init__(self) -> None:
        self._network = cast(httpcore2.AsyncNetworkBackend, httpcore2.AnyIOBackend())

    async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._network.connect_tcp(host.split("/")[0], port, *args, **kwargs))

    async def connect_unix_socket(self, *_args: Any, **_kwargs: Any) -> httpcore2.AsyncNetworkStream:
        raise AddressRefused("Sockets of this machine are not an EHR.")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


class HandshakeFailed(Exception):
    """A TCP connection stood, but no trustworthy TLS came about on it. Its text is the reason."""


def _why(error: BaseException | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (isinstance(error, ssl.SSLError) and error.reason) or "the handshake was broken off"


class _Stream(httpcore2.AsyncNetworkStream):
    """A connection that is closed also when time runs out within the TLS handshake; the library leaves it open."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self.read, self.write, self.aclose = stream.read, stream.write, stream.aclose
        self.get_extra_info, self._start_tls = stream.get_extra_info, stream.start_tls

    async def start_tls(self, *args: Any, **kwargs: Any) -> httpcore2.AsyncNetworkStream:
        try:
            return await self._start_tls(*args, **kwargs)
        except httpcore2.ConnectError as error:
            raise HandshakeFailed(_why(error.args[0] if error.args else None)) from None
        except BaseException:
            await self.aclose()
            raise


def pool(trust: ssl.SSLContext) -> httpcore2.AsyncConnectionPool:
    """Idle connections live 5 seconds; no retries: whether a request may be sent twice is the caller's to say."""
    return httpcore2.AsyncConnectionPool(
        ssl_context=trust,
        max_connections=200,
        max_keepalive_connections=40,
        keepalive_expiry=5.0,
        network_backend=_ToTheCheckedAddress(),
    )


def aimed(message: httpx2.Request, target: Target, ip: str, connect: float) -> httpcore2.Request:
    """The message for one checked address; `connect` in seconds.

    The pool keeps connections by origin. With address and name both in it, a connection that was checked (and whose
    certificate was verified) for another name is never reused.
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


async def body(target: Target, encoding: str, stream: Any, limit: int) -> bytes:
    """The decoded body of at most `limit` bytes; more, or what cannot be decoded, is a BrokenAnswer."""
    unpack = _unpacker(target, encoding.strip().lower())
    whole = bytearray()
    try:
        async for chunk in stream:
            whole += unpack(chunk, limit - len(whole) + 1)
            if len(whole) > limit:
                raise BrokenAnswer(f"{target.where} answered with more than {limit} bytes. Ask for less at once.")
    except zlib.error:
        raise BrokenAnswer(f"{target.where} answered with compressed data that is broken.") from None
    return bytes(whole)


def _unpacker(target: Target, encoding: str) -> Callable[[bytes, int], bytes]:
    """Decodes at most so many bytes at a time: a small gzip may hold gigabytes."""
    if encoding in ("", "identity"):
        return lambda chunk, _room: chunk
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BrokenAnswer(f"{target.where} answered in an encoding that we did not ask for.")
    return zlib.decompressobj(wbits=47).decompress


async def system_resolver(host: str, port: int) -> Sequence[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return []
    return [str(answer[4][0]) for answer in found]


def system_trust() -> ssl.SSLContext:
    """The machine's certificate store. The environment (SSL_CERT_FILE, SSLKEYLOGFILE) is not asked."""
    context = httpx2.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
