"""The one guarded HTTP client: every call of ours to a server that someone typed in goes through here.

Each request resolves the name anew, refuses it unless every address passes `addresses`, and connects to an address that
was checked. No redirects, no cookies, no proxies or certificates from the environment.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import httpcore2
import httpx2
import msgspec

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
    TooSlow,
)

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
    "TooSlow",
]

# (host, port) -> IP addresses as text; an empty answer: no such name.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Params = Mapping[str, str | Sequence[str]]


class HttpResponse(msgspec.Struct, frozen=True):
    """What a server said. `headers` ignores case; `body` is decoded (gzip, deflate) and capped."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as plain Python values; raises NotJson."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError):
            kind = self.headers.get("content-type", "no content type").split(";")[0][:60]
            raise NotJson(f"The server answered {self.status} with {kind} where JSON was expected.") from None

    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Http:
    """Shared by all connectors of a process; `timeout` is for the whole exchange, look-up and body included.

    allow_private: the operator's COBALT_ALLOW_PRIVATE_NETWORKS. tls and resolve replace the system's trust and
    resolver. max_body: bytes of a decoded body, 8 MiB.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        timeout: float = 20.0,
        max_body: int = 8 * 2**20,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._timeout = timeout
        self._max_body = max_body
        self._resolve = resolve or transport.system_resolver
        self._pool = transport.pool(tls or transport.system_trust())

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
    ) -> HttpResponse:
        """One request, one answer of any status; raises a HttpError when there is none.

        params: added to the query that the URL has; a list is sent as a repeated key (`state=a&state=b`).
        json: anything that JSON can hold, sent as the body. timeout: seconds, instead of the client's.
        """
        target = addresses.read(url)
        seconds = self._timeout if timeout is None else timeout
        message = _message(method, url, target, headers, json, content, params)
        try:
            async with asyncio.timeout(seconds):
                ips = await self._checked(target)
                return await self._exchange(target, ips, message, seconds)
        except (TimeoutError, httpcore2.TimeoutException):
            raise TooSlow(target.where, seconds) from None

    async def check(self, url: str) -> None:
        """Would `request` be let through to this address? Looks the name up and connects to nothing."""
        target = addresses.read(url)
        try:
            async with asyncio.timeout(self._timeout):
                await self._checked(target)
        except TimeoutError:
            raise TooSlow(target.where, self._timeout) from None

    async def close(self) -> None:
        await self._pool.aclose()

    async def _checked(self, target: Target) -> list[str]:
        answers = await self._resolve(target.host, target.port)
        if not answers:
            raise NoSuchName(f"{target.where} cannot be found. Check the address for typing mistakes.")
        return addresses.judge(target, answers, allow_private=self._allow_private)

    async def _exchange(self, target: Target, ips: list[str], message: httpx2.Request, seconds: float) -> HttpResponse:
        """Tries the checked addresses in turn; only a failed connect moves on to the next."""
        for ip in ips:
            try:
                return await self._once(target, ip, message, seconds / len(ips))
            except transport.HandshakeFailed as why:
                raise TlsError(_untrusted(target, str(why))) from None
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
            except (httpcore2.NetworkError, httpcore2.ProtocolError):
                raise BrokenAnswer(f"{target.where} broke off or did not speak HTTP. Try again in a moment.") from None
        raise NoAnswer(f"{target.where} does not accept connections. Check the address, or try again later.")

    async def _once(self, target: Target, ip: str, message: httpx2.Request, connect: float) -> HttpResponse:
        request = transport.aimed(message, target, ip, connect)
        response = await self._pool.handle_async_request(request)
        try:
            headers = httpx2.Headers(response.headers)
            body = await transport.body(target, headers.get("content-encoding", ""), response.stream, self._max_body)
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
    # The name that was checked is the name that is asked for, whatever a caller puts into its headers.
    sent["host"] = target.where.split("://")[1]
    return httpx2.Request(method, _with_query(url, params), headers=sent, content=content)


def _with_query(url: str, params: Params | None) -> httpx2.URL:
    address = httpx2.URL(url)
    if not params:
        return address
    # The library takes lists and tuples for repeated keys, and no other sequence.
    return address.copy_merge_params({k: v if isinstance(v, str) else list(v) for k, v in params.items()})


def _untrusted(target: Target, why: str) -> str:
    return f"{target.where} has no trustworthy certificate ({why}). Its administrator can fix that; nothing was sent."
