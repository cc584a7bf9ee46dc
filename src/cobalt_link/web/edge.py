"""The outermost ASGI middleware: request id, body limit, security headers, metrics, and one line of the log.

It turns every exception into a problem, so that none reaches the server.
"""

import functools
import re
import time
from collections.abc import Mapping

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cobalt_link.kit.ids import new_id
from cobalt_link.kit.logs import log_plain
from cobalt_link.web.metrics import METHODS, Metrics
from cobalt_link.web.problems import TooLarge
from cobalt_link.web.responses import ProblemMap, problem_response, to_problem
from cobalt_link.web.table import Route

REQUEST_ID = "cobalt.request_id"
ROUTE = "cobalt.route"
# For the line of the log: the client_id that was sent, the link session of a page, the code of the answered problem.
CLIENT, SESSION, CODE = "cobalt.client", "cobalt.session", "cobalt.code"
LOGGED = (("client", CLIENT), ("session_id", SESSION), ("code", CODE))

API_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
}
# Defaults of a page that sets no headers itself. With no-referrer, browsers send `Origin: null` with a form, so the
# CSRF check could not tell our page from a foreign one (docs/develop/pages.md §10).
PAGE_HEADERS = API_HEADERS | {
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin-allow-popups",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}
Headers = tuple[tuple[bytes, bytes], ...]
HSTS = {"strict-transport-security": "max-age=63072000; includeSubDomains"}
GET_BODY = 8 * 1024  # bytes; the contract's clients put a few fields there (§9)


class ResponseAborted(Exception):
    """Makes the server close the connection, so that the caller does not take half a response for a whole one."""


class EdgeMiddleware:
    """Pure ASGI middleware. `secure` means that the public address is https and adds HSTS. `body_limit` is in bytes."""

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, problem_map: ProblemMap, secure: bool, body_limit: int
    ) -> None:
        self.app = app
        self.metrics = metrics
        self.problem_map = problem_map
        self.body_limit = body_limit
        self.api_headers = _encoded(API_HEADERS | (HSTS if secure else {}))
        self.page_headers = _encoded(PAGE_HEADERS | (HSTS if secure else {}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        exchange = _Exchange(self, scope, receive, send)
        bound = structlog.contextvars.bind_contextvars(request_id=exchange.request_id)
        try:
            await self._pass(exchange)
        finally:
            exchange.count()
            structlog.contextvars.reset_contextvars(**bound)

    async def _pass(self, exchange: "_Exchange") -> None:
        try:
            await self.app(exchange.scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            return
        except Exception as error:
            problem = to_problem(error, self.problem_map, exchange.label)
            if exchange.status:
                raise ResponseAborted(
                    "A response broke off after it had begun. The log entry above says where."
                ) from None
            exchange.scope[CODE] = problem.code
            await problem_response(problem, exchange.request_id)(exchange.scope, exchange.receive, exchange.send)


class _Exchange:
    """One request and its response."""

    def __init__(self, edge: EdgeMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        self.edge = edge
        self.scope = scope
        self.status = 0
        sent = dict(scope["headers"])
        self.request_id = scope[REQUEST_ID] = _request_id(sent)
        self._length = _declared_length(sent)
        self._receive = receive
        self._send = send
        self._received = 0
        self._begun = time.perf_counter()

    @property
    def route(self) -> Route | None:
        return self.scope.get(ROUTE)

    @property
    def label(self) -> str:
        return self.route.path if self.route else "other"

    async def receive(self) -> Message:
        limit = self._limit()
        if not self._received and (self._length or 0) > limit:
            raise TooLarge(f"The request body is too large. Send at most {limit} bytes.")
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > limit:
            raise TooLarge(f"The request body is too large. Send at most {limit} bytes.")
        return message

    def _limit(self) -> int:
        if self.scope["method"] in ("GET", "HEAD"):
            return GET_BODY
        of_route = self.route.max_body if self.route else None
        return self.edge.body_limit if of_route is None else of_route

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._headers(message)}
        elif self.scope["method"] == "HEAD" and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)

    def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        given = message.get("headers", ())
        defaults = self.edge.page_headers if self.route and self.route.page else self.edge.api_headers
        missing = _missing(defaults, tuple(name for name, _ in given))
        return [*given, *missing, (b"x-request-id", self.request_id.encode())]

    def count(self) -> None:
        status = self.status or 499  # the client closed the connection first; nginx logs the same number
        seconds = time.perf_counter() - self._begun
        self.edge.metrics.answered(self.scope["method"], self.label, status, seconds)
        method = self.scope["method"] if self.scope["method"] in METHODS else "OTHER"
        more = {name: self.scope[key] for name, key in LOGGED if self.scope.get(key)}
        ms = round(seconds * 1000, 1)
        log_plain("request", request_id=self.request_id, method=method, route=self.label, status=status, ms=ms, **more)


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    """The caller's `X-Request-Id` if it is 8 to 64 plain characters, else a new id. Others could forge a log line."""
    sent = headers.get(b"x-request-id")
    return sent.decode() if sent and re.fullmatch(rb"[A-Za-z0-9._-]{8,64}", sent) else new_id()


def _declared_length(headers: Mapping[bytes, bytes]) -> int | None:
    """The Content-Length, or None where only the end of the stream tells."""
    length = headers.get(b"content-length", b"")
    return int(length) if length.isdigit() and b"transfer-encoding" not in headers else None


def _encoded(headers: Mapping[str, str]) -> Headers:
    return tuple((name.encode(), value.encode()) for name, value in headers.items())


@functools.lru_cache(maxsize=256)
def _missing(defaults: Headers, given: tuple[bytes, ...]) -> Headers:
    names = {name.lower() for name in given}
    return tuple((name, value) for name, value in defaults if name not in names)
