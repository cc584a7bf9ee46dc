"""The guarded HTTP client, for every request to a server whose address somebody typed in.

Each request resolves the name again, refuses it unless `addresses` allows every address, and connects to an address
that was checked. It follows no redirects, keeps no cookies, and takes no proxy or certificate from the environment.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import httpcore2
import httpx2
import msgspec

from cobalt_link.kit.slots import Slots
from cobalt_link.net import addresses, transport
from cobalt_link.net.addresses import Target
from cobalt_link.net.errors import (
    AddressRefused,
    BrokenAnswer,
    HttpError,
    NoAnswer,
    NoSuchName,
    NotJson,
    TlsError,
    TooMuch,
    TooSlow,
)
from cobalt_link.net.transport import system_trust

__all__ = [
    "AddressRefused",
    "BrokenAnswer",
    "Http",
    "HttpError",
    "HttpResponse",
    "NoAnswer",
    "NoSuchName",
    "NotJson",
    "Params",
    "Resolve",
    "TlsError",
    "TooMuch",
    "TooSlow",
    "system_trust",
]

PER_INSTANCE = 40  # requests at once to one server, so that a slow one leaves connections for others

# (host, port) -> IP addresses as text. Empty means that there is no such name.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Params = Mapping[str, str | Sequence[str]]


class HttpResponse(msgspec.Struct, frozen=True):
    """The response of a server. `headers` ignores case. `body` is decoded (gzip, deflate) and limited in size."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as plain Python values. Raises `NotJson`."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            kind = self.headers.get("content-type", "no content type").split(";")[0][:60]
            raise NotJson(
                f"The server answered {self.status} with {kind} instead of JSON. Check that the address is its API."
            ) from None

    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class RequestLimits(NamedTuple):
    """Of one request: seconds for all of it, bytes of the decoded body, and whether only status and headers count."""

    seconds: float
    body: int
    skim: bool


class Http:
    """The client that all connectors of a process share.

    allow_private: the setting COBALT_ALLOW_PRIVATE_NETWORKS.
    timeout: seconds for the whole request, from the look-up of the name to the end of the body.
    max_body: bytes of a decoded body.
    proxy: connections are made through this HTTP proxy, still to addresses that were checked. A name that only the
        proxy can resolve is given to it, so the proxy has to refuse internal addresses itself.
    tls, resolve: replace the certificate store and the resolver of the system.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        timeout: float = 20.0,
        max_body: int = 8 * 2**20,
        proxy: str | None = None,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._timeout = timeout
        self._max_body = max_body
        self._lookups = transport.SystemResolver()
        self._resolve = resolve or self._lookups
        self._proxy = transport.OutboundProxy.parse(proxy) if proxy else None
        self._slots = Slots(transport.MOST_CONNECTIONS, PER_INSTANCE)
        self._pool = transport.Pool(tls or system_trust(), self._proxy)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | str | None = None,
        params: Params | None = None,
        timeout: float | None = None,
        max_body: int | None = None,
        skim: bool = False,
    ) -> HttpResponse:
        """Sends one request and returns the response, whatever its status. Raises `HttpError`.

        params: added to the query of the URL; a list becomes a repeated key (`state=a&state=b`).
        json: a value that is sent as a JSON body.
        timeout, max_body: seconds and bytes, instead of those of the client.
        skim: only the status and the headers are wanted. A body that is long, slow, or broken is no error then. It is
            left out, and the connection is closed in the middle of it.
        """
        target = addresses.parse(url)
        seconds = self._timeout if timeout is None else timeout
        limits = RequestLimits(seconds, self._max_body if max_body is None else max_body, skim)
        message = _message(method, url, target, headers, json, content, params)
        try:
            async with asyncio.timeout(seconds):
                ips = await self._resolve_checked(target)
                async with self._slots.taken(target.where):
                    return await self._exchange(target, ips, message, limits)
        except (TimeoutError, httpcore2.TimeoutException):
            raise TooSlow(target.where, seconds) from None

    async def check(self, url: str) -> None:
        """Raises `HttpError` if `request` would not be allowed to this address. Connects to nothing."""
        target = addresses.parse(url)
        try:
            async with asyncio.timeout(self._timeout):
                await self._resolve_checked(target)
        except TimeoutError:
            raise TooSlow(target.where, self._timeout) from None

    async def close(self) -> None:
        """Closes all connections. Requests that are under way fail with `HttpError`."""
        await self._pool.aclose()
        self._lookups.close()

    async def _resolve_checked(self, target: Target) -> list[str]:
        answers = await self._resolve(target.host, target.port)
        if not answers and self._proxy and target.scheme == "https":
            return [target.host]
        if not answers:
            raise NoSuchName(f"{target.where} cannot be found. Check the address for typing mistakes.")
        return addresses.checked(target, answers, allow_private=self._allow_private)

    async def _exchange(
        self, target: Target, ips: list[str], message: httpx2.Request, limits: RequestLimits
    ) -> HttpResponse:
        """Tries the checked addresses in turn. Only a failed connect leads to the next."""
        for ip in ips:
            try:
                return await self._send(target, ip, message, limits.seconds / len(ips), limits)
            except transport.HandshakeFailed as why:
                raise TlsError(_tls_message(target, str(why))) from None
            except transport.ProxyRefused as why:
                raise NoAnswer(
                    f"The outbound proxy of this server did not connect to {target.where} ({why}). Ask the operator to"
                    " allow it there."
                ) from None
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
            except (httpcore2.NetworkError, httpcore2.ProtocolError):
                raise BrokenAnswer(
                    f"{target.where} closed the connection or did not answer in HTTP. Try again in a moment."
                ) from None
        raise NoAnswer(f"{target.where} does not accept connections. Check the address, or try again later.")

    async def _send(
        self, target: Target, ip: str, message: httpx2.Request, connect: float, limits: RequestLimits
    ) -> HttpResponse:
        request = transport.request_for(message, target, ip, connect)
        response = await transport.exchange(self._pool, request, repeatable=message.method in ("GET", "HEAD"))
        try:
            headers = httpx2.Headers(response.headers)
            if limits.skim:
                await transport.skim(response.stream, limits.body)
                return HttpResponse(response.status, headers, b"")
            body = await transport.body(target, headers.get("content-encoding", ""), response.stream, limits.body)
        finally:
            await response.aclose()
        return HttpResponse(response.status, headers, body)


def _message(
    method: str,
    url: str,
    target: Target,
    headers: Mapping[str, str] | None,
    json: Any,
    content: bytes | str | None,
    params: Params | None,
) -> httpx2.Request:
    if json is not None:
        content = msgspec.json.encode(json)
    sent = httpx2.Headers({"user-agent": "cobalt-link", "accept": "*/*", "accept-encoding": "gzip, deflate"})
    if json is not None:
        sent["content-type"] = "application/json"
    sent.update(headers)
    # Always the name that was checked, whatever Host header a caller sets.
    sent["host"] = target.where.split("://")[1]
    return httpx2.Request(method, _with_query(url, params), headers=sent, content=content)


def _with_query(url: str, params: Params | None) -> httpx2.URL:
    address = httpx2.URL(url)
    if not params:
        return address
    # The library takes lists and tuples for repeated keys, and no other sequence.
    return address.copy_merge_params({k: v if isinstance(v, str) else list(v) for k, v in params.items()})


def _tls_message(target: Target, why: str) -> str:
    return f"{target.where} has no valid certificate ({why}). Nothing was sent. Ask its administrator to fix it."
